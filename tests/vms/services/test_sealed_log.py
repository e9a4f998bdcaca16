"""A sealed entry: whoever holds its matter's key reads it, nothing changes it, and nothing is lost."""

from __future__ import annotations

import threading
import traceback
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tests.factories import CONSOLE, NOW, after, span
from tests.vms.services.sealing import KEY, MATTER, OTHER, numbers, read, seal, sign, unguarded, verify
from tests.vms.store.killed import killed_at
from vms.config import Settings
from vms.crypto import encrypt
from vms.domain.access import AccessEvent, Action, Purpose, UnreadableEntry, body_of
from vms.domain.checkpoint import PADDING, entry_hash, read_note
from vms.domain.ids import CameraId
from vms.domain.merkle import includes
from vms.domain.sealed_entry import bound_to, filled, leaf_octets
from vms.errors import ConfigError, Corrupt, NotFound
from vms.services.access_log import DISTRICT, event_of, record
from vms.services.log_proof import prove_entry, sign_checkpoint
from vms.services.sealed_log import (
    Matter,
    destroy_matter,
    new_matter,
    open_entry,
    open_matter,
    read_sealed,
    record_sealed,
)
from vms.store import access_log, access_sealed
from vms.store.central_tables import SCHEMA
from vms.store.database import Engines


def test_an_entry_reads_back_before_it_is_signed_and_after(central: Engines) -> None:
    written = {"camera_id": CameraId(5), "purpose": Purpose.REQUEST, "span": span(-60, 0), "detail": {"note": "naïve"}}
    with central.writing() as session:
        record_sealed(session, MATTER, actor=CONSOLE, action=Action.VIEW_OPEN, at=NOW, **written)  # type: ignore[arg-type]
    for number in (0, 4):
        (line,) = read(central)
        assert isinstance(line, AccessEvent)
        assert (line.number, line.at, line.actor, line.actor_name, line.role) == (
            number,
            NOW,
            CONSOLE.label,
            "pat@branch-server",
            "console",
        )
        assert {name: getattr(line, name) for name in written} == written
        sign(central, entries=3)


def test_entries_take_the_numbers_of_padding_in_their_order_and_what_finds_no_room_waits(central: Engines) -> None:
    seal(central, 20)
    assert sign(central, entries=10) == PADDING
    assert numbers(central) == [*range(11, 17), *[None] * 14]
    assert sign(central, entries=PADDING) == 3 * PADDING
    assert numbers(central)[6:] == [*range(33, 47)]
    assert [int(line.detail["n"]) for line in read(central) if isinstance(line, AccessEvent)] == [*reversed(range(20))]
    assert verify(central).ok


def test_a_checkpoint_over_whole_steps_has_room_all_the_same(central_sqlite: Engines) -> None:
    seal(central_sqlite, 1)
    assert sign(central_sqlite, entries=PADDING) == 2 * PADDING
    assert numbers(central_sqlite) == [PADDING + 1]


