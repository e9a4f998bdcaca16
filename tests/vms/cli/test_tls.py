"""`vms tls`, and what `vms doctor` says of how the pages are served."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.factories import CONSOLE
from vms.cli import app
from vms.cli.checks import pages, takes_files
from vms.cli.run import bind, url
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.access import Action
from vms.errors import ConfigError
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.services.own_ca import make_authority, read_authority
from vms.store import access_log
from vms.store.database import make_engines

HOST = "cameras.alder.lan"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    district = District(name="Alder", timezone="UTC", days=14, director="Helen Marsh")
    return install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())


def _vms(settings: Settings, *arguments: str) -> tuple[int, str, str]:
    answer = CliRunner().invoke(app, ["--data", str(settings.data_dir), *arguments])
    return answer.exit_code, answer.stdout, answer.stderr


def test_init_prints_the_fingerprint_and_the_pages_are_served_over_https(settings: Settings) -> None:
    with pytest.raises(ConfigError, match="vms tls init"):
        bind(settings, "0.0.0.0", 0)  # noqa: S104 - other machines are to be refused
    code, out, _ = _vms(settings, "tls", "init", HOST, "10.20.0.5")
    authority = read_authority(settings)
    assert code == 0
    assert authority is not None
    assert authority.fingerprint in out
    with bind(settings, "127.0.0.1", 0) as sock:
        assert url(settings, sock).startswith("https://localhost:")
    bind(settings, "0.0.0.0", 0).close()  # noqa: S104 - as above


def test_an_authority_that_every_device_is_to_trust_is_in_the_log(settings: Settings) -> None:
    _vms(settings, "tls", "init", HOST, "10.20.0.5")
    engines = make_engines(settings.central_path)
    with engines.reading() as session:
        events = access_log.find(session, "district", None, access_log.Filter(actions=frozenset({Action.TLS_INIT})), limit=9)
    engines.dispose()
    assert [event.detail for event in events] == [{"hosts": f"{HOST}, 10.20.0.5"}]


@pytest.mark.parametrize("host", ["127.0.0.2", "127.0.0.1", "localhost"])
def test_this_machine_alone_needs_no_certificate(settings: Settings, host: str) -> None:
    bind(settings, host, 0).close()


def test_a_second_init_changes_nothing_unless_it_is_meant(settings: Settings) -> None:
    _vms(settings, "tls", "init", HOST)
    before = settings.tls_ca_path.read_bytes()
    code, _, said = _vms(settings, "tls", "init", "other.lan")
    assert (code, settings.tls_ca_path.read_bytes()) == (2, before)
    assert "--replace" in said
    assert _vms(settings, "tls", "init", "other.lan", "--replace")[0] == 0
    assert settings.tls_ca_path.read_bytes() != before


def test_show_tells_it_again_and_hands_the_certificate_out(settings: Settings) -> None:
    assert _vms(settings, "tls", "show")[0] == 2
    _vms(settings, "tls", "init", HOST)
    authority = read_authority(settings)
    assert authority is not None
    assert authority.fingerprint in _vms(settings, "tls", "show")[1]
    assert _vms(settings, "tls", "show", "--pem")[1].encode() == authority.pem


def test_what_is_no_host_is_one_sentence(settings: Settings) -> None:
    code, _, said = _vms(settings, "tls", "init", "https://cameras.lan/")
    assert code == 2
    assert said.startswith("vms: 'https://cameras.lan/' is no host name or address.")


def test_doctor_tells_how_the_pages_are_served(settings: Settings) -> None:
    at = SystemClock().now()
    assert "for this machine alone" in pages(settings, at)
    make_authority(settings, [HOST], district="Alder", at=at)
    named = settings.model_copy(update={"allowed_hosts": (HOST,)})
    assert HOST in pages(named, at)
    with pytest.raises(ConfigError, match="ended"):
        pages(named, at + timedelta(days=500))
    with pytest.raises(ConfigError, match=r"is not for elsewhere\.lan"):
        pages(settings.model_copy(update={"allowed_hosts": ("elsewhere.lan",)}), at)
    settings.tls_server_path.write_bytes(b"torn")
    with pytest.raises(ConfigError, match="can't be served"):
        pages(named, at)


def test_doctor_tries_the_folder_for_checkpoints(settings: Settings) -> None:
    assert takes_files(settings.data_dir) == str(settings.data_dir)
    with pytest.raises(ConfigError, match="Mount it"):
        takes_files(settings.data_dir / "nowhere")


def test_doctor_prints_it_as_a_finding(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMS_LISTEN", "0.0.0.0:8443")
    code, out, _ = _vms(settings, "doctor", "--json")
    (finding,) = [one for one in json.loads(out) if one["what"] == "pages"]
    assert code == 1
    assert not finding["ok"]
    assert "vms tls init" in finding["detail"]
