"""What would connect to other machines is listed, whatever it is, without its credential."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.factories import a_branch, a_camera
from vms.config import Settings
from vms.services import egress
from vms.store.database import Engines

NOT_OUTWARD = {
    "data_dir", "listen", "allowed_hosts", "volumes", "segment_seconds", "sync_seconds", "metrics_listen", "capture_workers",
    "log_format", "log_level", "allow_loopback_cameras", "tls_cert", "tls_key", "trusted_proxies", "district", "failpoint",
    "board_conferral", "holidays", "complaint_days", "notice_url", "notice_contact", "not_covered", "third_parties", "training",
    "released_package_days", "ticket_downloads", "showing_minutes", "placement", "deputy_minutes", "request_notice_days",
    "public_inquiry",
    "smtp_port", "smtp_security", "smtp_ca", "smtp_user", "mail_from",
    "director_address", "auditor_address", "outside_address", "witness_key",
    "log_days", "record_days", "footage_key",
    "public_url", "oidc_client_id", "oidc_label", "oidc_scope", "oidc_role_claim", "oidc_roles", "oidc_second_factor",
}  # fmt: skip
OUTWARD = {"database_url", "web_database_url", "checkpoint_dir", "smtp_host", "witness_url", "oidc_issuer", "oidc_hosts"}


def test_each_setting_is_known_to_call_out_or_not_to() -> None:
    """A new setting goes into one of the two; one that calls out adds its function to `egress.SOURCES` as well."""
    assert Settings.model_fields.keys() == NOT_OUTWARD | OUTWARD


def test_with_the_shipped_settings_nothing_calls_out(tmp_path: Path) -> None:
    assert egress.outward(Settings(data_dir=tmp_path)) == []


@pytest.mark.parametrize(
    ("url", "lines"),
    [
        ("postgresql://vms:secret@db.lan/custodian", ["database_url: the PostgreSQL server db.lan, port 5432"]),
        ("postgresql://vms:secret@10.20.0.9:6432/custodian", ["database_url: the PostgreSQL server 10.20.0.9, port 6432"]),
        ("postgresql:///custodian?host=db.lan", ["database_url: the PostgreSQL server db.lan, port 5432"]),
        ("postgresql://postgres@/custodian?host=/run/postgresql", []),
        ("postgresql://localhost/custodian", []),
        ("postgresql://[::1]/custodian", []),
    ],
)
def test_a_database_on_another_machine_is_listed(tmp_path: Path, url: str, lines: list[str]) -> None:
    assert egress.outward(Settings(data_dir=tmp_path, database_url=SecretStr(url))) == lines


def test_the_web_server_s_way_to_the_database_is_listed_too(tmp_path: Path) -> None:
    urls = {"database_url": SecretStr("postgresql://vms@/c"), "web_database_url": SecretStr("postgresql://web:secret@db.lan/c")}
    assert egress.outward(Settings(data_dir=tmp_path, **urls)) == ["web_database_url: the PostgreSQL server db.lan, port 5432"]  # type: ignore[arg-type]


def test_a_folder_on_a_network_share_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text("1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / /mnt/clerk rw - cifs //clerk/proof rw\n")
    monkeypatch.setattr(egress, "MOUNTINFO", mounts)
    settings = Settings(data_dir=tmp_path, checkpoint_dir=Path("/mnt/clerk/proofs"))
    assert egress.outward(settings) == ["checkpoint_dir: /mnt/clerk/proofs, which this machine's system has mounted by cifs"]
    assert egress.outward(settings.model_copy(update={"checkpoint_dir": Path("/srv/proofs")})) == []


@pytest.mark.parametrize(
    ("setting", "there", "line"),
    [
        ("smtp_host", "mail.library.example", "smtp_host: the mail server mail.library.example, port 587"),
        ("smtp_host", "localhost", None),
        ("witness_url", "https://witness.example/custodian", "witness_url: the witness witness.example, for the access log's checkpoints"),
        ("witness_url", "http://127.0.0.1:9/w", None),
    ],
)
def test_a_mail_server_and_a_witness_elsewhere_are_listed(tmp_path: Path, setting: str, there: str, line: str | None) -> None:
    settings = Settings(data_dir=tmp_path).model_copy(update={setting: there})
    assert egress.outward(settings) == ([] if line is None else [line])


def test_cameras_outside_private_networks_and_by_name_are_listed(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        branch = a_branch(session, "Central")
        hosts = ("10.20.1.11", "192.168.4.5", "fd00::7", "8.8.8.8", "door.lan")
        cameras = [a_camera(session, branch, f"Camera {host}", host=host) for host in hosts]
    assert egress.outward_cameras(cameras) == [
        "camera ‘Camera 8.8.8.8’ of Central: 8.8.8.8, port 554, on the public internet",
        "camera ‘Camera door.lan’ of Central: door.lan, port 554; the system's name servers are asked for its address",
    ]
