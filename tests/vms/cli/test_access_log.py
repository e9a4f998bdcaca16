"""`vms log`: what it says of a log that is whole, and of one that somebody changed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from tests.factories import CONSOLE, a_person, done
from vms.cli import app
from vms.clock import SystemClock
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.checkpoint import verifier_key
from vms.domain.cosignature import Witness
from vms.domain.people import Role
from vms.services.access_log import DISTRICT as DISTRICT_LOG
from vms.services.district import District
from vms.services.installation import Installation, install, migrate_all
from vms.services.log_export import export_log
from vms.services.log_key import read_log_key
from vms.services.log_proof import sign_checkpoint
from vms.services.sealed_log import new_matter, record_sealed
from vms.store import access_log
from vms.store.access_log import Filter
from vms.store.database import Engines, make_engines

_PUBLIC = bytes(range(32))
_WITNESS_KEY = f"witness.example+{Witness('witness.example', _PUBLIC).key_id.hex()}+{base64.b64encode(bytes([4]) + _PUBLIC).decode()}"
DISTRICT = District(name="Alder", timezone="UTC", days=14, director="Helen Marsh")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A new installation: it has written its first entry."""
    return install(tmp_path / "data", Installation(DISTRICT), actor=CONSOLE, clock=SystemClock())


@pytest.fixture
def central(settings: Settings) -> Iterator[Engines]:
    engines = make_engines(settings.central_path)
    yield engines
    engines.dispose()


def _say(settings: Settings, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(settings.data_dir), "log", *words])


def _sign(settings: Settings, central: Engines) -> str:
    with central.writing() as session:
        return sign_checkpoint(session, read_log_key(settings), at=SystemClock().now()).note


def _change_the_first_entry(central: Engines) -> None:
    with central.write.begin() as connection:
        connection.execute(text("DROP TRIGGER access_event_no_update"))
        connection.execute(text("UPDATE access_event SET body = replace(body, 'pat@', 'sam@') WHERE number = 1"))


def test_a_whole_log_is_said_to_be(settings: Settings, central: Engines) -> None:
    note = _sign(settings, central)
    said = _say(settings, "verify")
    assert said.exit_code == 0
    assert "1 checkpoints, signed up to 16." in said.stdout
    assert "Nothing was changed." in said.stdout
    document = json.loads(_say(settings, "verify", "--json").stdout)
    assert (document["ok"], document["found"], document["findings"], document["signed_to"]) == (True, 0, [], 16)
    assert document["key"].startswith(note.splitlines()[0] + "+")


def test_a_changed_entry_is_named_and_the_exit_code_says_so(settings: Settings, central: Engines) -> None:
    _sign(settings, central)
    _change_the_first_entry(central)
    said = _say(settings, "verify")
    assert said.exit_code == 1
    assert "Entry 1 was changed after it was signed." in said.stderr
    assert "Nothing was changed." not in said.stdout
    document = json.loads(_say(settings, "verify", "--json").stdout)
    assert (document["ok"], document["findings"][0]["number"]) == (False, 1)


def test_many_changes_are_not_all_listed(settings: Settings, central: Engines) -> None:
    for _ in range(8):
        _sign(settings, central)
    with central.write.begin() as connection:
        connection.execute(text("UPDATE access_tile SET hashes = zeroblob(length(hashes))"))
    said = _say(settings, "verify")
    assert said.exit_code == 1
    assert "!! and " in said.stderr
    assert len(said.stderr.splitlines()) == 101


def test_a_checkpoint_that_somebody_kept_is_compared_with(settings: Settings, central: Engines, tmp_path: Path) -> None:
    kept = tmp_path / "2026-03-14.checkpoint"
    kept.write_text(_sign(settings, central), encoding="utf-8")
    assert _say(settings, "verify", "--against", str(kept)).exit_code == 0
    kept.write_text("not a checkpoint", encoding="utf-8")
    assert _say(settings, "verify", "--against", str(kept)).exit_code == 2
    kept.write_bytes(b"\xff\xfe")
    said = _say(settings, "verify", "--against", str(kept))
    assert (said.exit_code, "can't be read as a checkpoint" in said.stderr) == (2, True)
    assert _say(settings, "verify", "--against", str(tmp_path / "none")).exit_code == 2


