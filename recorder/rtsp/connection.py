"""One TCP or TLS connection to a camera: resolved once, every address checked, dialled by that address, non-blocking."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress

from recorder.rtsp.certificate import camera_context, require_pinned
from recorder.rtsp.errors import (
    CameraError,
    CameraUnreachable,
    ConnectionLost,
    ConnectionRefused,
    ForbiddenAddress,
    NotRtsp,
    Unsupported,
)
from vms.domain.camera import Address, Scheme, refuse_target

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str], Awaitable[list[IpAddress]]]
"""Host name to addresses, best first; OSError when there is none."""
MAX_ADDRESSES = 4
RECEIVE_BYTES = 256 * 1024
TLS_RECORD_BYTES = 16 * 1024
"""RFC 8446 §5.1: no record holds more, and one call of OpenSSL returns none but one."""
_NO_TLS = ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
_OLD_TLS = ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "DH_KEY_TOO_SMALL", "SSLV3_ALERT_HANDSHAKE_FAILURE")
"""What OpenSSL calls a server that answers in another protocol, and one whose TLS is too old."""
_WOULD_BLOCK = (BlockingIOError, InterruptedError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Connection:
    """A connected socket, and the words for what can happen to it."""

    def __init__(self, connected: socket.socket, peer: str) -> None:
        self.socket = connected
        self.peer = peer
        """host:port, for sentences."""

    async def send(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[self.socket.send(view) :]
            except _WOULD_BLOCK:
                await _ready(self.socket, writable=True)
            except OSError as err:
                raise self._lost(err) from err

    async def receive(self) -> bytes:
        """Return what is there, at least one byte; ConnectionLost at the end of the stream."""
        while (data := self.receive_now(RECEIVE_BYTES)) is None:
            await _ready(self.socket, writable=False)
        return data

    def receive_now(self, limit: int) -> bytes | None:
        """Return up to `limit` bytes, or None when none are there yet; ConnectionLost at the end of the stream."""
        try:
            data = self.socket.recv(limit)
        except _WOULD_BLOCK:
            return None
        except OSError as err:
            raise self._lost(err) from err
        if not data:
            raise ConnectionLost(f"{self.peer} closed the connection.")
        return data

    def _lost(self, err: OSError) -> ConnectionLost:
        return ConnectionLost(f"The connection to {self.peer} broke: {err.strerror or type(err).__name__}.")


class SecuredConnection(Connection):
    """A connection over TLS."""

    def receive_now(self, limit: int) -> bytes | None:
        """Gather records until `limit`: like a plain socket, less than that means that no more is there."""
        records: list[bytes] = []
        while limit > 0:
            try:
                record = super().receive_now(min(limit, TLS_RECORD_BYTES))
            except ConnectionLost:
                if records:  # first what came before; the next call says the same again
                    break
                raise
            if record is None:
                break
            records.append(record)
            limit -= len(record)
        return b"".join(records) if records else None


async def resolve_host(host: str) -> list[IpAddress]:
    """Ask the system's resolver.

    In a thread that nobody waits for: one of asyncio's would hold up the end of the process for as long as a DNS server is silent.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[IpAddress]] = loop.create_future()

    def ask() -> None:
        found: list[IpAddress] | Exception
        try:
            found = [ipaddress.ip_address(info[4][0]) for info in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as err:
            found = err
        with suppress(RuntimeError):  # the loop is closed: the answer comes too late
            loop.call_soon_threadsafe(_settle, answer, found)

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    return await answer


def _settle(answer: asyncio.Future[list[IpAddress]], found: list[IpAddress] | Exception) -> None:
    if answer.done():  # given up meanwhile
        return
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)


async def dial(address: Address, *, allow_loopback: bool, certificate: bytes | None, resolve: Resolver, connect_s: float) -> Connection:
    """Connect to the first permitted address of the host that answers; CameraError says why none did.

    Over rtsps nothing but the handshake has crossed the line when the camera's certificate is not the one with the SHA-256
    `certificate`: the error carries the one it showed.
    """
    peer = f"{address.host}:{address.port}"
    failure: CameraError = CameraUnreachable(f"The host name {address.host} has no address. Check its spelling, or give the IP address.")
    for ip in await _permitted(address.host, resolve, allow_loopback=allow_loopback):
        try:
            async with asyncio.timeout(connect_s):
                connected = await _connect(ip, address.port)
        except OSError as err:  # TimeoutError is one
            failure = _why_not(err, peer)
        else:
            if address.scheme is Scheme.RTSP:
                return Connection(connected, peer)
            return SecuredConnection(await _secured(connected, address, certificate, connect_s), peer)
    raise failure


