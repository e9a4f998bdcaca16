"""Requests under anything that anybody does in any order: nobody approves their own, and nothing leaves but exactly what was approved.

Four people, one of them with the Delegate's role lent for some days, and a clock that only goes on. Some requests are sealed: whoever isn't
named finds none of them, and no ordinary entry tells of one until its seal is lifted.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import NOW, a_camera, a_person
from tests.vms.services.requesting import SCAN, a_new_request, at_work, footage
from vms.config import Settings
from vms.domain.delegation import Delegation
from vms.domain.export_scope import Delivery, Terms, digest_of, scope_of, text_of
from vms.domain.ids import CameraId, DelegationId, PersonId, RequestId
from vms.domain.instruments import FormAnswer, FormLine, Instrument
from vms.domain.legal_hold import Sealed
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person, Role
from vms.domain.request import APPROVAL_LASTS, EDGES, NEEDS_APPROVAL, OF_JOBS, OPEN, DenyReason, ExportRequest, RequestAct, RequestState
from vms.domain.showing import Showing, Viewer
from vms.errors import Conflict, InvalidInput
from vms.services.approvals import advance, approve, change_scope, disclose, narrow, write_down_run_out
from vms.services.request_acts import WORDED, act_on, check_form, deny
from vms.services.request_papers import add_paper, advise
from vms.services.request_steps import JOB, reader
from vms.services.requests import enter
from vms.services.sealed_requests import name_more, unseal
from vms.services.showings import begin_showing, end_showing, write_down_over
from vms.store import holds, requests
from vms.store.database import Engines
from vms.store.migrate import Which

WHO = st.integers(0, 3)
WAYS = st.sampled_from([Delivery.BY_HAND, Delivery.ON_SITE])
VIEWER = Viewer("R. Alvarez", "4711, Alder County Sheriff", "badge", "desk 2", "")
INSTRUMENTS = st.sampled_from([Instrument.SUBPOENA, Instrument.SEARCH_WARRANT, Instrument.AGENCY_REQUEST, Instrument.LIBRARY_REPORT])
Migrated = Callable[[Which, Path], Engines]


@dataclass(frozen=True)
class Yes:
    """An approval as the model saw it given."""

    sha256: str
    by: str
    at: datetime


class Register(RuleBasedStateMachine):
    """The model: who may decide when, and which digest was approved last, by whom."""

    migrated: Migrated

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="register-"))
        self.settings = Settings(data_dir=self.folder)
        self.settings.secrets_dir.mkdir()
        self.central = type(self).migrated(Which.CENTRAL, self.folder / "central.db")
        self.now = NOW
        self.lent: Delegation | None = None
        self.known: list[RequestId] = []
        self.yes: dict[RequestId, Yes] = {}
        self.asked: set[tuple[RequestId, str]] = set()
        self.entered: dict[RequestId, str] = {}
        self.shown: dict[RequestId, str] = {}
        """What was shown on site, by the digest that was approved."""
        self.named: dict[RequestId, set[PersonId]] = {}
        """The requests that are sealed now, with whom they exist for."""
        self.read_to = 0
        """Up to here in the access log."""

    def teardown(self) -> None:
        self.central.dispose()
        shutil.rmtree(self.folder)

    @initialize()
    def staff(self) -> None:
        with self.central.writing() as session:
            self.camera: CameraId = a_camera(session).camera.id
            delegate, desk = a_person(session, Role.DELEGATE), a_person(session, Role.SUPERVISOR)
            other = a_person(session, Role.DESK)
            self.people = (a_person(session, Role.DIRECTOR), delegate, desk, other)

    def _person(self, who: int) -> Person:
        lent = self.lent if who == 2 and self.lent is not None and self.lent.lasts(self.now) else None
        return replace(at_work(self.people[who], self.now), delegation=lent)

    def _one(self, session: Session, which: int) -> ExportRequest:
        found = requests.get(session, requests.EVERYBODYS, self.known[which % len(self.known)])
        assert found is not None
        return found

    def _did(self, act: Callable[[Session], object]) -> object:
        """Do something in a transaction of its own; what is refused, or can't be, changes nothing that the invariants miss."""
        try:
            with self.central.writing() as session:
                return act(session)
        except (InvalidInput, Conflict) as err:
            return err

    @rule(who=WHO, instrument=INSTRUMENTS, delivery=WAYS)
    def enter(self, who: int, instrument: Instrument, delivery: Delivery) -> None:
        new = a_new_request(footage(self.camera), instrument, delivery=delivery)
        answer = self._did(lambda session: enter(session, self.settings, self._person(who), new, at=self.now))
        assert isinstance(answer, ExportRequest)
        self.known.append(answer.id)
        self.entered[answer.id] = answer.entered_by

    @rule(who=WHO, other=WHO, instrument=INSTRUMENTS, delivery=WAYS)
    def enter_a_sealed_one(self, who: int, other: int, instrument: Instrument, delivery: Delivery) -> None:
        person, named = self._person(who), self.people[other].id
        new = replace(a_new_request(footage(self.camera), instrument, delivery=delivery), sealed=True, named=(named,))
        answer = self._did(lambda session: enter(session, self.settings, person, new, at=self.now))
        assert isinstance(answer, ExportRequest) <= person.may(Permission.REQUEST_DECIDE)
        if isinstance(answer, ExportRequest):
            assert answer.is_sealed
            self.known.append(answer.id)
            self.entered[answer.id] = answer.entered_by
            self.named[answer.id] = {person.id, named}

    @precondition(lambda self: self.named)
    @rule(who=WHO, other=WHO, which=st.integers(0, 9))
    def name_it_to_another(self, who: int, other: int, which: int) -> None:
        number, person, named = self._sealed(which), self._person(who), self.people[other].id
        answer = self._did(lambda session: name_more(session, self.settings, person, number, [named], at=self.now))
        if isinstance(answer, ExportRequest):
            assert person.id in self.named[number]
            self.named[number].add(named)

    @precondition(lambda self: self.named)
    @rule(who=WHO, which=st.integers(0, 9))
    def lift_the_seal(self, who: int, which: int) -> None:
        number, person, day = self._sealed(which), self._person(who), self.now.date().isoformat()
        answer = self._did(lambda session: unseal(session, self.settings, person, number, day, "the order ended", at=self.now))
        if isinstance(answer, ExportRequest):
            assert person.id in self.named.pop(number)

    def _sealed(self, which: int) -> RequestId:
        return list(self.named)[which % len(self.named)]

    @precondition(lambda self: self.known)
    @rule(who=WHO, which=st.integers(0, 9))
    def put_in_order(self, who: int, which: int) -> None:
        def act(session: Session) -> None:
            person, number = self._person(who), self._one(session, which).id
            add_paper(session, self.settings, person, number, "scan.pdf", SCAN, at=self.now)
            check_form(session, self.settings, person, number, dict.fromkeys(FormLine, FormAnswer.YES), "", at=self.now)
            act_on(session, self.settings, person, number, RequestAct.COUNSEL, "by phone", at=self.now)
            advise(session, self.settings, person, number, "comply", at=self.now)
            act_on(session, self.settings, person, number, RequestAct.CONFER, "the chair", at=self.now)

        self._did(act)

    @precondition(lambda self: self.known)
    @rule(who=WHO, which=st.integers(0, 9), act=st.sampled_from(sorted(WORDED)))
    def say(self, who: int, which: int, act: RequestAct) -> None:
        self._did(lambda session: act_on(session, self.settings, self._person(who), self._one(session, which).id, act, "said", at=self.now))

    @precondition(lambda self: self.known)
    @rule(who=WHO, which=st.integers(0, 9), line=st.sampled_from(FormLine), answer=st.sampled_from(FormAnswer))
    def look_at_the_form(self, who: int, which: int, line: FormLine, answer: FormAnswer) -> None:
        self._did(
            lambda session: check_form(
                session, self.settings, self._person(who), self._one(session, which).id, {line: answer}, "why", at=self.now
            )
        )

    @precondition(lambda self: self.known)
    @rule(who=WHO, which=st.integers(0, 9), seen=st.sampled_from(["now", "now", "now", "first"]))
    def approve(self, who: int, which: int, seen: str) -> None:
        person = self._person(who)

        def act(session: Session) -> object:
            one = self._one(session, which)
            first = session.scalar(text("SELECT sha256 FROM request_scope WHERE request_id = :id AND version = 1"), {"id": one.id})
            return approve(session, self.settings, person, one.id, one.sha256 if seen == "now" else str(first), at=self.now)

        answer = self._did(act)
        if isinstance(answer, ExportRequest):
            assert person.may(Permission.REQUEST_DECIDE)
            assert person.label != answer.entered_by
            assert (answer.id, person.label) not in self.asked
            assert answer.instrument is not Instrument.AGENCY_REQUEST
            self.yes[answer.id] = Yes(answer.sha256, person.label, self.now)

    @precondition(lambda self: self.known)
    @rule(who=WHO, which=st.integers(0, 9), less_ms=st.integers(0, 3))
    def narrow(self, who: int, which: int, less_ms: int) -> None:
        def act(session: Session) -> object:
            one = self._one(session, which)
            part = [replace(span, start_ms=span.start_ms + less_ms) for span in one.scope.footage]
            return narrow(session, self.settings, self._person(who), one.id, part, one.scope.terms, "less", at=self.now)

        self._did(act)

    @precondition(lambda self: self.known)
    @rule(who=WHO, which=st.integers(0, 9), recipient=st.sampled_from(["A", "B"]), delivery=WAYS, more_ms=st.integers(0, 3))
    def change(self, who: int, which: int, recipient: str, delivery: Delivery, more_ms: int) -> None:
        person = self._person(who)

        def act(session: Session) -> object:
            one = self._one(session, which)
            spans = [replace(span, start_ms=span.start_ms - more_ms) for span in one.scope.footage]
            return change_scope(
                session,
                self.settings,
                person,
                one.id,
                scope_of(spans, one.scope.local_time, Terms(recipient, delivery)),
                "changed",
                at=self.now,
            )

        answer = self._did(act)
        if isinstance(answer, ExportRequest):
            self.asked.add((answer.id, person.label))

    @precondition(lambda self: self.known)
    @rule(who=WHO, which=st.integers(0, 9))
    def deny(self, who: int, which: int) -> None:
        self._did(
            lambda session: deny(
                session, self.settings, self._person(who), self._one(session, which).id, DenyReason.OTHER, "no", at=self.now
            )
        )

    @precondition(lambda self: self.yes)
    @rule(which=st.integers(0, 9), to=st.sampled_from(sorted(OF_JOBS)))
    def make_the_package(self, which: int, to: RequestState) -> None:
        number = list(self.yes)[which % len(self.yes)]
        yes = self.yes[number]
        before = self._state(number)
        answer = self._did(lambda session: advance(session, self.settings, JOB, number, yes.sha256, to, at=self.now))
        if isinstance(answer, ExportRequest) and before is RequestState.APPROVED:
            assert self.now < yes.at + APPROVAL_LASTS

    @precondition(lambda self: self.yes)
    @rule(who=WHO, which=st.integers(0, 9))
    def hand_over(self, who: int, which: int) -> None:
        number = list(self.yes)[which % len(self.yes)]
        answer = self._did(
            lambda session: disclose(session, self.settings, self._person(who), number, self.yes[number].sha256, "receipt 12", at=self.now)
        )
        assert isinstance(answer, Refused | ExportRequest | Conflict)

    @rule(who=WHO, decider=st.integers(0, 1), shower=st.sampled_from([0, 0, 1, 1, 2, 3]), instrument=INSTRUMENTS, delivery=WAYS)
    def one_goes_all_the_way(self, who: int, decider: int, shower: int, instrument: Instrument, delivery: Delivery) -> None:
        """Step by step the others come there now and then alone, and what is done after an approval would hardly be tried."""
        self.enter(who, instrument, delivery)
        newest = len(self.known) - 1
        self.put_in_order(decider, newest)
        self.approve(decider, newest, "now")
        self._begin_to_show(shower, self.known[newest])

    @precondition(lambda self: self.known)
    @rule(who=WHO, which=st.integers(0, 9))
    def begin_to_show(self, who: int, which: int) -> None:
        pool = [*self.yes, *self.known]
        self._begin_to_show(who, pool[which % len(pool)])

    def _begin_to_show(self, who: int, number: RequestId) -> None:
        person = self._person(who)
        answer = self._did(lambda session: begin_showing(session, self.settings, person, number, VIEWER, at=self.now))
        if isinstance(answer, Showing):
            yes = self.yes[answer.request]
            assert digest_of(text_of(answer.request, answer.scope)) == yes.sha256
            assert answer.scope.terms.delivery is Delivery.ON_SITE
            assert person.may(Permission.REQUEST_DECIDE)
            assert yes.by != self.entered[answer.request] != person.label
            assert (answer.request, person.label) not in self.asked
            assert yes.at <= self.now < answer.ends_at <= yes.at + APPROVAL_LASTS
            assert answer.request not in self.named
            self.shown[answer.request] = yes.sha256

    @precondition(lambda self: self.shown)
    @rule(who=WHO, which=st.integers(0, 9))
    def end_what_is_shown(self, who: int, which: int) -> None:
        number = list(self.shown)[which % len(self.shown)]
        self._did(lambda session: end_showing(session, self.settings, self._person(who), number, at=self.now))

    @rule(minutes=st.sampled_from([10, 70]))
    def minutes_go_by(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self._did(lambda session: write_down_over(session, self.settings, at=self.now))

    @rule(days=st.sampled_from([1, 5, 15]))
    def time_goes_on(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(days=st.integers(1, 8))
    def lend_the_role(self, days: int) -> None:
        self.lent = Delegation(DelegationId(5), self.now, self.now + timedelta(days=days), None)

    @rule()
    def look_for_what_has_run_out(self) -> None:
        self._did(lambda session: write_down_run_out(session, self.settings, at=self.now))

    def _state(self, number: RequestId) -> RequestState:
        with self.central.reading() as session:
            found = requests.get(session, requests.EVERYBODYS, number)
            assert found is not None
            return found.state

    @invariant()
    def nothing_is_where_it_must_not_be(self) -> None:
        with self.central.reading() as session:
            for number in self.known:
                one = requests.get(session, requests.EVERYBODYS, number)
                assert one is not None
                self._is_right(session, one)

    @precondition(lambda self: self.named)
    @invariant()
    def a_sealed_one_exists_for_the_named_alone(self) -> None:
        with self.central.reading() as session:
            for who in range(len(self.people)):
                person = self._person(who)
                found = {one.id for one in requests.find(session, reader(person), limit=500)}
                known = {number for number, named in self.named.items() if person.id in named and person.may(Permission.REQUEST_READ)}
                assert found & self.named.keys() == known
            bodies = session.scalars(
                text("SELECT body FROM access_event WHERE number > :read ORDER BY number"), {"read": self.read_to}
            ).all()
            self.read_to += len(bodies)
            told = "\n".join(str(body) for body in bodies)
            assert not [number for number in self.named if str(number) in told or f"{number:X}" in told]

    def _is_right(self, session: Session, one: ExportRequest) -> None:
        states = [RequestState.DRAFT, *(event.state for event in requests.history(session, one.id))]
        assert all(after is before or after in EDGES[before] for before, after in pairwise(states)), states
        assert states[-1] is one.state
        if one.state in NEEDS_APPROVAL:
            yes = self.yes[one.id]
            assert one.approval is not None
            assert (one.approval.sha256, one.approval.by) == (one.sha256, yes.by) == (yes.sha256, one.approval.by)
            assert one.approval.by != one.entered_by
        if one.id in self.shown:
            assert one.state in {RequestState.DISCLOSED, RequestState.CLOSED}
            assert one.sha256 == self.shown[one.id]
        elif one.scope.terms.delivery is Delivery.ON_SITE:
            assert one.state not in {*OF_JOBS, RequestState.DISCLOSED}, "nothing but a showing begins to disclose it"
        if one.state in OPEN:
            kept = [hold for number in one.holds if (hold := holds.get(session, None, number, Sealed.INCLUDED)) is not None]
            assert all((hold.seal is not None) is one.is_sealed for hold in kept if hold.released_at is None)
            assert any(hold.released_at is None and hold.expires_at is None for hold in kept)


@pytest.mark.slow
def test_nothing_leaves_without_an_approval_of_that_scope_by_another_person(migrated_sqlite: Migrated) -> None:
    _run(migrated_sqlite, examples=6, steps=30)


@pytest.mark.long
def test_nothing_leaves_without_an_approval_of_that_scope_by_another_person_in_ten_thousand_steps(migrated_sqlite: Migrated) -> None:
    _run(migrated_sqlite, examples=250, steps=45)


def _run(migrated: Migrated, *, examples: int, steps: int) -> None:
    machine = type("RegisterOfThisRun", (Register,), {"migrated": staticmethod(migrated)})
    run_state_machine_as_test(machine, settings=hypothesis_settings(max_examples=examples, stateful_step_count=steps, deadline=None))
