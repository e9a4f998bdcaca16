"""A district's own rules: proposed by one, approved by the Director who did not, and in force for what is decided from then on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, a_branch, a_person, after, done, refused
from tests.vms.services.requesting import a_request, an_approved, at_work, staff
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.instrument_rules import RulesVersion, digest_of, text_of
from vms.domain.instruments import SHIPPED, Instrument
from vms.domain.outcome import Refusal
from vms.domain.people import PROOF_LASTS, Person, Role
from vms.domain.request import DenyReason, RequestAct, RequestState
from vms.errors import Conflict, Corrupt, InvalidInput
from vms.services import instrument_rules
from vms.services.access_log import DISTRICT
from vms.services.approvals import approve
from vms.services.request_acts import act_on, deny
from vms.services.request_letters import letter_of
from vms.services.requests import request_for
from vms.store import access_log
from vms.store.database import Engines


def edited(instrument: Instrument = Instrument.LIBRARY_REPORT, *, based_on: int = 1, **says: Any) -> str:  # noqa: ANN401 - whatever a rule may say
    document = json.loads(text_of(based_on, SHIPPED.of))
    document["instruments"][instrument.value].update(says)
    return json.dumps(document)


def _in_force(session: Session, proposer: Person, director: Person, document: str) -> RulesVersion:
    version = done(instrument_rules.propose(session, proposer, document, "as the Board decided", at=NOW))
    return done(instrument_rules.approve(session, at_work(director, NOW), version.version, version.sha256, at=NOW))


def test_a_version_is_in_force_when_the_director_approved_it_and_not_before(central: Engines) -> None:
    with central.writing() as session:
        people = staff(session)
        director, auditor = at_work(people.director, NOW), people.delegate
        proposed = done(instrument_rules.propose(session, auditor, edited(counsel="first"), "counsel reads each", at=NOW))
        assert instrument_rules.in_force(session) is SHIPPED
        look = done(instrument_rules.look_at(session, director, proposed.version))
        assert ([(one.instrument, one.field, one.before, one.after) for one in look.changes], look.waits) == (
            [(Instrument.LIBRARY_REPORT, "counsel", "not-asked", "first")],
            True,
        )
        approved = done(instrument_rules.approve(session, director, proposed.version, proposed.sha256, at=after(60)))
        assert approved.approval is not None
        assert (approved.approval.by_name, approved.approval.at) == (director.name, after(60))
        rules = instrument_rules.in_force(session)
        assert (rules.version, rules.of[Instrument.LIBRARY_REPORT].counsel) == (2, "first")
        standing = instrument_rules.standing(session)
        assert ([one.version for one in standing.versions], standing.waiting) == ([2], None)
        which = access_log.Filter(actions=frozenset({Action.RULES_PROPOSE, Action.RULES_APPROVE}))
        newest, first = access_log.find(session, DISTRICT, None, which, limit=9)
        assert (first.detail["changes"], newest.detail["sha256"]) == ("library-report counsel", proposed.sha256)


def test_who_proposed_never_approves_and_the_table_refuses_it_too(central: Engines) -> None:
    with central.writing() as session:
        director = at_work(a_person(session, Role.DIRECTOR), NOW)
        version = done(instrument_rules.propose(session, director, edited(working_days=3), "sooner", at=NOW))
        assert "never approves" in refused(instrument_rules.approve(session, director, version.version, version.sha256, at=NOW)).sentence
        assert instrument_rules.in_force(session) is SHIPPED
        row = "INSERT INTO instrument_rules_approval (version, proposed_by, \"by\", by_name, proof, at) VALUES (2, :p, :b, 'x', 'totp', 1)"
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(text(row), {"p": director.label, "b": director.label})
        with pytest.raises(IntegrityError), session.begin_nested():
            session.execute(text(row), {"p": "person:77", "b": director.label})


def test_only_the_director_of_the_whole_district_approves_with_a_fresh_proof(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        director, branch = at_work(people.director, NOW), a_branch(session, "Harbor")
        version = done(instrument_rules.propose(session, people.delegate, edited(working_days=3), "sooner", at=NOW))

        def asked(who: Person) -> Refusal:
            return refused(instrument_rules.approve(session, who, version.version, version.sha256, at=NOW)).refusal

        stale = replace(director, proved_at=NOW - PROOF_LASTS)
        assert asked(stale) is Refusal.PROVE
        assert asked(replace(director, branches=frozenset({branch.id}))) is Refusal.NOT_ALLOWED
        assert {asked(replace(director, role=role)) for role in set(Role) - {Role.DIRECTOR}} == {Refusal.NOT_ALLOWED}
        assert refused(instrument_rules.approve(session, CONSOLE, version.version, version.sha256, at=NOW)).logged
        refused(instrument_rules.propose(session, people.desk, edited(working_days=4), "sooner", at=NOW))
        refused(instrument_rules.propose(session, CONSOLE, edited(working_days=4), "sooner", at=NOW))
        refused(instrument_rules.look_at(session, people.desk, version.version))
        assert instrument_rules.in_force(session) is SHIPPED


def test_what_was_looked_at_is_what_is_approved(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        director = at_work(people.director, NOW)
        first = done(instrument_rules.propose(session, people.delegate, edited(working_days=3), "sooner", at=NOW))
        second = done(instrument_rules.propose(session, people.delegate, edited(working_days=4), "no, later", at=NOW))
        for version, sha256 in ((first.version, first.sha256), (second.version, first.sha256)):
            with pytest.raises(Conflict, match="waits for no approval"):
                instrument_rules.approve(session, director, version, sha256, at=NOW)
        refused(instrument_rules.approve(session, director, 9, second.sha256, at=NOW))
        done(instrument_rules.approve(session, director, second.version, second.sha256, at=NOW))
        with pytest.raises(Conflict, match="waits for no approval"):
            instrument_rules.approve(session, director, second.version, second.sha256, at=NOW)
        with pytest.raises(Conflict, match="made from version 1, and version 3 is in force"):
            instrument_rules.propose(session, people.delegate, edited(working_days=9), "sooner", at=NOW)
        for document, reason, sentence in ((edited(based_on=3, working_days=4), "x", "already"), (edited(working_days=5), " ", "why")):
            with pytest.raises(InvalidInput, match=sentence):
                instrument_rules.propose(session, people.delegate, document, reason, at=NOW)


def test_what_is_undecided_is_checked_anew_and_what_was_approved_stays(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        people = staff(session)
        director = at_work(people.director, NOW)
        report = a_request(session, settings, people.desk, Instrument.LIBRARY_REPORT)
        subpoena = an_approved(session, settings, people, camera=next(iter(report.scope.cameras)))
        done(act_on(session, settings, director, report.id, RequestAct.CONFER, "the chair", at=NOW))
        assert done(request_for(session, settings, director, report.id)).faults == ()
        _in_force(session, people.delegate, people.director, edited(counsel="first"))
        standing = done(request_for(session, settings, director, report.id))
        assert standing.faults == ("Counsel has not been told.", "Counsel has not advised yet.")
        assert "Counsel has not" in refused(approve(session, settings, director, report.id, report.sha256, at=NOW)).sentence
        kept = done(request_for(session, settings, director, subpoena.id)).request
        assert (kept.state, kept.rules_version) == (RequestState.APPROVED, 1)
        newer = a_request(session, settings, people.desk, Instrument.LIBRARY_REPORT, camera=next(iter(report.scope.cameras)))
        assert newer.rules_version == 2


def test_a_letter_of_refusal_goes_on_saying_what_was_in_force_that_day(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        director = at_work(people.director, NOW)
        request = a_request(session, settings, people.desk, Instrument.AGENCY_REQUEST)
        denied = done(deny(session, settings, director, request.id, DenyReason.NO_DOCUMENT, "bring one", at=NOW))
        before = letter_of(done(request_for(session, settings, director, request.id)), at=NOW)
        _in_force(session, people.delegate, people.director, edited(Instrument.AGENCY_REQUEST, letter="Bring a paper."))
        assert letter_of(done(request_for(session, settings, director, request.id)), at=NOW) == before
        done(act_on(session, settings, director, request.id, RequestAct.REOPEN, "asked again", at=NOW))
        again = done(deny(session, settings, director, request.id, DenyReason.NO_DOCUMENT, "bring one", at=NOW))
        assert (denied.rules_version, again.rules_version) == (1, 2)
        assert "Bring a paper." in letter_of(done(request_for(session, settings, director, request.id)), at=NOW).paragraphs
        which = access_log.Filter(actions=frozenset({Action.EXPORT_DENY}))
        assert [one.detail["rules"] for one in access_log.find(session, DISTRICT, None, which, limit=9)] == ["2", "1"]


def test_no_rules_make_an_agency_without_a_document_approvable(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        director = at_work(people.director, NOW)
        with pytest.raises(InvalidInput, match="clause VIII"):
            instrument_rules.propose(session, people.delegate, edited(Instrument.AGENCY_REQUEST, may_be_approved=True), "why not", at=NOW)
        by_hand = json.loads(edited(Instrument.AGENCY_REQUEST, may_be_approved=True))
        rows = (
            "INSERT INTO instrument_rules VALUES (2, 1, :t, :s, 'x', 'a', 'a', 1)",
            "INSERT INTO instrument_rules_approval (version, proposed_by, \"by\", by_name, proof, at) VALUES (2, 'a', 'b', 'b', 'totp', 1)",
        )
        request = a_request(session, settings, people.desk, Instrument.AGENCY_REQUEST)
        session.execute(text(rows[0]), {"t": json.dumps(by_hand), "s": "0" * 64})
        session.execute(text(rows[1]))
        with pytest.raises(Corrupt, match="clause VIII"):
            approve(session, settings, director, request.id, request.sha256, at=NOW)


def test_a_version_from_before_an_instrument_has_the_shipped_rule_for_it_and_stays_what_was_approved(
    central_sqlite: Engines, settings: Settings
) -> None:
    older = json.loads(edited(working_days=9))
    del older["instruments"][Instrument.INTERNAL_STILLS.value]
    stored = json.dumps(older)
    with central_sqlite.writing() as session:
        people = staff(session)
        with pytest.raises(InvalidInput, match="has no “internal-stills”"):
            instrument_rules.propose(session, people.delegate, stored, "as the Board decided", at=NOW)
        session.execute(text("INSERT INTO instrument_rules VALUES (2, 1, :t, :s, 'x', 'a', 'a', 1)"), {"t": stored, "s": digest_of(stored)})
        waiting = done(instrument_rules.look_at(session, people.director, 2))
        assert ([one.instrument for one in waiting.changes], waiting.version.sha256) == ([Instrument.LIBRARY_REPORT], digest_of(stored))
        done(instrument_rules.approve(session, at_work(people.director, NOW), 2, digest_of(stored), at=NOW))
        rules = instrument_rules.in_force(session)
        assert rules.of[Instrument.INTERNAL_STILLS] == SHIPPED.of[Instrument.INTERNAL_STILLS]
        assert rules.of[Instrument.LIBRARY_REPORT].working_days == 9
        assert instrument_rules.standing(session).versions[0].text == stored
        an_approved(session, settings, people)
