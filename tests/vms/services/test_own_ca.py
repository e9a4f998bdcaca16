"""An authority of one's own: what it can vouch for, how long, and how its certificate is renewed."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import verification

from tests.factories import NOW as EXACTLY_NOW
from vms.config import Settings
from vms.errors import ConfigError, InvalidInput
from vms.services.own_ca import (
    RENEW_BEFORE,
    SERVER_DAYS,
    CertificateFiles,
    certificate_end,
    certificate_names,
    make_authority,
    read_authority,
    renew_if_due,
    served_authority,
    served_certificate,
)

NOW = EXACTLY_NOW.replace(microsecond=0)
"""Certificates tell whole seconds."""
HOSTS = ("cameras.alder.lan", "10.20.0.5")


@pytest.fixture
def made(settings: Settings) -> Settings:
    make_authority(settings, HOSTS, district="Alder County Library District", at=NOW)
    return settings


def _verify(settings: Settings, host: x509.verification.Subject, leaf: x509.Certificate) -> None:
    authority = x509.load_pem_x509_certificate(settings.tls_ca_path.read_bytes())
    builder = verification.PolicyBuilder().store(verification.Store([authority])).time(NOW + timedelta(days=1))
    builder.build_server_verifier(host).verify(leaf, [])


def _signed_by(settings: Settings, host: str) -> x509.Certificate:
    """Return what somebody with the authority's key would make for another host."""
    pem = settings.tls_ca_path.read_bytes()
    signer, authority = serialization.load_pem_private_key(pem, None), x509.load_pem_x509_certificate(pem)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = x509.CertificateBuilder().subject_name(x509.Name([])).issuer_name(authority.subject).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(NOW).not_valid_after(NOW + timedelta(days=9))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def test_the_certificate_is_for_the_hosts_and_for_this_machine(made: Settings) -> None:
    assert certificate_names(made.tls_server_path) == {*HOSTS, "localhost", "127.0.0.1", "::1"}
    leaf = x509.load_pem_x509_certificate(made.tls_server_path.read_bytes())
    _verify(made, x509.DNSName("cameras.alder.lan"), leaf)


def test_a_stolen_key_of_the_authority_vouches_for_no_other_site(made: Settings) -> None:
    _verify(made, x509.DNSName("cameras.alder.lan"), _signed_by(made, "cameras.alder.lan"))
    with pytest.raises(verification.VerificationError):
        _verify(made, x509.DNSName("bank.example"), _signed_by(made, "bank.example"))


def test_only_the_owner_reads_the_keys(made: Settings) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in (made.tls_ca_path, made.tls_server_path)} == {0o600}


def test_what_everybody_may_know_holds_no_key(made: Settings) -> None:
    authority = read_authority(made)
    assert authority is not None
    assert b"PRIVATE" not in authority.pem
    assert len(authority.fingerprint.split(":")) == 32
    assert set(authority.names) >= set(HOSTS)


@pytest.mark.parametrize(
    "host", ["", "https://cameras.lan", "cameras.lan:8443", "*.lan", "a b", "under_score.lan", "-a.lan", "a" * 64, "10.20.0.0/16", "."]
)
def test_what_is_no_host_is_refused_and_nothing_is_made(settings: Settings, host: str) -> None:
    with pytest.raises(InvalidInput, match="no host name or address"):
        make_authority(settings, [host], district="Alder", at=NOW)
    assert served_certificate(settings) is None


@pytest.mark.parametrize(
    ("typed", "stored"), [("Cameras.LAN.", "cameras.lan"), ("[fd00::5]", "fd00::5"), ("bücherei.example", "xn--bcherei-n2a.example")]
)
def test_a_host_is_stored_as_certificates_write_it(settings: Settings, typed: str, stored: str) -> None:
    assert make_authority(settings, [typed], district="Alder", at=NOW).names[0] == stored


def test_it_is_renewed_before_it_ends_and_not_earlier(made: Settings) -> None:
    before, authority = made.tls_server_path.read_bytes(), read_authority(made)
    due = NOW + timedelta(days=SERVER_DAYS) - RENEW_BEFORE
    assert not renew_if_due(made, at=due - timedelta(days=1))
    assert made.tls_server_path.read_bytes() == before
    assert renew_if_due(made, at=due + timedelta(days=1))
    assert certificate_end(made.tls_server_path) == due + timedelta(days=1 + SERVER_DAYS)
    assert read_authority(made) == authority


def test_in_its_last_year_nothing_outlives_the_authority(made: Settings) -> None:
    authority = read_authority(made)
    assert authority is not None
    late = authority.not_after - timedelta(days=30)
    assert renew_if_due(made, at=late)
    assert certificate_end(made.tls_server_path) == authority.not_after
    assert not renew_if_due(made, at=late)


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_certificate_that_is_gone_or_damaged_is_issued_again(made: Settings, content: bytes | None) -> None:
    made.tls_server_path.unlink() if content is None else made.tls_server_path.write_bytes(content)
    assert renew_if_due(made, at=NOW)
    assert certificate_end(made.tls_server_path) == NOW + timedelta(days=SERVER_DAYS)


def test_another_authority_issues_another_certificate(made: Settings) -> None:
    before, old = made.tls_ca_path.read_bytes(), made.tls_server_path.read_bytes()
    make_authority(made, HOSTS, district="Alder", at=NOW)
    assert made.tls_ca_path.read_bytes() != before
    made.tls_server_path.write_bytes(old)
    assert renew_if_due(made, at=NOW)


def test_given_files_go_first(made: Settings, tmp_path: Path) -> None:
    given = made.model_copy(update={"tls_cert": tmp_path / "a.pem", "tls_key": tmp_path / "b.pem"})
    assert served_certificate(given) == CertificateFiles(tmp_path / "a.pem", tmp_path / "b.pem")
    assert served_authority(given) is None
    assert not renew_if_due(given, at=NOW + timedelta(days=9999))


def test_without_either_there_is_none(settings: Settings) -> None:
    assert served_certificate(settings) is None
    assert read_authority(settings) is None
    assert not renew_if_due(settings, at=NOW)


@pytest.mark.parametrize("content", [b"", b"no certificate"])
def test_a_damaged_authority_is_told_with_what_to_do(made: Settings, content: bytes) -> None:
    made.tls_ca_path.write_bytes(content)
    with pytest.raises(ConfigError, match="vms tls init"):
        read_authority(made)
