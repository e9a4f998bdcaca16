"""What can be wrong with a camera, one class per answer that a person would give; no text ever holds a credential."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from vms.domain.camera import CameraState
from vms.domain.footage import GapReason
from vms.errors import VmsError


class FailureKind(StrEnum):
    """Stored and shown word for each failure; `vms camera test` prints it."""

    UNREACHABLE = "unreachable"
    REFUSED_CONNECTION = "refused_connection"
    FORBIDDEN_ADDRESS = "forbidden_address"
    TIMEOUT = "timeout"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 -- the name of a failure
    NO_SUCH_PATH = "no_such_path"
    NOT_RTSP = "not_rtsp"
    NO_VIDEO = "no_video"
    UNSUPPORTED_CODEC = "unsupported_codec"
    UNSUPPORTED = "unsupported"
    REDIRECT = "redirect"
    CERTIFICATE_UNKNOWN = "certificate_unknown"
    CERTIFICATE_CHANGED = "certificate_changed"
    PROTOCOL = "protocol"


class CameraError(VmsError):
    """Base: says which failure it is, and what the timeline and the health page show for it."""

    kind: ClassVar[FailureKind]
    gap_reason: ClassVar[GapReason] = GapReason.OFFLINE
    state: ClassVar[CameraState] = CameraState.OFFLINE


class CameraUnreachable(CameraError):
    """No route, no such host name, or the link went down."""

    kind = FailureKind.UNREACHABLE


class ConnectionLost(CameraUnreachable):
    """The camera closed a connection that stood."""


class ConnectionRefused(CameraError):
    """The machine is there, but nothing listens on that port."""

    kind = FailureKind.REFUSED_CONNECTION


class CameraTimeout(CameraError):
    """No complete answer in time."""

    kind = FailureKind.TIMEOUT


class ProtocolViolation(CameraError):
    """What came is no valid RTSP, SDP or interleaved RTP, or exceeds a limit."""

    kind = FailureKind.PROTOCOL


class ForbiddenAddress(CameraError):
    """The host is or resolves to an address that can't be a camera."""

    kind = FailureKind.FORBIDDEN_ADDRESS
    gap_reason = GapReason.REFUSED
    state = CameraState.REFUSED


class WrongPassword(CameraError):
    """The camera asks for credentials and does not take ours."""

    kind = FailureKind.WRONG_PASSWORD
    gap_reason = GapReason.REFUSED
    state = CameraState.REFUSED


class NoSuchPath(CameraError):
    """The camera has no such stream."""

    kind = FailureKind.NO_SUCH_PATH
    gap_reason = GapReason.REFUSED
    state = CameraState.REFUSED


class Redirected(CameraError):
    """The camera names another place; it is not followed, since credentials would go there too."""

    kind = FailureKind.REDIRECT
    gap_reason = GapReason.REFUSED
    state = CameraState.REFUSED


class CertificateNotPinned(CameraError):
    """The camera is to be reached by rtsps, and nobody has said yet which certificate is its."""

    kind = FailureKind.CERTIFICATE_UNKNOWN
    gap_reason = GapReason.REFUSED
    state = CameraState.REFUSED

    def __init__(self, sentence: str, certificate: bytes) -> None:
        super().__init__(sentence)
        self.certificate = certificate
        """The one shown (DER)."""


class CertificateChanged(CertificateNotPinned):
    """The camera, or whoever answers in its place, shows another certificate than the trusted one."""

    kind = FailureKind.CERTIFICATE_CHANGED


class NotRtsp(CameraError):
    """Something else answers on that port."""

    kind = FailureKind.NOT_RTSP
    gap_reason = GapReason.UNSUPPORTED
    state = CameraState.REFUSED


class NoVideo(CameraError):
    """The presentation has no video track."""

    kind = FailureKind.NO_VIDEO
    gap_reason = GapReason.UNSUPPORTED
    state = CameraState.REFUSED


class UnsupportedCodec(CameraError):
    """The video is neither H.264 nor H.265 as this reader takes them."""

    kind = FailureKind.UNSUPPORTED_CODEC
    gap_reason = GapReason.UNSUPPORTED
    state = CameraState.REFUSED


class Unsupported(CameraError):
    """The camera insists on something this client does not do: Basic sign-in, UDP, TLS older than 1.2."""

    kind = FailureKind.UNSUPPORTED
    gap_reason = GapReason.UNSUPPORTED
    state = CameraState.REFUSED
