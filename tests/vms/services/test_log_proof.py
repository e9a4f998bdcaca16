"""What a checkpoint signs stays as it was, or is named."""

from __future__ import annotations

import base64
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.checkpoint import PADDING, entry_hash, read_note
from vms.domain.merkle import includes
from vms.errors import Corrupt, InvalidInput, NotFound
from vms.services.access_log import DISTRICT, record
from vms.services.log_key import LogKey
from vms.services.log_proof import prove_entry, sign_checkpoint
from vms.services.log_verify import MAX_FINDINGS, LogReport, verify_log
from vms.services.signed_notes import SignedNotes
from vms.store import access_log, access_tree
from vms.store.database import Engines

_KEY = LogKey(bytes(range(32)))
_OTHER_KEY = LogKey(bytes(32))


def _write(session: Session, count: int, *, origin: str = DISTRICT) -> None:
    for n in range(count):
        record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW, origin=origin, detail={"n": str(n)})


def _verify(engines: Engines, *, against: str | None = None, key: LogKey = _KEY, notes: SignedNotes | None = None) -> LogReport:
    with engines.reading() as session:
        return verify_log(session, key, against=against, notes=notes)


@pytest.fixture
def notes(tmp_path: Path) -> SignedNotes:
    """A memory of what was signed, in a data directory of its own."""
    settings = Settings(data_dir=tmp_path / "notes")
    settings.secrets_dir.mkdir(parents=True)
    return SignedNotes(settings)


def _signed(engines: Engines, *counts: int) -> list[str]:
    """Write so many entries before each of as many checkpoints; return their notes."""
    notes = []
    for count in counts:
        with engines.writing() as session:
            _write(session, count)
            notes.append(sign_checkpoint(session, _KEY, at=NOW).note)
    return notes


@contextmanager
def _unguarded(engines: Engines) -> Iterator[Connection]:
    """A hand at the database that nothing stops."""
    with engines.write.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            for table in ("access_event", "access_checkpoint"):
                for verb in ("update", "delete", "replace"):
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{verb}"))
        yield connection


def _do(engines: Engines, *statements: str) -> None:
    """Do to the stored log what nobody may."""
    with _unguarded(engines) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_a_log_that_nobody_touched_is_as_it_was_signed(central: Engines) -> None:
    _signed(central, 3, 0, 40)
    with central.writing() as session:
        _write(session, 2)
    report = _verify(central)
    assert report.ok, report.findings
    assert (report.entries, report.checkpoints, report.signed_to) == (45, 3, 80)
    assert report.padding == 80 - 43


def test_a_checkpoint_holds_all_that_was_written_and_grows_each_time(central: Engines) -> None:
    sizes = [read_note(note)[0].size for note in _signed(central, 3, 0, PADDING, PADDING + 1)]
    assert sizes == [PADDING, 2 * PADDING, 4 * PADDING, 6 * PADDING]


def test_entries_after_a_checkpoint_take_the_numbers_behind_its_padding(central: Engines) -> None:
    _signed(central, 3)
    with central.writing() as session:
        assert record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW) == PADDING + 1


def test_a_transaction_that_fails_signs_nothing(central: Engines) -> None:
    with central.writing() as session:
        _write(session, 1)
        sign_checkpoint(session, _KEY, at=NOW)
        session.rollback()
    with central.reading() as session:
        assert access_tree.newest_checkpoint(session, DISTRICT) is None


def test_each_log_has_checkpoints_of_its_own(central: Engines) -> None:
    with central.writing() as session:
        _write(session, 1)
        _write(session, 20, origin="main-street")
        notes = [sign_checkpoint(session, _KEY, at=NOW, origin=origin).note for origin in (DISTRICT, "main-street")]
    district, street = (read_note(note)[0] for note in notes)
    assert (district.size, street.size) == (PADDING, 2 * PADDING)
    assert district.name != street.name
    assert street.name.endswith("/main-street")


