"""A key is replaced and nothing that it wraps is lost: not by a kill, not by what is added meanwhile, not by a wrong file."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from pysqlite3 import dbapi2
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, FixedKeys, a_person, done
from tests.vms.services.sealed_branch import CLOCK, SealedBranch, fill, password_of, sealed_branch
from tests.waiting import is_somebody_locked_out, wait_until
from vms.config import load_settings
from vms.crypto import KEY_BYTES, random_bytes, seal, sealing_public_key
from vms.domain.access import AccessEvent, Action
from vms.domain.camera import CameraDetails, password_aad
from vms.domain.ids import CameraId
from vms.errors import ConfigError, Conflict, Unavailable
from vms.services.access_log import DISTRICT
from vms.services.cameras import CameraEdit, NewCamera, camera_for, draft_camera, edit_camera, save_draft
from vms.services.key_rotation import STEPS, Rotated, RotatedKey, carry_out, footage_rotation, half_done, show_keys
from vms.services.nodes import node_of, nodes
from vms.services.second_factor import bound_to, offer_totp
from vms.store import access_log, camera_passwords, factors
from vms.store import cameras as camera_rows
from vms.store.database import Engines
from vms.store.failpoints import armed
from vms.store.key_files import KeyFiles
from vms.store.keys import REWRAP_STEPS, KeyStore, Rewrapped

ALL_STEPS = (*STEPS, *REWRAP_STEPS)
pytestmark = pytest.mark.slow
EVERY_KEY = pytest.mark.parametrize("key", list(RotatedKey))
REFUSED_BEFORE = pytest.mark.parametrize("key", [RotatedKey.NODE, RotatedKey.FACTORS, RotatedKey.FOOTAGE])
"""One secret that no key opens keeps their rotation from beginning; of texts it keeps it from ending (`test_text_rotation.py`)."""


@pytest.fixture
def branch(central: Engines, index: Engines, tmp_path: Path) -> SealedBranch:
    return sealed_branch(load_settings(tmp_path), central, index)


@pytest.fixture
def sqlite_branch(central_sqlite: Engines, index: Engines, tmp_path: Path) -> SealedBranch:
    return sealed_branch(load_settings(tmp_path), central_sqlite, index)


@EVERY_KEY
def test_after_a_rotation_the_new_key_opens_everything_and_the_old_one_nothing(branch: SealedBranch, key: RotatedKey) -> None:
    fill(branch)
    old = branch.keys(key)
    rotated = branch.rotate(key)
    (new,) = branch.keys(key)
    assert branch.lost() == []
    assert branch.opened(key, FixedKeys(old)) == 0
    assert branch.opened(key, FixedKeys((new,))) == branch.stored(key) > 0
    assert rotated.sealed_anew == {RotatedKey.NODE: 2, RotatedKey.FACTORS: 2, RotatedKey.FOOTAGE: 6, RotatedKey.TEXTS: 6}[key]
    assert sorted(path.name for path in branch.settings.secrets_dir.iterdir()) == [
        *("complaint_texts.key", "factor_x25519.key", "node_kek.key", "node_x25519.key")
    ]


@EVERY_KEY
def test_a_rotation_that_fails_after_any_step_loses_nothing_and_goes_on(sqlite_branch: SealedBranch, key: RotatedKey) -> None:
    branch = sqlite_branch
    fill(branch)
    old = branch.keys(key)
    reached = [step for step in ALL_STEPS if _fails_at(branch, key, step)]
    branch.rotate(key)
    assert set(reached) >= {"rotate:a", "rotate:b", "rotate:d", "rotate:e", "rotate:f", "rotate:g", "rotate:h"}
    assert branch.opened(key, FixedKeys(old)) == 0
    assert branch.lost() == []


def _fails_at(branch: SealedBranch, key: RotatedKey, step: str) -> bool:
    """Begin a rotation or go on with one, have it fail at `step`, and look whether everything opens."""
    try:
        with armed(step, _fail):
            branch.rotate(key)
    except Failed:
        assert branch.lost() == [], step
        return True
    return False


def test_a_rotation_goes_on_with_the_key_that_it_began_with(sqlite_branch: SealedBranch) -> None:
    fill(sqlite_branch)
    assert _fails_at(sqlite_branch, RotatedKey.NODE, "rotate:d")
    _, following = sqlite_branch.keys(RotatedKey.NODE)
    assert half_done(sqlite_branch.settings) == [RotatedKey.NODE]
    rotated = sqlite_branch.rotate(RotatedKey.NODE)
    assert (rotated.resumed, sqlite_branch.keys(RotatedKey.NODE)) == (True, (following,))
    assert half_done(sqlite_branch.settings) == []


@EVERY_KEY
@pytest.mark.parametrize("step", ["rotate:b", "rotate:d", "rotate:f"])
def test_what_comes_in_the_middle_of_a_rotation_is_under_the_new_key_at_its_end(
    sqlite_branch: SealedBranch, key: RotatedKey, step: str
) -> None:
    branch = sqlite_branch
    fill(branch, cameras=1, people=1, hours=1)
    old = branch.keys(key)
    assert _fails_at(branch, key, step)
    camera = branch.add_camera("Added in the middle", "canary in the middle")
    branch.change_password(next(iter(branch.passwords)), "canary changed")
    branch.enrol("enrolled in the middle")
    branch.record(camera, [7, 8])
    branch.answer(branch.complain("entered in the middle"), "answered in the middle")
    branch.ask("asked in the middle")
    assert branch.lost() == []
    branch.rotate(key)
    assert branch.lost() == []
    assert branch.opened(key, FixedKeys(old)) == 0


def test_a_camera_that_was_tried_before_a_rotation_and_saved_after_it_has_its_password(branch: SealedBranch) -> None:
    new = NewCamera(name="Slow test", branch_id=branch.branch, host="10.20.1.12", username="viewer", password="canary slow")
    with branch.central.reading() as session:
        draft = done(draft_camera(session, CONSOLE, new, allow_loopback=False))
    branch.rotate(RotatedKey.NODE)
    with branch.central.writing() as session:
        saved = done(save_draft(session, CONSOLE, draft, at=NOW))
    assert password_of(saved, branch.files(RotatedKey.NODE)) == "canary slow"
    branch.passwords[saved.camera.id] = "canary slow"
    assert branch.lost() == []


def test_a_change_that_read_a_camera_before_a_rotation_does_not_put_the_old_password_back(
    central_postgresql: Engines, index: Engines, tmp_path: Path
) -> None:
    """PostgreSQL lets both go on; on SQLite a transaction that may write has the database for itself."""
    branch = sealed_branch(load_settings(tmp_path), central_postgresql, index)
    fill(branch, people=0)
    camera = next(iter(branch.passwords))
    with branch.central.writing() as session:
        before = done(camera_for(session, CONSOLE, camera))
        branch.rotate(RotatedKey.NODE)
        renamed = replace(before.camera, name="Another name", version=before.camera.version + 1)
        camera_rows.change(session, replace(before, camera=renamed), at=NOW)
    assert branch.lost() == []


def test_a_password_that_comes_while_a_rotation_runs_through_is_under_the_new_key(
    central_postgresql: Engines, index: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole rotation takes place between the reading of the camera and the writing of it."""
    branch = sealed_branch(load_settings(tmp_path), central_postgresql, index)
    fill(branch, people=0)
    change = camera_rows.change

    def late_change(session: Session, details: CameraDetails, *, at: datetime) -> None:
        branch.rotate(RotatedKey.NODE)
        change(session, details, at=at)

    monkeypatch.setattr(camera_rows, "change", late_change)
    branch.change_password(next(iter(branch.passwords)), "canary late")
    assert branch.lost() == []


