"""RTSP over TLS against real servers on loopback: one certificate is trusted, and nothing is said to any other."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import traceback

import pytest

from recorder.demo.certificate import DemoCertificate, self_signed
from recorder.rtsp.certificate import describe_certificate
from recorder.rtsp.client import PlayingStream, Timeouts, open_stream
from recorder.rtsp.errors import CameraError, CertificateChanged, CertificateNotPinned, ConnectionLost, FailureKind
from tests.recorder.rtsp.scripted_camera import Guard, ScriptedCamera, answer, camera, serving
from vms.clock import SystemClock
from vms.domain.camera import Address, CameraState, Scheme
from vms.domain.certificate import fingerprint, shortened_fingerprint
from vms.domain.footage import GapReason

CANARY = "c4nary-0ver-tl5"
LIMITS = Timeouts(connect_s=5, answer_s=5, total_s=10)


@pytest.fixture(scope="module")
def certificate() -> DemoCertificate:
    return self_signed("entrance camera", at=SystemClock().now())


@pytest.fixture(scope="module")
def another() -> DemoCertificate:
    return self_signed("entrance camera", at=SystemClock().now())


async def dial(port: int, pinned: bytes | None, *, password: str = CANARY, limits: Timeouts = LIMITS) -> PlayingStream:
    return await open_stream(
        Address(Scheme.RTSPS, "127.0.0.1", port), "/stream1",
        username="admin", password=password, allow_loopback=True, timeouts=limits, certificate=pinned,
    )  # fmt: skip


async def failure_of(port: int, pinned: bytes | None) -> CameraError:
    with pytest.raises(CameraError) as caught:
        await dial(port, pinned)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    return caught.value


@pytest.mark.parametrize("algorithm", ["", "SHA-256"])
@pytest.mark.asyncio
async def test_the_trusted_certificate_is_enough_and_digest_proves_the_password(certificate: DemoCertificate, algorithm: str) -> None:
    scripted = ScriptedCamera(guard=Guard(CANARY, algorithm=algorithm), after_play=b"$\x00\x00\x03abc")
    async with camera(scripted, certificate.server_context()):
        stream = await dial(scripted.port, certificate.sha256)
        assert stream.leftover + (stream.receive() or b"") == b"$\x00\x00\x03abc"
        stream.close()
    assert {request.url[:8] for request in scripted.requests} == {"rtsps://"}
    assert CANARY not in str(scripted.requests)


@pytest.mark.asyncio
async def test_a_certificate_nobody_trusts_yet_is_shown_and_nothing_is_said(certificate: DemoCertificate) -> None:
    async with camera(ScriptedCamera(guard=Guard(CANARY)), certificate.server_context()) as scripted:
        failure = await failure_of(scripted.port, None)
    assert isinstance(failure, CertificateNotPinned)
    assert (failure.kind, failure.state, failure.gap_reason) == (FailureKind.CERTIFICATE_UNKNOWN, CameraState.REFUSED, GapReason.REFUSED)
    assert hashlib.sha256(failure.certificate).digest() == certificate.sha256
    assert scripted.requests == []


@pytest.mark.asyncio
async def test_another_certificate_is_refused_with_both_fingerprints_before_a_byte_of_rtsp(
    certificate: DemoCertificate, another: DemoCertificate
) -> None:
    async with camera(ScriptedCamera(guard=Guard(CANARY)), another.server_context()) as scripted:
        failure = await failure_of(scripted.port, certificate.sha256)
    assert isinstance(failure, CertificateChanged)
    assert (failure.kind, failure.state, failure.gap_reason) == (FailureKind.CERTIFICATE_CHANGED, CameraState.REFUSED, GapReason.REFUSED)
    assert shortened_fingerprint(certificate.sha256) in str(failure)
    assert shortened_fingerprint(another.sha256) in str(failure)
    assert scripted.requests == []


def test_a_certificate_says_what_a_person_compares(certificate: DemoCertificate) -> None:
    shown = describe_certificate(ssl.PEM_cert_to_DER_cert(certificate.pem.decode().partition("-----BEGIN PRIVATE")[0].strip()))
    assert fingerprint(shown.fingerprint) == certificate.sha256
    assert shown.subject == "CN=entrance camera"
    assert shown.valid_from < shown.valid_until


def test_a_certificate_that_cannot_be_read_still_has_its_fingerprint() -> None:
    shown = describe_certificate(b"no certificate at all")
    assert fingerprint(shown.fingerprint) == hashlib.sha256(b"no certificate at all").digest()
    assert (shown.subject, shown.valid_from) == ("", "")


@pytest.mark.asyncio
async def test_a_basic_challenge_is_refused_over_tls_too(certificate: DemoCertificate) -> None:
    script = {"DESCRIBE": lambda request: answer(request, "401 Unauthorized", WWW_Authenticate='Basic realm="camera"')}
    async with camera(ScriptedCamera(scripts=script), certificate.server_context()) as scripted:
        failure = await failure_of(scripted.port, certificate.sha256)
    assert failure.kind is FailureKind.UNSUPPORTED
    assert "Digest" in str(failure)
    assert all("authorization" not in request.headers for request in scripted.requests)


@pytest.mark.asyncio
async def test_a_redirect_is_refused_over_tls_too(certificate: DemoCertificate) -> None:
    elsewhere = ScriptedCamera()
    async with camera(elsewhere):
        where = f"rtsp://127.0.0.1:{elsewhere.port}/stream1"
        script = {"DESCRIBE": lambda request: answer(request, "302 Moved", Location=where)}
        async with camera(ScriptedCamera(scripts=script), certificate.server_context()) as scripted:
            failure = await failure_of(scripted.port, certificate.sha256)
    assert failure.kind is FailureKind.REDIRECT
    assert elsewhere.requests == []


@pytest.mark.asyncio
async def test_a_port_without_tls_is_told_as_such(certificate: DemoCertificate) -> None:
    async with serving(_talks_at_once) as port:
        failure = await failure_of(port, certificate.sha256)
    assert failure.kind is FailureKind.NOT_RTSP
    assert "does not speak TLS" in str(failure)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.asyncio
async def test_a_camera_with_nothing_newer_than_tls_1_1_is_told_as_such(certificate: DemoCertificate) -> None:
    old = certificate.server_context()
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_1
    with socket.create_server(("127.0.0.1", 0)) as listener:
        shaken = asyncio.create_task(asyncio.to_thread(_shake_hands_once, listener, old))
        failure = await failure_of(listener.getsockname()[1], certificate.sha256)
        await shaken
    assert failure.kind is FailureKind.UNSUPPORTED
    assert "TLS 1.2" in str(failure)


@pytest.mark.asyncio
async def test_a_handshake_that_hangs_ends_in_time(certificate: DemoCertificate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # the kernel accepts, nobody answers
        quick = Timeouts(connect_s=0.2, answer_s=0.2, total_s=2)
        with pytest.raises(CameraError, match="TLS handshake") as caught:
            await dial(listener.getsockname()[1], certificate.sha256, limits=quick)
    assert caught.value.kind is FailureKind.UNREACHABLE


@pytest.mark.asyncio
async def test_one_read_takes_many_records_and_what_came_before_the_end_is_read_first(certificate: DemoCertificate) -> None:
    """OpenSSL returns 16 KiB at most: a reader that drains by a timer would fall behind a camera of 3 Mbit/s."""
    pictures = b"".join(b"$\x00\x10\x00" + bytes(4096) for _ in range(200))
    async with camera(
        ScriptedCamera(scripts={"PLAY": lambda request: answer(request) + pictures}), certificate.server_context()
    ) as scripted:
        stream = await dial(scripted.port, certificate.sha256)
        reads: list[int] = []
        async with asyncio.timeout(10):
            while len(stream.leftover) + sum(reads) < len(pictures):
                reads.append(len(stream.receive() or b""))
                await asyncio.sleep(0)
        assert max(reads) > 16 * 1024
        assert stream.receive() is None
    with pytest.raises(ConnectionLost):
        stream.receive()
    stream.close()


def _shake_hands_once(listener: socket.socket, context: ssl.SSLContext) -> None:
    """A server that tells its client why, unlike asyncio's."""
    connected, _ = listener.accept()
    with pytest.raises(ssl.SSLError):
        context.wrap_socket(connected, server_side=True)


async def _talks_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"RTSP/1.0 400 Bad Request\r\n\r\n")
    await writer.drain()
    await reader.read()