@pytest.mark.parametrize("number", [1, 3, PADDING + 1, PADDING + 7])
def test_an_entry_s_proof_shows_it_in_the_newest_checkpoint(central: Engines, number: int) -> None:
    _signed(central, 3, 7)
    with central.reading() as session:
        proof = prove_entry(session, number)
        entry = next(access_tree.entries(session, DISTRICT, after=number - 1))
    checkpoint = read_note(proof.note)[0]
    assert entry.number == number
    assert includes(entry_hash(entry.salt, entry.body), proof.index, checkpoint.size, proof.hashes, checkpoint.root)
    head, index, *hashes = proof.text[: -len(proof.note)].splitlines()
    assert (head, index) == ("c2sp.org/tlog-proof@v1", f"index {number - 1}")
    assert tuple(base64.b64decode(line) for line in hashes[:-1]) == proof.hashes
    assert hashes[-1] == ""


@pytest.mark.parametrize("number", [0, -1, PADDING + 1])
def test_what_is_not_signed_yet_has_no_proof(central: Engines, number: int) -> None:
    _signed(central, 3)
    with central.writing() as session:
        _write(session, 1)
    with central.reading() as session, pytest.raises(NotFound, match="in no checkpoint"):
        prove_entry(session, number)


@pytest.mark.parametrize(
    ("statement", "number", "word"),
    [
        ('UPDATE access_event SET body = replace(body, \'"n":"1"\', \'"n":"7"\') WHERE number = 2', 2, "changed"),
        ("UPDATE access_event SET salt = (SELECT salt FROM access_event WHERE number = 1) WHERE number = 3", 3, "changed"),
        ("DELETE FROM access_event WHERE number = 2", 2, "taken away"),
        ("DELETE FROM access_event WHERE number > 16", 17, "taken away"),
        ("UPDATE access_event SET number = 10 WHERE number = 3", 3, "taken away"),
        ("DELETE FROM access_checkpoint WHERE size = 32", 17, "checkpoint was taken away"),
        ("DELETE FROM access_checkpoint", 1, "checkpoint was taken away"),
        ("DELETE FROM access_tile", 1, "hashes"),
        ("UPDATE access_checkpoint SET note = 'nothing' WHERE size = 16", 1, "can't be read"),
        ("UPDATE access_checkpoint SET note = replace(note, '/district', '/another') WHERE size = 32", 17, "not signed by this log's key"),
        ("UPDATE access_log SET last_number = 20", 33, "behind the end"),
    ],
)
def test_what_was_done_to_the_database_is_named(central: Engines, statement: str, number: int, word: str) -> None:
    _signed(central, 3, 4)
    with central.writing() as session:
        _write(session, 1)
    with _unguarded(central) as connection:
        connection.execute(text(statement))
    report = _verify(central)
    assert report.findings[0].number == number, report.findings
    assert word in " ".join(finding.sentence for finding in report.findings)


def test_entries_that_changed_places_are_named(central: Engines) -> None:
    _signed(central, 5)
    with _unguarded(central) as connection:
        rows = connection.execute(text("SELECT number, salt, body FROM access_event WHERE number IN (2, 4) ORDER BY number")).all()
        for row, number in zip(rows, (4, 2), strict=True):
            statement = text("UPDATE access_event SET salt = :salt, body = :body WHERE number = :number")
            connection.execute(statement, {"salt": row.salt, "body": row.body, "number": number})
    assert [finding.number for finding in _verify(central).findings] == [2, 4]


def test_an_entry_taken_away_before_it_was_signed_is_not_signed_over(central: Engines) -> None:
    with central.writing() as session:
        _write(session, 4)
    with _unguarded(central) as connection:
        connection.execute(text("DELETE FROM access_event WHERE number = 3"))
    with pytest.raises(Corrupt, match="Entry 3"), central.writing() as session:
        sign_checkpoint(session, _KEY, at=NOW)
    assert [finding.number for finding in _verify(central).findings] == [3]