def test_a_rotation_waits_for_a_password_that_is_on_its_way(central_postgresql: Engines, index: Engines, tmp_path: Path) -> None:
    """It was sealed to the old key, in a transaction that commits after the rotation began."""
    branch = sealed_branch(load_settings(tmp_path), central_postgresql, index)
    fill(branch)
    camera, begun, go_on = next(iter(branch.passwords)), threading.Event(), threading.Event()

    def pause() -> None:
        begun.set()
        go_on.wait(30)

    with _rotating_beside(branch, RotatedKey.NODE, "rotate:b", pause):
        assert begun.wait(30)
        with branch.central.writing() as session:
            version = done(camera_for(session, CONSOLE, camera)).camera.version
            edit = CameraEdit(version=version, password="canary late")
            done(edit_camera(session, CONSOLE, camera, edit, at=NOW, allow_loopback=False))
            go_on.set()
            wait_until(lambda: is_somebody_locked_out(branch.central))
    branch.passwords[camera] = "canary late"
    assert branch.lost() == []


def test_a_rotation_waits_for_an_authenticator_that_is_on_its_way(central_postgresql: Engines, index: Engines, tmp_path: Path) -> None:
    branch = sealed_branch(load_settings(tmp_path), central_postgresql, index)
    fill(branch)
    with branch.central.writing() as session:
        person = a_person(session, name="enrolling")
    with ExitStack() as beside, branch.central.writing() as session:
        offer = done(offer_totp(session, person, key=branch.files(RotatedKey.FACTORS)))
        beside.enter_context(_rotating_beside(branch, RotatedKey.FACTORS, "", _fail))
        wait_until(lambda: is_somebody_locked_out(branch.central))
    branch.authenticators[person.id] = offer.secret
    assert branch.lost() == []


