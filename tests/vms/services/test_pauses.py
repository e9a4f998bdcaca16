"""Pauses of cameras: short, with a reason, by those who may, and what the node is told."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, a_camera, a_person, after, done, refused
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from vms.config import Settings
from vms.domain.access import AccessEvent, Action
from vms.domain.camera import CameraDetails, Pause, RecordingMode
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Role
from vms.errors import InvalidInput
from vms.services import hold_acts
from vms.services.access_log import DISTRICT
from vms.services.cameras import CameraEdit, camera_for, edit_camera, remove_camera
from vms.services.holds import NewHold, hold_for
from vms.services.pauses import MAX_PAUSE, pause_camera, resume_camera
from vms.services.provisional_holds import keep_at_once
from vms.services.sealed_holds import place_sealed
from vms.store import cameras, holds
from vms.store.access_log import Filter, find
from vms.store.database import Engines
from vms.store.stream_config import load, replace

PAUSE = Pause(after(3600).replace(microsecond=0), "Staff changing room is being built here.")


@pytest.fixture
def session(central: Engines) -> Iterator[Session]:
    with central.writing() as made:
        yield made


def events(session: Session) -> list[AccessEvent]:
    return list(find(session, DISTRICT, None, Filter(), limit=50))


def paused(session: Session, camera: CameraDetails, pause: Pause = PAUSE) -> CameraDetails:
    return done(pause_camera(session, CONSOLE, camera.camera.id, pause, at=NOW))


def actions(session: Session) -> list[Action]:
    return [event.action for event in events(session)]


def test_the_node_is_told_of_a_pause_with_a_new_version(session: Session, index: Engines) -> None:
    camera = a_camera(session)
    before = cameras.configuration(session, camera.device.node_id)
    paused(session, camera)
    told = cameras.configuration(session, camera.device.node_id)
    with index.write.begin() as connection:
        replace(connection, told)
    with index.read.begin() as connection:
        kept = load(connection)

    assert told.version > before.version
    assert {stream.pause for stream in told.streams} == {PAUSE}
    assert (kept.version, set(kept.streams)) == (told.version, set(told.streams))


def test_a_pause_and_its_end_are_in_the_access_log(session: Session) -> None:
    camera = a_camera(session)
    paused(session, camera)
    after_it = done(resume_camera(session, CONSOLE, camera.camera.id, at=after(60)))

    assert after_it.camera.pause is None
    assert {Action.CAMERA_PAUSE, Action.CAMERA_RESUME} <= set(actions(session))
    (event,) = [event for event in events(session) if event.action is Action.CAMERA_PAUSE]
    assert event.detail["reason"] == PAUSE.reason


@pytest.mark.parametrize(
    ("pause", "sentence"),
    [
        (Pause(NOW + MAX_PAUSE + timedelta(seconds=1), "A reason."), "12 hours at most"),
        (Pause(NOW, "A reason."), "over already"),
        (Pause(after(60), " "), "why the camera is paused"),
        (Pause(after(60), "x" * 201), "why the camera is paused"),
        (Pause(after(60), "a\x1b[31mb"), "why the camera is paused"),
    ],
    ids=["too-long", "over", "no-reason", "long-reason", "control"],
)
def test_a_pause_that_can_not_be_is_refused_in_a_sentence(session: Session, pause: Pause, sentence: str) -> None:
    camera = a_camera(session)

    with pytest.raises(InvalidInput, match=sentence):
        pause_camera(session, CONSOLE, camera.camera.id, pause, at=NOW)


def test_the_desk_pauses_no_camera(session: Session) -> None:
    camera = a_camera(session)
    desk = a_person(session, Role.DESK)

    for answer in (
        pause_camera(session, desk, camera.camera.id, PAUSE, at=NOW),
        resume_camera(session, desk, camera.camera.id, at=NOW),
    ):
        assert refused(answer).refusal is Refusal.NOT_ALLOWED
    assert Action.CAMERA_PAUSE not in actions(session)


def test_to_resume_what_is_not_paused_changes_nothing(session: Session) -> None:
    camera = a_camera(session)

    assert done(resume_camera(session, CONSOLE, camera.camera.id, at=NOW)).camera.version == camera.camera.version
    assert Action.CAMERA_RESUME not in actions(session)


def test_an_edit_leaves_the_pause_as_it_is(session: Session) -> None:
    camera = paused(session, a_camera(session))
    done(edit_camera(session, CONSOLE, camera.camera.id, CameraEdit(camera.camera.version, name="Hall"), at=NOW, allow_loopback=False))

    assert done(camera_for(session, CONSOLE, camera.camera.id)).camera.pause == PAUSE


@pytest.mark.parametrize(
    ("start_s", "end_s", "held"),
    [(0, None, True), (-9000, -3600, False), (-9000, 60, True), (1800, 5400, True), (7200, None, False)],
)
def test_a_camera_is_not_paused_while_a_hold_asks_for_what_it_records(
    session: Session, *, start_s: float, end_s: float | None, held: bool
) -> None:
    camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
    new = a_new_hold(of_cameras(camera.camera.id), start=after(start_s), end=None if end_s is None else after(end_s))
    hold = a_hold(session, director, new)
    if not held:
        paused(session, camera)
        return
    said = refused(pause_camera(session, CONSOLE, camera.camera.id, PAUSE, at=NOW))
    assert (said.refusal, said.logged, hold.spoken in said.sentence) == (Refusal.NOT_ALLOWED, True, True)
    assert actions(session)[0] is Action.ACCESS_REFUSE
    holds.release(session, hold.id, by="system:holds", at=NOW)
    paused(session, camera)


def _with_mode(session: Session, camera: CameraDetails, mode: RecordingMode) -> CameraDetails | Refused:
    version = done(camera_for(session, CONSOLE, camera.camera.id)).camera.version
    return edit_camera(session, CONSOLE, camera.camera.id, CameraEdit(version, recording_mode=mode), at=NOW, allow_loopback=False)


@pytest.mark.parametrize("mode", [RecordingMode.WEEKLY, RecordingMode.LIVE_ONLY, RecordingMode.OFF])
def test_a_camera_records_no_less_while_a_hold_asks_for_what_it_is_to_record(session: Session, mode: RecordingMode) -> None:
    camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
    over = a_hold(session, director, a_new_hold(of_cameras(camera.camera.id), start=after(-9000), end=after(-3600)))
    done(_with_mode(session, camera, mode))
    done(_with_mode(session, camera, RecordingMode.ALWAYS))
    hold = a_hold(session, director, a_new_hold(of_cameras(camera.camera.id), start=after(-9000), end=None))
    said = refused(_with_mode(session, camera, mode))
    assert (said.refusal, said.logged, hold.spoken in said.sentence) == (Refusal.NOT_ALLOWED, True, True)
    assert over.spoken not in said.sentence
    assert actions(session)[0] is Action.ACCESS_REFUSE
    assert done(camera_for(session, CONSOLE, camera.camera.id)).camera.recording_mode is RecordingMode.ALWAYS
    holds.release(session, hold.id, by="system:holds", at=NOW)
    assert done(_with_mode(session, camera, mode)).camera.recording_mode is mode


def test_a_camera_is_not_removed_while_a_hold_asks_for_what_it_is_to_record(session: Session) -> None:
    camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
    hold = a_hold(session, director, a_new_hold(of_cameras(camera.camera.id), start=after(-9000), end=None))
    said = refused(remove_camera(session, CONSOLE, camera.camera.id, at=NOW))
    assert (said.refusal, said.logged, hold.spoken in said.sentence, "not removed" in said.sentence) == (Refusal.NOT_ALLOWED, *[True] * 3)
    assert done(camera_for(session, CONSOLE, camera.camera.id)).camera.removed_at is None
    holds.release(session, hold.id, by="system:holds", at=NOW)
    a_hold(session, director, a_new_hold(of_cameras(camera.camera.id), start=after(-9000), end=after(-3600)))
    assert done(remove_camera(session, CONSOLE, camera.camera.id, at=NOW)).camera.removed_at == NOW


def test_a_camera_that_records_nothing_anyway_is_removed_under_a_hold(session: Session) -> None:
    camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
    done(_with_mode(session, camera, RecordingMode.OFF))
    a_hold(session, director, a_new_hold(of_cameras(camera.camera.id), end=None))
    assert done(remove_camera(session, CONSOLE, camera.camera.id, at=NOW)).camera.removed_at == NOW


def test_a_sealed_hold_keeps_no_camera_from_being_removed_since_that_would_tell_of_it(session: Session, settings: Settings) -> None:
    camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
    new = dataclasses.replace(a_new_hold(of_cameras(camera.camera.id), end=None), sealed=True)
    done(place_sealed(session, settings, director, new, at=NOW))
    assert done(remove_camera(session, CONSOLE, camera.camera.id, at=NOW)).camera.removed_at == NOW


def test_a_camera_under_a_hold_may_be_set_to_record_more(session: Session) -> None:
    camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
    done(_with_mode(session, camera, RecordingMode.OFF))
    a_hold(session, director, a_new_hold(of_cameras(camera.camera.id), end=None))
    for mode in (RecordingMode.LIVE_ONLY, RecordingMode.WEEKLY, RecordingMode.ALWAYS):
        assert done(_with_mode(session, camera, mode)).camera.recording_mode is mode


def test_a_sealed_hold_keeps_nobody_from_a_mode_since_that_would_tell_of_it(session: Session, settings: Settings) -> None:
    camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
    new = dataclasses.replace(a_new_hold(of_cameras(camera.camera.id), end=None), sealed=True)
    done(place_sealed(session, settings, director, new, at=NOW))
    assert done(_with_mode(session, camera, RecordingMode.OFF)).camera.recording_mode is RecordingMode.OFF


def test_a_sealed_hold_refuses_no_pause_since_that_would_tell_of_it(session: Session, settings: Settings) -> None:
    camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
    new = dataclasses.replace(a_new_hold(of_cameras(camera.camera.id), end=None), sealed=True)
    done(place_sealed(session, settings, director, new, at=NOW))
    paused(session, camera)


@pytest.mark.parametrize(("start_s", "end_s", "ends"), [(-9000, None, True), (3659, None, True), (3661, None, False), (-9000, -61, False)])
def test_a_hold_ends_the_pause_of_a_camera_that_it_asks_to_be_recorded(
    session: Session, settings: Settings, *, start_s: float, end_s: float | None, ends: bool
) -> None:
    camera, director = paused(session, a_camera(session)), a_person(session, Role.DIRECTOR)
    other = paused(session, a_camera(session, camera.branch, name="Hall", host="10.20.1.77"))
    new = a_new_hold(of_cameras(camera.camera.id), start=after(start_s), end=None if end_s is None else after(end_s))
    before = cameras.configuration(session, camera.device.node_id).version
    placed = done(hold_acts.place_hold(session, settings, director, new, at=NOW))

    assert [one.camera.id for one in placed.resumed] == ([camera.camera.id] if ends else [])
    assert (done(camera_for(session, CONSOLE, camera.camera.id)).camera.pause is None) == ends
    assert done(camera_for(session, CONSOLE, other.camera.id)).camera.pause == PAUSE
    assert (cameras.configuration(session, camera.device.node_id).version > before) == ends
    if ends:
        event = events(session)[0]
        assert (event.action, event.actor, event.camera_id) == (Action.CAMERA_RESUME, director.label, camera.camera.id)
        assert placed.hold.spoken in event.detail["why"]


def test_a_pause_that_is_over_is_not_ended_again(session: Session, settings: Settings) -> None:
    camera, director = paused(session, a_camera(session)), a_person(session, Role.DIRECTOR)
    new = a_new_hold(of_cameras(camera.camera.id), end=None)
    assert done(hold_acts.place_hold(session, settings, director, new, at=PAUSE.until)).resumed == ()


def test_what_staff_keep_at_once_ends_a_pause_too(session: Session, settings: Settings) -> None:
    camera, desk = paused(session, a_camera(session)), a_person(session, Role.DESK)
    done(keep_at_once(session, settings, desk, frozenset({camera.camera.id}), "somebody fell", at=NOW))
    assert done(camera_for(session, CONSOLE, camera.camera.id)).camera.pause is None


def test_a_sealed_hold_ends_no_pause_and_who_may_know_of_it_sees_the_pause(session: Session, settings: Settings) -> None:
    camera, director = paused(session, a_camera(session)), a_person(session, Role.DIRECTOR)
    before = actions(session)
    new: NewHold = dataclasses.replace(a_new_hold(of_cameras(camera.camera.id), end=None), sealed=True)
    placed = done(hold_acts.place_hold(session, settings, director, new, at=NOW))
    assert (placed.resumed, actions(session)) == ((), before)
    standing = done(hold_for(session, director, placed.hold.id))
    assert [(one.camera_id, one.paused_until) for one in standing.paused(NOW)] == [(camera.camera.id, PAUSE.until)]
    assert standing.paused(PAUSE.until) == []
    done(resume_camera(session, CONSOLE, camera.camera.id, at=after(1)))
    assert done(hold_for(session, director, placed.hold.id)).paused(after(2)) == []
