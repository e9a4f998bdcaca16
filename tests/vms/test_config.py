"""The settings: where they come from, what wins, and that secrets don't show."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

from vms.config import Settings, VolumeSetting, load_settings, split_listen
from vms.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VMS_LISTEN", "VMS_SEGMENT_SECONDS", "VMS_DATABASE_URL", "VMS_ALLOW_LOOPBACK_CAMERAS", "VMS_DATA", "VMS_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)


def _configured(folder: Path, text: str) -> Path:
    (folder / "config.toml").write_text(text)
    return folder


def test_without_a_file_everything_has_a_default(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings.listen == "127.0.0.1:8080"
    assert settings.volumes == (VolumeSetting(path=tmp_path / "volumes" / "default"),)
    assert settings.central_where == tmp_path / "central.db"
    assert not settings.allow_loopback_cameras


def test_the_file_is_read(tmp_path: Path) -> None:
    text = 'district = "Alder County"\nsegment_seconds = 30\n[[volumes]]\npath = "/srv/a"\nmax_bytes = 9\n[[volumes]]\npath = "/srv/b"\n'
    settings = load_settings(_configured(tmp_path, text))
    assert (settings.district, settings.segment_seconds) == ("Alder County", 30)
    assert settings.volumes == (VolumeSetting(path=Path("/srv/a"), max_bytes=9), VolumeSetting(path=Path("/srv/b")))


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMS_SEGMENT_SECONDS", "20")
    monkeypatch.setenv("VMS_ALLOW_LOOPBACK_CAMERAS", "1")
    settings = load_settings(_configured(tmp_path, "segment_seconds = 30\n"))
    assert (settings.segment_seconds, settings.allow_loopback_cameras) == (20, True)


def test_the_data_directory_is_the_one_that_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMS_DATA_DIR", "/somewhere/else")
    settings = load_settings(tmp_path)
    assert settings.data_dir == tmp_path
    assert [volume.path for volume in settings.volumes] == [tmp_path / "volumes" / "default"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("segment_seconds = 0", "segment_seconds"),
        ("segment_seconds = 61", "segment_seconds"),
        ('segment_secons = 30"', "TOML"),
        ("segment_secons = 30", "segment_secons"),
        ('listen = "8080"', "HOST:PORT"),
        ('data_dir = "/elsewhere"', "data_dir"),
        ('tls_cert = "/cert.pem"', "belong together"),
        ('database_url = "mysql://root:hunter2@db/vms"', "postgresql://"),
        ('web_database_url = "postgresql://web:hunter2@db/vms"', "stands beside it"),
        ('database_url = "postgresql://vms@db/vms"\nweb_database_url = "postgresql://vms:hunter2@db/vms"', "a user of its own"),
        ('database_url = "postgresql://vms@db/vms"\nweb_database_url = "postgresql://db/vms"', "a user of its own"),
        ('database_url = "postgresql://vms@db/vms"\nweb_database_url = "web:hunter2@db/vms"', "web_database_url begins with"),
        ("[[volumes]]\nmax_bytes = 5", "path"),
        ('holidays = ["Christmas"]', "holidays"),
        ('oidc_issuer = "http://sso.example.org"', "https://"),
        ('oidc_issuer = "https://pat:hunter2@sso.example.org"', "https://"),
        ('oidc_issuer = "https://sso.example.org?tenant=1"', "https://"),
        ('oidc_issuer = "https://sso.example.org:port"', "https://"),
        ('oidc_issuer = "https://sso.example.org"', "needs oidc_client_id and public_url"),
        ('public_url = "https://cameras.example.org/here"', "ends behind the host"),
    ],
)
def test_a_mistake_is_named_with_its_setting(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as failure:
        load_settings(_configured(tmp_path, text))
    assert "hunter2" not in str(failure.value)
    assert "config.toml" in str(failure.value)


def test_holidays_are_days(tmp_path: Path) -> None:
    settings = load_settings(_configured(tmp_path, "holidays = [2026-12-25, 2027-01-01]"))
    assert settings.holidays == (date(2026, 12, 25), date(2027, 1, 1))


def test_a_secret_does_not_show(tmp_path: Path) -> None:
    settings = load_settings(_configured(tmp_path, 'database_url = "postgresql://vms:hunter2@db/vms"'))
    assert "hunter2" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert settings.central_where == settings.web_where == "postgresql://vms:hunter2@db/vms"


def test_settings_do_not_change(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    with pytest.raises(ValidationError):
        settings.listen = "0.0.0.0:80"


def test_an_ipv6_address_is_listened_on_without_brackets(tmp_path: Path) -> None:
    settings = load_settings(_configured(tmp_path, 'listen = "[::1]:8443"'))
    assert split_listen(settings.listen) == ("::1", 8443)


def test_every_path_lies_in_the_data_directory(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    paths = [
        value
        for name in vars(Settings)
        if isinstance(getattr(Settings, name), property) and isinstance(value := getattr(settings, name), Path)
    ]
    paths.append(settings.worker_socket(3))
    assert len(set(paths)) >= 11
    assert all(path.is_relative_to(tmp_path) for path in paths)


@pytest.mark.parametrize(
    "address", ["Pat <pat@library.example>", "pat", "pat@", "a@b@c", "a@b\nBcc: c@d", "pät@library.example", "a@b,c@d", ""]
)
def test_a_mail_address_is_one_plain_one(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match="outside_address: Value error, a mail address is NAME@DOMAIN"):
        load_settings(_configured(tmp_path, f"outside_address = {json.dumps(address)}\n"))


def test_mail_leaves_the_machine_encrypted_and_from_somebody(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="smtp_host needs mail_from"):
        load_settings(_configured(tmp_path, 'smtp_host = "mail.library.example"\n'))
    sender = 'mail_from = "custodian@library.example"\nsmtp_security = "off"\n'
    with pytest.raises(ConfigError, match="off only for a server on this machine"):
        load_settings(_configured(tmp_path, f'smtp_host = "mail.library.example"\n{sender}'))
    assert load_settings(_configured(tmp_path, f'smtp_host = "localhost"\n{sender}')).smtp_port == 587


def test_a_witness_has_an_address_and_a_key(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('witness_url = "https://witness.example/w"\n')
    with pytest.raises(ConfigError, match="witness_url and witness_key belong together"):
        load_settings(tmp_path)


def test_the_log_is_kept_as_long_as_footage_and_two_years_at_least(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("log_days = 759\n")
    with pytest.raises(ConfigError, match="log_days"):
        load_settings(tmp_path)
