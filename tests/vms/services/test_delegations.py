"""Delegations: proposed by one, confirmed by another, counted in open sessions, ended by their day or by somebody, and in the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, after, an_account, done, refused, span
from vms.domain.access import Action, Purpose
from vms.domain.camera import Area, Branch, CameraDetails
from vms.domain.delegation import Delegation
from vms.domain.ids import BranchId, PersonId, SessionId
from vms.domain.outcome import Refusal
from vms.domain.people import MAX_DELEGATION, NO_DELEGATE, Account, Permission, Person, Proof, Role
from vms.domain.reach import Reach
from vms.domain.second_person import ALONE_WAIT
from vms.errors import Conflict, InvalidInput
from vms.services.access_log import DISTRICT, list_events
from vms.services.cameras import list_cameras
from vms.services.delegations import (
    NewDelegation,
    any_over,
    confirm_delegation,
    propose_delegation,
    revoke_delegation,
    write_down_ends,
)
from vms.services.due_acts import carry_out_due
from vms.services.emergency import reviews_others
from vms.services.footage import open_view, view_for
from vms.services.people import confirm_person, disable_person
from vms.services.refusals import BEYOND
from vms.services.second_person import list_waiting, mark_announced, stop
from vms.services.sessions import open_session, session_for_token
from vms.store import access_log, people
from vms.store.database import Engines

UNTIL = NOW + timedelta(days=7)


def _events(session: Session, *actions: Action) -> list[tuple[Action, str, dict[str, str]]]:
    found = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset(actions)), limit=99)
    return [(event.action, event.actor_name, event.detail) for event in reversed(found)]


def _lend(session: Session, director: Person, account: PersonId, new: NewDelegation | None = None, *, at: datetime = NOW) -> Delegation:
    """Lend the role as IT proposes and the Director confirms."""
    done(propose_delegation(session, CONSOLE, new or NewDelegation(account, UNTIL), at=at))
    return done(confirm_delegation(session, director, account, at=at))


def _manager(session: Session) -> tuple[Person, Branch, Branch, Account, str]:
    """Return a Director, two branches, a Branch manager of the first, and the token of the manager's open session."""
    director, ours, theirs = a_person(session, Role.DIRECTOR), a_branch(session, "Ours"), a_branch(session, "Theirs")
    account = an_account(session, Role.BRANCH_MANAGER, branches=frozenset({ours.id}))
    done(confirm_person(session, director, account.id, at=NOW))
    return director, ours, theirs, account, done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=NOW)).token


def _now(session: Session, token: str, at: datetime) -> Person:
    return done(session_for_token(session, token, at=at)).person


def test_it_proposes_the_director_confirms_and_an_open_session_holds_it_at_once(central: Engines) -> None:
    with central.writing() as session:
        director, _, theirs, account, token = _manager(session)
        there = a_camera(session, theirs)
        done(propose_delegation(session, CONSOLE, NewDelegation(account.id, UNTIL, branches=frozenset({theirs.id})), at=NOW))
        assert _now(session, token, after(1)).delegation is None
        done(confirm_delegation(session, director, account.id, at=after(2)))
        person = _now(session, token, after(3))
        assert list_cameras(session, person, Permission.RECORDED_VIEW) == [there]
        lent = people.get(session, account.id)
        assert lent is not None
        assert person.delegation is not None
        expected = Delegation(person.delegation.id, after(2), UNTIL, Reach(frozenset({theirs.id})))
        assert lent.delegation == person.delegation == expected
        (grant,) = _events(session, Action.DELEGATION_GRANT)
    assert (grant[1], grant[2]["name"], grant[2]["branches"]) == ("director person", account.name, str(theirs.id))
    assert (grant[2]["from"], grant[2]["until"]) == (after(2).isoformat(), UNTIL.isoformat())


def test_it_is_limited_to_an_area(central: Engines) -> None:
    with central.writing() as session:
        director, _, theirs, account, token = _manager(session)
        quay, _ = a_camera(session, theirs, "Quay", area="Quay"), a_camera(session, theirs, "Safe", area="Cellar")
        assert quay.area is not None
        _lend(session, director, account.id, NewDelegation(account.id, UNTIL, branches=frozenset(), areas=frozenset({quay.area.id})))
        assert list_cameras(session, _now(session, token, after(1)), Permission.RECORDED_VIEW) == [quay]


