"""HTTPS without anybody else: an authority of one's own that can vouch for the named hosts alone, and the certificate it issues."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vms.config import Settings
from vms.domain.certificate import spelled_fingerprint
from vms.errors import ConfigError, InvalidInput
from vms.store.private_files import write_private

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
"""Always vouched for. A kind of name with no permitted name at all would be free, so there is one of each kind."""
AUTHORITY_DAYS = 3650
SERVER_DAYS = 390
"""Apple refuses more than 825 days."""
RENEW_BEFORE = timedelta(days=60)
BACKDATED = timedelta(days=1)
"""For devices whose clock is behind."""
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """PEM files of what the pages are served with; both may be one file."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """What everybody may know of the authority: its certificate."""

    pem: bytes
    sha256: bytes
    names: tuple[str, ...]
    """Hosts and addresses it can vouch for; of the host names, those below them too."""
    not_after: datetime

    @property
    def fingerprint(self) -> str:
        return spelled_fingerprint(self.sha256)

    @property
    def der(self) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.pem.decode())


def served_certificate(settings: Settings) -> CertificateFiles | None:
    """Return what the pages are served with: the given files, else the own authority's; None is plain HTTP."""
    if settings.tls_cert is not None and settings.tls_key is not None:
        return CertificateFiles(settings.tls_cert, settings.tls_key)
    own = settings.tls_server_path
    return CertificateFiles(own, own) if settings.tls_ca_path.exists() else None


def served_authority(settings: Settings) -> Authority | None:
    """Return the authority that browsers have to trust, where the pages are served with its certificate."""
    return read_authority(settings) if settings.tls_cert is None else None


def make_authority(settings: Settings, hosts: Sequence[str], *, district: str, at: datetime) -> Authority:
    """Make an authority for `hosts` in place of the one before, and its first server certificate. InvalidInput for what is no host."""
    names = tuple(dict.fromkeys((*map(_host, hosts), *LOCAL_NAMES)))
    key = ec.generate_private_key(ec.SECP256R1())
    # The serial tells two of one district apart in a phone's list.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Custodian {district[:40]} {at:%Y-%m-%d}")])
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _begun(subject, subject, key.public_key(), at, timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.NameConstraints([_permitted(name) for name in names], None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    write_private(settings.tls_ca_path, _pem(key, builder.sign(key, hashes.SHA256())))
    _issue(settings, at)
    authority = read_authority(settings)
    assert authority is not None  # noqa: S101 - written above
    return authority


def renew_if_due(settings: Settings, *, at: datetime) -> bool:
    """Issue the server certificate again when it ends soon, is gone or is another authority's; says whether it did."""
    if settings.tls_cert is not None or not settings.tls_ca_path.exists() or not _is_due(settings, at):
        return False
    _issue(settings, at)
    return True


def read_authority(settings: Settings) -> Authority | None:
    """Read the authority's certificate; None where there is none, ConfigError when the file is damaged."""
    if not settings.tls_ca_path.exists():
        return None
    certificate = _certificate(settings.tls_ca_path)
    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    names = tuple(_spelled(name.value) for name in constraints.permitted_subtrees or ())
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    return Authority(pem, certificate.fingerprint(hashes.SHA256()), names, certificate.not_valid_after_utc)


def certificate_end(path: Path) -> datetime:
    """Return until when the certificate in a PEM file is valid; ConfigError when there is none in it."""
    return _certificate(path).not_valid_after_utc


def certificate_names(path: Path) -> frozenset[str]:
    """Return the hosts and addresses that the certificate in a PEM file is for."""
    try:
        names = _certificate(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(_spelled(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress))


def _issue(settings: Settings, at: datetime) -> None:
    authority, signer = _certificate(settings.tls_ca_path), _private_key(settings.tls_ca_path)
    names = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or ()
    hosts = [_spelled(name.value) for name in names]
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    left = authority.not_valid_after_utc - at
    builder = (
        _begun(subject, authority.subject, key.public_key(), at, min(timedelta(days=SERVER_DAYS), left))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    write_private(settings.tls_server_path, _pem(key, builder.sign(signer, hashes.SHA256())))


def _is_due(settings: Settings, at: datetime) -> bool:
    authority = _certificate(settings.tls_ca_path)
    try:
        server = _certificate(settings.tls_server_path)
        server.verify_directly_issued_by(authority)
    except (ConfigError, ValueError, TypeError, InvalidSignature):
        return True
    # What the authority itself would outlive by nothing is not issued again every day.
    return server.not_valid_after_utc - at < RENEW_BEFORE and server.not_valid_after_utc < authority.not_valid_after_utc


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, at: datetime, for_: timedelta) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(at - BACKDATED).not_valid_after(at + for_)


def _host(text: str) -> str:
    """Return a host as certificates write it."""
    plain = text.strip().strip("[]").rstrip(".").lower()
    try:
        return str(ipaddress.ip_address(plain))
    except ValueError:
        pass
    try:
        spelled = plain.encode("idna").decode()
    except UnicodeError:
        spelled = ""
    if not _HOST.fullmatch(spelled):
        raise InvalidInput(
            f"{text!r} is no host name or address. Give what people type between https:// and the port, such as cameras.lan."
        )
    return spelled


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _permitted(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_network(host))
    except ValueError:
        return x509.DNSName(host)


def _spelled(name: object) -> str:
    """Return a host or address of a certificate; a constraint holds an address as a network of one."""
    return str(name.network_address if isinstance(name, ipaddress.IPv4Network | ipaddress.IPv6Network) else name)


def _pem(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> bytes:
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + certificate.public_bytes(serialization.Encoding.PEM)


def _certificate(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as err:
        raise ConfigError(
            f"{path} can't be read as a certificate ({err}). Put it back, or make another: vms tls init HOST --replace"
        ) from err


def _private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as err:
        raise ConfigError(f"{path} holds no key ({err}). Put it back, or make another: vms tls init HOST --replace") from err
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ConfigError(f"{path} holds a key of another kind. Put it back, or make another: vms tls init HOST --replace")
    return key
