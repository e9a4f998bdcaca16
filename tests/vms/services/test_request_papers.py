"""Scans of papers and counsel's advice: encrypted, under keys of their own, read by those whom they concern, and who did so is written."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from sqlalchemy import text

from tests.factories import CONSOLE, NOW, done, refused
from tests.vms.services.requesting import SCAN, a_request, staff
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.outcome import Refusal
from vms.domain.people import Role
from vms.domain.request import RequestAct
from vms.errors import Conflict, Corrupt, InvalidInput
from vms.services.access_log import DISTRICT
from vms.services.request_papers import MAX_PAPER_BYTES, MOST_PAPERS, add_paper, advise, read_advice, read_paper
from vms.services.requests import request_for
from vms.store import access_log
from vms.store.database import Engines

ADVICE = "the subpoena is overbroad: object to the parking lot"


def test_a_scan_comes_back_as_it_was_and_lies_encrypted(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        paper = done(add_paper(session, settings, people.desk, request.id, "C:\\scans\\subpoena.pdf", SCAN, at=NOW))
        assert (paper.name, paper.sha256, paper.size_bytes) == ("subpoena.pdf", hashlib.sha256(SCAN).hexdigest(), len(SCAN))
        assert done(read_paper(session, settings, people.director, request.id, paper.id, at=NOW)) == (paper, SCAN)
        (stored,) = session.scalars(text("SELECT sealed FROM request_paper"))
        assert SCAN not in bytes(stored)
        (entry,) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.REQUEST_READ})), limit=9)
        assert (entry.actor, entry.detail["paper"]) == (people.director.label, str(paper.id))


def test_nobody_else_takes_a_scan_out(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request, other = a_request(session, settings, people.desk), None
        paper = done(add_paper(session, settings, people.desk, request.id, "a.pdf", SCAN, at=NOW))
        other = a_request(session, settings, people.desk, camera=next(iter(request.scope.cameras)))
        stranger = replace(people.desk, id=people.delegate.id)
        for actor in (stranger, CONSOLE):
            assert refused(read_paper(session, settings, actor, request.id, paper.id, at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        assert refused(read_paper(session, settings, people.desk, other.id, paper.id, at=NOW)).sentence == "There is no such paper."
        assert refused(add_paper(session, settings, stranger, request.id, "a.pdf", SCAN, at=NOW)).refusal is Refusal.OUT_OF_SCOPE
        assert refused(add_paper(session, settings, CONSOLE, request.id, "a.pdf", SCAN, at=NOW)).logged


@pytest.mark.parametrize("column", ["sealed = zeroblob(40)", "sha256 = printf('%064d', 0)"])
def test_a_scan_that_was_changed_is_not_handed_out(central_sqlite: Engines, settings: Settings, column: str) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        paper = done(add_paper(session, settings, people.desk, request.id, "a.pdf", SCAN, at=NOW))
        session.execute(text(f"UPDATE request_paper SET {column}"))  # noqa: S608 - of this file
        with pytest.raises(Corrupt, match="not what was written"):
            read_paper(session, settings, people.desk, request.id, paper.id, at=NOW)


@pytest.mark.parametrize(("name", "content"), [("", SCAN), ("a\x07.pdf", SCAN), ("a.pdf", b""), ("a.pdf", bytes(MAX_PAPER_BYTES + 1))])
def test_what_is_no_scan_is_refused(central_sqlite: Engines, settings: Settings, name: str, content: bytes) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        with pytest.raises(InvalidInput):
            add_paper(session, settings, people.desk, request.id, name, content, at=NOW)


def test_a_request_has_so_many_papers(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        for number in range(MOST_PAPERS):
            done(add_paper(session, settings, people.desk, request.id, f"{number}.pdf", SCAN, at=NOW))
        with pytest.raises(Conflict, match="papers already"):
            add_paper(session, settings, people.desk, request.id, "one more.pdf", SCAN, at=NOW)


def test_counsel_s_advice_is_read_by_counsel_and_those_who_decide_alone(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        counsel = replace(people.desk, id=people.delegate.id, name="counsel", role=Role.COUNSEL)
        done(advise(session, settings, counsel, request.id, ADVICE, at=NOW))
        for reader in (counsel, people.director, people.delegate):
            (found,) = done(read_advice(session, settings, reader, request.id, at=NOW))
            assert (found.words, found.by_name) == (ADVICE, "counsel")
        for other in (people.desk, replace(people.director, role=Role.AUDITOR), CONSOLE):
            assert refused(read_advice(session, settings, other, request.id, at=NOW)).logged
            assert refused(advise(session, settings, other, request.id, ADVICE, at=NOW)).logged


def test_the_advice_is_in_no_log_and_in_no_history(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        done(advise(session, settings, people.director, request.id, ADVICE, at=NOW))
        history = done(request_for(session, settings, people.director, request.id)).history
        assert (history[-1].act, history[-1].words) == (RequestAct.ADVICE, "")
        told = [str(entry) for entry in access_log.find(session, DISTRICT, None, access_log.Filter(), limit=99)]
        assert not any("overbroad" in entry for entry in told)
        assert any("advice" in entry for entry in told), "that counsel was consulted is written"
    raw = b"".join(path.read_bytes() for path in settings.data_dir.glob("central.db*"))
    assert b"overbroad" not in raw
    assert SCAN not in raw


def test_advice_that_was_changed_is_said_to_be(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        people = staff(session)
        request = a_request(session, settings, people.desk)
        done(advise(session, settings, people.director, request.id, ADVICE, at=NOW))
        session.execute(text("UPDATE request_event SET sealed = zeroblob(60) WHERE sealed IS NOT NULL"))
        with pytest.raises(Corrupt, match="not what was written"):
            read_advice(session, settings, people.director, request.id, at=NOW)