def test_who_makes_the_tree_fit_as_well_is_caught_by_the_signature(central: Engines) -> None:
    """Entry and tile changed together; only the key could have signed the new root."""
    _signed(central, 5, 5)
    _fit_the_second_entry(central)
    report = _verify(central)
    assert report.findings[0].number == 1
    assert "not the one that was signed at 16" in report.findings[0].sentence


def _fit_the_second_entry(central: Engines) -> None:
    """Change an entry, and its hash in the tree too."""
    with _unguarded(central) as connection:
        connection.execute(text("UPDATE access_event SET body = replace(body, 'pat', 'sam') WHERE number = 2"))
        salt, body = connection.execute(text("SELECT salt, body FROM access_event WHERE number = 2")).one()
        tile = connection.scalar(text("SELECT hashes FROM access_tile"))
        assert tile is not None
        fitted = bytes(tile[:32]) + entry_hash(bytes(salt), body.encode()) + bytes(tile[64:])
        connection.execute(text("UPDATE access_tile SET hashes = :hashes"), {"hashes": fitted})


_MADE_ANEW = (
    "UPDATE access_event SET body = replace(body, 'pat', 'sam') WHERE number = 2",
    "DELETE FROM access_tile",
    "DELETE FROM access_checkpoint",
    "UPDATE access_log SET last_number = 5",
)


def test_a_log_made_anew_with_the_key_is_not_the_one_whose_checkpoint_somebody_keeps(central: Engines) -> None:
    (kept,) = _signed(central, 5)
    assert _verify(central, against=kept).ok
    _do(central, *_MADE_ANEW)
    with central.writing() as session:
        sign_checkpoint(session, _KEY, at=NOW)
    assert _verify(central).ok, "by itself the forged log holds together"
    report = _verify(central, against=kept)
    assert [finding.sentence for finding in report.findings] == [
        "Somebody outside keeps another checkpoint over 16 entries: this is not the log that was signed."
    ]


def test_a_log_cut_back_or_made_anew_is_not_signed_by_whoever_remembers_what_was_signed_last(central: Engines, notes: SignedNotes) -> None:
    with central.writing() as session:
        _write(session, 5)
        signed = sign_checkpoint(session, _KEY, at=NOW, notes=notes)
    notes.committed(signed.note)
    assert _verify(central, notes=notes).ok
    _do(central, *_MADE_ANEW)
    with pytest.raises(Corrupt, match="cut back"), central.writing() as session:
        sign_checkpoint(session, _KEY, at=NOW, notes=notes)
    assert "What was signed last" in _verify(central, notes=notes).findings[0].sentence


def test_after_a_crash_before_the_commit_the_next_checkpoint_is_made_all_the_same(central: Engines, notes: SignedNotes) -> None:
    for _ in range(2):
        with central.writing() as session:
            _write(session, 5)
            sign_checkpoint(session, _KEY, at=NOW, notes=notes)
            session.rollback()
        with central.writing() as session:
            _write(session, 5)
            sign_checkpoint(session, _KEY, at=NOW, notes=notes)
        assert _verify(central, notes=notes).ok


@pytest.mark.parametrize(
    "statements",
    [
        ("UPDATE access_checkpoint SET note = 'nothing' WHERE size = 32",),
        ("UPDATE access_checkpoint SET note = (SELECT note FROM access_checkpoint WHERE size = 16) WHERE size = 32",),
        ("DELETE FROM access_checkpoint WHERE size = 32",),
        ("DELETE FROM access_tile",),
        ("UPDATE access_tile SET hashes = substr(hashes, 1, 32)",),
        ("INSERT INTO access_checkpoint VALUES ('district', 4611686018427387904, 0, 'nothing')",),
    ],
)
def test_nothing_is_signed_over_a_tree_that_is_not_the_one_signed_last(central: Engines, statements: tuple[str, ...]) -> None:
    _signed(central, 5, 5)
    _do(central, *statements)
    with pytest.raises(Corrupt, match="not the one that was signed last"), central.writing() as session:
        sign_checkpoint(session, _KEY, at=NOW)
    assert not _verify(central).ok


