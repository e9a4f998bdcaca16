"""The status document: what `vms status --json` prints."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.factories import CONSOLE, NOW, VOLUME, a_branch, a_camera, a_gap, a_person, a_run, a_segment, after, done, elsewhere, span
from tests.vms.services.holding import deciders
from vms.domain.camera import CameraDetails, CameraState, RecordingMode, StreamStatus
from vms.domain.footage import Coverage, Gap, GapReason
from vms.domain.hours import LocalHours, hours_of
from vms.domain.policy import DISTRICT, Days
from vms.domain.timeline import OPEN_SEGMENT_ALLOWANCE
from vms.domain.timespan import Timespan
from vms.services.district import District, save_district
from vms.services.hub_link import LocalHub
from vms.services.policies import NewPolicy, checked_hours, set_policy
from vms.services.status import HOURS, StatusDocument, expected_of, status_document
from vms.store import policies, volumes
from vms.store.batch import IndexBatch, apply_batch
from vms.store.database import Engines

_NOW = after(3600)


def _document(central: Engines, index: Engines) -> StatusDocument:
    with central.reading() as session, index.read.begin() as connection:
        return status_document(session, connection, actor=CONSOLE, now=_NOW)


def _recorded(index: Engines, camera: CameraDetails, *pieces: tuple[float, float]) -> None:
    stream = camera.camera.streams[0].id
    with index.write.begin() as connection:
        runs = tuple(a_run(start, end, stream=stream) for start, end in pieces)
        gaps = tuple(a_gap(end, start, stream=stream) for (_, end), (start, _) in pairwise(pieces))
        apply_batch(connection, IndexBatch(runs=runs, gaps=gaps))


def test_a_camera_shows_its_state_and_what_was_recorded(central: Engines, index: Engines) -> None:
    with central.writing() as session:
        camera = a_camera(session)
    stream = camera.camera.streams[0].id
    LocalHub(central).report_states(camera.device.node_id, [StreamStatus(stream, CameraState.RECORDING, after(1800))], at=after(3595))
    _recorded(index, camera, (0, 1500), (1800, 3540))
    shown = _document(central, index)["cameras"][0]
    assert (shown["id"], shown["name"], shown["branch"]) == (camera.camera.id, "Entrance", "Main Street")
    assert (shown["state"], shown["since"]) == ("recording", after(1800).isoformat())
    assert (shown["expected_s"], shown["recorded_s"]) == pytest.approx((3540, 3240), abs=0.01)
    assert [(gap["reason"], gap["detail"]) for gap in shown["gaps"]] == [("offline", "no answer from 10.20.1.11")]


def test_a_camera_that_no_recorder_reports_is_offline_and_says_why(central_sqlite: Engines, index: Engines) -> None:
    with central_sqlite.writing() as session:
        a_camera(session)
    shown = _document(central_sqlite, index)["cameras"][0]
    assert (shown["state"], shown["since"]) == ("offline", None)
    assert "vms record" in shown["detail"]


def test_an_old_report_says_nothing_about_now(central_sqlite: Engines, index: Engines) -> None:
    with central_sqlite.writing() as session:
        camera = a_camera(session)
    status = StreamStatus(camera.camera.streams[0].id, CameraState.RECORDING, NOW)
    LocalHub(central_sqlite).report_states(camera.device.node_id, [status], at=after(60))
    shown = _document(central_sqlite, index)["cameras"][0]
    assert (shown["state"], shown["since"]) == ("offline", after(60).isoformat())


def test_volumes_show_what_they_hold_and_whether_they_are_there(central_sqlite: Engines, index: Engines, tmp_path: Path) -> None:
    with index.write.begin() as connection:
        volumes.register(connection, VOLUME, tmp_path)
        apply_batch(connection, IndexBatch((a_segment(),)))
    shown = _document(central_sqlite, index)["volumes"]
    assert [(volume["id"], volume["state"], volume["live_bytes"]) for volume in shown] == [(VOLUME, "ok", 1_000_000)]
    assert shown[0]["free_bytes"]
    with index.write.begin() as connection:
        volumes.register(connection, VOLUME, tmp_path / "unmounted" / "disk")
    assert _document(central_sqlite, index)["volumes"][0]["free_bytes"] is None


def test_without_an_index_states_are_shown_alone(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        a_camera(session)
        shown = status_document(session, None, actor=CONSOLE, now=_NOW)
    assert (shown["cameras"][0]["expected_s"], shown["volumes"]) == (0, [])


def test_somebody_elses_cameras_are_not_shown(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        a_camera(session)
        stranger = elsewhere(a_person(session), a_branch(session, "West").id)
        assert status_document(session, None, actor=stranger, now=_NOW)["cameras"] == []


@pytest.fixture
def camera(central_sqlite: Engines) -> CameraDetails:
    with central_sqlite.writing() as session:
        return a_camera(session)


def _expected(camera: CameraDetails, recorded: list[Timespan], gaps: list[Gap]) -> float:
    told = Coverage(camera.camera.streams[0].id, tuple(recorded), tuple(gaps))
    due = expected_of(camera, told, Timespan(_NOW - timedelta(hours=1), _NOW), _NOW)
    return sum((part.duration for part in due), timedelta()).total_seconds()


def test_a_camera_that_never_recorded_is_expected_but_for_the_newest_minutes(camera: CameraDetails) -> None:
    assert _expected(camera, [], []) == 3600 - OPEN_SEGMENT_ALLOWANCE.total_seconds()


def test_a_gap_that_lasts_is_expected_up_to_now(camera: CameraDetails) -> None:
    assert _expected(camera, [span(0, 1000)], [a_gap(1000, None)]) == pytest.approx(3600, abs=0.01)


def test_a_camera_is_not_expected_before_it_was_approved(camera: CameraDetails) -> None:
    late = replace(camera, camera=replace(camera.camera, placement_approved_at=after(3000)))
    assert _expected(late, [span(3000, 3590)], []) == 590
    waiting = replace(camera, camera=replace(camera.camera, placement_approved_at=None))
    assert _expected(waiting, [], []) == 0


def test_what_somebody_decided_to_leave_out_is_not_expected(camera: CameraDetails) -> None:
    gaps = [a_gap(600, 1200, GapReason.PAUSED), a_gap(1200, 1500, GapReason.OFFLINE), a_gap(3000, None, GapReason.OFF)]
    assert _expected(camera, [span(0, 600), span(1500, 3000)], gaps) == pytest.approx(2400, abs=0.01)
    assert _expected(camera, [], [a_gap(-100, None, GapReason.OFF)]) == 0


def test_a_camera_that_is_not_to_be_recorded_is_not_expected(camera: CameraDetails) -> None:
    live = replace(camera, camera=replace(camera.camera, recording_mode=RecordingMode.LIVE_ONLY))
    assert _expected(live, [], []) == 0


def test_outside_its_weekly_hours_a_camera_is_not_expected_whatever_its_recorder_does(camera: CameraDetails) -> None:
    """No recorder ran for an hour, of which the last ten minutes are in the hours of its place."""
    weekly = replace(camera, camera=replace(camera.camera, recording_mode=RecordingMode.WEEKLY))
    told = Coverage(weekly.camera.streams[0].id, (), (a_gap(0, None, GapReason.RECORDER_CRASHED),))
    hour = Timespan(_NOW - timedelta(hours=1), _NOW)
    opens = _NOW - timedelta(minutes=10)
    zone = ZoneInfo("America/Los_Angeles")
    hours = LocalHours(hours_of(f"Sat {opens.astimezone(zone):%H:%M}-23:00; Sun-Fri closed"), "America/Los_Angeles")
    (due,) = expected_of(weekly, told, hour, _NOW, hours)
    assert (due.start, due.end) == (opens.replace(second=0, microsecond=0), _NOW)
    left_out = replace(told, gaps=(a_gap(0, None, GapReason.OUTSIDE_HOURS),))
    assert expected_of(weekly, left_out, hour, _NOW, hours) == []


def test_the_document_goes_by_the_hours_that_the_policy_says(central_sqlite: Engines, index: Engines) -> None:
    with central_sqlite.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        director, _ = deciders(session)
        camera = a_camera(session, recording_mode=RecordingMode.WEEKLY)
        _recorded(index, camera, (0, 600))
    with central_sqlite.reading() as session, index.read.begin() as connection:
        (before,) = status_document(session, connection, actor=CONSOLE, now=_NOW)["cameras"]
    assert before["expected_s"] > 3000
    with central_sqlite.writing() as session:
        new = NewPolicy(DISTRICT, Days(0, 14, 30, checked_hours("Mon-Sun closed")), "nobody is here")
        waiting = done(set_policy(session, director, new, at=NOW))
        assert waiting.waits is not None
        policies.put_in_force(session, waiting.policy.version, by=CONSOLE, by_name="console", at=NOW)
    with central_sqlite.reading() as session, index.read.begin() as connection:
        (shown,) = status_document(session, connection, actor=CONSOLE, now=_NOW)["cameras"]
    assert (shown["expected_s"], sum(hour["expected_s"] for hour in shown["hours"])) == (0.0, 0.0)


def test_what_the_recorder_has_not_entered_yet_counts_from_the_first_seconds(central_sqlite: Engines, index: Engines) -> None:
    with central_sqlite.writing() as session:
        camera = a_camera(session)
    stream = camera.camera.streams[0].id
    written = {stream: [a_run(3590, 3594, stream=stream), a_run(3590, 3598, stream=stream)]}
    with central_sqlite.reading() as session, index.read.begin() as connection:
        document = status_document(session, connection, actor=CONSOLE, now=_NOW, unpublished=written)

    assert document["cameras"][0]["recorded_s"] == pytest.approx(8, abs=0.01)
    assert document["cameras"][0]["expected_s"] >= 8


def test_each_hour_of_the_last_day_says_what_was_due_and_what_was_recorded(central_sqlite: Engines, index: Engines) -> None:
    """The camera was approved at 15:09:26 and is looked at two hours later; it was away for ten minutes around 16:00."""
    with central_sqlite.writing() as session:
        camera = a_camera(session)
    to_four = 50 * 60 + 33.464103
    _recorded(index, camera, (0, to_four - 300), (to_four + 300, 7200))
    with central_sqlite.reading() as session, index.read.begin() as connection:
        hours = status_document(session, connection, actor=CONSOLE, now=after(7200))["cameras"][0]["hours"]

    assert len(hours) == HOURS
    assert [hour["start"] for hour in hours[-3:]] == [f"2026-03-14T{hour}:00:00+00:00" for hour in (15, 16, 17)]
    assert [hour["expected_s"] for hour in hours[:-3]] == [0.0] * (HOURS - 3)
    assert [hour["expected_s"] for hour in hours[-3:]] == pytest.approx([to_four, 3600, 7200 - to_four - 3600], abs=0.1)
    assert [hour["recorded_s"] for hour in hours[-3:]] == pytest.approx([to_four - 300, 3300, 7200 - to_four - 3600], abs=0.1)
