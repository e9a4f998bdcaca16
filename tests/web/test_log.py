"""The access log page and its JSON: who reads it, what it says, and that reading it is written too."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from tests.factories import CONSOLE, NOW, a_branch, a_camera, after, span
from tests.web.footage import record
from tests.web.world import World
from vms.domain.access import AccessEvent, Action, ErasedEntry, Purpose
from vms.domain.ids import CameraId
from vms.domain.log_erasure import Erasure
from vms.domain.people import Role, System
from vms.domain.timespan import Timespan
from vms.services import access_log
from web.log_rows import ACTIONS, Kind, Place, day_span, line_row, log_row, span_in_words, span_of_minutes

LOS_ANGELES = "America/Los_Angeles"
Entry = dict[str, object]


@pytest.fixture
def busy(world: World) -> World:
    """A world in which the desk has watched, been refused, and IT has worked."""
    record(world.node, world.main, world.clock.now().replace(microsecond=0) - timedelta(seconds=60))
    start = world.clock.now() - timedelta(seconds=90)
    order = {"camera": world.camera.camera.id, "purpose": "incident", "start": start.isoformat(), "end": world.clock.now().isoformat()}
    with world.client(Role.DESK) as client:
        view = client.post("/api/v1/views", json=order).json()["view"]
        client.get(f"/api/v1/views/{view}/main.m3u8")
        client.post(f"/api/v1/views/{view}/close", json={"intervals": [[start.isoformat(), world.clock.now().isoformat()]]})
        client.get("/log")
    return world


def _entries(world: World, role: Role = Role.AUDITOR, **query: object) -> list[Entry]:
    with world.client(role) as client:
        answer = client.get("/api/v1/log", params={name: str(value) for name, value in query.items()})
    assert answer.status_code == 200, answer.text
    entries: list[Entry] = answer.json()["entries"]
    return entries


def test_the_newest_entry_stands_first_with_who_what_and_why(busy: World) -> None:
    watched = next(entry for entry in _entries(busy) if entry["action"] == "view:open")
    assert (watched["role_label"], watched["purpose"], watched["camera"]) == ("Desk", "Incident", "Entrance")
    assert watched["seen"] == "Sat 14 Mar 08:07–08:09"
    numbers = [entry["number"] for entry in _entries(busy)]
    assert numbers == sorted(numbers, reverse=True)  # type: ignore[type-var]


def test_a_closed_view_of_a_recording_tells_what_the_browser_says_it_showed(busy: World) -> None:
    assert [entry["streamed"] for entry in _entries(busy) if entry["action"] == "view:close"] == ["90 s shown, says the browser"]


def test_reading_the_log_is_an_entry_of_its_own_that_the_page_names(busy: World) -> None:
    with busy.client(Role.DIRECTOR, page=True) as client:
        page = client.get("/log").text
    (event,) = busy.events(Action.LOG_READ)
    assert f"Opening this page is an entry too: {event.number:,}." in page
    assert event.role == "director"


def test_nothing_of_the_log_is_shown_when_its_own_entry_can_not_be_written(busy: World) -> None:
    busy.refuse_events(Action.LOG_READ)
    with busy.client(Role.AUDITOR) as client:
        answer = client.get("/api/v1/log")
    assert answer.status_code == 503
    assert "entries" not in answer.json()


def test_the_kinds_part_the_log_without_overlap(busy: World) -> None:
    assert {entry["action"] for entry in _entries(busy, kind="refused")} == {"access:refuse"}
    assert {entry["action"] for entry in _entries(busy, kind="recordings")} == {"view:open", "view:close", "footage:read"}
    assert _entries(busy, kind="live") == []
    assert len(_entries(busy, kind="no such kind")) > 5


def test_the_log_narrows_to_a_camera_a_person_and_a_day(busy: World) -> None:
    with busy.site.central.writing() as session:
        other = a_camera(session, busy.branch, "Parking")
    assert {entry["camera"] for entry in _entries(busy, camera=other.camera.id)} == {"Parking"}
    (opened,) = busy.events(Action.VIEW_OPEN)
    assert {entry["role_label"] for entry in _entries(busy, person=opened.actor)} == {"Desk"}
    assert {entry["role_label"] for entry in _entries(busy, person=opened.actor.removeprefix("person:"))} == {"Desk"}
    assert _entries(busy, day="2026-03-13") == []
    assert _entries(busy, day="2026-03-14")


def test_who_watched_a_camera_between_two_times_is_asked_in_its_branch_s_time_and_written_down(busy: World) -> None:
    """The desk watched 08:07:56 to 08:09:26 of that morning in Los Angeles."""
    camera = busy.camera.camera.id

    def actions(since: str, until: str) -> set[object]:
        return {entry["action"] for entry in _entries(busy, camera=camera, since=since, until=until)}

    assert actions("2026-03-14T08:09", "2026-03-14T08:10") == {"view:open", "view:close", "footage:read"}
    assert actions("2026-03-14T08:10", "2026-03-14T08:11") == set()
    (read,) = [event for event in busy.events(Action.LOG_READ) if event.span == Timespan(after(-26.535897), after(33.464103))]
    assert read.camera_id == camera
    seen = next(entry["seen"] for entry in _entries(busy) if entry["number"] == read.number)
    assert seen == "Access log on Sat 14 Mar 08:09–08:10, 3 entries"
    assert len(actions("2026-03-14T08:10", "2026-03-14T08:09")) > 0, "times in no order narrow nothing"
    assert span_of_minutes("yesterday", "2026-03-14T08:09", LOS_ANGELES) is None


def test_a_camera_of_the_log_leads_to_who_watched_it(busy: World) -> None:
    camera = busy.camera.camera.id
    with busy.client(Role.DIRECTOR, page=True) as client:
        assert f'<a href="/log?camera={camera}">Entrance</a>' in client.get("/log").text
        page = client.get("/log", params={"camera": camera, "since": "2026-03-14T08:09", "until": "2026-03-14T08:10"}).text
    assert "<h1>Who watched Entrance</h1>" in page
    assert 'name="since" type="datetime-local" value="2026-03-14T08:09"' in page


def test_the_log_is_read_page_by_page_without_a_hole(world: World) -> None:
    with world.site.central.writing() as session:
        for _ in range(230):
            access_log.record(session, actor=CONSOLE, action=Action.BRANCH_ADD, at=world.clock.now())
    with world.client(Role.AUDITOR) as client:
        newest = world.events()[-1].number
        seen, before = [], None
        while True:
            document = client.get("/api/v1/log", params={"before": before} if before else {}).json()
            seen += [entry["number"] for entry in document["entries"]]
            if (before := document["next_before"]) is None:
                break
    assert seen == list(range(newest, 0, -1))


def test_older_and_newer_lead_through_the_pages_and_keep_the_filter(world: World) -> None:
    with world.site.central.writing() as session:
        for _ in range(130):
            access_log.record(session, actor=CONSOLE, action=Action.ACCESS_REFUSE, at=world.clock.now())
    with world.client(Role.AUDITOR, page=True) as client:
        first = client.get("/log", params={"kind": "refused"})
        assert 'href="/log?kind=refused&amp;before=' in first.text
        older = first.text.partition('href="/log?kind=refused&amp;before=')[2].partition('"')[0]
        assert 'href="/log?kind=refused"' in client.get("/log", params={"kind": "refused", "before": older}).text


def test_an_auditor_of_one_branch_reads_only_what_concerns_it(busy: World) -> None:
    with busy.site.central.writing() as session:
        harbor = a_branch(session, "Harbor")
    with busy.client(Role.AUDITOR, branches=frozenset({harbor.id})) as client:
        assert client.get("/api/v1/log").json()["entries"] == []


@pytest.mark.parametrize(
    "query",
    [
        "before=-1",
        "before=x",
        "camera=x",
        "person=",
        "day=2026-02-30",
        "kind=%00",
        "day=9999-12-31",
        "day=0001-01-01",
        f"camera={1 << 62}",
        f"before={'9' * 30}",
    ],
)
def test_an_address_with_nonsense_in_it_is_no_error(shared_world: World, query: str) -> None:
    with shared_world.client(Role.AUDITOR) as client:
        assert client.get(f"/log?{query}").status_code == 200


@pytest.mark.parametrize("action", Action)
def test_every_action_has_its_words(action: Action) -> None:
    row = log_row(an_event(action), {}, LOS_ANGELES)
    assert isinstance(row["seen"], str)
    assert row["camera"] == "camera 9"


def test_an_event_of_the_console_has_no_role_of_ours() -> None:
    assert log_row(an_event(Action.CAMERA_ADD, role="console"), {CameraId(9): Place("Lobby", LOS_ANGELES)}, "UTC")["role_label"] == ""


def test_a_calendar_day_has_23_24_or_25_hours() -> None:
    assert [_hours(day) for day in ("2026-03-08", "2026-03-14", "2026-11-01")] == [23, 24, 25]
    assert day_span("tomorrow", LOS_ANGELES) is None


def test_a_span_over_midnight_names_both_days(world: World) -> None:
    noon = world.clock.now()
    assert span_in_words(Timespan(noon, noon + timedelta(days=1)), LOS_ANGELES) == "Sat 14 Mar 08:09 to Sun 15 Mar 08:09"


def test_every_kind_has_its_actions() -> None:
    assert set(ACTIONS) == set(Kind)


def _do(world: World, change: str, number: int) -> None:
    """Do to an entry what the database refuses."""
    with world.site.central.write.begin() as connection:
        connection.execute(text("DROP TRIGGER access_event_no_update"))
        connection.execute(text(f"UPDATE access_event SET {change} WHERE number = {number}"))  # noqa: S608


def test_an_entry_that_can_not_be_read_is_said_to_be_and_the_others_are_shown(world: World) -> None:
    first = world.events()[0]
    _do(world, "body = '{}'", first.number)
    with world.client(Role.AUDITOR, page=True) as client:
        answer = client.get("/log")
    assert answer.status_code == 200
    assert "This entry can&#39;t be read. Run: vms log verify" in answer.text
    (row,) = [entry for entry in _entries(world) if entry["number"] == first.number]
    assert (row["seen"], row["at"], row["who"]) == ("This entry can't be read. Run: vms log verify", None, "")


def test_an_erased_entry_says_when_and_by_which_rule(world: World) -> None:
    first = world.events()[0]
    with world.site.central.writing() as session:
        told = access_log.record(
            session, actor=System("log-erase"), action=Action.LOG_ERASE, at=NOW, detail=Erasure(1, first.number, 760).detail(bytes(64))
        )
    _do(world, f"salt = NULL, body = NULL, erased_by = {told}", first.number)
    with world.client(Role.AUDITOR, page=True) as client:
        assert "Erased on Sat 14 Mar, by the rule of 760 days" in client.get("/log").text
    seen = {entry["number"]: entry["seen"] for entry in _entries(world)}
    assert seen[told] == f"Erased entries 1 to {first.number}, by the rule of 760 days"
    assert first.number not in [entry["number"] for entry in _entries(world, day="2026-03-14")]


def test_an_erased_entry_whose_erasure_is_gone_is_still_a_line() -> None:
    assert line_row(ErasedEntry(5, None, None), {}, LOS_ANGELES)["seen"] == "Erased"


def an_event(action: Action, *, role: str = "desk") -> AccessEvent:
    return AccessEvent(
        5, "district", NOW, "person:1", "d.nakamura", role, action, CameraId(9), Purpose.INCIDENT, span(0, 60), None, {"a": "b"}
    )


def _hours(day: str) -> float:
    found = day_span(day, LOS_ANGELES)
    assert found is not None
    return found.duration / timedelta(hours=1)