def test_an_entry_and_its_hash_changed_together_do_not_become_what_is_signed(central: Engines) -> None:
    _signed(central, 5)
    _fit_the_second_entry(central)
    with pytest.raises(Corrupt), central.writing() as session:
        sign_checkpoint(session, _KEY, at=NOW)
    with pytest.raises(Corrupt, match="can't prove entry 2"), central.reading() as session:
        prove_entry(session, 2)


def test_a_tree_s_upper_hashes_are_compared_too(central_sqlite: Engines) -> None:
    _signed(central_sqlite, 300)
    _do(central_sqlite, "UPDATE access_tile SET hashes = zeroblob(32) WHERE level = 1")
    assert "upper hashes" in _verify(central_sqlite).findings[0].sentence
    with pytest.raises(Corrupt), central_sqlite.writing() as session:
        sign_checkpoint(session, _KEY, at=NOW)


@pytest.mark.parametrize("number", [0, 1])
def test_a_tile_taken_away_hides_no_other_change(central_sqlite: Engines, number: int) -> None:
    _signed(central_sqlite, 400)
    with _unguarded(central_sqlite) as connection:
        connection.execute(text("DELETE FROM access_tile WHERE level = 0 AND number = :number"), {"number": number})
        connection.execute(text("UPDATE access_event SET body = replace(body, 'pat', 'sam') WHERE number = 250"))
    sentences = [finding.sentence for finding in _verify(central_sqlite).findings]
    assert len(sentences) <= 4, sentences
    assert any("hashes from entry" in one or "checkpoint was taken away" in one for one in sentences)
    assert any("not the one that was signed" in one or "Entry 250 was changed" in one for one in sentences)


_INSERT_AGAIN = "INSERT INTO access_event (origin, number, salt, body) SELECT origin, {}, salt, body FROM access_event WHERE number = 1"


def test_a_row_put_where_padding_was_is_named_so(central_sqlite: Engines) -> None:
    _signed(central_sqlite, 3)
    _do(central_sqlite, _INSERT_AGAIN.format(9))
    assert [finding.sentence for finding in _verify(central_sqlite).findings] == ["Entry 9 was put in after it was signed."]


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE access_event SET salt = 'sixteen letters!' WHERE number = 1", "Entry 1 was changed"),
        ("UPDATE access_event SET salt = 1234567890123456 WHERE number = 1", "Entry 1 was changed"),
        ("UPDATE access_tile SET hashes = 'text'", "hashes from entry"),
        ("UPDATE access_checkpoint SET note = replace(note, '— custodian', '— \u00e9custodian')", "not signed by this log's key"),
        ("DELETE FROM access_log", "own row"),
        ("UPDATE access_log SET name = 'another'", "not signed by this log's key"),
        ("UPDATE access_log SET name = 'another'", "the log calls itself another"),
        ("UPDATE access_log SET last_number = 1000000000000000", "up to 1,000,000,000,000,000"),
    ],
)
def test_odd_things_in_a_database_are_named_and_break_nothing(central_sqlite: Engines, statement: str, sentence: str) -> None:
    (note,) = _signed(central_sqlite, 3)
    _do(central_sqlite, statement)
    assert any(sentence in finding.sentence for finding in _verify(central_sqlite, against=note).findings)


def test_rows_before_the_first_are_named(central_sqlite: Engines) -> None:
    _signed(central_sqlite, 3)
    _do(central_sqlite, "PRAGMA ignore_check_constraints = ON", _INSERT_AGAIN.format(-5))
    assert "1 rows stand before the first" in _verify(central_sqlite).findings[0].sentence


