"""The web server's role on PostgreSQL adds to the access log and reads it; whatever else it tries there is refused by the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from tests.databases import Cluster
from tests.factories import CONSOLE, NOW
from vms.domain.access import Action
from vms.domain.ids import MatterId
from vms.errors import ConfigError
from vms.services.access_log import record
from vms.services.sealed_log import Matter, record_sealed
from vms.store.central_tables import SCHEMA
from vms.store.database import Engines, make_engines
from vms.store.web_role import grant_to_web, require_append_only

_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
_ONLY_READ = (
    *("alembic_version", "access_tile", "access_checkpoint", "access_cosignature", "review"),
    *("purge_month", "deletion_certificate", "redaction_sheet"),
)
_ADDED_TO = ("access_event", "access_log")
_SAID = (
    *("retention_policy", "policy_force", "policy_approval", "complaint", "complaint_camera", "training", "placement", "privacy_review"),
    "inquiry",
    *("export_request", "request_scope", "request_camera", "request_paper", "request_event", "approval", "request_hold"),
    *("redaction_plan", "redaction_approval", "door_call", "sealed_request", "sealed_request_person"),
    *("package", "package_release", "package_ticket", "package_download"),
    *("instrument_rules", "instrument_rules_approval", "approval_assertion", "showing"),
)
_IN_PART = ("access_sealed", "spot_check")
"""Of some columns alone."""


@pytest.fixture
def web(cluster: Cluster, central_postgresql: Engines, migrated_postgresql: str, new_role: Callable[..., str]) -> Iterator[Engines]:
    """The database as the web server's role sees it, with an entry in the log."""
    role = new_role()
    grant_to_web(central_postgresql, role)
    engines = make_engines(cluster.url(migrated_postgresql, role=role))
    with engines.writing() as session:
        record(session, actor=CONSOLE, action=Action.BRANCH_ADD, at=NOW)
        record_sealed(session, Matter(MatterId("0" * 32), bytes(32)), actor=CONSOLE, action=Action.BRANCH_ADD, at=NOW)
    yield engines
    engines.dispose()


def test_it_adds_entries_and_reads_them(web: Engines) -> None:
    with web.reading() as session:
        counted = (
            "SELECT last_number, last_sealed, (SELECT count(*) FROM access_event), (SELECT count(*) FROM access_sealed) FROM access_log"
        )
        assert session.execute(text(counted)).one() == (1, 1, 1, 1)
    require_append_only(web)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE access_event SET body = '{}'",
        "UPDATE access_event SET salt = NULL, body = NULL, erased_by = 2",
        "DELETE FROM access_event",
        "TRUNCATE access_event",
        "DROP TABLE access_event",
        "ALTER TABLE access_event DISABLE TRIGGER ALL",
        "CREATE TRIGGER mine BEFORE INSERT ON access_event FOR EACH ROW EXECUTE FUNCTION access_event_append_only()",
        "SET session_replication_role = replica",
        "UPDATE access_sealed SET number = 2",
        "INSERT INTO access_sealed (origin, position, number, matter, salt, sealed) VALUES ('district', 2, 2, '', '', '')",
        "DELETE FROM access_sealed",
        "TRUNCATE access_sealed",
        "UPDATE access_log SET name = 'another'",
        "UPDATE access_log SET origin = 'another'",
        "DELETE FROM access_log",
        "INSERT INTO access_tile VALUES ('district', 0, 0, '')",
        "DELETE FROM access_tile",
        "INSERT INTO access_checkpoint VALUES ('district', 1, 0, '')",
        "INSERT INTO access_cosignature VALUES ('district', 'w', 1, 0, '')",
        "DELETE FROM review",
        "UPDATE retention_policy SET target_days = 1",
        "DELETE FROM policy_force",
        "UPDATE policy_approval SET by_name = 'another'",
        "UPDATE approval SET sha256 = ''",
        "DELETE FROM approval",
        "UPDATE request_scope SET text = '{}'",
        "UPDATE export_request SET entered_by = 'another'",
        "UPDATE request_event SET words = 'another'",
        "UPDATE spot_check SET proof = '{}', answered_at = 1",
        "INSERT INTO spot_check (id, proof, answered_at) VALUES (1, '{}', 1)",
        "DELETE FROM spot_check",
        "INSERT INTO purge_month VALUES (1, '2026-11', '{}')",
        "UPDATE deletion_certificate SET document = '{}'",
        "UPDATE complaint SET said = ''",
        "DELETE FROM complaint",
        "UPDATE package_release SET taken_by = 'another'",
        "UPDATE package_ticket SET until_at = 9",
        "DELETE FROM package_download",
        "UPDATE showing SET viewer = 'another'",
        "DELETE FROM showing",
        "UPDATE privacy_review SET result = 'fine'",
        "UPDATE training SET name = 'another'",
        "CREATE TABLE mine (x int)",
        "UPDATE alembic_version SET version_num = '0001'",
    ],
)
def test_whatever_else_it_tries_there_is_refused(web: Engines, statement: str) -> None:
    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"), web.write.begin() as connection:
        connection.execute(text(statement))


