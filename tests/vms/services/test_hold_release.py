"""How holds end: two people and a week that can be undone, or an expiry with two weeks' grace; never by surprise."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, after, an_account, done, elsewhere, refused
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.hold import HoldKind
from vms.domain.ids import HoldId, PersonId, SessionId
from vms.domain.legal_hold import COOL_OFF, LAPSE_GRACE, HoldState, LegalHold
from vms.domain.outcome import Refusal
from vms.domain.people import Person, Role
from vms.domain.second_person import ALONE_WAIT
from vms.errors import Conflict, InvalidInput
from vms.services.access_log import DISTRICT
from vms.services.delegations import NewDelegation, confirm_delegation, propose_delegation
from vms.services.due_acts import announce, carry_out_due
from vms.services.hold_release import confirm_release, end_due, notices_due, notify, propose_release, releases_due, undo_release
from vms.services.holds import hold_for
from vms.services.people import confirm_person, disable_person
from vms.services.second_person import list_waiting, mark_announced, names_of, stop, to_announce, waits_for
from vms.store import access_log, holds
from vms.store.database import Engines

MOMENT = timedelta(seconds=1)


def _hold(session: Session, *, expires_at: datetime | None = None) -> tuple[LegalHold, Person]:
    """Return a hold and the Director who placed it."""
    director = a_person(session, Role.DIRECTOR)
    kind = HoldKind.LITIGATION if expires_at is None else HoldKind.PROVISIONAL
    new = a_new_hold(of_cameras(a_camera(session).camera.id), kind=kind, expires_at=expires_at)
    return a_hold(session, director, new), director


def _hold_of_two(session: Session, *, expires_at: datetime | None = None) -> tuple[LegalHold, Person, Person]:
    """Return a hold, the Director who placed it, and somebody who could confirm its release."""
    delegate = a_person(session, Role.DELEGATE)
    return *_hold(session, expires_at=expires_at), delegate


def _released(session: Session) -> tuple[LegalHold, Person]:
    """Return a hold that cools off, and who placed it."""
    hold, director, delegate = _hold_of_two(session)
    done(propose_release(session, director, hold.id, "settled", at=NOW))
    return done(confirm_release(session, delegate, hold.id, at=NOW)), director


def _actions(session: Session) -> list[Action]:
    return [event.action for event in reversed(access_log.find(session, DISTRICT, None, access_log.Filter(), limit=99))]


def _stored(session: Session, number: HoldId) -> LegalHold:
    hold = holds.get(session, None, number)
    assert hold is not None
    return hold


def test_a_release_is_proposed_confirmed_cooled_off_and_only_then_written(central: Engines) -> None:
    with central.writing() as session:
        hold, director, other = _hold_of_two(session)
        done(propose_release(session, director, hold.id, "settled", at=NOW))
        assert done(hold_for(session, director, hold.id)).release_waits
        assert _stored(session, hold.id).state(after(1)) is HoldState.ACTIVE
        cooling = done(confirm_release(session, other, hold.id, at=after(60)))
        assert (cooling.state(after(60)), cooling.ends_at) == (HoldState.COOLING_OFF, after(60) + COOL_OFF)
        assert cooling.ending is not None
        assert (cooling.ending.by, cooling.ending.reason) == (other.label, "settled")
        assert end_due(session, at=after(60) + COOL_OFF - MOMENT) == []
        assert [one.id for one in end_due(session, at=after(60) + COOL_OFF)] == [hold.id]
        assert end_due(session, at=after(60) + COOL_OFF) == []
        ended = _stored(session, hold.id)
        assert (ended.state(after(61) + COOL_OFF), ended.released_by) == (HoldState.RELEASED, other.label)
        assert (ended.matter, ended.reason, ended.scope, ended.time) == (hold.matter, hold.reason, hold.scope, hold.time)
        assert _actions(session)[-4:] == [Action.PROPOSAL_OPEN, Action.PROPOSAL_APPROVE, Action.HOLD_RELEASE, Action.HOLD_END]


def test_who_proposed_a_release_does_not_confirm_it(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        hold, director, _ = _hold_of_two(session)
        done(propose_release(session, director, hold.id, "settled", at=NOW))
        assert refused(confirm_release(session, director, hold.id, at=NOW)).refusal is Refusal.NOT_ALLOWED
        assert _stored(session, hold.id).ending is None
        with pytest.raises(Conflict, match="already"):
            propose_release(session, director, hold.id, "settled", at=NOW)


def test_without_a_proposal_nothing_is_confirmed(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        hold, director = _hold(session)
        assert refused(confirm_release(session, director, hold.id, at=NOW)).refusal is Refusal.OUT_OF_SCOPE


def test_a_release_needs_a_reason(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        hold, director = _hold(session)
        with pytest.raises(InvalidInput, match="needed no more"):
            propose_release(session, director, hold.id, " ", at=NOW)


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.DIRECTOR, Role.DELEGATE)])
def test_nobody_else_ends_or_keeps_a_hold(central_sqlite: Engines, role: Role) -> None:
    with central_sqlite.writing() as session:
        person = a_person(session, role)
        hold, _ = _released(session)
        for actor in (person, CONSOLE):
            assert refused(propose_release(session, actor, hold.id, "settled", at=NOW)).refusal is Refusal.NOT_ALLOWED
            assert refused(confirm_release(session, actor, hold.id, at=NOW)).refusal is Refusal.NOT_ALLOWED
            assert refused(undo_release(session, actor, hold.id, at=NOW)).refusal is Refusal.NOT_ALLOWED


def test_who_ends_a_hold_reaches_all_of_it(central: Engines) -> None:
    with central.writing() as session:
        harbor, main = a_branch(session, "Harbor"), a_branch(session)
        cameras = [a_camera(session, branch).camera.id for branch in (harbor, main)]
        director = a_person(session, Role.DIRECTOR)
        hold = a_hold(session, director, a_new_hold(of_cameras(*cameras)))
        limited = elsewhere(director, main.id)
        assert "reaches further" in refused(propose_release(session, limited, hold.id, "settled", at=NOW)).sentence
        assert refused(propose_release(session, elsewhere(director), hold.id, "settled", at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        an_account(session, Role.DELEGATE, branches=frozenset({main.id}))  # holds the power, and not for this hold
        proposal = done(propose_release(session, director, hold.id, "settled", at=NOW))
        assert proposal.alone_at == NOW + ALONE_WAIT


def test_while_it_cools_off_a_release_is_undone_and_may_be_proposed_anew(central: Engines) -> None:
    with central.writing() as session:
        hold, director = _released(session)
        assert "agreed to already" in refused(propose_release(session, director, hold.id, "settled", at=NOW)).sentence
        kept = done(undo_release(session, director, hold.id, at=NOW + COOL_OFF - MOMENT))
        assert (kept.state(NOW), kept.ending) == (HoldState.ACTIVE, None)
        assert end_due(session, at=NOW + 2 * COOL_OFF) == []
        assert _actions(session)[-1] is Action.HOLD_KEEP
        assert "nothing to undo" in refused(undo_release(session, director, hold.id, at=NOW)).sentence
        done(propose_release(session, director, hold.id, "settled after all", at=NOW))


def test_what_is_released_is_not_undone(central: Engines) -> None:
    with central.writing() as session:
        hold, director = _released(session)
        end_due(session, at=NOW + COOL_OFF)
        assert "new hold" in refused(undo_release(session, director, hold.id, at=NOW + COOL_OFF)).sentence
        assert refused(propose_release(session, director, hold.id, "again", at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        assert refused(undo_release(session, director, HoldId(1), at=NOW)).refusal is Refusal.OUT_OF_SCOPE


def test_alone_a_release_waits_three_days_can_be_stopped_and_then_cools_off(central: Engines) -> None:
    with central.writing() as session:
        hold, director = _hold(session)
        proposal = done(propose_release(session, director, hold.id, "settled", at=NOW))
        assert proposal.alone_at == NOW + ALONE_WAIT
        mark_announced(session, at=NOW)
        assert [name for _, name in to_announce(session)] == [hold.spoken]
        assert names_of(session, list_waiting(session, director)) == {proposal.id: hold.spoken}
        assert waits_for(session, director) == 1
        assert carry_out_due(session, at=NOW + ALONE_WAIT - MOMENT) == []
        assert [one.id for one in carry_out_due(session, at=NOW + ALONE_WAIT)] == [proposal.id]
        cooling = _stored(session, hold.id)
        assert cooling.ends_at == NOW + ALONE_WAIT + COOL_OFF
        assert _actions(session)[-2:] == [Action.PROPOSAL_ALONE, Action.HOLD_RELEASE]


def test_a_release_that_waits_alone_is_stopped_by_anybody(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        hold, director = _hold(session)
        proposal = done(propose_release(session, director, hold.id, "settled", at=NOW))
        desk = Person(PersonId(5), "Ana", Role.DESK, SessionId(6))
        assert [one.id for one in list_waiting(session, desk)] == [proposal.id]
        done(stop(session, desk, proposal.id, at=after(60)))
        mark_announced(session, at=NOW)
        assert carry_out_due(session, at=NOW + 2 * ALONE_WAIT) == []
        assert _stored(session, hold.id).ending is None


def test_who_may_confirm_sees_what_waits(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        hold, director, delegate = _hold_of_two(session)
        proposal = done(propose_release(session, director, hold.id, "settled", at=NOW))
        assert [one.id for one in list_waiting(session, delegate)] == [proposal.id]
        assert list_waiting(session, elsewhere(delegate)) == []


def test_somebody_who_is_lent_the_role_is_the_second_person_where_it_is_lent(central: Engines) -> None:
    """Neither is a release done alone that a lent role could confirm, nor does one wait for who only reaches it by the own role."""
    with central.writing() as session:
        hold, director = _hold(session)
        (place, *_) = holds.places(session, None)
        elsewhere_branch = a_branch(session, "Elsewhere").id
        for own, lent, alone in ((elsewhere_branch, place.branch_id, False), (place.branch_id, elsewhere_branch, True)):
            account = an_account(session, Role.BRANCH_MANAGER, name=f"{own}", branches=frozenset({own}))
            done(confirm_person(session, director, account.id, at=NOW))
            lending = NewDelegation(account.id, NOW + COOL_OFF, branches=frozenset({lent}))
            done(propose_delegation(session, CONSOLE, lending, at=NOW))
            done(confirm_delegation(session, director, account.id, at=NOW))
            proposal = done(propose_release(session, director, hold.id, "settled", at=NOW))
            assert (proposal.alone_at is not None) is alone
            done(stop(session, director, proposal.id, at=NOW))
            done(disable_person(session, director, account.id, at=NOW))


def test_who_is_lent_the_role_elsewhere_stops_no_release(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        hold, director, delegate = _hold_of_two(session)
        proposal = done(propose_release(session, director, hold.id, "settled", at=NOW))
        assert proposal.alone_at is None
        refused(stop(session, elsewhere(delegate), proposal.id, at=NOW))


def test_a_provisional_hold_protects_for_two_weeks_past_its_expiry(central: Engines) -> None:
    expires = NOW + timedelta(days=10)
    with central.writing() as session:
        hold, director = _hold(session, expires_at=expires)
        assert [_stored(session, hold.id).state(at) for at in (expires - MOMENT, expires)] == [HoldState.ACTIVE, HoldState.LAPSING]
        assert not releases_due(session, at=expires + LAPSE_GRACE - MOMENT)
        assert end_due(session, at=expires + LAPSE_GRACE - MOMENT) == []
        assert "new hold" in refused(undo_release(session, director, hold.id, at=expires)).sentence
        assert releases_due(session, at=expires + LAPSE_GRACE)
        assert [one.id for one in end_due(session, at=expires + LAPSE_GRACE)] == [hold.id]
        assert _stored(session, hold.id).released_by == "system:holds"


def test_a_proposal_to_release_what_has_lapsed_is_closed(central: Engines) -> None:
    expires = NOW + timedelta(days=1)
    with central.writing() as session:
        hold, director, _ = _hold_of_two(session, expires_at=expires)
        done(propose_release(session, director, hold.id, "settled", at=NOW))
        for _ in range(2):
            end_due(session, at=expires + LAPSE_GRACE)
        assert list_waiting(session, director) == []
        assert not releases_due(session, at=expires + LAPSE_GRACE)


def test_a_release_that_comes_after_the_lapse_changes_nothing(central_sqlite: Engines) -> None:
    expires = NOW + timedelta(days=1)
    with central_sqlite.writing() as session:
        hold, director = _hold(session, expires_at=expires)
        done(propose_release(session, director, hold.id, "settled", at=NOW))
        mark_announced(session, at=NOW)
        end_due(session, at=expires + LAPSE_GRACE)
        before = _stored(session, hold.id)
        carry_out_due(session, at=NOW + timedelta(days=99))
        assert _stored(session, hold.id) == before


@pytest.fixture
def mailing(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        smtp_host="127.0.0.1",
        mail_from="vms@alder.example",
        director_address="director@alder.example",
        outside_address="clerk@county.example",
    )


def _mails(session: Session) -> list[tuple[str, str]]:
    return [(row.recipient, row.body) for row in session.execute(text("SELECT recipient, body FROM mail ORDER BY at, id"))]


def test_a_review_date_is_announced_30_7_and_1_days_before_each_once(central: Engines, mailing: Settings) -> None:
    with central.writing() as session:
        hold, _ = _hold(session)
        for days in (31, 30, 30, 8, 7, 2, 1, 0.5, 0, -3):
            notify(session, mailing, at=hold.review_at - timedelta(days=days))
        told = _mails(session)
        assert notices_due(session, at=hold.review_at - timedelta(hours=1)) == []
    assert [to for to, _ in told] == ["director@alder.example"] * 3
    assert all("is to be reviewed" in body and hold.spoken in body for _, body in told)
    assert not any(hold.matter in body for _, body in told)


def test_an_expiry_and_the_end_of_its_grace_are_announced(central_sqlite: Engines, mailing: Settings) -> None:
    expires = NOW + timedelta(days=60)
    with central_sqlite.writing() as session:
        _hold(session, expires_at=expires)
        for day in range(90):
            notify(session, mailing, at=NOW + timedelta(days=day))
        told = [body for _, body in _mails(session)]
    assert sum("expires, and 14 days later" in body for body in told) == 3
    assert sum("has expired" in body for body in told) == 3


def test_a_hold_that_is_younger_than_the_notice_is_not_announced_by_it(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        director, camera = a_person(session, Role.DIRECTOR), a_camera(session)
        a_hold(session, director, a_new_hold(of_cameras(camera.camera.id), review_at=NOW + timedelta(days=5)))
        assert notices_due(session, at=after(60)) == []
        assert len(notices_due(session, at=NOW + timedelta(days=4))) == 1


def test_of_a_hold_that_cools_off_nothing_is_announced(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        hold, _ = _released(session)
        assert notices_due(session, at=hold.review_at - timedelta(days=1)) == []


def test_outside_a_release_alone_is_told_without_the_reason(central_sqlite: Engines, mailing: Settings) -> None:
    with central_sqlite.writing() as session:
        hold, director = _hold(session)
        done(propose_release(session, director, hold.id, "Mr. Smith died", at=NOW))
        announce(session, mailing, at=NOW)
        ((to, body),) = _mails(session)
    assert to == "clerk@county.example"
    assert f"the {hold.spoken} is to be released" in body
    assert "Smith" not in body