def test_an_entry_s_proof_is_printed_and_nothing_else(settings: Settings, central: Engines) -> None:
    note = _sign(settings, central)
    said = _say(settings, "prove", "1")
    assert said.exit_code == 0
    assert said.stdout.startswith("c2sp.org/tlog-proof@v1\nindex 0\n")
    assert said.stdout.endswith(f"\n\n{note}")
    assert "Helen" not in said.stdout
    unsigned = _say(settings, "prove", "17")
    assert (unsigned.exit_code, "in no checkpoint yet" in unsigned.stderr) == (2, True)


def test_a_log_whose_key_is_gone_is_not_verified_with_another(settings: Settings, central: Engines) -> None:
    _sign(settings, central)
    settings.log_key_path.rename(settings.log_key_path.with_suffix(".away"))
    said = _say(settings, "verify")
    assert said.exit_code == 2
    assert "Put it back from the backup of secrets/" in " ".join(said.stderr.split())


def test_migrating_an_older_installation_makes_its_log_key_and_no_second_one(settings: Settings) -> None:
    settings.log_key_path.rename(settings.log_key_path.with_suffix(".away"))
    migrate_all(settings)
    made = settings.log_key_path.read_bytes()
    migrate_all(settings)
    assert (len(made), settings.log_key_path.read_bytes()) == (32, made)
    assert settings.log_key_path.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_doctor_says_how_far_the_witness_countersigned_and_lists_it_as_going_out(settings: Settings, central: Engines) -> None:
    (settings.data_dir / "config.toml").write_text(f'witness_url = "https://witness.example/w"\nwitness_key = "{_WITNESS_KEY}"\n')
    assert _witness_finding(settings) == {"what": "access log's witness", "ok": True, "detail": "witness.example countersigned up to 0"}
    _sign(settings, central)
    assert _witness_finding(settings)["detail"].startswith("witness.example has signed nothing yet: look for its lines")
    assert _witness_finding(settings)["ok"] is False
    said = CliRunner().invoke(app, ["--data", str(settings.data_dir), "doctor", "--egress", "--json"])
    assert json.loads(said.stdout) == ["witness_url: the witness witness.example, for the access log's checkpoints"]


def _witness_finding(settings: Settings) -> dict[str, Any]:
    said = CliRunner().invoke(app, ["--data", str(settings.data_dir), "doctor", "--json"])
    (finding,) = [one for one in json.loads(said.stdout) if one["what"] == "access log's witness"]
    return dict(finding)