def test_a_session_knows_each_branch_and_area_of_its_own_and_of_what_is_lent(central: Engines) -> None:
    with central.writing() as session:
        director, branches = a_person(session, Role.DIRECTOR), [a_branch(session, f"Branch {letter}") for letter in "ABCDEF"]
        own_areas, lent_areas = ([_an_area(session, branches[at], name) for name in ("Door", "Yard", "Quay")] for at in (4, 5))
        own = Reach(frozenset(one.id for one in branches[:2]), frozenset(own_areas))
        lent = Reach(frozenset(one.id for one in branches[2:4]), frozenset(lent_areas))
        account = an_account(session, Role.BRANCH_MANAGER, branches=own.branches, areas=frozenset(one.id for one in own_areas))
        done(confirm_person(session, director, account.id, at=NOW))
        new = NewDelegation(account.id, UNTIL, branches=lent.branches, areas=frozenset(one.id for one in lent_areas))
        _lend(session, director, account.id, new)
        person = done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=NOW))
        found = _now(session, person.token, after(1))
    assert found.own_reach == own
    assert found.delegation is not None
    assert found.delegation.reach == lent


def _an_area(session: Session, branch: Branch, name: str) -> Area:
    area = a_camera(session, branch, name, area=name).area
    assert area is not None
    return area


def test_what_the_role_adds_counts_where_it_is_lent_alone(central: Engines) -> None:
    with central.writing() as session:
        director, ours, theirs, account, token = _manager(session)
        here, there = a_camera(session, ours), a_camera(session, theirs)
        _lend(session, director, account.id, NewDelegation(account.id, UNTIL, branches=frozenset({theirs.id})))
        person, old = _now(session, token, after(1)), span(-600_000, -599_000)
        assert not reviews_others(person)

        def look(camera: CameraDetails) -> object:
            return open_view(session, person, camera_id=camera.camera.id, purpose=Purpose.INCIDENT, span=old, at=after(1))

        done(look(there))
        assert refused(look(here)).refusal is Refusal.NOT_ALLOWED
        done(list_events(session, person, at=after(2)))
        (opened,) = _events(session, Action.VIEW_OPEN)
    assert person.delegation is not None
    assert opened[2]["delegation"] == str(person.delegation.id)


def test_a_desk_looks_back_without_limit_where_it_is_lent_and_72_hours_elsewhere(central: Engines) -> None:
    with central.writing() as session:
        director, ours, theirs = a_person(session, Role.DIRECTOR), a_branch(session, "Ours"), a_branch(session, "Theirs")
        here, there = a_camera(session, ours), a_camera(session, theirs)
        account = an_account(session, branches=frozenset({ours.id}))
        done(confirm_person(session, director, account.id, at=NOW))
        token = done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=NOW)).token
        lent = _lend(session, director, account.id, NewDelegation(account.id, after(300), branches=frozenset({theirs.id})))
        person, old = _now(session, token, after(1)), span(-600_000, -599_000)
        assert refused(
            open_view(session, person, camera_id=here.camera.id, purpose=Purpose.INCIDENT, span=old, at=after(1))
        ).sentence.startswith("Your role sees recordings of the last 72 hours")
        view = done(open_view(session, person, camera_id=there.camera.id, purpose=Purpose.INCIDENT, span=old, at=after(1)))
        assert done(view_for(session, person, view.id, at=after(2))).span == old
        later = _now(session, token, lent.ends_at)
        assert refused(view_for(session, later, view.id, at=lent.ends_at)).refusal is Refusal.NOT_ALLOWED


def test_it_ends_by_itself_on_its_day_whether_a_job_runs_or_not_and_the_job_writes_it_down(central: Engines) -> None:
    with central.writing() as session:
        director, ours, _, account, token = _manager(session)
        camera = a_camera(session, ours)
        _lend(session, director, account.id, NewDelegation(account.id, after(300)))
        assert _now(session, token, after(299)).may(Permission.RECORDED_VIEW)
        person = _now(session, token, after(300))
        assert not person.may(Permission.RECORDED_VIEW)
        assert list_cameras(session, person) == [camera]
        assert not any_over(session, at=after(299))
        assert any_over(session, at=after(300))
        assert [write_down_ends(session, at=at) for at in (after(299), after(360), after(420))] == [0, 1, 0]
        (end,) = _events(session, Action.DELEGATION_END)
    assert (end[1], end[2]["name"]) == ("delegations", account.name)


