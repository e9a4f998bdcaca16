"""The schemas: what the migrations make is what the models say, on both databases, and what the dumps show."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.databases import Cluster
from tests.factories import NOW, STREAM, VOLUME
from vms.domain.access import Action, Purpose
from vms.domain.camera import Priority
from vms.domain.checkpoint import read_note
from vms.domain.footage import FragmentEntry
from vms.domain.ids import BranchId, CameraId, PersonId, ProposalId
from vms.domain.people import Proof, Role
from vms.domain.policy import Days
from vms.domain.purge import FIRST_HASH, Batch, Purge
from vms.domain.screens import SessionKind
from vms.domain.second_person import Act
from vms.domain.timespan import EPOCH, Timespan, ticks_of
from vms.errors import ConfigError, Conflict, Corrupt, Unavailable
from vms.services.district import District, load_district
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.services.log_verify import verify_log
from vms.store import access_log, factors, holds, people, policies, proposals, purge_log, segments, sessions, settings, volumes
from vms.store.central_tables import SCHEMA
from vms.store.database import Engines, make_engines
from vms.store.index_base import NodeIndex
from vms.store.migrate import Which, _config, migrate, require_current, require_room
from vms.store.schema import dump_path, dump_schema, fresh_dump
from vms.store.stream_config import load

_MODELS: dict[Which, MetaData] = {Which.CENTRAL: SCHEMA, Which.INDEX: NodeIndex.metadata}
_CATALOGUE = (
    "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
    "SELECT 'function', proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    """SELECT table_name, column_name, concat_ws(' ', data_type, character_maximum_length, is_nullable, column_default)
    FROM information_schema.columns WHERE table_schema = 'public'""",
)


def _differences(connection: Connection, which: Which) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, _MODELS[which]))


def _catalogue(connection: Connection) -> list[tuple[object, ...]]:
    rows = [tuple(row) for query in _CATALOGUE for row in connection.execute(text(query))]
    return sorted((row for row in rows if "alembic" not in str(row[0])), key=str)


def _lines(dump: str) -> list[list[str]]:
    """Return a dump's statements, each as its sorted parts: constraints may stand in any order, and an added column behind them."""
    statements = dump.partition("\n\n")[2].split(";\n")
    parts = [re.split(r",\s*(?![^(]*\))|\n", statement) for statement in statements]
    return sorted(sorted(part.strip() for part in statement if part.strip()) for statement in parts)


@contextmanager
def _as_it_was(engines: Engines, which: Which, revision: str) -> Iterator[Connection]:
    """Bring an empty database to an older revision and yield the same transaction."""
    config = _config(which)
    with engines.write.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        yield connection


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Engines]:
    engines = make_engines(tmp_path / "empty.db")
    yield engines
    engines.dispose()


@pytest.fixture
def empty_postgresql(cluster: Cluster) -> Iterator[Engines]:
    engines = make_engines(cluster.url(cluster.new_database()))
    yield engines
    engines.dispose()


@pytest.fixture(params=["empty", "empty_postgresql"])
def either(request: pytest.FixtureRequest) -> Engines:
    engines: Engines = request.getfixturevalue(request.param)
    return engines


def test_the_central_models_are_what_the_migrations_make(central: Engines) -> None:
    with central.write.begin() as connection:
        assert _differences(connection, Which.CENTRAL) == []


def test_the_index_models_are_what_the_migrations_make(index: Engines) -> None:
    with index.write.begin() as connection:
        assert _differences(connection, Which.INDEX) == []


@pytest.mark.parametrize("which", list(Which))
def test_sqlite_statements_of_models_and_migrations_agree(which: Which, empty: Engines) -> None:
    with empty.write.begin() as connection:
        _MODELS[which].create_all(connection)
    assert _lines(dump_schema(empty, which)) == _lines(fresh_dump(which))


@pytest.mark.slow
def test_postgresql_constraints_and_triggers_of_models_and_migrations_agree(central_postgresql: Engines, empty_postgresql: Engines) -> None:
    with empty_postgresql.write.begin() as connection:
        SCHEMA.create_all(connection)
        expected = _catalogue(connection)
    with central_postgresql.write.begin() as connection:
        assert _catalogue(connection) == expected