def test_an_export_is_verified_without_a_data_directory(settings: Settings, central: Engines, tmp_path: Path) -> None:
    key = verifier_key(_sign(settings, central).splitlines()[0], read_log_key(settings).public)
    with central.writing() as session:
        export = done(export_log(session, a_person(session, Role.AUDITOR), Filter(), at=SystemClock().now()))
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(export.lines) + "\n", encoding="utf-8")
    said = _verify_export(tmp_path, file, "--key", key)
    assert (said.exit_code, "Each is as it was signed." in said.stdout) == (0, True)
    assert json.loads(_verify_export(tmp_path, file, "--key", key, "--json").stdout)["ok"] is True
    file.write_text(file.read_text(encoding="utf-8").replace("pat@", "sam@"), encoding="utf-8")
    said = _verify_export(tmp_path, file, "--key", key)
    assert (said.exit_code, "!! Entry 1 is not the one that was signed." in said.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Give it as --key"),
        (("--key", "nonsense"), "--key is no key of a log"),
        (("--key", verifier_key("a", _PUBLIC)), "can't be read as an export"),
    ],
)
def test_an_export_that_can_not_be_verified_is_said(tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    said = _verify_export(tmp_path, tmp_path / "gone.jsonl", *words)
    assert said.exit_code == 2
    assert sentence in " ".join(said.stderr.split())


def _verify_export(tmp_path: Path, file: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data", str(tmp_path / "nowhere"), "log", "verify", "--export", str(file), *words])


def test_who_can_read_a_matter_s_key_is_shown_its_entries_and_the_reading_is_one(settings: Settings, central: Engines) -> None:
    matter = new_matter(settings)
    with central.writing() as session:
        record_sealed(session, matter, actor=CONSOLE, action=Action.CAMERA_TEST, at=SystemClock().now(), detail={"order": "26-CR-114"})
    before = _say(settings, "verify").stdout
    waiting = json.loads(_say(settings, "show", "--sealed", matter.id, "--json").stdout)
    assert [(one["number"], one["action"], one["detail"]) for one in waiting["entries"]] == [(None, "camera:test", {"order": "26-CR-114"})]
    _sign(settings, central)
    said = _say(settings, "show", "--sealed", matter.id)
    assert said.exit_code == 0
    assert "26-CR-114" in said.stdout
    assert "log:read" in said.stdout
    assert _say(settings, "show", "--sealed", matter.id, "--limit", "1").stdout.count("waits") == 1
    assert before.splitlines()[0].split(" entries")[0] == _say(settings, "verify").stdout.split(" entries")[0]


def test_a_matter_that_is_not_there_is_one_sentence(settings: Settings, central: Engines) -> None:
    matter = new_matter(settings)
    for words in (("show", "--sealed", "0" * 32), ("unseal", "0" * 32)):
        said = _say(settings, *words)
        assert (said.exit_code, "There is no key of a matter 0000" in " ".join(said.stderr.split())) == (2, True)
    narrowed = _say(settings, "show", "--sealed", matter.id, "--camera", "Lobby")
    assert (narrowed.exit_code, "leave --camera" in narrowed.stderr) == (2, True)
    alone = _say(settings, "show", "--before", "3")
    assert (alone.exit_code, "name it by --sealed" in alone.stderr) == (2, True)
    with central.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM access_sealed")) == 0


def test_an_unsealed_matter_s_entries_stand_in_the_ordinary_log(settings: Settings, central: Engines) -> None:
    matter = new_matter(settings)
    with central.writing() as session:
        record_sealed(session, matter, actor=CONSOLE, action=Action.CAMERA_TEST, at=SystemClock().now())
    assert "1 wait for the next checkpoint, and the key stays" in " ".join(_say(settings, "unseal", matter.id).stdout.split())
    _sign(settings, central)
    said = _say(settings, "unseal", matter.id)
    assert said.stdout.splitlines() == [
        "1 sealed entries were written into the access log.",
        "Nothing of the matter is secret any more: its key is destroyed.",
    ]
    assert "There is no key of a matter" in _say(settings, "unseal", matter.id).stderr
    with central.reading() as session:
        (event,) = access_log.find(session, DISTRICT_LOG, None, Filter(actions=frozenset({Action.LOG_UNSEAL})), limit=9)
    assert (event.role, event.detail["action"]) == ("console", "camera:test")


def test_older_sealed_entries_are_shown_by_what_the_page_before_says(settings: Settings, central: Engines) -> None:
    matter = new_matter(settings)
    with central.writing() as session:
        for number in range(3):
            detail = {"n": f"order {number}"}
            record_sealed(session, matter, actor=CONSOLE, action=Action.CAMERA_TEST, at=SystemClock().now(), detail=detail)
    said = _say(settings, "show", "--sealed", matter.id, "--limit", "2")
    assert f"vms log show --sealed {matter.id} --before 2" in " ".join(said.stdout.split())
    older = json.loads(_say(settings, "show", "--sealed", matter.id, "--before", "2", "--json").stdout)
    assert ([one["detail"]["n"] for one in older["entries"]], older["older"]) == (["order 0"], None)


def test_what_can_not_be_unsealed_is_said_by_its_number(settings: Settings, central: Engines) -> None:
    matter = new_matter(settings)
    with central.writing() as session:
        for _ in range(2):
            record_sealed(session, matter, actor=CONSOLE, action=Action.CAMERA_TEST, at=SystemClock().now())
    _sign(settings, central)
    with central.write.begin() as connection:
        connection.execute(text("DROP TRIGGER access_sealed_no_update"))
        connection.execute(text("UPDATE access_sealed SET sealed = salt WHERE position = 1"))
        number = connection.scalar(text("SELECT number FROM access_sealed WHERE position = 1"))
    said = _say(settings, "unseal", matter.id)
    assert (said.exit_code, f"The key does not open entry {number}, so it stays." in said.stderr) == (1, True)
    assert settings.secrets_dir.joinpath(f"{matter.id}.key").exists()
