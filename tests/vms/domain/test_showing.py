"""What of an approved scope may be on the screen of a showing, and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.factories import NOW, after, span
from vms.domain.export_scope import CameraSpan, Delivery, Terms, scope_of
from vms.domain.ids import ApprovalId, CameraId, PersonId, RequestId, ShowingId
from vms.domain.showing import FETCHED_AHEAD, MOST_SAID, Showing, Viewer, seen_of, seen_words
from vms.domain.timespan import Timespan, ms_of

PIER, GATE = CameraId(7), CameraId(9)


def _part(camera: CameraId, start_s: float, end_s: float) -> CameraSpan:
    return CameraSpan(camera, ms_of(after(start_s)), ms_of(after(end_s)))


SCOPE = scope_of([_part(PIER, -600, -500), _part(PIER, -300, -200), _part(GATE, -50, 0)], "eight", Terms("A", Delivery.ON_SITE))
SHOWING = Showing(
    id=ShowingId(1),
    request=RequestId(2),
    number="2026-0014",
    approval=ApprovalId(3),
    scope=SCOPE,
    viewer=Viewer("R. Alvarez", "4711, Alder County Sheriff", "badge seen by Dana", "Main Street, desk 2", "Dana"),
    person=PersonId(4),
    by_name="Dana",
    at=NOW,
    ends_at=after(3600),
)


@pytest.mark.parametrize(
    ("camera", "asked", "around", "shown"),
    [
        (PIER, (-3600, 3600), -250, (-300, -200)),
        (PIER, (-3600, 3600), -550, (-600, -500)),
        (PIER, (-3600, 3600), -400, (-600, -500)),
        (PIER, (-550, -520), -540, (-550, -520)),
        (PIER, (-499, -301), -400, None),
        (GATE, (-600, -100), -250, None),
        (CameraId(8), (-3600, 3600), -250, None),
    ],
)
def test_of_what_is_asked_for_only_what_was_approved_of_that_camera_is_shown(
    camera: CameraId, asked: tuple[float, float], around: float, shown: tuple[float, float] | None
) -> None:
    found = SHOWING.part(camera, span(*asked), after(around))
    exactly = None if shown is None else Timespan(*(_ms(after(second)) for second in shown))
    assert (None if found is None else Timespan(_ms(found.start), _ms(found.end))) == exactly


def test_without_a_moment_that_is_looked_for_it_is_the_first_part() -> None:
    found = SHOWING.part(PIER, span(-3600, 3600))
    assert found is not None
    assert ms_of(found.start) == ms_of(after(-600))


def test_it_runs_from_its_beginning_to_its_end_by_whatever_ends_it() -> None:
    ended = replace(SHOWING, ended_at=after(60))
    assert [SHOWING.runs(after(second)) for second in (-1, 0, 3599, 3600)] == [False, True, True, False]
    assert not ended.runs(after(30)), "what is written down as ended opens nothing, by whatever clock"
    assert (SHOWING.over_at, ended.over_at) == (after(3600), after(60))


def test_what_was_seen_is_joined_by_camera_and_said_in_words() -> None:
    seen = seen_of([(PIER, span(-600, -540)), (GATE, span(-50, -40)), (PIER, span(-545, -500)), (GATE, span(-10, -9.9999))])
    assert [(one.camera_id, one.start_ms, one.end_ms) for one in seen] == [
        (PIER, ms_of(after(-600)), ms_of(after(-500))),
        (GATE, ms_of(after(-50)), ms_of(after(-40))),
    ]
    words = seen_words(seen, {PIER: "Main Street/Pier"})
    said = "Sent to the screen (UTC): Main Street/Pier 2026-03-14 14:59:26 to 2026-03-14 15:01:06; "
    assert words == said + "9 2026-03-14 15:08:36 to 2026-03-14 15:08:46. " + FETCHED_AHEAD
    assert seen_words((), {}) == "Nothing was sent to the screen."


def test_what_was_seen_in_many_pieces_says_how_many_more_there_are() -> None:
    pieces = [(PIER, span(second, second + 1)) for second in range(0, 2 * (MOST_SAID + 3), 2)]
    assert seen_words(seen_of(pieces), {}).endswith(f"; and 3 more. {FETCHED_AHEAD}")


def _ms(moment: datetime) -> datetime:
    return moment - timedelta(microseconds=moment.microsecond % 1000)