def test_it_is_revoked_at_once_by_director_and_it(central: Engines) -> None:
    with central.writing() as session:
        director, _, _, account, token = _manager(session)
        it = Person(PersonId(2), "it person", Role.IT, SessionId(2))
        for revoking in (director, CONSOLE, it):
            _lend(session, director, account.id)
            assert _now(session, token, after(1)).may(Permission.RECORDED_VIEW)
            done(revoke_delegation(session, revoking, account.id, at=after(2)))
            assert not _now(session, token, after(2)).may(Permission.RECORDED_VIEW)
            assert refused(revoke_delegation(session, revoking, account.id, at=after(3))).refusal is Refusal.OUT_OF_SCOPE
        assert [event[1] for event in _events(session, Action.DELEGATION_REVOKE)] == ["director person", "pat@branch-server", "it person"]
        assert refused(revoke_delegation(session, _now(session, token, after(3)), account.id, at=after(3))).refusal is Refusal.NOT_ALLOWED


def test_one_that_begins_later_gives_nothing_before(central: Engines) -> None:
    with central.writing() as session:
        director, _, _, account, token = _manager(session)
        _lend(session, director, account.id, NewDelegation(account.id, UNTIL, starts_at=after(300)))
        assert [_now(session, token, after(second)).may(Permission.RECORDED_VIEW) for second in (299, 300)] == [False, True]


@pytest.mark.parametrize("role", sorted(NO_DELEGATE))
def test_roles_that_can_not_be_combined_are_not_combined(central_sqlite: Engines, role: Role) -> None:
    with central_sqlite.writing() as session:
        director = a_person(session, Role.DIRECTOR, name="director")
        account = an_account(session, role)
        done(confirm_person(session, director, account.id, at=NOW))
        told = refused(propose_delegation(session, CONSOLE, NewDelegation(account.id, UNTIL), at=NOW))
        assert (told.refusal, NO_DELEGATE[role] in told.sentence, told.logged) == (Refusal.NOT_ALLOWED, True, True)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.DIRECTOR, Role.IT}))
def test_only_it_and_the_director_propose_one(central_sqlite: Engines, role: Role) -> None:
    with central_sqlite.writing() as session:
        person, account = a_person(session, role), an_account(session, name="Eve")
        assert refused(propose_delegation(session, person, NewDelegation(account.id, UNTIL), at=NOW)).refusal is Refusal.NOT_ALLOWED


def test_who_holds_a_lent_role_neither_lends_nor_confirms(central: Engines) -> None:
    with central.writing() as session:
        director, _, _, account, token = _manager(session)
        other = an_account(session, name="Eve")
        done(confirm_person(session, director, other.id, at=NOW))
        _lend(session, director, account.id)
        holder = _now(session, token, after(1))
        assert refused(propose_delegation(session, holder, NewDelegation(other.id, UNTIL), at=after(1))).refusal is Refusal.NOT_ALLOWED
        done(propose_delegation(session, CONSOLE, NewDelegation(other.id, UNTIL), at=after(1)))
        assert refused(confirm_delegation(session, holder, other.id, at=after(1))).refusal is Refusal.NOT_ALLOWED
        assert refused(confirm_delegation(session, CONSOLE, other.id, at=after(1))).refusal is Refusal.NOT_ALLOWED


def test_a_director_who_proposes_does_not_confirm_and_another_does(central: Engines) -> None:
    with central.writing() as session:
        director, _, _, account, token = _manager(session)
        second = an_account(session, Role.DIRECTOR, name="second")
        done(confirm_person(session, director, second.id, at=NOW))
        other = done(open_session(session, person_id=second.id, proof=Proof.TOTP, at=NOW)).person
        done(propose_delegation(session, director, NewDelegation(account.id, UNTIL), at=NOW))
        assert refused(confirm_delegation(session, director, account.id, at=NOW)).refusal is Refusal.NOT_ALLOWED
        assert not _now(session, token, after(1)).may(Permission.RECORDED_VIEW)
        done(confirm_delegation(session, other, account.id, at=after(1)))
        assert _now(session, token, after(1)).may(Permission.RECORDED_VIEW)