async def _permitted(host: str, resolve: Resolver, *, allow_loopback: bool) -> list[IpAddress]:
    """Resolve once; what a second look-up would say is never asked, so a name can't be re-bound in between."""
    try:
        found = await _literal_or_resolved(host, resolve)
    except (OSError, UnicodeError) as err:
        raise CameraUnreachable(f"The host name {host} can't be resolved. Check its spelling, or give the IP address.") from err
    permitted: list[IpAddress] = []
    refusal: ValueError | None = None
    for ip in found[:MAX_ADDRESSES]:
        try:
            refuse_target(ip, allow_loopback=allow_loopback)
        except ValueError as err:
            refusal = err
        else:
            permitted.append(ip)
    if refusal and not permitted:
        raise ForbiddenAddress(str(refusal)) from refusal
    return permitted


async def _literal_or_resolved(host: str, resolve: Resolver) -> list[IpAddress]:
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        return await resolve(host)


async def _connect(ip: IpAddress, port: int) -> socket.socket:
    fresh = socket.socket(socket.AF_INET6 if ip.version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        fresh.setblocking(False)
        fresh.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(fresh, (str(ip), port))
    except BaseException:  # a cancelled task too must not leave the socket open
        fresh.close()
        raise
    return fresh


def _why_not(err: OSError, peer: str) -> CameraError:
    if isinstance(err, ConnectionRefusedError):
        return ConnectionRefused(f"{peer} refuses the connection: the machine is there, but nothing listens on that port. Check the port.")
    if isinstance(err, TimeoutError):
        return CameraUnreachable(f"{peer} does not answer. Check that the camera has power and network, and its address.")
    return CameraUnreachable(f"{peer} can't be reached: {err.strerror or type(err).__name__}. Check the camera's address and the network.")


async def _secured(connected: socket.socket, address: Address, certificate: bytes | None, connect_s: float) -> ssl.SSLSocket:
    peer = f"{address.host}:{address.port}"
    try:
        secured = camera_context().wrap_socket(connected, server_hostname=address.host, do_handshake_on_connect=False)
    except OSError as err:  # the camera has hung up already; the socket is closed
        raise _why_no_tls(err, peer) from err
    try:
        async with asyncio.timeout(connect_s):
            await _shake_hands(secured)
        require_pinned(secured, certificate, peer)
    except OSError as err:  # ssl.SSLError and TimeoutError are ones
        secured.close()
        raise _why_no_tls(err, peer) from err
    except BaseException:
        secured.close()
        raise
    return secured


def _why_no_tls(err: OSError, peer: str) -> CameraError:
    if isinstance(err, TimeoutError):
        return CameraUnreachable(f"{peer} does not finish the TLS handshake. Check that this is the camera's rtsps port, usually 322.")
    reason = (err.reason if isinstance(err, ssl.SSLError) else err.strerror) or type(err).__name__
    if reason in _NO_TLS:
        return NotRtsp(f"{peer} does not speak TLS. Check that this is the camera's rtsps port, usually 322; its rtsp port is another.")
    if reason in _OLD_TLS:
        return Unsupported(f"{peer} offers no TLS that is safe to use ({reason}). Renew the camera's firmware: TLS 1.2 is needed.")
    return CameraUnreachable(f"TLS with {peer} failed ({reason}). Check that this is the camera's rtsps port, and its settings for TLS.")


async def _shake_hands(secured: ssl.SSLSocket) -> None:
    while True:
        try:
            secured.do_handshake()
        except ssl.SSLWantReadError:
            await _ready(secured, writable=False)
        except ssl.SSLWantWriteError:
            await _ready(secured, writable=True)
        else:
            return


async def _ready(waiting: socket.socket, *, writable: bool) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    add, remove = (loop.add_writer, loop.remove_writer) if writable else (loop.add_reader, loop.remove_reader)

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    add(waiting, wake)
    try:
        await ready
    finally:
        remove(waiting)
