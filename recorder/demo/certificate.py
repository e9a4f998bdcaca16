"""The self-signed certificate that a demo camera shows over rtsps, as a camera makes one when it first starts."""

from __future__ import annotations

import hashlib
import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_DAYS = 3650


@dataclass(frozen=True, slots=True)
class DemoCertificate:
    sha256: bytes
    """Its fingerprint: of the DER form."""
    pem: bytes = field(repr=False)
    """Certificate and private key."""

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.show_in(context)
        return context

    def show_in(self, context: ssl.SSLContext) -> None:
        """Make the server show this certificate to every new connection; those that stand go on."""
        with tempfile.NamedTemporaryFile() as file:  # OpenSSL reads it from a file only
            file.write(self.pem)
            file.flush()
            context.load_cert_chain(file.name)


def self_signed(name: str, *, at: datetime) -> DemoCertificate:
    """Make a new key and a certificate of it that is valid from `at`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(at).not_valid_after(at + timedelta(days=VALID_DAYS))
    certificate = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    sha256 = hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).digest()
    return DemoCertificate(sha256, certificate.public_bytes(serialization.Encoding.PEM) + private)