def test_what_the_only_director_proposes_waits_three_days_and_anybody_stops_it(central: Engines) -> None:
    with central.writing() as session:
        director, _, _, account, token = _manager(session)
        desk = Person(PersonId(1), "Dee", Role.DESK, _now(session, token, NOW).session_id)
        done(propose_delegation(session, director, NewDelegation(account.id, UNTIL), at=NOW))
        mark_announced(session, at=NOW)
        (waiting,) = list_waiting(session, desk)
        assert waiting.alone_at == NOW + ALONE_WAIT
        done(stop(session, desk, waiting.id, at=after(1)))
        assert carry_out_due(session, at=NOW + ALONE_WAIT) == []
        done(propose_delegation(session, director, NewDelegation(account.id, UNTIL), at=NOW))
        mark_announced(session, at=NOW)
        assert carry_out_due(session, at=NOW + ALONE_WAIT - timedelta(seconds=1)) == []
        carry_out_due(session, at=NOW + ALONE_WAIT)
        lent = people.get(session, account.id)
        assert lent is not None
        assert lent.delegation is not None
        assert lent.delegation.starts_at == NOW + ALONE_WAIT
        assert [event[1] for event in _events(session, Action.DELEGATION_GRANT)] == ["second-person"]


def test_a_second_delegation_that_waits_alone_holds_up_nothing_else(central: Engines) -> None:
    """Let through by a race: what can't be done is passed over, and the next act is done."""
    with central.writing() as session:
        director, ours, _, account, _ = _manager(session)
        other = an_account(session, Role.BRANCH_MANAGER, name="other", branches=frozenset({ours.id}))
        done(confirm_person(session, director, other.id, at=NOW))
        first = _lend(session, director, account.id)
        session.execute(text("UPDATE delegation SET granted_at = NULL"))  # as a proposer saw it who was a moment earlier
        for one in (account, other):
            done(propose_delegation(session, director, NewDelegation(one.id, UNTIL), at=NOW))
        session.execute(text("UPDATE delegation SET granted_at = starts_at WHERE id = :first"), {"first": first.id})
        mark_announced(session, at=NOW)
        assert len(carry_out_due(session, at=NOW + ALONE_WAIT)) == 2
        kept, lent = (people.get(session, one.id) for one in (account, other))
        assert kept is not None
        assert kept.delegation is not None
        assert kept.delegation.id == first.id
        assert lent is not None
        assert lent.delegation is not None


def test_what_would_be_over_by_then_is_never_lent(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director, _, _, account, _ = _manager(session)
        done(propose_delegation(session, director, NewDelegation(account.id, after(60)), at=NOW))
        mark_announced(session, at=NOW)
        carry_out_due(session, at=NOW + ALONE_WAIT)
        done(propose_delegation(session, CONSOLE, NewDelegation(account.id, NOW + ALONE_WAIT + timedelta(1)), at=NOW + ALONE_WAIT))
        late = refused(confirm_delegation(session, director, account.id, at=NOW + 2 * ALONE_WAIT))
        assert "last day is over" in late.sentence
        assert _events(session, Action.DELEGATION_GRANT) == []
        (waiting,) = list_waiting(session, director)
        assert waiting.subject == account.id


def test_what_it_proposes_without_a_director_waits_for_one_for_good(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        account = an_account(session)
        done(propose_delegation(session, CONSOLE, NewDelegation(account.id, UNTIL), at=NOW))
        mark_announced(session, at=NOW)
        assert carry_out_due(session, at=NOW + 2 * ALONE_WAIT) == []


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "sentence"),
    [
        (None, NOW, "before it begins"),
        (after(60), after(60), "before it begins"),
        (None, NOW + MAX_DELEGATION + timedelta(seconds=1), "at most 366 days"),
    ],
)
def test_days_that_can_not_be_are_said_to_be(central_sqlite: Engines, starts_at: datetime | None, ends_at: datetime, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence), central_sqlite.writing() as session:
        propose_delegation(session, CONSOLE, NewDelegation(an_account(session).id, ends_at, starts_at), at=NOW)