def test_each_verb_works_on_each_table_that_it_is_meant_for_and_on_no_other(web: Engines) -> None:
    privileges = (
        "SELECT tablename, verb FROM pg_tables, unnest(CAST(:verbs AS text[])) verb "
        "WHERE schemaname = 'public' AND has_table_privilege(quote_ident(tablename), verb)"
    )
    with web.read.begin() as connection:
        granted = {(table, verb) for table, verb in connection.execute(text(privileges), {"verbs": [*_VERBS]})}
    written = {*SCHEMA.tables} - {*_ONLY_READ, *_ADDED_TO, *_SAID, *_IN_PART}
    assert granted == {
        *((table, "SELECT") for table in _ONLY_READ),
        *((table, "SELECT") for table in _IN_PART),  # what others answer or number is not inserted
        *((table, verb) for table in (*_ADDED_TO, *_SAID) for verb in ("SELECT", "INSERT")),
        *((table, verb) for table in written for verb in ("SELECT", "INSERT", "UPDATE", "DELETE")),
    }
    # A table of the log that is added later must not slip in among those that the web server writes.
    assert [table for table in written if table.startswith(("access_", "review"))] == []


def test_of_the_log_only_the_counters_are_updated_and_of_a_complaint_what_became_of_it(web: Engines) -> None:
    columns = (
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_name = ANY(:tables) AND has_column_privilege(quote_ident(table_name), column_name, 'UPDATE')"
    )
    with web.read.begin() as connection:
        changed = [tuple(row) for row in connection.execute(text(columns), {"tables": [*_ONLY_READ, *_ADDED_TO, *_SAID, *_IN_PART]})]
    became = ("answer", "answer_texts", "answered_at", "answered_by", "answered_by_name", "hold_id")
    lifted = ("lifted_at", "lifted_by", "lifted_by_name", "lifted_on", "lifted_reason")
    assert sorted(changed) == [
        *(("access_log", column) for column in ("last_number", "last_sealed")),
        *(("complaint", column) for column in became),
        *(("inquiry", column) for column in ("decided_at", "decided_by", "decided_by_name", "reason", "request_id")),
        *(("package_download", column) for column in ("ended_at", "octets", "whole")),
        ("package_release", "read_back_at"),
        *(("package_ticket", column) for column in ("revoked_at", "revoked_by")),
        *(("sealed_request", column) for column in lifted),
        *(("showing", column) for column in ("ended_at", "ended_by_name", "seen")),
    ]


def test_granting_again_takes_away_what_somebody_added(central_postgresql: Engines, new_role: Callable[..., str]) -> None:
    role = new_role()
    grant_to_web(central_postgresql, role)
    with central_postgresql.write.begin() as connection:
        connection.execute(text(f'GRANT UPDATE (body) ON access_event TO "{role}"'))
    grant_to_web(central_postgresql, role)
    with central_postgresql.read.begin() as connection:
        asked = {"role": role}
        assert not connection.scalar(text("SELECT has_any_column_privilege(:role, 'access_event', 'UPDATE')"), asked)


@pytest.mark.parametrize("options", ["SUPERUSER", "IN ROLE postgres"])
def test_a_role_that_could_change_entries_all_the_same_is_refused(
    central_postgresql: Engines, new_role: Callable[..., str], options: str
) -> None:
    with pytest.raises(ConfigError, match="could change the access log"):
        grant_to_web(central_postgresql, new_role(options))


def test_a_role_that_is_not_there_is_named(central_postgresql: Engines) -> None:
    with pytest.raises(ConfigError, match="has no role nobody"):
        grant_to_web(central_postgresql, "nobody")


@pytest.mark.parametrize(
    "given", ["UPDATE (body) ON access_event", "DELETE ON access_event", "DELETE ON access_sealed", "TRUNCATE ON access_event"]
)
def test_a_web_server_whose_role_was_given_more_does_not_start(web: Engines, central_postgresql: Engines, given: str) -> None:
    with web.read.begin() as connection:
        role = connection.scalar(text("SELECT current_user"))
    with central_postgresql.write.begin() as connection:
        connection.execute(text(f'GRANT {given} TO "{role}"'))
    with pytest.raises(ConfigError, match="vms migrate"):
        require_append_only(web)


def test_what_everybody_was_given_counts_too(web: Engines, central_postgresql: Engines) -> None:
    with central_postgresql.write.begin() as connection:
        connection.execute(text("GRANT DELETE ON access_event TO PUBLIC"))
    try:
        with pytest.raises(ConfigError):
            require_append_only(web)
    finally:
        with central_postgresql.write.begin() as connection:
            connection.execute(text("REVOKE DELETE ON access_event FROM PUBLIC"))
