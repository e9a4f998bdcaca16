"""TLS with a camera: which certificate it must show, and what is said of any other. No certificate authority has a say."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from functools import cache

from cryptography import x509

from recorder.rtsp.errors import CertificateChanged, CertificateNotPinned
from recorder.rtsp.message import printable
from vms.domain.certificate import shortened_fingerprint, spelled_fingerprint

MAX_SUBJECT_CHARS = 200


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """What a person compares before trusting a certificate; all of it but the fingerprint is the camera's own claim."""

    fingerprint: str
    subject: str
    valid_from: str
    """ISO 8601 with its offset; empty when the certificate can't be read."""
    valid_until: str


@cache
def camera_context() -> ssl.SSLContext:
    """Return what every connection to a camera uses. It checks no chain and no name: `require_pinned` does, on each connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= ssl.OP_NO_RENEGOTIATION  # which could bring another certificate after the one that was checked
    return context


def require_pinned(secured: ssl.SSLSocket, pinned: bytes | None, peer: str) -> None:
    """Raise CertificateChanged or CertificateNotPinned unless the certificate shown has the fingerprint `pinned`."""
    shown = secured.getpeercert(binary_form=True) or b""
    sha256 = hashlib.sha256(shown).digest()
    if pinned is None:
        raise CertificateNotPinned(
            f"{peer} shows the certificate {shortened_fingerprint(sha256)}, and none is trusted yet. Compare its fingerprint with the "
            "one on the camera's own page, then trust it.",
            shown,
        )
    if sha256 != pinned:
        raise CertificateChanged(
            f"{peer} shows the certificate {shortened_fingerprint(sha256)} instead of the trusted {shortened_fingerprint(pinned)}; no "
            "password was sent. If the camera was replaced or its certificate renewed, test it and trust the new one. If not, find out "
            "who answers at its address.",
            shown,
        )


def describe_certificate(der: bytes) -> ShownCertificate:
    """Read what a certificate says of itself; one that can't be read has its fingerprint all the same."""
    spelled = spelled_fingerprint(hashlib.sha256(der).digest())
    try:
        read = x509.load_der_x509_certificate(der)
        subject = printable(read.subject.rfc4514_string(), MAX_SUBJECT_CHARS)
        return ShownCertificate(spelled, subject, read.not_valid_before_utc.isoformat(), read.not_valid_after_utc.isoformat())
    except ValueError:
        return ShownCertificate(spelled, "", "", "")
