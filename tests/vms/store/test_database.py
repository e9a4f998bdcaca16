"""The engines: who may write, who waits for whom."""

from __future__ import annotations

from pathlib import Path

import pysqlite3.dbapi2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, DBAPIError

from vms.errors import ConfigError, Conflict
from vms.store import settings
from vms.store.database import OLDEST_SQLITE, Engines, linked_sqlite, make_engines, refuse_old_sqlite


def test_what_a_writer_wrote_a_reader_sees_after_the_commit(central: Engines) -> None:
    with central.writing() as session:
        settings.put(session, {"colour": "blue"})
    with central.reading() as session:
        assert settings.load(session) == {"colour": "blue"}


def test_a_block_that_raises_leaves_nothing_behind(central: Engines) -> None:
    with pytest.raises(Conflict, match="faster"):
        _write_and_fail(central)
    with central.reading() as session:
        assert settings.load(session) == {}


def _write_and_fail(central: Engines) -> None:
    with central.writing() as session:
        settings.put(session, {"colour": "blue"})
        raise Conflict("somebody was faster")


def test_the_read_engine_refuses_to_write(central: Engines) -> None:
    with pytest.raises(DBAPIError), central.reading() as session:
        settings.put(session, {"colour": "blue"})


def test_a_complaint_of_the_database_holds_nothing_of_what_it_was_given(central: Engines) -> None:
    with pytest.raises(DatabaseError, match="nowhere") as failure, central.writing() as session:
        session.execute(text("INSERT INTO nowhere VALUES (:secret)"), {"secret": "hunter2"})
    assert "hunter2" not in str(failure.value)


def test_readers_go_on_while_a_transaction_writes(central: Engines) -> None:
    with central.writing() as writer:
        settings.put(writer, {"colour": "blue"})
        with central.reading() as first, central.reading() as second:
            assert settings.load(first) == settings.load(second) == {}


def test_a_reader_keeps_its_state_while_others_commit(index: Engines) -> None:
    with index.read.begin() as reader:
        assert reader.scalar(text("SELECT count(*) FROM replica")) == 0
        with index.write.begin() as writer:
            writer.execute(text("INSERT INTO replica VALUES ('stream_config', 1)"))
        assert reader.scalar(text("SELECT count(*) FROM replica")) == 0


def test_a_write_transaction_holds_the_database_from_its_first_moment(index: Engines) -> None:
    with index.write.begin() as first:
        first.execute(text("SELECT 1"))
        second = pysqlite3.dbapi2.connect(str(index.write.url.database), timeout=0, isolation_level=None)
        with pytest.raises(pysqlite3.dbapi2.OperationalError, match="locked"):
            second.execute("BEGIN IMMEDIATE")
        second.close()


def test_sqlite_is_set_up_to_survive_a_power_cut(index: Engines) -> None:
    with index.write.begin() as connection:
        found = {
            name: connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
        assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
        assert not connection.scalar(text("PRAGMA mmap_size"))


def test_the_linked_sqlite_is_new_enough() -> None:
    refuse_old_sqlite(linked_sqlite())


def test_an_old_sqlite_is_refused_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match="pip install -U pysqlite3"):
        refuse_old_sqlite((OLDEST_SQLITE[0], OLDEST_SQLITE[1], OLDEST_SQLITE[2] - 1))


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="postgresql://"):
        make_engines("postgres;//nobody")


def test_making_engines_opens_nothing(tmp_path: Path) -> None:
    make_engines(tmp_path / "new.db").dispose()
    assert list(tmp_path.iterdir()) == []


def test_what_commits_left_in_the_log_of_writes_goes_into_the_file_when_asked_and_waits_for_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    engines = make_engines(path, checkpoint_pages=0)
    with engines.write.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE filled (body BLOB)")
    for _ in range(1100):  # more pages than a commit leaves by itself
        with engines.write.begin() as connection:
            connection.exec_driver_sql("INSERT INTO filled VALUES (zeroblob(4000))")
    before = path.stat().st_size
    with engines.write.begin():
        engines.checkpoint()
    assert before < 100 * 4096 < 1000 * 4096 < path.stat().st_size
    engines.dispose()
