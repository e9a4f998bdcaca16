"""`vms keys`: what there is, a rotation, and what the commands say of one that is half done."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest
from pysqlite3 import dbapi2
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE, NOW
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.crypto import KEY_BYTES, random_bytes, sealing_public_key
from vms.domain.ids import CameraId, InquiryId, new_number
from vms.domain.inquiry import AskedBy, Inquiry
from vms.errors import ConfigError
from vms.services.district import District
from vms.services.installation import Installation, install
from vms.store import inquiries
from vms.store.database import make_engines
from vms.store.failpoints import arm
from vms.store.key_files import KeyFiles
from vms.store.keys import KeyStore
from vms.store.private_files import write_private

pytestmark = pytest.mark.slow


class Stopped(Exception):
    pass


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    district = District(name="Alder", timezone="UTC", days=14, director="Helen Marsh")
    made = install(tmp_path / "data", Installation(district), actor=CONSOLE, clock=SystemClock())
    for words in (
        ("branch", "add", "Main"),
        ("camera", "add", "Door", "--branch", "Main", "--url", "rtsp://10.20.1.11/main", "--user", "viewer", "--password-stdin"),
    ):
        assert _vms(made, *words, typed="camera secret\n").exit_code == 0
    return made


def _vms(settings: Settings, *words: str, typed: str = "") -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), *words], input=typed)


def _shown(settings: Settings) -> dict[str, dict[str, object]]:
    return {key["key"]: key for key in json.loads(_vms(settings, "keys", "show", "--json").stdout)["keys"]}


def test_every_key_is_rotated_and_shown_with_another_fingerprint(settings: Settings) -> None:
    before = _shown(settings)
    assert before.keys() == {"node", "footage"}
    assert before["node"]["since"] == KeyFiles(settings.node_key_path).since()[0].isoformat()
    said = _vms(settings, "keys", "rotate", "node", "factors", "footage")
    assert said.exit_code == 0
    assert "node: cameras' passwords sealed anew: 1;" in said.stdout
    assert "backup of secrets/" in said.stderr
    after = _shown(settings)
    assert after.keys() == {"node", "factors", "footage"}
    assert all(after[key]["fingerprint"] != before[key]["fingerprint"] for key in before)
    assert after["node"]["fingerprint"] == sealing_public_key(settings.node_key_path.read_bytes()).hex()[:16]
    assert {key["next_fingerprint"] for key in after.values()} == {None}


def test_a_rotation_that_is_half_done_is_told_and_gone_on_with(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.cli.keys.arm", lambda _setting: arm("rotate:d", _stop))
    assert isinstance(_vms(settings, "keys", "rotate", "node").exception, Stopped)
    monkeypatch.undo()
    arm("")
    shown, doctor = _vms(settings, "keys", "show"), _vms(settings, "doctor")
    assert "Go on: vms keys rotate node" in shown.stderr
    assert "Go on: vms keys rotate node" in " ".join(doctor.stdout.split())
    assert doctor.exit_code == 1
    assert _shown(settings)["node"]["next_fingerprint"] is not None
    said = _vms(settings, "keys", "rotate", "node")
    assert (said.exit_code, "Went on with the rotation of node" in said.stderr) == (0, True)
    assert "Go on" not in _vms(settings, "keys", "show").stderr


def _inquire(settings: Settings, happened: str) -> Inquiry:
    inquiry = Inquiry(InquiryId(new_number()), AskedBy.OTHER, "R. Alvarez", "", "555-0100", happened, "", "", False, NOW)
    central = make_engines(settings.central_path)
    with central.writing() as session:
        inquiries.add(session, inquiry)
    central.dispose()
    return inquiry


def test_the_key_of_complaints_and_inquiries_is_rotated_and_they_are_read_as_before(settings: Settings) -> None:
    asked = [_inquire(settings, f"inquiry {number}") for number in range(3)]
    before = _shown(settings)["texts"]
    assert before["file"] == str(settings.texts_key_path)
    said = _vms(settings, "keys", "rotate", "texts")
    assert (said.exit_code, "texts: texts of complaints and inquiries sealed anew: 3;" in said.stdout) == (0, True), said.output
    after = _shown(settings)["texts"]
    assert f"key {after['fingerprint']}" in said.stdout
    assert (after["fingerprint"] != before["fingerprint"], after["next_fingerprint"]) == (True, None)
    assert "their key opens the newest" in _vms(settings, "doctor").stdout
    central = make_engines(settings.central_path)
    with central.reading() as session:
        assert {one.id: one for one in inquiries.find(session, limit=9)} == {one.id: one for one in asked}
    central.dispose()


def test_an_inquiry_that_no_key_opens_is_named_and_left_only_when_that_is_said(settings: Settings) -> None:
    torn, _ = _inquire(settings, "torn"), _inquire(settings, "whole")
    with closing(dbapi2.connect(str(settings.central_path), isolation_level=None)) as connection:
        connection.execute("UPDATE inquiry SET texts = ? WHERE id = ?", (bytes(1052), torn.id))
    refused = _vms(settings, "keys", "rotate", "texts")
    sentence = " ".join(refused.stderr.split())
    assert (refused.exit_code, f"No key that is here opens inquiry {torn.id}. Everything else is under the new key" in sentence) == (
        2,
        True,
    )
    assert "Go on: vms keys rotate texts" in _vms(settings, "keys", "show").stderr
    assert "Go on: vms keys rotate texts" in " ".join(_vms(settings, "doctor").stdout.split())
    said = _vms(settings, "keys", "rotate", "texts", "--leave-unopenable")
    assert (said.exit_code, "Went on with the rotation of texts" in said.stderr) == (0, True)
    assert f"these, which stay as they are: inquiry {torn.id}" in " ".join(said.stderr.split())
    assert _shown(settings)["texts"]["next_fingerprint"] is None


def test_where_the_key_of_footage_is_a_credential_that_of_texts_is_a_file_all_the_same(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _inquire(settings, "whole")
    monkeypatch.setenv("VMS_FOOTAGE_KEY", "credential")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    settings.kek_path.rename(tmp_path / settings.kek_path.name)
    before = _shown(settings)
    assert _vms(settings, "keys", "rotate", "texts").exit_code == 0
    after = _shown(settings)
    assert (after["footage"], after["texts"]["fingerprint"] != before["texts"]["fingerprint"]) == (before["footage"], True)


def test_neither_command_tells_a_key_or_a_password(settings: Settings) -> None:
    keys = [path.read_bytes() for path in settings.secrets_dir.glob("node_*.key")]
    said = [_vms(settings, "keys", "rotate", "node", "footage"), _vms(settings, "keys", "show", "--json")]
    keys += [path.read_bytes() for path in settings.secrets_dir.glob("node_*.key")]
    told = "".join(answer.stdout + answer.stderr for answer in said)
    assert len(keys) == 4
    assert [key.hex()[:16] for key in keys if key.hex()[:16] in told] == []
    assert "camera secret" not in told


@pytest.mark.parametrize("words", [(), ("grant",), ("node", "door")])
def test_only_keys_that_there_are_can_be_rotated(settings: Settings, words: tuple[str, ...]) -> None:
    before = _shown(settings)
    assert _vms(settings, "keys", "rotate", *words).exit_code == 2
    assert _shown(settings) == before


def test_footage_whose_key_nothing_opens_is_left_only_when_that_is_said(settings: Settings) -> None:
    with closing(KeyStore.open(settings.keys1_path, settings.keys2_path, KeyFiles(settings.kek_path))) as store:
        store.ensure(CameraId(7), [490_000, 490_001])
    for path in (settings.keys1_path, settings.keys2_path):
        with closing(dbapi2.connect(str(path), isolation_level=None)) as connection:
            connection.execute("UPDATE hour_key SET wrapped = ? WHERE hour = 490000", (bytes(40),))
    refused = _vms(settings, "keys", "rotate", "footage")
    assert (refused.exit_code, "camera 7, 2025-11-24 16:00 UTC" in " ".join(refused.stderr.split())) == (2, True)
    said = _vms(settings, "keys", "rotate", "footage", "--leave-unopenable")
    assert (said.exit_code, "keys of footage sealed anew: 1;" in said.stdout) == (0, True)
    assert "these, which stay as they are: the footage key of camera 7, 2025-11-24 16:00 UTC" in " ".join(said.stderr.split())


def test_a_key_that_is_gone_is_a_sentence(settings: Settings) -> None:
    settings.node_key_path.unlink()
    said = _vms(settings, "keys", "rotate", "node")
    assert said.exit_code == 2
    assert "node_x25519.key is gone. Put it back from the backup" in " ".join(said.stderr.split())


def _stop() -> None:
    raise Stopped


def test_the_key_of_footage_as_a_credential_is_shown_and_rotated_with_what_is_left_to_the_operator(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, folder = _shown(settings)["footage"], tmp_path / "credentials"
    folder.mkdir(mode=0o700)
    shutil.copy(settings.kek_path, folder)
    monkeypatch.setenv("VMS_FOOTAGE_KEY", "credential")
    assert "CREDENTIALS_DIRECTORY is not set" in " ".join(_vms(settings, "keys", "show").stderr.split())
    assert "CREDENTIALS_DIRECTORY is not set" in " ".join(_vms(settings, "doctor").stdout.split())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert "still there beside the credential" in " ".join(_vms(settings, "doctor").stdout.split())
    settings.kek_path.unlink()
    assert "a credential of systemd" in " ".join(_vms(settings, "doctor").stdout.split())
    assert _shown(settings)["footage"] == {**before, "file": str(folder / "node_kek.key"), "since": None}

    refused = _vms(settings, "keys", "rotate", "footage")
    assert (refused.exit_code, "Make the next one" in " ".join(refused.stderr.split())) == (2, True)
    write_private(folder / "node_kek.key.next", random_bytes(KEY_BYTES))
    assert "A rotation of footage is half done. Go on" in _vms(settings, "keys", "show").stderr
    for _ in range(2):  # again, it says the same
        said = _vms(settings, "keys", "rotate", "footage")
        assert (said.exit_code, "Seal that key as node_kek.key" in " ".join(said.stderr.split())) == (0, True)
        assert "The old keys are removed" not in said.stderr
    (folder / "node_kek.key.next").rename(folder / "node_kek.key")
    assert "half done" not in _vms(settings, "keys", "show").stderr
    assert _shown(settings)["footage"]["fingerprint"] != before["fingerprint"]
    assert "both copies agree" in _vms(settings, "doctor").stdout
    assert not settings.kek_path.exists()


def test_an_installation_begins_with_the_credential_that_there_is_and_makes_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VMS_FOOTAGE_KEY", "credential")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    new = Installation(District(name="Alder", timezone="UTC", days=14, director="Helen Marsh"))
    with pytest.raises(ConfigError, match=r"handed over no credential node_kek\.key"):
        install(tmp_path / "data", new, actor=CONSOLE, clock=SystemClock())
    write_private(tmp_path / "node_kek.key", random_bytes(KEY_BYTES))
    made = install(tmp_path / "data", new, actor=CONSOLE, clock=SystemClock())
    assert not made.kek_path.exists()
