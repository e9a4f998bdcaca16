"""The floor under live viewers: the same bytes written to as many bare sockets at the same pace, by a thread that counts its CPU time."""

from __future__ import annotations

import selectors
import socket
import threading
import time
from contextlib import ExitStack, closing

READ_BYTES = 256 * 1024


def seconds_per_message(*, sockets: int, message_bytes: int, rounds_a_second: float, seconds: float) -> float:
    """Return the CPU seconds of the sending thread for each message; one message to every socket each round."""
    with ExitStack() as stack:
        pairs = [_connected() for _ in range(sockets)]
        senders = [stack.enter_context(closing(sender)) for sender, _ in pairs]
        receivers = [stack.enter_context(closing(receiver)) for _, receiver in pairs]
        over = threading.Event()
        drain = threading.Thread(target=_drain, args=(receivers, over))
        drain.start()
        try:
            spent, rounds = _send(senders, bytes(message_bytes), rounds_a_second, seconds)
        finally:
            over.set()
            drain.join()
    return spent / (rounds * sockets)


def _send(senders: list[socket.socket], message: bytes, rounds_a_second: float, seconds: float) -> tuple[float, int]:
    pace = threading.Event()  # never set: its wait is the pause until the next round
    begun, rounds = time.monotonic(), 0
    cpu_begun = time.thread_time()
    while time.monotonic() - begun < seconds:
        for sender in senders:
            sender.sendall(message)
        rounds += 1
        pace.wait(max(0.0, begun + rounds / rounds_a_second - time.monotonic()))
    return time.thread_time() - cpu_begun, rounds


def _drain(receivers: list[socket.socket], over: threading.Event) -> None:
    with selectors.DefaultSelector() as selector:
        for receiver in receivers:
            selector.register(receiver, selectors.EVENT_READ)
        while not over.is_set():
            for key, _ in selector.select(0.1):
                key.fileobj.recv(READ_BYTES)  # type: ignore[union-attr]


def _connected() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a TCP connection on loopback, as a browser's is, and not of a socket pair."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sender = socket.create_connection(listener.getsockname())
        receiver, _ = listener.accept()
    return sender, receiver