@pytest.mark.parametrize("which", list(Which))
def test_the_readable_dump_is_current(which: Which) -> None:
    assert dump_path(which).read_text(encoding="utf-8") == fresh_dump(which), "run: python -m vms.store.schema"


def test_a_database_without_tables_is_refused_with_what_to_run(empty: Engines) -> None:
    with pytest.raises(ConfigError, match="vms migrate"):
        require_current(empty, Which.CENTRAL)


def test_a_migrated_database_is_current(central: Engines) -> None:
    require_current(central, Which.CENTRAL)


def test_migrating_again_changes_nothing(central: Engines) -> None:
    migrate(central, Which.CENTRAL)
    require_current(central, Which.CENTRAL)


def test_a_database_of_a_newer_program_is_left_alone(index: Engines) -> None:
    with index.write.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="newer program"):
        migrate(index, Which.INDEX)


def test_a_camera_of_the_first_release_is_kept_without_a_certificate(empty: Engines) -> None:
    with _as_it_was(empty, Which.CENTRAL, "0001") as connection:
        connection.execute(text("INSERT INTO branch VALUES (1, 'Main', 'main', 'UTC', 0)"))
        connection.execute(text("INSERT INTO node VALUES (2, 'node', zeroblob(32), 0, 0)"))
        connection.execute(text("INSERT INTO device VALUES (3, 1, 2, 'rtsps', '10.20.1.11', 322, 'viewer', x'01')"))
    migrate(empty, Which.CENTRAL)
    with empty.write.begin() as connection:
        assert connection.execute(text("SELECT host, certificate_sha256 FROM device")).all() == [("10.20.1.11", None)]
        with pytest.raises(IntegrityError, match="certificate_sha256"):
            connection.execute(text("UPDATE device SET certificate_sha256 = x'00'"))


