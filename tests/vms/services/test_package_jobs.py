"""From an approval to a package that is ready: the job reads the approved spans alone, while the approval counts, through kills."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, a_branch, a_camera, done, refused
from tests.vms.media.recorded import LENGTH, START
from tests.vms.services.packaging import AT, KEY, InMemory, a_hub
from tests.vms.services.requesting import Staff, a_new_request, at_work, in_order, staff
from tests.web.world_clock import DrivenClock
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.camera import StreamRole
from vms.domain.export_scope import CameraSpan, Delivery
from vms.domain.footage import Segment
from vms.domain.ids import ApprovalId, CameraId, PackageId
from vms.domain.made_package import MOST_TRIES, READY_LASTS, MadePackage, PackageState
from vms.domain.package import Order
from vms.domain.package_release import Medium
from vms.domain.people import Person
from vms.domain.redaction import read_plan
from vms.domain.request import APPROVAL_LASTS, ExportRequest, RequestAct, RequestState
from vms.domain.timespan import Timespan, datetime_of, ms_of
from vms.errors import Conflict, Corrupt, InvalidInput, NotFound
from vms.media.assembly import ReadRecord
from vms.services import package_jobs, redactions
from vms.services.access_log import DISTRICT
from vms.services.approvals import any_run_out, approve, narrow, write_down_run_out
from vms.services.cameras import remove_camera
from vms.services.log_proof import sign_checkpoint
from vms.services.package_gate import verify_package
from vms.services.package_jobs import anything_to_do, ask_package, folder_of, make_packages
from vms.services.package_order import ApprovedFootage
from vms.services.package_release import Handover, release_by_hand
from vms.services.packages import SETTLED, Hub
from vms.services.request_acts import act_on
from vms.services.requests import enter
from vms.services.sealed_requests import unseal
from vms.store import access_log, cameras, made_packages, requests
from vms.store.database import Engines, make_engines
from vms.store.failpoints import arm
from vms.store.package_tables import PackageRow

S = RequestState
SPAN = Timespan(datetime_of(START), datetime_of(START + 2 * LENGTH))
_MS = timedelta(milliseconds=1)


@dataclass
class Office:
    """A district with an approved request for two segments of one camera, and what a package of it is read from."""

    settings: Settings
    hub: Hub
    people: Staff
    camera: CameraId
    request: ExportRequest
    source: InMemory
    clock: DrivenClock

    @property
    def director(self) -> Person:
        return at_work(self.people.director, self.clock.now())

    def ask(self) -> MadePackage:
        with self.hub.central.writing() as session:
            return done(ask_package(session, self.settings, self.director, self.request.id, at=self.clock.now()))

    def make(self, source: package_jobs.Source | None = None) -> list[MadePackage]:
        return make_packages(self.settings, self.hub, source or (lambda _: nullcontext(self.source)), self.clock)

    def ready(self) -> MadePackage:
        self.ask()
        (package,) = self.make()
        assert package.state is PackageState.READY, package.sentence
        return package

    def now(self) -> ExportRequest:
        with self.hub.central.reading() as session:
            found = requests.get(session, requests.EVERYBODYS, self.request.id)
        assert found is not None
        return found

    def package(self) -> MadePackage:
        with self.hub.central.reading() as session:
            found = made_packages.newest_of(session, self.request.id)
        assert found is not None
        return found

    def act(self, act: RequestAct) -> None:
        with self.hub.central.writing() as session:
            done(act_on(session, self.settings, self.director, self.request.id, act, "as the court said", at=self.clock.now()))

    def there(self) -> list[str]:
        return sorted(path.name for path in self.settings.packages_dir.iterdir())

    def logged(self, action: Action) -> list[dict[str, str]]:
        with self.hub.central.reading() as session:
            found = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({action})), limit=99)
        return [one.detail for one in reversed(found) if one.detail]

    def killed(self, run: Callable[[Office], object]) -> None:
        """Run in a process that is killed on the way, with database connections of its own."""
        child = os.fork()
        if child == 0:
            try:
                central = make_engines(self.settings.central_path)
                run(replace(self, hub=_hub(central, self.clock)))
            finally:
                os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def _hub(central: Engines, clock: DrivenClock) -> Hub:
    def sign_log() -> None:
        with central.writing() as session:
            sign_checkpoint(session, KEY, at=clock.now())

    return Hub(central, KEY, sign_log)


def an_office(
    central: Engines,
    settings: Settings,
    *,
    footage: Callable[[CameraId], tuple[CameraSpan, ...]] | None = None,
    delivery: Delivery = Delivery.BY_HAND,
    branch: str = "Main Street",
    sealed: bool = False,
) -> Office:
    """`sealed`: entered by a Delegate, and named to the Director; else by the desk."""
    a_hub(central)
    clock = DrivenClock(AT)
    with central.writing() as session:
        details = a_camera(session, a_branch(session, branch))
        camera = details.camera.id
        people = staff(session)
        spans = footage(camera) if footage else (CameraSpan(camera, ms_of(SPAN.start), ms_of(SPAN.end + _MS)),)
        director, new = at_work(people.director, AT), replace(a_new_request(spans), delivery=delivery)
        by = people.delegate if sealed else people.desk
        request = done(
            enter(session, settings, at_work(by, AT), replace(new, sealed=sealed, named=(director.id,) if sealed else ()), at=AT)
        )
        in_order(session, settings, director, request, at=AT)
        request = done(approve(session, settings, director, request.id, request.sha256, at=AT))
    source = InMemory()
    source.add(START).add(START + LENGTH)
    stream = next(one.id for one in details.camera.streams if one.role is StreamRole.MAIN)
    made = list(source.made.values())
    source.segments = [replace(one, stream_id=stream) for one in source.segments]
    source.made = {row.id: one for row, one in zip(source.segments, made, strict=True)}
    return Office(settings, _hub(central, clock), people, camera, request, source, clock)


@pytest.fixture
def office(central_sqlite: Engines, settings: Settings) -> Office:
    return an_office(central_sqlite, settings)


@pytest.mark.slow
def test_an_approved_request_becomes_a_package_that_verifies(central: Engines, settings: Settings) -> None:
    office = an_office(central, settings)
    package = office.ready()
    assert {one.outcome for one in verify_package(folder_of(settings, package), None)} <= {"PASS", "WARN"}
    assert (office.now().state, package.files, len(package.manifest)) == (S.READY, 1, 64)
    states = [one["state"] for one in office.logged(Action.EXPORT_ADVANCE)]
    assert states == ["waiting", "preparing", "partially_available", "ready"]
    assert (settings.packages_dir.stat().st_mode & 0o777, office.there()) == (0o700, [str(package.id)])


def test_nobody_but_who_decides_asks_for_one(office: Office) -> None:
    with office.hub.central.writing() as session:
        assert "Ask the Director" in refused(ask_package(session, office.settings, office.people.desk, office.request.id, at=AT)).sentence
        assert made_packages.newest_of(session, office.request.id) is None


def test_nothing_is_made_of_a_request_without_an_approval(office: Office) -> None:
    office.act(RequestAct.REVOKE)
    with office.hub.central.writing() as session:
        assert "can't be prepared now" in refused(ask_package(session, office.settings, office.director, office.request.id, at=AT)).sentence


def test_the_database_refuses_a_package_without_an_approval_of_its_scope(central: Engines, settings: Settings) -> None:
    office = an_office(central, settings)
    assert office.request.approval is not None
    right = MadePackage(PackageId(1), office.request.id, office.request.approval.id, 1, office.request.sha256, "x", "x", AT)
    for wrong in (replace(right, approval=ApprovalId(7)), replace(right, scope_version=2), replace(right, sha256="0" * 64)):
        with pytest.raises(IntegrityError), central.writing() as session:
            made_packages.add(session, wrong)
    with central.writing() as session:
        made_packages.add(session, right)


@pytest.mark.slow
def test_two_who_ask_at_once_get_one_package(central: Engines, settings: Settings) -> None:
    office = an_office(central, settings)
    answers: list[object] = []
    together = threading.Barrier(2)

    def ask() -> None:
        together.wait(10)
        try:
            answers.append(office.ask())
        except Conflict as err:
            answers.append(str(err))

    both = [threading.Thread(target=ask) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(20)
    assert sorted(type(one).__name__ for one in answers) == ["MadePackage", "str"]
    assert len(office.make()) == 1


def to_redact(office: Office, session: Session) -> None:
    """Narrow it to what hides somebody, and have it approved again."""
    terms = replace(office.request.scope.terms, redact="the child at the desk")
    request = done(narrow(session, office.settings, office.director, office.request.id, office.request.scope.footage, terms, "x", at=AT))
    done(act_on(session, office.settings, office.director, request.id, RequestAct.COUNSEL, "told", at=AT))
    done(approve(session, office.settings, office.director, request.id, request.sha256, at=AT))


def a_plan(office: Office, *, until: datetime = SPAN.end) -> bytes:
    begin, end = ms_of(SPAN.start), ms_of(SPAN.end + _MS)
    box = {"at_ms": begin, "x": 0, "y": 0, "width": 1000, "height": 1000}
    region = {"cover": "fill", "between": "all", "keyframes": [box], "until_ms": ms_of(until + _MS)}
    whole = {"camera": office.camera, "start_ms": begin, "end_ms": end, "regions": [region]}
    return json.dumps({"format": "custodian redaction plan v1", "cameras": [whole]}).encode()


def test_what_is_to_be_redacted_is_not_packed_without_a_plan(office: Office) -> None:
    with office.hub.central.writing() as session:
        to_redact(office, session)
        answer = refused(ask_package(session, office.settings, office.director, office.request.id, at=AT))
        assert "has no redaction plan yet" in answer.sentence


@pytest.mark.slow
def test_what_was_redacted_is_looked_over_before_it_is_ready(office: Office) -> None:
    with office.hub.central.writing() as session:
        to_redact(office, session)
        done(redactions.add_plan(session, office.settings, office.director, office.request.id, a_plan(office), at=AT))
    office.ask()
    (package,) = office.make()
    assert (package.state, office.now().state) == (PackageState.READY, S.REDACTING), package.sentence
    assert [one.name for one in folder_of(office.settings, package).iterdir() if one.name in ("video", "redacted")] == ["redacted"]
    with office.hub.central.writing() as session:
        found = done(redactions.redaction_for(session, office.settings, office.director, office.request.id, at=AT))
        assert found.sheets, "of what was made by it"
        seen = redactions.read_sheet(session, office.settings, office.director, office.request.id, found.sheets[0].id, at=AT)
        assert isinstance(seen, bytes)
        assert seen.startswith(b"\x89PNG")
        done(
            redactions.approve(
                session, office.settings, office.director, office.request.id, found.request.sha256, found.plan.plan_sha256, at=AT
            )
        )
    assert office.now().state is S.READY
    assert office.make() == []


@pytest.mark.slow
def test_sheets_of_a_making_that_did_not_end_are_not_looked_over(office: Office) -> None:
    with office.hub.central.writing() as session:
        to_redact(office, session)
        plan = a_plan(office)
        found = done(redactions.add_plan(session, office.settings, office.director, office.request.id, plan, at=AT))
        redactions.keep_sheet(session, office.settings, found.request, read_plan(plan), office.camera, b"of a making that was killed")
    office.ask()
    office.make()
    with office.hub.central.writing() as session:
        found = done(redactions.redaction_for(session, office.settings, office.director, office.request.id, at=AT))
        assert [one.number for one in found.sheets] == [1]
        seen = redactions.read_sheet(session, office.settings, office.director, office.request.id, found.sheets[0].id, at=AT)
        assert isinstance(seen, bytes)
        assert seen.startswith(b"\x89PNG")


@pytest.mark.slow
def test_what_was_redacted_and_nobody_looked_over_leaves_in_no_way_and_goes_with_its_day(office: Office, tmp_path: Path) -> None:
    with office.hub.central.writing() as session:
        to_redact(office, session)
        done(redactions.add_plan(session, office.settings, office.director, office.request.id, a_plan(office), at=AT))
    office.ask()
    office.make()
    handover = Handover(tmp_path, Medium("SanDisk Ultra", "4C530001"), "Det. R. Alvarez")
    answer = release_by_hand(office.hub.central, office.settings, office.director, office.request.id, handover, clock=office.clock)
    assert "can't be handed over now" in refused(answer).sentence
    assert list(tmp_path.glob("EXPORT-*")) == []
    office.clock.step(READY_LASTS)
    office.hub.sign_log()
    office.clock.step(timedelta(days=1, minutes=1))
    office.make()
    assert (office.now().state, office.there()) == (S.UNDER_REVIEW, [])
    with office.hub.central.reading() as session:
        assert done(redactions.redaction_for(session, office.settings, office.director, office.request.id, at=AT)).sheets == ()


@pytest.mark.slow
def test_a_newer_plan_voids_what_was_made_by_the_one_before(office: Office) -> None:
    with office.hub.central.writing() as session:
        to_redact(office, session)
        done(redactions.add_plan(session, office.settings, office.director, office.request.id, a_plan(office), at=AT))
    office.ask()
    (package,) = office.make()
    with office.hub.central.writing() as session:
        newer = a_plan(office, until=SPAN.end - timedelta(milliseconds=100))
        done(redactions.add_plan(session, office.settings, office.director, office.request.id, newer, at=AT))
    assert office.now().state is S.UNDER_REVIEW
    assert office.make() == []
    assert (office.package().state, office.there(), package.state) == (PackageState.GONE, [], PackageState.READY)


def test_what_a_camera_saw_is_packed_after_it_was_renamed_and_removed(office: Office) -> None:
    with office.hub.central.writing() as session:
        details = cameras.get(session, None, office.camera)
        assert details is not None
        renamed = replace(details.camera, name="Old entrance", version=details.camera.version + 1)
        cameras.change(session, replace(details, camera=renamed), at=AT)
        done(remove_camera(session, CONSOLE, office.camera, at=AT))
    folder = folder_of(office.settings, office.ready())
    (camera,) = json.loads((folder / "manifest.json").read_bytes())["cameras"]
    assert (camera["name"], len(list((folder / "video").iterdir()))) == ("Old entrance", 1)


def test_the_newest_minutes_are_waited_for(central_sqlite: Engines, settings: Settings) -> None:
    office = an_office(central_sqlite, settings, footage=lambda one: (CameraSpan(one, ms_of(AT) - 60_000, ms_of(AT)),))
    with pytest.raises(InvalidInput, match=f"still being written.*from {AT + SETTLED:%Y-%m-%d %H:%M:%S} UTC on"):
        office.ask()


def test_the_job_reads_the_approved_spans_alone(office: Office) -> None:
    seen: list[Order] = []

    @contextmanager
    def source(order: Order) -> Iterator[InMemory]:
        seen.append(order)
        yield office.source

    office.ask()
    office.make(source)
    (scope,) = seen[0].cameras
    shown = ApprovedFootage(seen[0], office.source)
    (span,) = scope.spans
    assert (span.start, span.end) == (SPAN.start, SPAN.end + _MS)
    with pytest.raises(NotFound, match="No approval covers stream"):
        shown.recorded(scope.stream_id, Timespan(span.start, span.end + _MS), at=AT)
    with pytest.raises(NotFound, match="No approval covers stream"):
        shown.recorded(type(scope.stream_id)(scope.stream_id + 1), span, at=AT)
    with pytest.raises(NotFound, match="No approval covers segment"):
        shown.open(office.source.segments[0])


@pytest.mark.parametrize("act", [RequestAct.REVOKE, RequestAct.WITHDRAW])
def test_an_approval_that_is_voided_while_its_package_is_made_leaves_nothing(office: Office, act: RequestAct) -> None:
    @contextmanager
    def source(_: Order) -> Iterator[InMemory]:
        yield office.source
        office.act(act)

    office.ask()
    (package,) = office.make(source)
    assert (package.state, package.sentence) == (PackageState.GONE, "What it is of is not approved any more.")
    assert office.there() == []
    assert office.now().state is not S.READY


def test_an_approval_that_is_voided_before_its_package_is_begun_reads_nothing(office: Office) -> None:
    office.ask()
    office.act(RequestAct.REVOKE)
    (package,) = office.make()
    assert (package.state, office.source.opened, office.logged(Action.FOOTAGE_READ)) == (PackageState.GONE, [], [])


def test_a_package_of_an_approval_that_was_voided_and_given_again_is_not_the_new_ones(office: Office) -> None:
    office.ask()
    with office.hub.central.writing() as session:
        at = office.clock.now()
        done(act_on(session, office.settings, office.director, office.request.id, RequestAct.REVOKE, "a doubt", at=at))
        done(act_on(session, office.settings, office.director, office.request.id, RequestAct.REOPEN, "it is cleared", at=at))
        done(approve(session, office.settings, office.director, office.request.id, office.request.sha256, at=at))
    with pytest.raises(Conflict, match="earlier approval"):
        office.ask()
    (package,) = office.make()
    assert package.state is PackageState.GONE
    assert office.request.approval is not None
    assert office.ready().approval != office.request.approval.id


def test_a_finished_package_goes_with_its_approval(office: Office) -> None:
    office.ready()
    office.act(RequestAct.REVOKE)
    with office.hub.central.reading() as session:
        assert anything_to_do(office.settings, session, at=office.clock.now())
    office.make()
    assert (office.package().state, office.there()) == (PackageState.GONE, [])
    (entry,) = office.logged(Action.EXPORT_PURGE)
    assert (entry["number"], entry["files"], entry["reason"]) == (office.request.number, "1", "What it is of is not approved any more.")
    with office.hub.central.reading() as session:
        assert not anything_to_do(office.settings, session, at=office.clock.now())


def test_a_package_that_nobody_took_expires_with_its_day_but_not_by_a_clock_that_leapt(office: Office) -> None:
    office.ready()
    office.clock.step(READY_LASTS)
    office.make()
    assert office.now().state is S.READY
    office.hub.sign_log()
    office.clock.step(timedelta(days=1, minutes=1))
    office.make()
    assert (office.now().state, office.there()) == (S.EXPIRED, [])


def test_a_damaged_segment_fails_with_its_name_and_another_try_is_asked_for(office: Office) -> None:
    package = _failed(office)
    assert (package.state, office.source.segments[0].id in package.sentence) == (PackageState.FAILED, True)
    assert (office.now().state, office.there()) == (S.PREPARING, [])
    assert office.ready().state is PackageState.READY


def test_an_approval_whose_package_failed_runs_out_as_one_that_is_not_used(office: Office) -> None:
    _failed(office)
    with office.hub.central.writing() as session:
        assert write_down_run_out(session, office.settings, at=office.clock.now() + APPROVAL_LASTS - _MS) == 0
    office.clock.step(APPROVAL_LASTS)
    with office.hub.central.writing() as session:
        late = refused(ask_package(session, office.settings, office.director, office.request.id, at=office.clock.now()))
    assert "is expired: it can't be prepared" in late.sentence
    assert (office.now().state, office.now().approval) == (S.EXPIRED, None)


def test_the_job_writes_down_that_an_approval_whose_package_failed_has_run_out(office: Office) -> None:
    _failed(office)
    office.clock.step(APPROVAL_LASTS)
    with office.hub.central.writing() as session:
        assert write_down_run_out(session, office.settings, at=office.clock.now()) == 1
        assert not any_run_out(session, at=office.clock.now())
    assert office.now().state is S.EXPIRED


def test_a_package_that_is_being_made_when_its_approval_runs_out_is_made(office: Office) -> None:
    office.ask()

    @contextmanager
    def two_weeks_later(_: Order) -> Iterator[InMemory]:
        office.clock.step(APPROVAL_LASTS)
        with office.hub.central.writing() as session:
            assert write_down_run_out(session, office.settings, at=office.clock.now()) == 0
        yield office.source

    (package,) = office.make(two_weeks_later)
    assert (package.state, office.now().state) == (PackageState.READY, S.READY)


@pytest.mark.parametrize("back", [timedelta(0), timedelta(hours=1)])
def test_what_was_asked_for_last_counts_in_the_same_moment_and_by_a_clock_that_was_set_back(office: Office, back: timedelta) -> None:
    for _ in range(3):  # by their numbers, which are random, the earlier one would count every other time
        failed = _failed(office)
        office.clock.at -= back
        asked = office.ask()
        assert (office.package().id, asked.asked_at > failed.asked_at) == (asked.id, True)
        office.make(_damaged_source(office))


def _failed(office: Office) -> MadePackage:
    office.ask()
    (package,) = office.make(_damaged_source(office))
    return package


def _damaged_source(office: Office) -> package_jobs.Source:
    damaged = Damaged()
    damaged.segments, damaged.made = office.source.segments, office.source.made
    return lambda _: nullcontext(damaged)


def test_footage_that_is_not_there_ends_the_request(office: Office) -> None:
    office.source.segments.clear()
    office.ask()
    (package,) = office.make()
    assert (package.state, package.sentence, office.there()) == (PackageState.GONE, "Nothing of what was asked for is there.", [])
    assert office.now().state is S.FOOTAGE_UNAVAILABLE


class Damaged(InMemory):
    """No segment of it can be read."""

    @contextmanager
    def open(self, segment: Segment) -> Iterator[ReadRecord]:
        yield lambda number: _damaged(number, segment)


def _damaged(number: int, segment: Segment) -> bytes:
    raise Corrupt(f"record {number} of segment {segment.id} is damaged")


def _at_step(step: str) -> Callable[[Office], object]:
    def run(office: Office) -> object:
        arm(step)
        return office.make()

    return run


def _reading(office: Office) -> object:
    class Killed(InMemory):
        @contextmanager
        def open(self, segment: Segment) -> Iterator[ReadRecord]:
            if self.opened:
                os.kill(os.getpid(), signal.SIGKILL)
            with super().open(segment) as read:
                yield read

    source = Killed()
    source.segments, source.made = office.source.segments, office.source.made
    return office.make(lambda _: nullcontext(source))


@pytest.mark.slow
@pytest.mark.parametrize("killed", [_at_step("package:begun"), _reading, _at_step("package:built")], ids=["begun", "reading", "built"])
def test_a_kill_while_it_is_made_leaves_no_footage_and_the_next_start_makes_it(office: Office, killed: Callable[[Office], object]) -> None:
    office.ask()
    office.killed(killed)
    assert (office.package().state, office.now().state) == (PackageState.MAKING, S.PREPARING)
    (package,) = office.make()
    assert (package.state, package.tries, office.there()) == (PackageState.READY, 2, [str(package.id)])


@pytest.mark.slow
def test_a_making_that_kills_its_process_each_time_is_given_up(office: Office) -> None:
    office.ask()
    for _ in range(MOST_TRIES):
        office.killed(_at_step("package:begun"))
    (package,) = office.make()
    assert (package.state, "ended 3 times" in package.sentence, office.there()) == (PackageState.FAILED, True, [])


def test_what_is_asked_for_is_held_from_the_request_to_the_package(office: Office) -> None:
    """So retention deletes nothing of it: the hold has no last day while the request is open."""
    from vms.store import holds  # noqa: PLC0415 - of this test alone

    office.ready()
    with office.hub.central.reading() as session:
        (hold,) = [holds.get(session, None, number) for number in office.now().holds]
    assert hold is not None
    assert (hold.expires_at, hold.released_at) == (None, None)


def _once_sealed(office: Office) -> Office:
    """Return the office with a request that was entered sealed, approved and opened."""
    delegate = at_work(office.people.delegate, AT)
    with office.hub.central.writing() as session:
        new = replace(a_new_request(office.request.scope.footage), sealed=True, named=(delegate.id,))
        request = done(enter(session, office.settings, office.director, new, at=AT))
        in_order(session, office.settings, office.director, request, at=AT)
        request = done(approve(session, office.settings, delegate, request.id, request.sha256, at=AT))
        request = done(unseal(session, office.settings, delegate, request.id, AT.date().isoformat(), "the order ended", at=AT))
    return replace(office, request=request)


@pytest.mark.slow
def test_a_package_of_what_was_sealed_is_not_made_without_its_key_and_holds_up_no_other(office: Office) -> None:
    once = _once_sealed(office)
    once.ask()
    office.clock.step(timedelta(seconds=1))
    office.ask()
    (office.settings.secrets_dir / f"{once.request.matter}.key").unlink()
    assert [one.state for one in office.make()] == [PackageState.FAILED, PackageState.READY]
    assert "Put it back from the backup of secrets/" in once.package().sentence


@pytest.mark.slow
def test_the_newest_of_many_that_lie_here_is_not_taken_for_one_that_nobody_may_have(office: Office) -> None:
    package, names = office.ready(), [column.name for column in inspect(PackageRow).columns]
    copied = ", ".join({"id": ":id", "asked_at": "asked_at - 1"}.get(name, name) for name in names)
    with office.hub.central.writing() as session:
        session.execute(text("DROP INDEX uq_package_live"))  # in the stead of as many requests
        insert = text(f"INSERT INTO package ({', '.join(names)}) SELECT {copied} FROM package WHERE id = {package.id}")  # noqa: S608 - above
        session.execute(insert, [{"id": number} for number in range(1, 502)])
    office.make()
    assert office.there() == [str(package.id)]


@pytest.mark.slow
def test_a_key_that_goes_while_a_package_is_made_holds_up_no_other(office: Office) -> None:
    once = _once_sealed(office)
    once.ask()
    office.clock.step(timedelta(seconds=1))
    office.ask()
    key = office.settings.secrets_dir / f"{once.request.matter}.key"
    arm("package:built", lambda: key.unlink(missing_ok=True))
    try:
        assert [one.state for one in office.make()] == [PackageState.FAILED, PackageState.READY]
    finally:
        arm("")
    assert "Put it back from the backup of secrets/" in once.package().sentence


@pytest.mark.slow
def test_a_redaction_plan_that_can_not_be_read_holds_up_no_other_package(office: Office) -> None:
    once = _once_sealed(office)
    with office.hub.central.writing() as session:
        to_redact(office, session)
        done(redactions.add_plan(session, office.settings, office.director, office.request.id, a_plan(office), at=AT))
    office.ask()
    office.clock.step(timedelta(seconds=1))
    once.ask()
    with office.hub.central.writing() as session:
        session.execute(text("UPDATE redaction_plan SET sealed = :other"), {"other": bytes(64)})
    assert [one.state for one in office.make()] == [PackageState.FAILED, PackageState.READY]
    assert "is not what was kept" in office.package().sentence


@pytest.mark.slow
def test_a_package_of_what_was_sealed_stays_while_its_key_is_away(office: Office) -> None:
    once = _once_sealed(office)
    package = once.ready()
    key = office.settings.secrets_dir / f"{once.request.matter}.key"
    away = key.rename(office.settings.data_dir / "key")
    office.clock.step(READY_LASTS)
    office.hub.sign_log()
    office.clock.step(timedelta(days=1, minutes=1))
    assert not _anything(office)
    office.make()
    assert office.there() == [str(package.id)]
    away.replace(key)
    assert _anything(office)
    office.make()
    assert office.there() == []


def _anything(office: Office) -> bool:
    with office.hub.central.reading() as session:
        return anything_to_do(office.settings, session, at=office.clock.now())