_REBUILT = {
    "sqlite": (
        "CREATE TABLE rebuilt AS SELECT origin, number, salt, body, erased_by, at, actor, action, camera_id, purpose FROM access_event",
        "DROP TABLE access_event",
        "ALTER TABLE rebuilt RENAME TO access_event",
    ),
    "postgresql": ("ALTER TABLE access_event ALTER COLUMN action DROP EXPRESSION",),
}


def test_a_table_whose_columns_no_longer_follow_the_entries_is_named(central: Engines) -> None:
    _signed(central, 3)
    with central.writing() as session:
        for statement in _REBUILT[central.write.dialect.name]:
            session.connection().exec_driver_sql(statement)
        findings = verify_log(session, _KEY).findings
        session.rollback()
    assert any("its column action" in finding.sentence for finding in findings)


def test_many_entries_are_signed_in_steps(central_sqlite: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.services.log_proof.MOST_SIGNED", 2 * PADDING)
    with central_sqlite.writing() as session:
        _write(session, 5 * PADDING + 3)
    complete: list[bool] = []
    while not complete or not complete[-1]:
        with central_sqlite.writing() as session:
            complete.append(sign_checkpoint(session, _KEY, at=NOW).complete)
    assert complete == [False, False, True]
    report = _verify(central_sqlite)
    assert (report.ok, report.signed_to, report.checkpoints) == (True, 6 * PADDING, 3)


def test_a_log_cut_back_to_an_earlier_checkpoint_is_not_the_one_that_somebody_keeps(central: Engines) -> None:
    _, kept = _signed(central, 5, 5)
    with _unguarded(central) as connection:
        connection.execute(text("DELETE FROM access_event WHERE number > 16"))
        connection.execute(text("DELETE FROM access_checkpoint WHERE size > 16"))
        connection.execute(text("UPDATE access_tile SET hashes = substr(hashes, 1, 512)"))
        connection.execute(text("UPDATE access_log SET last_number = 16"))
    assert _verify(central).ok
    assert "signed once" in _verify(central, against=kept).findings[0].sentence


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda _note: "", "no checkpoint"),
        (lambda note: note.replace("\n16\n", "\n016\n"), "no checkpoint"),
        (lambda note: note.replace("\n16\n", "\n32\n"), "not signed by this log's key"),
        (lambda note: note.replace("custodian/", "elsewhere/"), "not signed by this log's key"),
        (lambda note: note.split("\n\n")[0] + "\n\n", "not signed by this log's key"),
        (lambda note: note * 1000, "no checkpoint"),
    ],
)
def test_only_a_checkpoint_of_this_log_is_compared_with(central_sqlite: Engines, damage: Callable[[str], str], sentence: str) -> None:
    (note,) = _signed(central_sqlite, 5)
    with pytest.raises(InvalidInput, match=sentence):
        _verify(central_sqlite, against=damage(note))


def test_a_witness_s_signature_beside_ours_does_no_harm(central_sqlite: Engines) -> None:
    (note,) = _signed(central_sqlite, 5)
    assert _verify(central_sqlite, against=note + "— witness.example AAAAAAAA\n— broken ///\n").ok


def test_another_key_signed_none_of_it_and_accuses_nobody_of_taking_entries_away(central_sqlite: Engines) -> None:
    _signed(central_sqlite, 5, 5)
    report = _verify(central_sqlite, key=_OTHER_KEY)
    assert "signed by another key" in report.findings[0].sentence
    assert not any("taken away" in finding.sentence for finding in report.findings)
    assert report.found == 3


def test_a_log_without_a_word_can_be_neither_verified_nor_signed(central_sqlite: Engines) -> None:
    with pytest.raises(NotFound, match="no access log"):
        _verify(central_sqlite)