@pytest.mark.slow
def test_two_processes_may_migrate_at_once(empty: Engines) -> None:
    threads = [threading.Thread(target=migrate, args=(empty, Which.INDEX)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    require_current(empty, Which.INDEX)


def test_what_the_first_release_was_told_to_record_goes_on_without_a_pause(empty: Engines) -> None:
    with _as_it_was(empty, Which.INDEX, "0001") as connection:
        connection.execute(
            text(
                "INSERT INTO stream_config (stream_id, camera_id, device_id, role, scheme, host, port, path, username, password_sealed,"
                " recording_mode, camera_name, version)"
                " VALUES (5, 11, 1, 'main', 'rtsp', '10.20.1.11', 554, '/main', '', x'', 'always', 'Hall', 1)"
            )
        )
    migrate(empty, Which.INDEX)

    with empty.read.begin() as connection:
        (stream,) = load(connection).streams
    assert (stream.camera_name, stream.pause, stream.priority) == ("Hall", None, Priority.NORMAL)


@pytest.mark.parametrize(("was", "refused"), [("'person:reset', 'hold:release'", False), ("'person:reset', 'person:else'", True)])
def test_proposals_of_a_database_from_between_two_releases_may_be_of_each_act(empty: Engines, was: str, *, refused: bool) -> None:
    """Revision 0015 left the word for delegations to 0016 for a while; a table of another making is left alone."""
    now = "'person:reset', 'person:delegate', 'hold:release'"
    with _as_it_was(empty, Which.CENTRAL, "0016") as connection:
        connection.exec_driver_sql("PRAGMA writable_schema = ON")
        older = "UPDATE sqlite_schema SET sql = replace(sql, :now, :was) WHERE name = 'proposal'"
        connection.execute(text(older), {"now": now, "was": was})
        connection.exec_driver_sql("PRAGMA writable_schema = OFF")
    with pytest.raises(Corrupt, match="not as this program made it") if refused else nullcontext():
        migrate(empty, Which.CENTRAL)
    if not refused:
        with empty.read.begin() as connection:
            assert _differences(connection, Which.CENTRAL) == []
            made = connection.exec_driver_sql("SELECT sql FROM sqlite_schema WHERE name = 'proposal'").scalar_one()
        assert "'person:delegate', 'hold:release', 'policy:lower'" in made


def test_segments_of_an_older_index_begin_when_they_did_and_their_tables_are_read(empty: Engines) -> None:
    starts = [ticks_of(NOW), ticks_of(NOW) + 60 * 90_000 + 89]
    with _as_it_was(empty, Which.INDEX, "0004") as connection:
        volumes.register(connection, VOLUME, Path("/recordings"))
        for at, start in enumerate(starts):
            values = {
                "ms": start // 90,
                "ticks": start,
                "run": starts[0] // 90,
                "state": 3 * at,
                "table": bytes.fromhex("01000000010052657080000007"),
            }
            connection.execute(text("INSERT INTO segment VALUES (5, :ms, :ticks, 5400000, :run, 1, 900, :state, 0)"), values)
            side = "INSERT INTO segment_side VALUES (5, :ms, zeroblob(32), zeroblob(32), :table, 'avc1.640028', 1920, 1080, NULL)"
            connection.execute(text(side), values)
    with pytest.raises(Unavailable, match=r"2 segments to write anew.*Nothing was changed"):
        require_room(empty, 2 * 3 * 64 - 1)
    require_room(empty, 2 * 3 * 64)
    migrate(empty, Which.INDEX)
    require_room(empty, 0)

    with empty.read.begin() as connection:
        found = segments.page(connection, VOLUME, None)
        assert segments.lost(connection, VOLUME) == found[1:]
    assert [(one.start_ticks, one.run_start_ms) for one in found] == [(start, starts[0] // 90) for start in starts]
    assert [one.fragments for one in found] == 2 * [(FragmentEntry(1, 5_399_920, True, 7),)]


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_entries_of_an_older_log_keep_number_and_words(database: str, request: pytest.FixtureRequest) -> None:
    """What was written before the log was a tree reads as it did, with nothing that a database would not take."""
    engines: Engines = request.getfixturevalue("empty" if database == "sqlite" else "empty_postgresql")
    with _as_it_was(engines, Which.CENTRAL, "0003") as connection:
        connection.execute(text("INSERT INTO access_log VALUES ('district', 1002)"))
        old = text(
            "INSERT INTO access_event VALUES ('district', :number, 1773500966535897, 'person:12', 'Helen Marsh', 'director', 'view:open',"
            " 5, 'incident', 1773500900000000, 1773500960000000, 'vvvvvvvvvvvvvvvvvvvvvv', :detail)"
        )
        rows = [{"number": number, "detail": '{"what":"na\\u0000\u00efve"}'} for number in range(1, 1003)]
        connection.execute(old, rows)
    migrate(engines, Which.CENTRAL)

    with engines.writing() as session:
        events = access_log.find(session, "district", None, access_log.Filter(camera_id=CameraId(5)), limit=2000)
        assert access_log.append(session, events[0]) == 1003
        assert verify_log(session, LogKey(bytes(32))).ok
        assert read_note(sign_checkpoint(session, LogKey(bytes(32)), at=NOW).note)[0].size == 1008
        assert verify_log(session, LogKey(bytes(32))).ok
    assert [event.number for event in events] == list(range(1002, 0, -1))
    assert events[0].detail == {"what": "na\N{REPLACEMENT CHARACTER}\u00efve"}
    assert (events[0].actor_name, events[0].action, events[0].at) == ("Helen Marsh", Action.VIEW_OPEN, NOW)
    second = NOW.replace(microsecond=0)
    assert events[0].span == Timespan(second - timedelta(seconds=66), second - timedelta(seconds=6))
    assert events[0].purpose is Purpose.INCIDENT


def test_people_and_their_sessions_of_an_older_release_are_kept(either: Engines) -> None:
    with _as_it_was(either, Which.CENTRAL, "0004") as connection:
        connection.execute(text("INSERT INTO branch (id, name, name_key, timezone, created_at) VALUES (3, 'Main', 'main', 'UTC', 1)"))
        connection.execute(
            text(
                "INSERT INTO person (id, name, name_key, role, whole_district, password_hash, created_at, confirmed_at)"
                " VALUES (7, 'Ana', 'ana', 'desk', :whole, 'hash', 5, 6)"
            ),
            {"whole": False},
        )
        connection.execute(
            text(
                "INSERT INTO person (id, name, name_key, role, whole_district, password_hash, created_at)"
                " VALUES (8, 'Eve', 'eve', 'it', :whole, 'hash', 5)"
            ),
            {"whole": True},
        )
        connection.execute(text("INSERT INTO person_branch (person_id, branch_id) VALUES (7, 3)"))
        opened = {"token": bytes(32), "at": (NOW - EPOCH) // timedelta(microseconds=1)}
        connection.execute(
            text("INSERT INTO session (id, person_id, token_sha256, opened_at, seen_at) VALUES (9, 7, :token, :at, :at)"), opened
        )
    migrate(either, Which.CENTRAL)

    with either.writing() as session:
        kept = sessions.of_token(session, bytes(32))
        assert kept is not None
        account = kept.account
        assert (account.name, account.role, account.branches) == ("Ana", Role.DESK, frozenset({BranchId(3)}))
        assert account.in_use(NOW)
        assert (kept.proof, kept.opened_at, kept.proved_at, kept.address) == (Proof.PASSWORD, NOW, NOW, "")
        assert (kept.kind, kept.screen_id, kept.acted_at) == (SessionKind.ORDINARY, None, NOW)
        assert sessions.end(session, kept.id, NOW)
        (waits,) = proposals.waiting(session, limit=9)
        assert (waits.act, waits.subject, waits.by, waits.alone_at) == (Act.PERSON_CONFIRM, 8, "os:console", None)


def test_checkpoints_of_an_older_log_are_kept_and_stay_append_only(either: Engines) -> None:
    with _as_it_was(either, Which.CENTRAL, "0013") as connection:
        for size in (32, 16):
            connection.execute(text(f"INSERT INTO access_checkpoint (origin, size, at, note) VALUES ('district', {size}, 7, 'n{size}')"))  # noqa: S608
    migrate(either, Which.CENTRAL)
    with either.read.begin() as connection:
        kept = connection.execute(text("SELECT origin, size, at, note FROM access_checkpoint ORDER BY size")).all()
    assert [tuple(row) for row in kept] == [("district", 16, 7, "n16"), ("district", 32, 7, "n32")]
    for statement in ("DELETE FROM access_checkpoint", "UPDATE access_checkpoint SET note = ''"):
        with pytest.raises(DBAPIError, match="append-only"), either.write.begin() as connection:
            connection.execute(text(statement))


def test_what_waited_before_there_were_holds_waits_on(either: Engines) -> None:
    with _as_it_was(either, Which.CENTRAL, "0014") as connection:
        connection.execute(
            text(
                "INSERT INTO person (id, name, name_key, role, whole_district, firm, password_hash, created_at)"
                " VALUES (8, 'Eve', 'eve', 'it', :whole, '', 'hash', 5)"
            ),
            {"whole": True},
        )
        for number, decision in ((1, None), (2, "stopped")):
            connection.execute(
                text(
                    "INSERT INTO proposal (id, act, subject_id, reason, proposed_by, proposed_by_name, proposed_at, earliest_at, decision)"
                    " VALUES (:number, 'person:reset', 8, 'lost phone', 'os:pat@here', 'pat', 5, 6, :decision)"
                ),
                {"number": number, "decision": decision},
            )
    migrate(either, Which.CENTRAL)
    with either.writing() as session:
        (waits,) = proposals.waiting(session, limit=9)
        assert (waits.id, waits.act, waits.subject, waits.reason, waits.by) == (1, Act.PERSON_RESET, 8, "lost phone", "os:pat@here")
        assert holds.lock(session) == 0
        with pytest.raises(Conflict, match="already"):
            proposals.add(session, replace(waits, id=ProposalId(3)))


@pytest.mark.parametrize("database", ["empty", pytest.param("empty_postgresql", marks=pytest.mark.slow)])
def test_the_days_of_set_up_become_the_first_policy_and_delegations_stay(database: str, request: pytest.FixtureRequest) -> None:
    engines: Engines = request.getfixturevalue(database)
    with _as_it_was(engines, Which.CENTRAL, "0016") as connection:
        for key, value in (("name", "Alder"), ("timezone", "UTC"), ("days", "21"), ("director", "Ana")):
            connection.execute(text("INSERT INTO setting (key, value) VALUES (:key, :value)"), {"key": f"district.{key}", "value": value})
        connection.execute(text("UPDATE hold_clock SET seq = 7"))
        connection.execute(
            text(
                "INSERT INTO person (id, name, name_key, role, whole_district, firm, password_hash, created_at)"
                " VALUES (8, 'Eve', 'eve', 'desk', :whole, '', 'hash', 5)"
            ),
            {"whole": True},
        )
        connection.execute(
            text(
                "INSERT INTO proposal (id, act, subject_id, reason, proposed_by, proposed_by_name, proposed_at, earliest_at)"
                " VALUES (1, 'person:delegate', 8, '', 'os:pat@here', 'pat', 5, 6)"
            )
        )
        lent = "INSERT INTO delegation (id, person_id, whole_district, starts_at, ends_at) VALUES (1, 8, :whole, 5, 9)"
        connection.execute(text(lent), {"whole": True})
    migrate(engines, Which.CENTRAL)
    with engines.writing() as session:
        (first,) = policies.versions(session, limit=9)
        assert (first.version, first.days, first.made_by, first.approval) == (1, Days(0, 21, 30), "system:migration", None)
        assert first.in_force is not None
        assert (first.in_force.seq, holds.lock(session)) == (8, 8), "nodes ask again"
        assert load_district(session) == District("Alder", "UTC", 21, "Ana")
        assert "district.days" not in settings.load(session)
        (waits,) = proposals.waiting(session, limit=9)
        proposals.add(session, replace(waits, id=ProposalId(2), act=Act.POLICY_LOWER))
    with pytest.raises(IntegrityError, match="ck_proposal_act"), engines.write.begin() as connection:
        connection.execute(text("UPDATE proposal SET act = 'other'"))
    with pytest.raises(IntegrityError), engines.write.begin() as connection:
        connection.execute(text("DELETE FROM proposal WHERE id = 1"))


def test_what_opened_ended_accounts_and_removed_cameras_goes(either: Engines) -> None:
    with _as_it_was(either, Which.CENTRAL, "0021") as connection:
        for number, disabled in ((7, None), (8, 5)):
            values: dict[str, object] = {"number": number, "name": f"p{number}", "whole": True, "disabled": disabled, "octets": bytes(32)}
            connection.execute(
                text(
                    "INSERT INTO person (id, name, name_key, role, whole_district, firm, password_hash, created_at, disabled_at)"
                    " VALUES (:number, :name, :name, 'desk', :whole, '', 'hash', 1, :disabled)"
                ),
                values,
            )
            connection.execute(text("INSERT INTO recovery_code (person_id, code_sha256) VALUES (:number, :octets)"), values)
        connection.execute(text("INSERT INTO branch (id, name, name_key, timezone, created_at) VALUES (3, 'Main', 'main', 'UTC', 1)"))
        connection.execute(
            text("INSERT INTO node (id, name, public_key, config_version, created_at) VALUES (4, 'n', :key, 1, 1)"), {"key": bytes(32)}
        )
        for number, removed in ((21, None), (22, 5)):
            values = {"number": number, "name": f"c{number}", "removed": removed, "octets": b"sealed"}
            connection.execute(
                text(
                    "INSERT INTO device (id, branch_id, node_id, scheme, host, port, username, password_sealed)"
                    " VALUES (:number, 3, 4, 'rtsp', 'h', 554, 'viewer', :octets)"
                ),
                values,
            )
            connection.execute(
                text(
                    "INSERT INTO camera"
                    " (id, branch_id, device_id, channel, name, name_key, recording_mode, removed_at, version, created_at)"
                    " VALUES (:number, 3, :number, 1, :name, :name, 'always', :removed, 1, 1)"
                ),
                values,
            )
    migrate(either, Which.CENTRAL)

    with either.reading() as session:
        assert [people.password_of(session, PersonId(number)) for number in (7, 8)] == ["hash", ""]
        assert [factors.unused_recovery_codes(session, PersonId(number)) for number in (7, 8)] == [1, 0]
        devices = session.execute(text("SELECT username, password_sealed FROM device ORDER BY id")).all()
    assert [(name, bytes(sealed)) for name, sealed in devices] == [("viewer", b"sealed"), ("", b"")]


def test_a_purge_log_of_an_older_index_keeps_its_hashes_and_stays_append_only(empty: Engines) -> None:
    batch = Batch(1, STREAM, CameraId(31), 1, 1, 60_001, 1, 7, 14 * 86_400_000, 3, 90_000)
    purged = Purge(batch, 1, 95_000, bytes(32))
    columns = (1, STREAM, 31, 1, 1, 60_001, 1, 7, 14 * 86_400_000, 3, 90_000, 1, 95_000, bytes(32), purged.hash_after(FIRST_HASH))
    with _as_it_was(empty, Which.INDEX, "0011") as connection:
        connection.exec_driver_sql("INSERT INTO purge_log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", columns)
    migrate(empty, Which.INDEX)
    with empty.read.begin() as connection:
        assert purge_log.purges(connection) == [(purged, purged.hash_after(FIRST_HASH))]
        assert purge_log.follow(connection).broken_at is None
    with empty.write.begin() as connection:
        same = "2, stream_id, camera_id, first_ms, last_ms, end_ms, segments, size_bytes, keep_ms, hold_seq, condemned_ms"
        connection.exec_driver_sql(f"INSERT INTO purge_log SELECT {same}, NULL, NULL, NULL, NULL, reason FROM purge_log")  # noqa: S608
    closed = "UPDATE purge_log SET position = 2, erased_ms = 1, root = x'00', hash = x'00'"
    for change in ("UPDATE purge_log SET reason = 'disk_full' WHERE number = 1", f"{closed}, reason = 'disk_full' WHERE number = 2"):
        with pytest.raises(IntegrityError, match="append-only"), empty.write.begin() as connection:
            connection.exec_driver_sql(change)
    with empty.write.begin() as connection:
        connection.exec_driver_sql(f"{closed} WHERE number = 2")


def test_the_history_of_an_older_request_is_kept_and_still_guards_its_approval(either: Engines) -> None:
    request = dict.fromkeys(("requester", "agency", "badge", "contact", "court", "docket", "served_on", "report_number", "purpose"), "")
    row = request | {
        "id": 4,
        "number": "2026-0001",
        "instrument": "subpoena",
        "rules_version": 1,
        "necessity": "",
        "due_at": 9,
        "matter": "m",
    }
    row |= {"entered_by": "person:1", "entered_by_name": "Ana", "entered_at": 5}
    said = {"request_id": 4, "words": "as the officer said", "by": "person:2", "by_name": "Ben", "at": 6}
    with _as_it_was(either, Which.CENTRAL, "0031") as connection:
        _insert(connection, "export_request", row)
        _insert(connection, "request_scope", {"request_id": 4, "version": 1, "text": "{}", "sha256": "0" * 64})
        for seq, act in ((1, "submit"), (2, "scope")):
            _insert(connection, "request_event", said | {"seq": seq, "act": act, "state": "submitted"})
    migrate(either, Which.CENTRAL)
    with either.write.begin() as connection:
        _insert(connection, "request_event", said | {"seq": 3, "act": "redaction-back", "state": "under_review"})
        kept = connection.execute(text('SELECT seq, act, words, "by" FROM request_event ORDER BY seq')).all()
    assert [tuple(one) for one in kept] == [
        (seq, act, "as the officer said", "person:2") for seq, act in ((1, "submit"), (2, "scope"), (3, "redaction-back"))
    ]
    approval = {"id": 8, "request_id": 4, "entered_by": "person:1", "scope_version": 1, "sha256": "0" * 64}
    approval |= {"by": "person:2", "by_name": "Ben", "proof": "totp", "words": "", "at": 7}
    with pytest.raises(DBAPIError, match="who lets a request ask for something else"), either.write.begin() as connection:
        _insert(connection, "approval", approval)


def _insert(connection: Connection, table: str, row: Mapping[str, object]) -> None:
    columns, values = ", ".join(f'"{name}"' for name in row), ", ".join(f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({values})"), row)  # noqa: S608 - our own names
