"""Holds that the law keeps secret: who may place, see and end them, and that nobody else is told by anything there is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, a_camera, a_person, after, an_account, done, elsewhere, refused
from tests.vms.services.holding import a_hold, a_new_hold, an_answer, of_cameras
from vms.config import Settings
from vms.domain.access import AccessEvent, Action
from vms.domain.hold import HoldKind, HoldScope
from vms.domain.ids import HoldId, SessionId
from vms.domain.legal_hold import COOL_OFF, HoldState, LegalHold, Sealed
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Person, Role
from vms.domain.second_person import ALONE_WAIT
from vms.errors import Conflict, InvalidInput, NotFound
from vms.services import hold_acts, hold_release, sealed_holds
from vms.services.access_log import DISTRICT
from vms.services.cameras import NewCamera, add_camera
from vms.services.hold_orders import orders, take_answers
from vms.services.hold_resend import resend, take_back_sealed
from vms.services.holds import NewHold, hold_for, hold_named, list_holds
from vms.services.sealed_holds import UNREADABLE, look_after, may_confirm, opened, place_sealed, seen, to_look_after, waiting_release
from vms.services.sealed_log import destroy_matter, open_matter, read_sealed
from vms.services.second_person import list_waiting, to_announce, waits_for
from vms.store import access_log, holds, nodes
from vms.store.database import Engines


def _new(scope: HoldScope, **more: object) -> NewHold:
    return replace(a_new_hold(scope, matter="In re Grand Jury 26-14", reason="order of the court", end=None), sealed=True, **more)  # type: ignore[arg-type]


def _directors(session: Session) -> tuple[Person, Person]:
    first, second = (an_account(session, Role.DIRECTOR, name=name) for name in ("H. Marsh", "R. Cole"))
    return tuple(Person(one.id, one.name, one.role, SessionId(number)) for number, one in enumerate((first, second), 1))  # type: ignore[return-value]


def _sealed(session: Session, settings: Settings, director: Person) -> LegalHold:
    return done(place_sealed(session, settings, director, _new(of_cameras(a_camera(session).camera.id)), at=NOW))


def _ordinary(session: Session) -> list[AccessEvent]:
    return list(access_log.find(session, DISTRICT, None, access_log.Filter(), limit=99))


def _acts(session: Session, settings: Settings, hold: LegalHold) -> list[Action]:
    assert hold.seal is not None
    page = read_sealed(session, open_matter(settings, hold.seal.matter), actor=CONSOLE, at=NOW)
    return [line.action for line in reversed(page.lines) if isinstance(line, AccessEvent) and line.action is not Action.LOG_READ]


def test_a_director_places_one_and_nothing_ordinary_tells_of_it(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        director, _ = _directors(session)
        camera = a_camera(session).camera.id
        before = _ordinary(session)
        hold = done(hold_acts.place_hold(session, settings, director, _new(of_cameras(camera)), at=NOW)).hold
        assert (hold.matter, hold.reason, hold.spoken) == ("In re Grand Jury 26-14", "order of the court", f"sealed hold {hold.id}")
        assert _ordinary(session) == before
        assert _acts(session, settings, hold) == [Action.HOLD_PLACE]
        assert hold_release.notices_due(session, at=hold.review_at - COOL_OFF) == []


def test_its_text_lies_in_the_database_under_the_key_of_its_matter_alone(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        hold = _sealed(session, settings, _directors(session)[0])
        for table in ("legal_hold", "sealed_hold", "access_sealed", "access_event"):
            rows = session.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608 - names above
            cells = [bytes(cell) if isinstance(cell, memoryview) else cell for row in rows for cell in row]
            assert "Grand Jury" not in str(cells)
        stored = holds.get(session, None, hold.id, Sealed.INCLUDED)
        assert stored is not None
        assert stored.seal is not None
        assert opened(settings, stored).matter == "In re Grand Jury 26-14"
        destroy_matter(settings, stored.seal.matter)
        assert opened(settings, stored).matter == UNREADABLE


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.DIRECTOR])
def test_every_other_role_is_answered_as_if_it_were_not_there(central_sqlite: Engines, settings: Settings, role: Role) -> None:
    with central_sqlite.writing() as session:
        director, _ = _directors(session)
        person = replace(director, role=role)
        hold = _sealed(session, settings, director)
        listed = list_holds(session, person)
        assert isinstance(listed, Refused) or listed == []
        _same_as_none(session, settings, person, hold)


def _same_as_none(session: Session, settings: Settings, person: Person, hold: LegalHold) -> None:
    none = HoldId(hold.id + 1)
    assert seen(session, person, hold.id) is None
    assert hold_for(session, person, hold.id) == hold_for(session, person, none)
    for act in (
        lambda number: hold_acts.propose_release(session, settings, person, number, "settled", at=NOW),
        lambda number: hold_acts.confirm_release(session, settings, person, number, at=NOW),
        lambda number: hold_acts.undo_release(session, settings, person, number, at=NOW),
    ):
        assert act(hold.id) == act(none)
    asked = hold_named(session, person, str(hold.id))
    assert refused(asked).sentence.replace(str(hold.id), "") == refused(hold_named(session, person, str(none))).sentence.replace(
        str(none), ""
    )


def test_a_director_of_some_branches_and_the_console_know_of_none(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        director, _ = _directors(session)
        hold = _sealed(session, settings, director)
        of_branch = elsewhere(director, next(iter(holds.places(session, None))).branch_id)
        _same_as_none(session, settings, of_branch, hold)
        assert list_holds(session, of_branch) == list_holds(session, CONSOLE) == []
        assert refused(hold_for(session, CONSOLE, hold.id)).refusal is Refusal.OUT_OF_SCOPE


def test_nobody_else_places_one_and_the_refusal_is_in_the_log(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        director, _ = _directors(session)
        details = a_camera(session)
        camera = details.camera.id
        for actor in (replace(director, role=Role.DELEGATE), elsewhere(director, details.branch.id), CONSOLE):
            said = refused(hold_acts.place_hold(session, settings, actor, _new(of_cameras(camera)), at=NOW))
            assert (said.refusal, said.logged, "the Director of the whole district" in said.sentence) == (Refusal.NOT_ALLOWED, True, True)
        with pytest.raises(InvalidInput, match="provisional one can't be sealed"):
            place_sealed(session, settings, director, _new(of_cameras(camera), kind=HoldKind.PROVISIONAL), at=NOW)
        refused(place_sealed(session, settings, director, _new(of_cameras(type(camera)(5))), at=NOW))
        assert not list(settings.secrets_dir.glob("*.key")), "what was refused leaves no key"


def test_it_protects_at_the_node_like_any_other_and_says_that_it_is_sealed(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        director, _ = _directors(session)
        hold = _sealed(session, settings, director)
        plain = a_hold(session, director, a_new_hold(hold.scope))
        node = nodes.find(session)[0].id
        told = orders(session, node, 0, at=after(1), sure=True)
        assert [(change.hold_id, change.sealed, change.time is not None) for change in told.changes] == [
            (hold.id, True, True),
            (plain.id, False, True),
        ]
        camera = next(iter(hold.scope.cameras))
        take_answers(session, node, told.hold_seq, [an_answer(hold.id, camera)], at=after(2))
        standing = done(hold_for(session, director, hold.id))
        assert (standing.effective(after(2)), standing.answers[0].answer.kept_segments) == (True, 3)


def test_two_directors_end_one_and_no_list_of_what_waits_has_it(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        director, other = _directors(session)
        delegate = replace(director, role=Role.DELEGATE)
        hold = _sealed(session, settings, director)
        proposal = done(hold_acts.propose_release(session, settings, director, hold.id, "the order was lifted", at=NOW))
        assert (proposal.alone_at, list_waiting(session, director), to_announce(session), waits_for(session, other)) == (None, [], [], 0)
        with pytest.raises(Conflict):
            hold_acts.propose_release(session, settings, other, hold.id, "again", at=NOW)
        assert "another Director" in refused(hold_acts.confirm_release(session, settings, director, hold.id, at=after(1))).sentence
        refused(hold_acts.confirm_release(session, settings, delegate, hold.id, at=after(1)))
        cooling = done(hold_acts.confirm_release(session, settings, other, hold.id, at=after(2)))
        assert (cooling.state(after(3)), cooling.ends_at) == (HoldState.COOLING_OFF, after(2) + COOL_OFF)
        assert hold_release.end_due(session, at=after(2) + COOL_OFF) == [], "what has no key writes no end"
        assert to_look_after(session, at=after(2) + COOL_OFF)
        look_after(session, settings, at=after(2) + COOL_OFF, sure=False)
        look_after(session, settings, at=after(2) + COOL_OFF, sure=True)
        ended = seen(session, director, hold.id)
        assert ended is not None
        assert ended.state(NOW) is HoldState.RELEASED
        assert _acts(session, settings, hold) == [Action.HOLD_PLACE, Action.PROPOSAL_OPEN, Action.HOLD_RELEASE, Action.HOLD_END]
        assert not any("hold" in event.detail for event in _ordinary(session))
        told = orders(session, nodes.find(session)[0].id, 0, at=after(9), sure=True)
        assert [change.time for change in told.changes][-1] is None, "and the node learns that it has ended"


def test_where_no_other_director_is_the_same_one_confirms_after_three_days(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        hold = _sealed(session, settings, director)
        proposal = done(hold_acts.propose_release(session, settings, director, hold.id, "lifted", at=NOW))
        assert proposal.alone_at == NOW + ALONE_WAIT
        early = refused(hold_acts.confirm_release(session, settings, director, hold.id, at=NOW + ALONE_WAIT - after(1).resolution))
        assert "Nobody else may know of it" in early.sentence
        now = seen(session, director, hold.id)
        assert now is not None
        waiting = waiting_release(session, now, at=NOW)
        assert waiting is not None
        assert [may_confirm(director, waiting, at) for at in (NOW, NOW + ALONE_WAIT)] == [False, True]
        done(hold_acts.confirm_release(session, settings, director, hold.id, at=NOW + ALONE_WAIT))


def test_a_proposal_and_a_release_are_taken_back(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        director, other = _directors(session)
        hold = _sealed(session, settings, director)
        assert "nothing to undo" in refused(hold_acts.undo_release(session, settings, director, hold.id, at=NOW)).sentence
        for _ in range(2):
            done(hold_acts.propose_release(session, settings, director, hold.id, "lifted", at=NOW))
            done(hold_acts.undo_release(session, settings, other, hold.id, at=NOW))
        done(hold_acts.propose_release(session, settings, director, hold.id, "lifted", at=NOW))
        done(hold_acts.confirm_release(session, settings, other, hold.id, at=NOW))
        refused(hold_acts.propose_release(session, settings, director, hold.id, "lifted", at=NOW))
        kept = done(hold_acts.undo_release(session, settings, director, hold.id, at=NOW))
        assert kept.state(NOW) is HoldState.ACTIVE
        refused(hold_acts.confirm_release(session, settings, other, hold.id, at=NOW))


def test_a_camera_that_comes_under_one_is_covered_and_only_its_matter_tells(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        director, _ = _directors(session)
        branch = a_camera(session).branch
        before = len(holds.places(session, None))
        hold = done(place_sealed(session, settings, director, _new(HoldScope(branches=frozenset({branch.id}))), at=NOW))
        assert not to_look_after(session, at=NOW)
        done(add_camera(session, CONSOLE, NewCamera("Gate", branch.id, "10.20.1.9"), at=after(1), allow_loopback=False))
        assert len(holds.cameras(session, None, hold.id)) == before + 1
        assert Action.HOLD_COVER not in [event.action for event in _ordinary(session)]
        assert to_look_after(session, at=after(2))
        look_after(session, settings, at=after(2), sure=False)
        look_after(session, settings, at=after(2), sure=False)
        assert _acts(session, settings, hold) == [Action.HOLD_PLACE, Action.HOLD_COVER]


def test_without_its_key_it_goes_on_protecting_and_nothing_is_done_about_it(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        director, other = _directors(session)
        hold = _sealed(session, settings, director)
        done(hold_acts.propose_release(session, settings, director, hold.id, "lifted", at=NOW))
        done(hold_acts.confirm_release(session, settings, other, hold.id, at=NOW))
        assert hold.seal is not None
        destroy_matter(settings, hold.seal.matter)
        look_after(session, settings, at=NOW + COOL_OFF, sure=True)
        still = seen(session, director, hold.id)
        assert still is not None
        assert still.released_at is None
        with pytest.raises(NotFound, match="no key of a matter"):
            sealed_holds.undo_release(session, settings, director, hold.id, at=NOW)


def test_after_a_restore_what_a_recorder_keeps_sealed_is_sealed_again(central_sqlite: Engines, settings: Settings) -> None:
    """Or the ordinary list would show it to everybody as found."""
    with central_sqlite.writing() as session:
        director, _ = _directors(session)
        camera = a_camera(session).camera.id
        kept = [(HoldId(77), camera, a_hold(session, director, a_new_hold(of_cameras(camera))).time)]
        take_back_sealed(session, settings, replace(director, role=Role.DELEGATE), kept, at=NOW)
        assert seen(session, director, HoldId(77)) is None
        take_back_sealed(session, settings, director, kept, at=NOW)
        assert done(resend(session, director, [], [], at=NOW)) == []
        again = seen(session, director, HoldId(77))
        assert again is not None
        assert again.scope == of_cameras(camera)
        assert "Found at a recorder" in opened(settings, again).matter
        assert all(event.detail.get("holds", "") == "" for event in _ordinary(session))
        take_back_sealed(session, settings, director, kept, at=NOW)
        assert len(holds.unreleased(session, Sealed.INCLUDED)) == 2


def test_numbers_given_anew_after_a_restore_are_no_cameras_that_came_under_one(central: Engines, settings: Settings) -> None:
    """What its matter lacked then is still written: once."""
    with central.writing() as session:
        director, _ = _directors(session)
        branch = a_camera(session).branch
        hold = done(place_sealed(session, settings, director, _new(HoldScope(branches=frozenset({branch.id}))), at=NOW))
        done(resend(session, director, [], [], at=after(1)))
        assert not to_look_after(session, at=after(2))
        done(add_camera(session, CONSOLE, NewCamera("Gate", branch.id, "10.20.1.9"), at=after(3), allow_loopback=False))
        done(resend(session, director, [], [], at=after(4)))
        for second in (5, 6):
            look_after(session, settings, at=after(second), sure=False)
        assert _acts(session, settings, hold) == [Action.HOLD_PLACE, Action.HOLD_COVER]