def test_a_checkpoint_that_is_cut_has_no_room_and_says_that_another_follows(
    central_sqlite: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.services.log_proof.MOST_SIGNED", PADDING)
    seal(central_sqlite)
    with central_sqlite.writing() as session:
        for _ in range(PADDING):
            record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
        signed = [sign_checkpoint(session, KEY, at=NOW) for _ in range(2)]
    assert [(read_note(one.note)[0].size, one.complete) for one in signed] == [(PADDING, False), (2 * PADDING, True)]
    assert numbers(central_sqlite) == [PADDING + 1]


def test_an_entry_written_before_any_other_of_its_log_is_kept(central: Engines) -> None:
    seal(central)
    assert sign(central) == PADDING
    assert numbers(central) == [1]


def test_a_transaction_that_fails_leaves_none_and_no_gap(central: Engines) -> None:
    with central.writing() as session:
        record_sealed(session, MATTER, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
        session.rollback()
    seal(central)
    sign(central)
    assert verify(central).ok
    assert len(read(central)) == 1


def test_reading_is_written_into_the_same_matter(central: Engines) -> None:
    seal(central, 2)
    with central.writing() as session:
        read_sealed(session, MATTER, actor=CONSOLE, at=after(9))
    newest = read(central)[0]
    assert isinstance(newest, AccessEvent)
    assert (newest.action, newest.at, newest.detail) == (Action.LOG_READ, after(9), {"events": "2"})
    with central.reading() as session:
        assert access_log.lines(session, DISTRICT, None, access_log.Filter(), limit=9) == []


def test_only_as_many_are_read_as_were_asked_for_the_newest_first(central_sqlite: Engines) -> None:
    seal(central_sqlite, 5)
    seal(central_sqlite, 5, matter=OTHER)
    assert [line.detail["n"] for line in read(central_sqlite, limit=2) if isinstance(line, AccessEvent)] == ["4", "3"]


def test_a_short_and_a_long_text_of_one_class_have_one_length(central: Engines) -> None:
    for chars in (0, 1, 400, 700):
        seal(central, note="x" * chars)
    seal(central, note="x" * 1024)
    with central.read.begin() as connection:
        lengths = list(connection.scalars(text("SELECT length(sealed) FROM access_sealed ORDER BY position")))
    assert lengths == [1024 + 60] * 4 + [2048 + 60]


def test_a_sealed_entry_is_proved_like_any_other_by_who_has_its_row(central: Engines) -> None:
    seal(central, 2)
    sign(central, entries=3)
    with central.reading() as session:
        proof = prove_entry(session, 5)
        found = session.execute(text("SELECT position, matter, salt, sealed, commitment FROM access_sealed WHERE number = 5")).one()
    checkpoint = read_note(proof.note)[0]
    rest = sha256(found.salt + leaf_octets(str(found.position).encode(), found.matter, found.sealed)).digest()
    leaf = entry_hash(found.commitment, rest)
    assert includes(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root)


def test_many_entries_are_verified_page_by_page(central: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("access_log", "access_tree"):
        monkeypatch.setattr(f"vms.store.{module}.PAGE", 4)
    for entries in (3, 21, 0):
        seal(central, 9)
        sign(central, entries=entries)
    while None in numbers(central):
        sign(central)
    report = verify(central)
    assert (report.findings, report.entries, report.padding) == ((), 24, report.signed_to - 24)
    assert sum(isinstance(line, AccessEvent) for line in read(central)) == 27


def test_what_is_older_is_read_page_after_page(central: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vms.services.sealed_log.LIST_LIMIT", 3)
    seal(central, 7)
    seal(central, 2, matter=OTHER)
    told: list[list[str]] = []
    before: int | None = None
    while not told or before is not None:
        with central.writing() as session:
            page = read_sealed(session, MATTER, actor=CONSOLE, at=NOW, before=before, limit=100)
            session.rollback()
        told.append([line.detail["n"] for line in page.lines if isinstance(line, AccessEvent)])
        before = page.older
    assert told == [["6", "5", "4"], ["3", "2", "1"], ["0"]]


def test_another_key_is_said_to_be_one_in_one_sentence(central: Engines, settings: Settings) -> None:
    matter = new_matter(settings)
    seal(central, 3, matter=matter)
    settings.secrets_dir.joinpath(f"{matter.id}.key").write_bytes(bytes(32))
    with pytest.raises(Corrupt, match=f"The key of the matter {matter.id} opens none of its entries: it is another one"):
        read(central, open_matter(settings, matter.id))


def test_one_entry_that_does_not_open_stands_there_by_its_number(central: Engines) -> None:
    seal(central, 2)
    sign(central)
    with unguarded(central) as connection:
        connection.execute(text("UPDATE access_sealed SET sealed = salt WHERE number = 2"))
    assert read(central)[0] == UnreadableEntry(2)
    assert read(central, limit=1) == [UnreadableEntry(2)], "another of the matter opens, so the key is no other"


def test_one_from_before_there_were_commitments_is_signed_verified_and_read(central: Engines) -> None:
    body = body_of(event_of({"actor": CONSOLE, "action": Action.CAMERA_TEST, "at": NOW, "detail": {"n": "old"}}))
    with central.writing() as session:
        position = access_sealed.next_position(session, DISTRICT)
        sealed = encrypt(MATTER.key, filled(body), bound_to(DISTRICT, MATTER.id, position))
        access_sealed.add(session, DISTRICT, position, MATTER.id, salt=bytes(16), commitment=None, sealed=sealed)
    seal(central)
    sign(central)
    assert verify(central).ok
    assert [line.detail["n"] for line in read(central) if isinstance(line, AccessEvent)] == ["0", "old"]
    with central.reading() as session, pytest.raises(Corrupt, match="no entry of the access log that its key opens"):
        open_entry(session, MATTER, position)


@pytest.mark.parametrize("plaintext", [b"\xff", b"", b"{}"])
def test_what_opens_and_is_no_event_stands_there_by_its_number(central_sqlite: Engines, plaintext: bytes) -> None:
    """A newer program may have written it, or somebody who has the key."""
    seal(central_sqlite)
    with central_sqlite.writing() as session:
        position = access_sealed.next_position(session, DISTRICT)
        sealed = encrypt(MATTER.key, plaintext, bound_to(DISTRICT, MATTER.id, position))
        access_sealed.add(session, DISTRICT, position, MATTER.id, salt=bytes(16), commitment=None, sealed=sealed)
    sign(central_sqlite)
    assert read(central_sqlite)[0] == UnreadableEntry(2)


def test_an_entry_opens_at_no_other_place_and_under_no_other_matter(central_sqlite: Engines) -> None:
    seal(central_sqlite, 2)
    seal(central_sqlite, matter=Matter(OTHER.id, MATTER.key))
    with unguarded(central_sqlite) as connection:
        sealed = list(connection.scalars(text("SELECT sealed FROM access_sealed ORDER BY position")))
        for position, other in ((1, 2), (2, 3)):
            given = {"position": position, "sealed": sealed[other - 1]}
            connection.execute(text("UPDATE access_sealed SET sealed = :sealed WHERE position = :position"), given)
    with pytest.raises(Corrupt):
        read(central_sqlite)


def test_without_its_key_a_matter_is_unreadable_for_good_and_the_log_verifies_as_before(central: Engines, settings: Settings) -> None:
    matter = new_matter(settings)
    seal(central, 3, matter=matter)
    sign(central, entries=3)
    destroy_matter(settings, matter.id)
    destroy_matter(settings, matter.id)
    with pytest.raises(NotFound) as destroyed:
        open_matter(settings, matter.id)
    with pytest.raises(NotFound) as never:
        open_matter(settings, "f" * 32)
    assert str(destroyed.value).replace(matter.id, "") == str(never.value).replace("f" * 32, "")
    assert list(settings.secrets_dir.iterdir()) == []
    assert verify(central).ok


@pytest.mark.parametrize("named", ["", "../log_ed25519", "0" * 31, "0" * 33, "A" * 32, f"{'0' * 32}\n"])
def test_what_is_no_id_names_no_file(settings: Settings, named: str) -> None:
    settings.log_key_path.write_bytes(bytes(32))
    settings.secrets_dir.joinpath(f"{'A' * 32}.key").write_bytes(bytes(32))
    with pytest.raises(NotFound, match="no key of a matter"):
        open_matter(settings, named)


def test_a_key_belongs_to_its_owner_alone(settings: Settings) -> None:
    matter = new_matter(settings)
    path = settings.secrets_dir / f"{matter.id}.key"
    assert (path.stat().st_mode & 0o777, len(path.read_bytes())) == (0o600, 32)
    assert open_matter(settings, matter.id) == matter
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="can be read by others"):
        open_matter(settings, matter.id)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["written", "unsigned"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_process_killed_before_its_checkpoint_is_committed_loses_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, step: str
) -> None:
    central: Engines = request.getfixturevalue(f"central_{database}")
    if step == "unsigned":
        seal(central)
    where = tmp_path / "central.db" if database == "sqlite" else central.write.url.render_as_string(hide_password=False)
    killed_at(step, "tests.vms.services.sealed_child", where, MATTER.key.hex())
    assert numbers(central) == [None]
    sign(central)
    assert len(read(central)) == 1
    assert numbers(central) == [2 if step == "written" else 1]
    assert verify(central).ok


_WRITERS = 8
_EACH = 6


@pytest.mark.slow
def test_writers_of_both_kinds_and_a_signer_at_once_lose_nothing(central: Engines) -> None:
    failed: list[BaseException] = []
    together = threading.Barrier(2 * _WRITERS + 1)

    def write(writer: int) -> None:
        try:
            together.wait(60)
            for _ in range(_EACH):
                with central.writing() as session:
                    # In either order: both hold the log, so none waits for the other for ever.
                    for kind in (writer, writer + 1):
                        if kind % 2:
                            record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
                        else:
                            record_sealed(session, MATTER, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
        except (DBAPIError, threading.BrokenBarrierError) as err:
            failed.append(err)

    sign(central, entries=1)
    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(2 * _WRITERS)]
    for thread in threads:
        thread.start()
    together.wait(60)
    for _ in range(5):
        sign(central)
    for thread in threads:
        thread.join(60)
    while None in numbers(central):
        sign(central)
    report = verify(central)
    assert (failed, report.findings, report.entries) == ([], (), 2 * _WRITERS * _EACH + 1)
    assert len(read(central, limit=500)) == 2 * _WRITERS * _EACH


_CANARY = "canary-of-a-gag-order"


def test_what_is_sealed_stands_in_no_table_no_log_line_and_no_complaint(
    central: Engines, settings: Settings, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    matter = new_matter(settings)
    complaints: list[BaseException] = []
    with caplog.at_level("DEBUG"):
        seal(central, 2, matter=matter, canary=_CANARY)
        sign(central, entries=2)
        assert _CANARY in str(read(central, matter))
        for attempt in (
            lambda: read(central, Matter(matter.id, bytes(32))),
            lambda: _fail_to_seal(central, matter),
        ):
            with pytest.raises((Corrupt, DBAPIError)) as raised:
                attempt()
            complaints.append(raised.value)
    with central.reading() as session:
        tables = [repr(session.execute(select(table)).all()) for table in SCHEMA.sorted_tables]
    said = [caplog.text, repr(matter), *("".join(traceback.format_exception(err)) for err in complaints)]
    assert [told for told in (*tables, *said) if _CANARY in told or matter.key.hex() in told or repr(matter.key)[2:-1] in told] == []
    held = [path.read_bytes() for path in tmp_path.glob("central.db*")]
    assert not any(_CANARY.encode() in octets or matter.key in octets for octets in held)


def _fail_to_seal(central: Engines, matter: Matter) -> None:
    """Seal where the database refuses to take it."""
    with central.writing() as session:
        session.execute(text("DROP INDEX ix_access_sealed_matter_position"))
        session.execute(text("ALTER TABLE access_sealed RENAME COLUMN sealed TO broken"))
        record_sealed(session, matter, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW, detail={"canary": _CANARY})
