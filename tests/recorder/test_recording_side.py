"""The record side of one stream: runs and gaps as the supervisor hears of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from recorder.clock import WallAnchor
from recorder.keys import KeyRing
from recorder.open_segment import OpenSegment, hour_of
from recorder.recording import Recording
from recorder.rtp.access_unit import UNIT_BYTES, AccessUnit
from recorder.wire import FromWorker, Missing, Record, RunChanged, SegmentPublished
from recorder.writer import MAX_QUEUED_BYTES, Abandoned, Published, Reached, VolumeCondition, WriterReport, WriterThread
from tests.recorder.test_clock import DrivenClock
from tests.recorder.units import parameter_sets, unit
from vms.domain.footage import GapReason
from vms.domain.ids import CameraId, SegmentId, StreamId, segment_id
from vms.domain.timespan import MS_PER_HOUR, TICKS_PER_MS, TICKS_PER_SECOND
from vms.store.files import Volume


class Studio:
    """A recording side on a real volume; its writer works when told to."""

    def __init__(self, folder: Path, *, mode: str = "always", not_before: int = 0, segment_seconds: int = 4) -> None:
        self.clock = DrivenClock(seconds=0.0)
        self.sent: list[FromWorker] = []
        self.listed: dict[SegmentId, OpenSegment] = {}
        self._reports: list[WriterReport] = []
        self.writer = WriterThread(Volume.create(folder), clock=self.clock, sync_seconds=1, report=self._reports.append, listed=self.listed)
        anchor = WallAnchor(self.clock)
        self.now = anchor.now()
        keys = KeyRing()
        for hour in range(hour_of(self.now) - 1, hour_of(self.now) + 3):
            keys.add(CameraId(11), hour, bytes(32))
        order = Record(5, 11, "Entrance", "rtsp", "127.0.0.1", 554, "/", "", "", mode, not_before)
        self.recording = Recording(
            order, writers=[self.writer], keys=keys, anchor=anchor, segment_ticks=segment_seconds * TICKS_PER_SECOND, send=self.sent.append
        )
        self._started = False

    def film(self, numbers: range, *, arrival: float = 0.0, rtp: int = 0, size: int = 100) -> None:
        for number in numbers:
            self.recording.pictures([unit(number, arrival=arrival, rtp=rtp, size=size)])

    def settle(self) -> list[FromWorker]:
        """Let the writer do everything and return what was sent."""
        if not self._started:
            self.writer.start()
            self._started = True
        assert self.writer.stop(10)
        for report in self._reports:
            match report:
                case Published(_, segment):
                    self.sent.append(SegmentPublished.of(segment))
                case Abandoned(segment, condition, sentence):
                    self.recording.abandoned(segment, condition, sentence)
                case Reached(mark):
                    mark()
                case _:
                    pass
        return self.sent

    def close(self) -> None:
        if self._started:
            assert self.writer.stop(10)

    def runs(self) -> list[RunChanged]:
        return [message for message in self.sent if isinstance(message, RunChanged)]

    def missing(self) -> list[Missing]:
        return [message for message in self.sent if isinstance(message, Missing)]


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    made = Studio(tmp_path / "volume")
    yield made
    made.close()


def changed(sets_width: int, number: int, arrival: float) -> AccessUnit:
    return replace(unit(0, sets=parameter_sets(sets_width), arrival=arrival), rtp_timestamp=number * 3600)


def test_a_run_is_announced_and_ended_where_its_last_segment_ends(studio: Studio) -> None:
    studio.film(range(100))
    studio.recording.end(GapReason.OFFLINE, "The camera closed the connection.")
    sent = studio.settle()

    begun, ended = studio.runs()
    last = [message for message in sent if isinstance(message, SegmentPublished)][-1].segment
    assert (begun.start_ms, begun.end_ms, begun.end_reason) == (begun.start_ms, begun.start_ms, None)
    assert (ended.start_ms, ended.end_ms, ended.end_reason) == (begun.start_ms, last.end_ticks // 90, "offline")


def test_pictures_handed_over_together_count_from_when_each_of_them_came(studio: Studio) -> None:
    studio.recording.pictures([unit(number) for number in range(30)])
    studio.recording.end(GapReason.OFFLINE, "")
    studio.settle()

    assert [run.start_ms for run in studio.runs()] == [studio.now // TICKS_PER_MS] * 2


def test_a_keyframe_with_other_parameter_sets_ends_the_run_in_the_middle_of_what_is_handed_over(studio: Studio) -> None:
    together = [unit(number) for number in range(50)]
    together[25] = replace(together[25], parameter_sets=parameter_sets(128))
    studio.recording.pictures([replace(each, arrival=2.0) for each in together])
    studio.recording.end(GapReason.OFFLINE, "")
    studio.settle()

    begun, ended = studio.runs()
    assert (ended.end_ms - begun.start_ms, ended.end_reason) == (1000, "stream_changed")


def test_the_end_is_told_after_everything_was_published(studio: Studio) -> None:
    studio.film(range(100))
    studio.recording.end(GapReason.OFFLINE, "")
    kinds = [type(message) for message in studio.settle()]

    assert kinds[-2:] == [RunChanged, Missing]
    assert SegmentPublished in kinds[:-2]


def test_missing_time_begins_where_the_run_ended(studio: Studio) -> None:
    studio.film(range(100))
    studio.recording.end(GapReason.OFFLINE, "")
    studio.settle()

    (missing,) = studio.missing()
    assert missing.since_ticks == studio.now + 4 * TICKS_PER_SECOND


def test_one_reason_is_told_once(studio: Studio) -> None:
    for _ in range(3):
        studio.recording.still_missing(GapReason.OFFLINE, "No route to the camera.")
    studio.recording.still_missing(GapReason.REFUSED, "The camera does not take the password.")

    assert [message.reason for message in studio.missing()] == ["offline", "refused"]


def test_changed_parameter_sets_begin_a_new_run(studio: Studio) -> None:
    studio.film(range(50))
    studio.recording.pictures([changed(128, 50, 2.0)])
    studio.recording.end(GapReason.RECORDER_STOPPED, "")
    sent = studio.settle()

    segments = [message.segment for message in sent if isinstance(message, SegmentPublished)]
    assert [segment.width for segment in segments] == [64, 128]
    assert [run.end_reason for run in studio.runs() if run.end_reason] == ["stream_changed", "recorder_stopped"]


def test_a_stream_that_changes_with_every_picture_begins_one_run_a_second(studio: Studio) -> None:
    for number in range(100):
        studio.recording.pictures([changed(64 + 16 * (number % 2), number, number / 25)])
    studio.recording.end(GapReason.RECORDER_STOPPED, "")
    studio.settle()

    begun = [run for run in studio.runs() if not run.end_reason]
    assert len(begun) == 4
    assert {message.reason for message in studio.missing()} == {"stream_changed"}


def test_a_jump_of_the_time_stamps_begins_a_new_run_that_does_not_overlap(studio: Studio) -> None:
    studio.film(range(50))
    studio.film(range(50, 100), rtp=30 * TICKS_PER_SECOND)
    studio.recording.end(GapReason.RECORDER_STOPPED, "")
    studio.settle()

    ended = [run for run in studio.runs() if run.end_reason]
    assert ended[0].end_ms <= ended[1].start_ms


def test_a_camera_that_breaks_its_line_at_every_keyframe_begins_one_run_a_second(studio: Studio) -> None:
    for number in range(250):
        studio.recording.pictures([unit(number, gop=5, rtp=number // 5 * 60 * TICKS_PER_SECOND)])
    studio.recording.end(GapReason.RECORDER_STOPPED, "")
    studio.settle()

    begun = [run for run in studio.runs() if run.end_reason is None]
    assert 9 <= len(begun) <= 10
    assert {message.reason for message in studio.missing()[:-1]} == {"stream_changed"}


def test_time_stamps_that_run_ahead_take_no_footage_far_into_the_future(studio: Studio) -> None:
    for number in range(25 * 60):
        studio.recording.pictures([replace(unit(number, gop=5), rtp_timestamp=number * 9 * TICKS_PER_SECOND & 0xFFFF_FFFF)])
    studio.recording.end(GapReason.RECORDER_STOPPED, "")
    studio.settle()

    until = studio.now // TICKS_PER_MS + 60_000
    assert max(run.end_ms for run in studio.runs() if run.end_reason) < until + 30_000


def test_a_loss_of_more_than_a_second_is_a_gap(studio: Studio) -> None:
    studio.film(range(50))
    after_loss = replace(unit(100), lost=True)
    studio.recording.pictures([after_loss])
    studio.recording.end(GapReason.RECORDER_STOPPED, "")
    studio.settle()

    assert [message.reason for message in studio.missing()] == ["stalled", "recorder_stopped"]


def test_a_disk_that_lags_ends_the_run_and_the_queue_stays_bounded(studio: Studio) -> None:
    studio.film(range(1000), size=MAX_QUEUED_BYTES // 100)

    assert studio.recording.queued_bytes <= MAX_QUEUED_BYTES


def test_a_disk_that_hangs_is_told_while_it_hangs(studio: Studio) -> None:
    studio.film(range(1000), size=MAX_QUEUED_BYTES // 100)

    (told,) = studio.missing()
    assert told.reason == "disk_slow"
    assert studio.recording.hindrance == told.detail


def test_what_is_told_of_a_slow_disk_at_once_is_what_is_told_when_it_has_caught_up(studio: Studio) -> None:
    studio.film(range(1000), size=MAX_QUEUED_BYTES // 100)
    studio.settle()

    at_once, afterwards = studio.missing()
    assert at_once == afterwards
    assert studio.runs()[-1].end_ms == at_once.since_ticks // TICKS_PER_MS


def test_a_camera_that_comes_back_while_the_disk_still_hangs_is_missing_for_the_disk(studio: Studio) -> None:
    studio.film(range(200), size=MAX_QUEUED_BYTES // 100)
    studio.recording.still_missing(GapReason.OFFLINE, "The camera closed the connection.")
    studio.film(range(200, 400), size=MAX_QUEUED_BYTES // 100)

    assert [message.reason for message in studio.missing()] == ["disk_slow", "offline", "disk_slow"]


def test_countless_tiny_pictures_are_held_back_like_large_ones(studio: Studio) -> None:
    for number in range(MAX_QUEUED_BYTES // UNIT_BYTES + 1):
        studio.recording.pictures([unit(number, gop=1, size=1)])

    assert studio.recording.queued_bytes <= MAX_QUEUED_BYTES
    assert [message.reason for message in studio.missing()] == ["disk_slow"]


def test_when_the_disk_has_caught_up_a_new_run_begins(studio: Studio) -> None:
    studio.film(range(200), size=MAX_QUEUED_BYTES // 100)
    studio.settle()
    studio.film(range(200, 300))
    studio.recording.end(GapReason.RECORDER_STOPPED, "")

    assert studio.recording.hindrance is None
    assert len([run for run in studio.runs() if run.end_reason is None]) == 2


def test_a_stream_that_is_left_out_ends_its_run_and_begins_another_at_the_first_keyframe_after(studio: Studio) -> None:
    studio.film(range(60))
    studio.recording.leave_out("The disks are nearly full.")
    assert studio.recording.hindrance == "The disks are nearly full."
    studio.film(range(60, 110))
    assert [run.end_reason for run in studio.runs()] == [None], "a run began although the stream is left out"
    studio.recording.leave_out("")
    studio.film(range(110, 160))
    studio.recording.end(GapReason.OFFLINE, "")
    studio.settle()

    begun = [run for run in studio.runs() if run.end_reason is None]
    ended = [run for run in studio.runs() if run.end_reason is not None]
    assert [run.end_reason for run in ended] == ["disk_full", "offline"]
    assert ended[0].end_ms <= begun[1].start_ms
    assert [(gap.reason, gap.detail) for gap in studio.missing() if gap.reason != "offline"] == [
        ("disk_full", "The disks are nearly full.")
    ]


def test_a_disk_that_failed_is_told_as_one_also_of_a_stream_that_is_left_out(studio: Studio) -> None:
    """Without a volume there is no room either: what a person is to mend is the disk."""
    studio.writer.give_up(VolumeCondition.FAILED, "The disk answered with an error.")
    studio.settle()
    studio.recording.leave_out("The disks are nearly full.")
    studio.film(range(60))

    assert studio.recording.hindrance == "The disk answered with an error."
    studio.recording.end(GapReason.RECORDER_STOPPED, "")
    first, *_ = studio.missing()
    assert (first.reason, first.detail) == ("disk_error", "The disk answered with an error.")


def test_a_live_only_stream_is_not_recorded(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "volume", mode="live_only")
    studio.film(range(100))
    studio.settle()

    assert studio.sent == []
    assert list(studio.writer.volume.path.rglob("*.cseg*")) == []


def test_a_run_never_starts_before_what_is_recorded_ends(tmp_path: Path) -> None:
    later = Studio(tmp_path / "first").now + 7777
    studio = Studio(tmp_path / "volume", not_before=later)
    studio.film(range(60))
    studio.settle()

    (begun,) = studio.runs()
    assert begun.start_ms == later // 90


def test_a_run_does_not_reach_over_a_segment_that_could_not_be_written(studio: Studio) -> None:
    part = studio.writer.volume.part_path(segment_id(StreamId(5), studio.now // TICKS_PER_MS))
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of another recorder")
    studio.film(range(300))
    sent = studio.settle()

    assert [message for message in sent if isinstance(message, SegmentPublished)] == []


def test_the_run_of_a_segment_that_could_not_be_written_is_ended_with_a_reason(studio: Studio) -> None:
    studio.film(range(100))
    (segment,) = studio.listed.values()
    studio.recording.abandoned(segment, VolumeCondition.FULL, "No room on the disk.")
    studio.settle()

    assert [(message.reason, message.detail) for message in studio.missing()] == [("disk_full", "No room on the disk.")]
    assert [run.end_reason for run in studio.runs()] == [None, "disk_full"]


def keyless_hour(studio: Studio) -> int:
    """Return where the first hour begins whose key the studio was not given, in ticks."""
    return (hour_of(studio.now) + 3) * MS_PER_HOUR * TICKS_PER_MS


def test_a_key_that_does_not_come_ends_the_run_where_it_is_recorded(tmp_path: Path) -> None:
    until = keyless_hour(Studio(tmp_path / "first"))
    studio = Studio(tmp_path / "volume", not_before=until - 6 * TICKS_PER_SECOND)
    studio.film(range(400))
    sent = studio.settle()

    last = [message for message in sent if isinstance(message, SegmentPublished)][-1].segment
    begun, ended = studio.runs()
    assert (begun.start_ms, ended.start_ms, ended.end_ms) == (begun.start_ms, begun.start_ms, last.end_ticks // TICKS_PER_MS)
    assert studio.recording.places.not_before >= last.end_ticks >= until
    assert {message.reason for message in studio.missing()} == {"disk_error"}


def test_a_connection_that_ends_before_the_key_came_is_an_ordinary_end(tmp_path: Path) -> None:
    until = keyless_hour(Studio(tmp_path / "first"))
    studio = Studio(tmp_path / "volume", not_before=until)
    studio.film(range(10))
    studio.recording.end(GapReason.OFFLINE, "The camera closed the connection.")
    studio.settle()

    assert studio.runs() == []
    assert [message.reason for message in studio.missing()] == ["offline"]
