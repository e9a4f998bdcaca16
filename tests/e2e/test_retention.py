"""`vms retain` as it runs in an installation: beside the recorder, killed, beside a hold, and by a clock that nobody trusts."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from tests.factories import a_person
from tests.product import Product
from tests.recorder.site import CLOCK, Cameras, Site, a_site, stream_of
from tests.retention.footage import footage
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from tests.waiting import wait_until
from vms.domain.access import Action
from vms.domain.camera import CameraDetails
from vms.domain.footage import GapReason, Segment
from vms.domain.people import Role
from vms.domain.timespan import datetime_of_ms
from vms.services.access_log import DISTRICT
from vms.store import access_log, hold_replica, holds, leases, purge_log
from vms.store.purging import PURGE_STEPS

pytestmark = pytest.mark.slow
MINUTES = 40
HELD_FROM, HELD_TO = 20, 25
"""Of these minutes a hold keeps the middle."""


@dataclass(slots=True)
class Old:
    """An installation with a camera, and with footage of it that is six days past its window."""

    site: Site
    product: Product
    camera: CameraDetails
    segments: list[Segment]

    def left(self) -> list[bool]:
        volume = self.site.volume()
        return [volume.segment_path(one.id).exists() for one in self.segments]

    def hold_the_middle(self) -> None:
        """Place a hold as the Director does, without waiting for any node."""
        start, end = (datetime_of_ms(self.segments[minute].start_ms) for minute in (HELD_FROM, HELD_TO))
        with self.site.central.writing() as session:
            a_hold(session, a_person(session, Role.DIRECTOR), a_new_hold(of_cameras(self.camera.camera.id), start=start, end=end))

    def record_more(self, minutes: int) -> list[Segment]:
        """Make footage that begins 20 days ago."""
        start, camera = CLOCK.now() - timedelta(days=20), self.camera.camera
        with closing(self.site.keys()) as keys:
            starts = [start + timedelta(minutes=minute) for minute in range(minutes)]
            return footage(self.site.index, self.site.volume(), keys, starts, stream=stream_of(self.camera), camera=camera.id)

    def applied(self) -> int:
        """Return up to which change holds are in force here."""
        with self.site.index.read.begin() as connection:
            return hold_replica.applied_seq(connection)


@pytest.fixture
def cameras() -> Iterator[Cameras]:
    made = Cameras(1)
    yield made
    made.close()


@pytest.fixture
def old(tmp_path: Path, cameras: Cameras) -> Iterator[Old]:
    with a_site(tmp_path / "data") as site:
        camera = site.add_camera("Door", cameras.demo.port, cameras.demo.path(cameras.demo.keys[0]))
        made = Old(site, Product(site.settings.data_dir), camera, [])
        made.segments += made.record_more(MINUTES)
        yield made


def _kept_by_the_hold(left: list[bool]) -> bool:
    """The held minutes, and at each side what the roll of a minute and two seconds of clock error touch."""
    return left == [HELD_FROM - 2 <= minute < HELD_TO + 2 for minute in range(MINUTES)]


def test_what_is_past_its_window_goes_while_cameras_are_recorded_and_what_is_held_stays(old: Old) -> None:
    """All of `vms up`; the key of the hours that are empty goes too, and index and files agree afterwards."""
    old.hold_the_middle()
    stream = stream_of(old.camera)
    with old.product.running("up", "--listen", "127.0.0.1:0") as up:
        up.line("footage purged")
        fresh = old.site.wait_for_segments(stream, 3)
    assert _kept_by_the_hold(old.left()), old.left()
    assert all(old.site.volume().segment_path(one.id).exists() for one in fresh)
    assert old.product.must("check", "--json").document()["violations"] == []
    with old.site.central.reading() as session:
        (hold,) = holds.unreleased(session)
        (answer,) = leases.answers_of(session, hold.id)
    assert (answer.answer.kept_segments, answer.answer.condemned_segments, answer.answer.purged_segments) == (HELD_TO - HELD_FROM + 4, 0, 0)


@pytest.mark.parametrize("step", PURGE_STEPS)
def test_what_was_killed_in_the_middle_is_finished_by_the_next_pass(old: Old, step: str) -> None:
    """The processes as they run; `tests/retention/test_crashes.py` has every step."""
    old.hold_the_middle()
    killed = Product(old.product.data, VMS_FAILPOINT=step).vms("retain", "--once")
    assert killed.code == -signal.SIGKILL, killed.err
    assert not _kept_by_the_hold(old.left()) or step == PURGE_STEPS[-1]
    passed = old.product.must("retain", "--once", "--json").document()
    assert passed["paused"] is None
    assert _kept_by_the_hold(old.left()), old.left()
    with old.site.index.read.begin() as connection:
        assert purge_log.open_batches(connection) == []


def test_a_dry_run_deletes_nothing_and_says_what_would_go(old: Old) -> None:
    old.hold_the_middle()
    told = old.product.must("retain", "--dry-run", "--json").document()
    assert all(old.left())
    (camera,) = told["cameras"]
    assert (camera["name"], camera["segments"] + camera["kept"]) == ("Branch of Door/Door", MINUTES)
    passed = old.product.must("retain", "--once", "--json").document()
    assert (passed["purged"], passed["kept"]) == (camera["segments"], camera["kept"])
    assert "holds keep" in old.product.must("retain", "--once").err + old.product.must("retain", "--once").out


def test_a_hold_is_in_force_within_seconds_of_its_placing(old: Old) -> None:
    """Before the next pass, which is due in an hour."""
    with old.product.running("retain") as retain:
        retain.line("footage purged")
        before = old.applied()
        old.hold_the_middle()
        wait_until(lambda: old.applied() > before, seconds=5)


def test_by_a_clock_that_leapt_nothing_goes_until_somebody_says_that_it_is_right(old: Old) -> None:
    """400 days ahead of the time that has passed: as if the last pass had been that long before by the clock."""
    old.product.must("retain", "--once")
    more = old.record_more(MINUTES)
    with old.site.index.write.begin() as connection:
        connection.execute(text("UPDATE deletion_lease SET at_ms = at_ms - 400 * 86400000"))
    paused = old.product.vms("retain", "--once")
    assert paused.code == 1
    assert "went forward by 400 days" in paused.err
    assert all(old.site.volume().segment_path(one.id).exists() for one in more)
    old.product.must("retain", "--trust-clock")
    old.product.must("retain", "--once")
    assert not any(old.site.volume().segment_path(one.id).exists() for one in more)
    with old.site.central.reading() as session:
        entries = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.CLOCK_TRUST})), limit=9)
    assert len(entries) == 1


def test_no_footage_goes_while_the_hub_does_not_answer(old: Old) -> None:
    """Somebody else has the central database to himself."""
    with old.site.central.write.begin():
        said = old.product.vms("retain", "--once", "--json")
    assert said.code == 1
    assert "does not answer" in said.document()["paused"]
    assert all(old.left())


def test_a_segment_past_its_window_is_not_decrypted_at_the_console_either(old: Old) -> None:
    """Not while it waits for a pass, and not when it is condemned and its disk has it still."""
    old.product.must("retain", "--dry-run")
    waits = old.product.vms("segment", "cat", old.segments[0].id)
    assert waits.code == 2
    assert "its day has come" in waits.err
    Product(old.product.data, VMS_FAILPOINT="retain:condemn").vms("retain", "--once")
    with old.site.index.write.begin() as connection:
        connection.execute(text("UPDATE stream_rule SET keep_ms = keep_ms * 100"))
    assert old.left()[0]
    condemned = old.product.vms("segment", "cat", old.segments[0].id)
    assert condemned.code == 2
    assert "its day has come" in condemned.err


def test_on_a_full_volume_recording_goes_on_when_what_is_past_its_window_has_gone(tmp_path: Path, cameras: Cameras) -> None:
    """Nothing goes before its day: the newest old footage stays."""
    with a_site(tmp_path / "data", max_bytes=60_000_000) as site:
        camera = site.add_camera("Door", cameras.demo.port, cameras.demo.path(cameras.demo.keys[0]))
        stream, volume = stream_of(camera), site.volume()
        days = [CLOCK.now() - timedelta(days=20, minutes=minute) for minute in range(6)]
        late = CLOCK.now() - timedelta(days=13)
        content = random.Random(1).randbytes(8_000_000)
        with closing(site.keys()) as keys:
            old = footage(site.index, volume, keys, days, stream=stream, camera=camera.camera.id, content=content)
            (newer,) = footage(site.index, volume, keys, [late], stream=stream, camera=camera.camera.id, content=content)
        site.start()
        wait_until(lambda: [gap for gap in site.gaps(stream) if gap.reason is GapReason.DISK_FULL], seconds=60)
        before = len(site.segments(stream))
        Product(site.settings.data_dir).must("retain", "--once")
        site.wait_for_segments(stream, before + 2)
        assert not any(volume.segment_path(one.id).exists() for one in old)
        assert volume.segment_path(newer.id).exists()


def test_a_day_is_attested_by_the_command_line_and_its_purge_log_by_the_access_log(old: Old) -> None:
    """Exit code 1 while something is left that should be gone, 0 when it is gone."""
    day = f"{datetime_of_ms(old.segments[0].start_ms).astimezone(ZoneInfo('America/Los_Angeles')):%Y-%m-%d}"
    words = ("retention", "attest", "--camera", "Door", "--day", day)
    old.product.must("retain", "--dry-run")
    left = old.product.vms(*words, "--json")
    assert (left.code, left.document()["verdict"]) == (1, "left")
    assert old.product.vms("retention", "attest", "--json").document()["overdue"] is True
    old.product.must("retain", "--once")
    gone = old.product.must(*words, "--json").document()
    assert (gone["verdict"], gone["rows"], gone["files"], gone["keys_there"], gone["heads"]) == ("gone", 0, 0, 0, 1)
    assert 0 < sum(purge["segments"] for purge in gone["purges"]) <= MINUTES
    assert {purge["policy_version"] for purge in gone["purges"]} == {1}
    said = old.product.must(*words).out
    assert "nothing else is left" in said
    assert "compared with 1 notes in the access log" in said
    assert old.product.must("retention", "attest", "--json").document()["overdue"] is False
    assert "kept for" in old.product.must("retention", "attest").out


@pytest.mark.parametrize(
    "words", [("--day", "2026-11-02"), ("--camera", "Door"), ("--camera", "No", "--day", "2026-11-02"), ("--camera", "Door", "--day", "x")]
)
def test_what_names_no_day_of_a_camera_is_refused(old: Old, words: tuple[str, ...]) -> None:
    said = old.product.vms("retention", "attest", *words)
    assert said.code == 2
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("words", [("--once", "--dry-run"), ("--once", "--trust-clock"), ("--json",), ("--trust-clock", "--json")])
def test_what_does_not_go_together_is_refused(old: Old, words: tuple[str, ...]) -> None:
    said = old.product.vms("retain", *words)
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert all(old.left())