def test_of_many_findings_the_first_are_listed(central_sqlite: Engines) -> None:
    _signed(central_sqlite, MAX_FINDINGS + 20)
    with _unguarded(central_sqlite) as connection:
        connection.execute(text("UPDATE access_event SET body = body || ' '"))
    report = _verify(central_sqlite)
    assert (len(report.findings), report.found) == (MAX_FINDINGS, MAX_FINDINGS + 20)
    assert [finding.number for finding in report.findings[:3]] == [1, 2, 3]


@pytest.mark.parametrize("changes", [pytest.param(150, marks=pytest.mark.slow), pytest.param(1000, marks=pytest.mark.long)])
def test_changes_are_all_found_and_the_first_entry_of_each_is_named(central_sqlite: Engines, changes: int) -> None:
    """Edits, deletions, exchanges and truncations of a log of three checkpoints, each undone before the next."""
    _signed(central_sqlite, 30, 50, 20)
    with central_sqlite.reading() as session:
        numbers = [entry.number for entry in access_tree.entries(session, DISTRICT)]
    chance = random.Random(20261126)
    with _unguarded(central_sqlite):
        pass
    for _ in range(changes):
        assert _missed(central_sqlite, numbers, chance) is None


_EDITS = (("pat@", "sam@"), ('"at":17', '"at":16'), ("camera:test", "camera:edit"), ('"role":"console"', '"role":"desk"'), ("{", "{ "))
_EXCHANGE = (
    "WITH theirs AS (SELECT salt, body FROM access_event WHERE number = :theirs) "
    "UPDATE access_event SET salt = (SELECT salt FROM theirs), body = (SELECT body FROM theirs) WHERE number = :number"
)


def _missed(engines: Engines, numbers: list[int], chance: random.Random) -> str | None:
    """Do one random thing in a transaction, verify inside it, roll back; return what verifying missed."""
    number, other = chance.sample(numbers, 2)
    was, became = chance.choice(_EDITS)
    statement, first = chance.choice(
        [
            ("UPDATE access_event SET body = replace(body, :was, :became) WHERE number = :number", number),
            ("UPDATE access_event SET salt = randomblob(16) WHERE number = :number", number),
            ("DELETE FROM access_event WHERE number = :number", number),
            ("DELETE FROM access_event WHERE number >= :number", number),
            ("DELETE FROM access_event WHERE number IN (:number, :theirs)", min(number, other)),
            (_EXCHANGE, number),
        ]
    )
    with Session(engines.write) as session, session.begin():
        given = {"number": number, "theirs": other, "was": was, "became": became}
        session.execute(text(statement), {name: value for name, value in given.items() if f":{name}" in statement})
        report = verify_log(session, _KEY)
        session.rollback()
    return None if report.findings and report.findings[0].number == first else f"{statement} of {given}: {report.findings[:2]}"


_WRITERS = 50


@pytest.mark.slow
def test_fifty_writers_at_once_and_a_signer_among_them_leave_one_consistent_tree(central: Engines) -> None:
    failed: list[BaseException] = []
    together = threading.Barrier(_WRITERS + 1)
    notes = _signed(central, 1)

    def write(writer: int) -> None:
        try:
            together.wait(60)
            for number in range(3):
                with central.writing() as session:
                    record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW, detail={"w": str(writer), "n": str(number)})
        except (DBAPIError, threading.BrokenBarrierError) as err:
            failed.append(err)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(_WRITERS)]
    for thread in threads:
        thread.start()
    together.wait(60)
    notes += _signed(central, 0, 0, 0)
    for thread in threads:
        thread.join(60)
    notes += _signed(central, 1)
    report = _verify(central)
    assert failed == []
    assert (report.findings, report.entries, report.checkpoints) == ((), 3 * _WRITERS + 2, len(notes))


def test_log_events_of_padding_are_on_no_page(central_sqlite: Engines) -> None:
    _signed(central_sqlite, 3)
    with central_sqlite.reading() as session:
        found = access_log.find(session, DISTRICT, None, access_log.Filter(), limit=100)
    assert [event.number for event in found] == [3, 2, 1]