@contextmanager
def _rotating_beside(branch: SealedBranch, key: RotatedKey, step: str, action: Callable[[], None]) -> Iterator[None]:
    """Rotate in a thread, with `action` at `step`; it must have ended well when the block and its transactions have."""
    ended: list[Rotated] = []
    thread = threading.Thread(target=lambda: ended.append(branch.rotate(key)))
    with armed(step, action):
        thread.start()
        yield
        thread.join(30)
    assert [rotated.key for rotated in ended] == [key]


def test_more_passwords_than_fit_a_page_and_more_keys_are_all_brought(sqlite_branch: SealedBranch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.services.key_rotation.PAGE", 2)
    monkeypatch.setattr("vms.services.text_rotation.PAGE", 2)
    monkeypatch.setattr("vms.store.keys.REWRAP_PAGE", 2)
    fill(sqlite_branch, cameras=5, people=3, hours=3, texts=5)
    olds = {key: sqlite_branch.keys(key) for key in RotatedKey}
    assert [sqlite_branch.rotate(key).sealed_anew for key in RotatedKey] == [5, 3, 15, 15]
    assert sqlite_branch.lost() == []
    assert [sqlite_branch.opened(key, FixedKeys(old)) for key, old in olds.items()] == [0, 0, 0, 0]


def test_the_access_log_tells_who_began_a_rotation_who_went_on_and_how_it_ended(branch: SealedBranch) -> None:
    fill(branch)
    before = show_keys(branch.settings)[0].fingerprint
    assert _fails_at(branch, RotatedKey.NODE, "rotate:c")
    branch.rotate(RotatedKey.NODE)
    begun, resumed, finished = _told(branch)
    assert [event.detail["step"] for event in (begun, resumed, finished)] == ["begun", "resumed", "all sealed anew"]
    assert {event.actor for event in (begun, resumed, finished)} == {CONSOLE.label}
    assert finished.detail == {
        "key": "node",
        "step": "all sealed anew",
        "new_key": show_keys(branch.settings)[0].fingerprint,
        "sealed": "2",
    }
    assert begun.detail["old_key"] == resumed.detail["old_key"] == before != finished.detail["new_key"]


def _told(branch: SealedBranch) -> list[AccessEvent]:
    with branch.central.reading() as session:
        wanted = access_log.Filter(actions=frozenset({Action.KEY_ROTATE}))
        return list(access_log.find(session, DISTRICT, None, wanted, limit=9))[::-1]


@EVERY_KEY
def test_a_wrong_key_file_is_refused_and_nothing_is_begun(branch: SealedBranch, key: RotatedKey) -> None:
    fill(branch)
    path = branch.files(key).path
    right = path.read_bytes()
    path.write_bytes(random_bytes(KEY_BYTES))
    with pytest.raises((ConfigError, Conflict), match=r"put back|Put it back|put that key in its place"):
        branch.rotate(key)
    assert half_done(branch.settings) == []
    path.write_bytes(right)
    branch.rotate(key)
    assert branch.lost() == []


@EVERY_KEY
def test_a_missing_key_file_is_refused_and_not_made_anew(branch: SealedBranch, key: RotatedKey) -> None:
    fill(branch)
    path = branch.files(key).path
    for begun in (False, True):
        if begun:
            assert _fails_at(branch, key, "rotate:d")
        _refused_without(branch, key, path)
    branch.rotate(key)
    assert branch.lost() == []


def _refused_without(branch: SealedBranch, key: RotatedKey, path: Path) -> None:
    away = path.rename(path.with_name("away"))
    with pytest.raises(ConfigError, match=r"is gone\. Put it back"):
        branch.rotate(key)
    assert not path.exists()
    away.rename(path)


def test_the_old_key_stays_while_a_password_opens_with_no_key(branch: SealedBranch) -> None:
    fill(branch)
    camera = next(iter(branch.passwords))
    _put(branch, camera, b"\x01" + bytes(80))
    with pytest.raises(Conflict, match="the password of ‘Camera 0’"):
        branch.rotate(RotatedKey.NODE)
    assert half_done(branch.settings) == []
    branch.change_password(camera, "entered anew")
    branch.rotate(RotatedKey.NODE)
    assert branch.lost() == []


def test_what_nobody_needs_any_more_holds_no_rotation_up(branch: SealedBranch) -> None:
    fill(branch)
    camera = next(iter(branch.passwords))
    _put(branch, camera, b"\x01" + bytes(80))
    branch.remove_camera(camera)
    with branch.central.writing() as session:
        person = a_person(session, name="never came back")
        done(offer_totp(session, person, key=FixedKeys((random_bytes(KEY_BYTES),))))
    branch.rotate(RotatedKey.NODE)
    branch.rotate(RotatedKey.FACTORS)
    del branch.passwords[camera]
    assert branch.lost() == []


def test_a_broken_authenticator_is_named_and_the_old_key_stays(branch: SealedBranch) -> None:
    fill(branch)
    with branch.central.writing() as session:
        factors.put_secret(session, next(iter(branch.authenticators)), b"\x01" + bytes(80))
    with pytest.raises(Conflict, match="the authenticator of person 0"):
        branch.rotate(RotatedKey.FACTORS)
    assert half_done(branch.settings) == []


def _put(branch: SealedBranch, camera: object, sealed: bytes) -> None:
    with branch.central.writing() as session:
        details = done(camera_for(session, CONSOLE, camera))  # type: ignore[arg-type]
        camera_passwords.put(session, details.device.id, sealed)


def test_an_hour_key_that_no_key_opens_is_named_before_anything_is_begun_and_may_be_left(branch: SealedBranch) -> None:
    fill(branch)
    camera, hour = next(iter(branch.hours))
    _put_wrapped(branch, camera, hour, aes_key_wrap(random_bytes(KEY_BYTES), random_bytes(KEY_BYTES)))
    with pytest.raises(Conflict, match=rf"the footage key of camera {camera}, 1970-01-01 00:00 UTC.*--leave-unopenable"):
        branch.rotate(RotatedKey.FOOTAGE)
    assert half_done(branch.settings) == []
    del branch.hours[camera, hour]
    with branch.store() as store:
        rotation = footage_rotation(branch.settings, store, leave_unopenable=True)
        assert carry_out(rotation, branch.central, actor=CONSOLE, clock=CLOCK, tell=lambda *_: None).sealed_anew == 5
    assert (half_done(branch.settings), branch.lost()) == ([], [])


def test_an_hour_key_under_the_old_key_is_never_left(branch: SealedBranch, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(branch)
    monkeypatch.setattr(KeyStore, "rewrap", lambda *_: Rewrapped(None, 0))
    with branch.store() as store:
        rotation = footage_rotation(branch.settings, store, leave_unopenable=True)
        with pytest.raises(Unavailable, match="Run again"):
            carry_out(rotation, branch.central, actor=CONSOLE, clock=CLOCK, tell=lambda *_: None)
    assert branch.lost() == []


@REFUSED_BEFORE
def test_a_key_that_is_found_again_is_put_before_the_current_one_and_everything_comes_under_that(
    branch: SealedBranch, key: RotatedKey
) -> None:
    fill(branch)
    files, found = branch.files(key), random_bytes(KEY_BYTES)
    (current,) = files.fresh()
    _seal_one_to(branch, key, found)
    with pytest.raises(Conflict, match=rf"rename {files.path} to {files.next_path.name}, and put that key in its place"):
        branch.rotate(key)
    files.path.rename(files.next_path)
    files.path.write_bytes(found)
    files.path.chmod(0o600)
    assert branch.rotate(key).resumed
    assert branch.keys(key) == (current,)
    assert branch.lost() == []


@REFUSED_BEFORE
def test_no_key_is_to_be_renamed_while_there_are_two(branch: SealedBranch, key: RotatedKey) -> None:
    fill(branch)
    assert _fails_at(branch, key, "rotate:b")
    _seal_one_to(branch, key, random_bytes(KEY_BYTES))
    with pytest.raises(Conflict, match=r"Nothing was taken away\. (Enter|Reset|Let)"):
        branch.rotate(key)


def _seal_one_to(branch: SealedBranch, key: RotatedKey, another: bytes) -> None:
    """Have one of the secrets be under another key than it should."""
    public = sealing_public_key(another)
    match key:
        case RotatedKey.NODE:
            camera, password = next(iter(branch.passwords.items()))
            with branch.central.reading() as session:
                device = done(camera_for(session, CONSOLE, camera)).device
            _put(branch, camera, seal(public, password.encode(), password_aad(device.id, device.address)))
        case RotatedKey.FACTORS:
            person, secret = next(iter(branch.authenticators.items()))
            with branch.central.writing() as session:
                factors.put_secret(session, person, seal(public, secret.encode(), bound_to(person)))
        case RotatedKey.FOOTAGE:
            (camera, hour), hour_key = next(iter(branch.hours.items()))
            _put_wrapped(branch, camera, hour, aes_key_wrap(another, hour_key))


def _put_wrapped(branch: SealedBranch, camera: CameraId, hour: int, wrapped: bytes) -> None:
    for path in (branch.settings.keys1_path, branch.settings.keys2_path):
        with closing(dbapi2.connect(str(path), isolation_level=None)) as connection:
            connection.execute("UPDATE hour_key SET wrapped = ? WHERE camera = ? AND hour = ?", (wrapped, camera, hour))


def test_the_hub_seals_to_the_next_key_from_the_moment_that_the_node_has_it(branch: SealedBranch) -> None:
    fill(branch)
    assert _fails_at(branch, RotatedKey.NODE, "rotate:c")
    _, following = branch.keys(RotatedKey.NODE)
    with branch.central.reading() as session:
        assert nodes(session)[0].public_key == sealing_public_key(following)


def test_a_disk_that_refuses_the_next_key_is_told_and_leaves_nothing(sqlite_branch: SealedBranch) -> None:
    fill(sqlite_branch)
    before = sorted(sqlite_branch.settings.secrets_dir.iterdir())
    with armed("rotate:b1", _no_room), pytest.raises(Unavailable, match="No key was changed"):
        sqlite_branch.rotate(RotatedKey.NODE)
    assert sorted(sqlite_branch.settings.secrets_dir.iterdir()) == before
    assert sqlite_branch.lost() == []


def test_a_disk_that_does_not_keep_the_last_step_is_told(sqlite_branch: SealedBranch) -> None:
    fill(sqlite_branch)
    with armed("rotate:g", _no_room), pytest.raises(Unavailable, match=r"The new key is in place.*may not survive a power cut"):
        sqlite_branch.rotate(RotatedKey.FACTORS)
    assert sqlite_branch.lost() == []


def test_a_rotation_where_no_recorder_ever_ran_brings_the_nodes_copy_all_the_same(branch: SealedBranch) -> None:
    fill(branch)
    branch.settings.run_dir.rmdir()
    branch.rotate(RotatedKey.NODE)
    assert branch.lost() == []


def test_a_run_folder_that_can_not_be_made_is_told_and_both_keys_stay(branch: SealedBranch) -> None:
    fill(branch)
    branch.settings.run_dir.rmdir()
    branch.settings.run_dir.write_bytes(b"in the way")
    with pytest.raises(Unavailable, match="Both keys stay"):
        branch.rotate(RotatedKey.NODE)
    assert half_done(branch.settings) == [RotatedKey.NODE]
    assert branch.lost() == []


def test_a_machine_that_starts_while_a_rotation_begins_knows_itself(branch: SealedBranch) -> None:
    """The rotation's key and row come between the reading of the one and of the other."""
    fill(branch)

    class Late(KeyFiles):
        def fresh(self) -> tuple[bytes, ...]:
            keys = super().fresh()
            if not half_done(branch.settings):
                assert _fails_at(branch, RotatedKey.NODE, "rotate:c")
            return keys

    with branch.central.reading() as session:
        assert node_of(session, Late(branch.settings.node_key_path)) is not None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_account_makes_no_first_key_either(branch: SealedBranch) -> None:
    path = branch.files(RotatedKey.FACTORS).path
    path.unlink()
    os.chown(path.parent, 65534, -1)
    with pytest.raises(ConfigError, match="belongs to another account"):
        branch.rotate(RotatedKey.FACTORS)
    assert not path.exists()
    os.chown(path.parent, 0, -1)
    branch.rotate(RotatedKey.FACTORS)
    assert path.exists()


class Failed(Exception):
    pass


def _fail() -> None:
    raise Failed


def _no_room() -> None:
    raise OSError(28, os.strerror(28))