def test_one_at_a_time_is_lent_to_an_account(central: Engines) -> None:
    with central.writing() as session:
        director, _, _, account, _ = _manager(session)
        _lend(session, director, account.id, NewDelegation(account.id, after(300)))
        assert "End that first" in refused(propose_delegation(session, CONSOLE, NewDelegation(account.id, UNTIL), at=after(299))).sentence
        done(propose_delegation(session, CONSOLE, NewDelegation(account.id, UNTIL), at=after(300)))
    with pytest.raises(Conflict, match="waits"), central.writing() as session:
        propose_delegation(session, CONSOLE, NewDelegation(account.id, UNTIL), at=after(301))
    with central.writing() as session:
        done(confirm_delegation(session, director, account.id, at=after(301)))  # the first is over, and it is written down
        assert [event[0] for event in _events(session, Action.DELEGATION_END, Action.DELEGATION_GRANT)] == [
            Action.DELEGATION_GRANT,
            Action.DELEGATION_END,
            Action.DELEGATION_GRANT,
        ]


def test_nobody_lends_or_looks_after_more_than_the_own_reach(central: Engines) -> None:
    with central.writing() as session:
        director, ours, theirs, account, _ = _manager(session)
        local = Person(PersonId(2), "local", Role.IT, SessionId(2), frozenset({ours.id}))
        half = replace(director, branches=frozenset({ours.id}))
        assert "whole district" in refused(propose_delegation(session, local, NewDelegation(account.id, UNTIL), at=NOW)).sentence
        there = NewDelegation(account.id, UNTIL, branches=frozenset({theirs.id}))
        assert refused(propose_delegation(session, local, there, at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        done(propose_delegation(session, CONSOLE, there, at=NOW))
        assert refused(confirm_delegation(session, half, account.id, at=NOW)) == replace(BEYOND, logged=True)
        done(confirm_delegation(session, director, account.id, at=NOW))
        assert refused(revoke_delegation(session, local, account.id, at=NOW)) == replace(BEYOND, logged=True)
        done(revoke_delegation(session, director, account.id, at=NOW))
        done(propose_delegation(session, local, NewDelegation(account.id, UNTIL, branches=frozenset({ours.id})), at=NOW))


def test_one_of_a_branch_that_is_not_there_is_refused(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        new = NewDelegation(an_account(session).id, UNTIL, branches=frozenset({BranchId(1)}))
        assert refused(propose_delegation(session, CONSOLE, new, at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        nobody = NewDelegation(PersonId(1), UNTIL)
        assert refused(propose_delegation(session, CONSOLE, nobody, at=NOW)).refusal is Refusal.OUT_OF_SCOPE


def test_an_account_that_ends_ends_what_is_lent_to_it_and_what_waits(central: Engines) -> None:
    with central.writing() as session:
        director, _, _, account, token = _manager(session)
        _lend(session, director, account.id)
        done(disable_person(session, CONSOLE, account.id, at=after(1)))
        refused(session_for_token(session, token, at=after(1)))
        assert [event[0] for event in _events(session, Action.DELEGATION_REVOKE, Action.PERSON_DISABLE)] == [
            Action.DELEGATION_REVOKE,
            Action.PERSON_DISABLE,
        ]
        waits = an_account(session, name="Eve")
        done(confirm_person(session, director, waits.id, at=NOW))
        done(propose_delegation(session, CONSOLE, NewDelegation(waits.id, UNTIL), at=NOW))
        done(disable_person(session, CONSOLE, waits.id, at=after(1)))
        assert refused(confirm_delegation(session, director, waits.id, at=after(2))).refusal is Refusal.OUT_OF_SCOPE


def test_what_waits_is_stopped_by_who_may_end_it(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director, _, _, account, _ = _manager(session)
        done(propose_delegation(session, CONSOLE, NewDelegation(account.id, UNTIL), at=NOW))
        done(revoke_delegation(session, director, account.id, at=after(1)))
        assert refused(confirm_delegation(session, director, account.id, at=after(2))).refusal is Refusal.OUT_OF_SCOPE
        assert [event[1] for event in _events(session, Action.PROPOSAL_STOP)] == ["director person"]
