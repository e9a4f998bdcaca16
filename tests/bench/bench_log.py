"""What the access log costs: an entry beside the least that a durable write can cost, and a proof in a log of ten million entries.

    python -m tests.bench.bench_log [--entries 10000000] [--rounds 5]

Floors of the same run, turn by turn: 4 KiB written and synced (SQLite), one bare row committed (PostgreSQL, when its programs are
installed), entries read and hashed twice, and a session read by the driver alone. The limits are shares of the floor's rate, or of
a time, a rate.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from tests.bench.report import Row, publish
from tests.databases import postgresql_tools, started_cluster
from tests.factories import an_account, done
from vms.crypto import sign
from vms.domain.access import Action
from vms.domain.checkpoint import Checkpoint, read_note, signed_note
from vms.domain.merkle import includes, root
from vms.domain.people import OsUser, Permission, Proof, Role
from vms.services.access_log import DISTRICT, record, together
from vms.services.log_key import LogKey
from vms.services.log_proof import prove_entry, sign_checkpoint
from vms.services.log_verify import verify_log
from vms.services.sessions import OpenSession, open_session, session_for_token, token_digest
from vms.store import access_log, access_tree
from vms.store.access_tree import StoredCheckpoint
from vms.store.database import Engines, make_engines
from vms.store.migrate import Which, migrate

NOW = datetime(2026, 3, 14, 15, 9, tzinfo=UTC)
ACTOR = OsUser("pat", "branch-server")
KEY = LogKey(bytes(range(32)))
SINGLE, BATCH, VERIFIED, VERIFICATIONS, PROOFS = 300, 2000, 200_000, 3, 300
CHUNK = 1 << 18
TILED_AT_ONCE = 1 << 16
APPEND_SHARE, BATCH_SHARE = 0.5, 10.0
PROOF_MS, VERIFY_A_SECOND = 1.0, 200_000
LOOK_UPS, ROUNDS_OF_LOOK_UPS, LOOK_UP_US, CHECK_US = 2000, 5, 50.0, 20.0
PLAIN_LOOK_UP = "SELECT * FROM session JOIN person ON person.id = session.person_id WHERE session.token_sha256 = ?"
DESKS, TILES, HOURS, VIEW_MINUTES = 20, 36, 13, 15
"""Each tile is a view, opened, extended before each deadline and closed."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench_log", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--entries", type=int, default=10_000_000, help="of the log in which proofs are made")
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    rows = list(_sqlite(wanted.rounds)) + list(_postgresql(wanted.rounds))
    with _database() as central:
        rows += [*_verification(central), _growth(central)]
    with _database() as central:
        rows += _admission(central)
    with _database() as central:
        rows.append(_proof(central, wanted.entries))
    return publish("log", rows)


def _sqlite(rounds: int) -> Iterator[Row]:
    with _database() as central, tempfile.TemporaryFile(buffering=0) as file:
        yield from _appends("SQLite", central, lambda: _write_and_sync(file.fileno()), "4 KiB written and synced", rounds)


def _postgresql(rounds: int) -> Iterator[Row]:
    if (tools := postgresql_tools()) is None:
        sys.stdout.write("PostgreSQL is not installed: left out\n")
        return
    cluster = started_cluster(tools)
    try:
        central = make_engines(cluster.url(cluster.new_database()))
        migrate(central, Which.CENTRAL)
        with central.write.begin() as connection:
            connection.execute(text("CREATE TABLE bare (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body text)"))

        def commit_a_row() -> None:
            with central.writing() as session:
                session.execute(text("INSERT INTO bare (body) VALUES (:body)"), {"body": "x" * 300})

        yield from _appends("PostgreSQL", central, commit_a_row, "a bare row committed", rounds)
        central.dispose()
    finally:
        cluster.stop()


def _appends(name: str, central: Engines, floor: Callable[[], None], floor_name: str, rounds: int) -> Iterator[Row]:
    floors, singles, batches = [], [], []
    _append(central)
    for _ in range(rounds):
        floors.append(_rate(floor, SINGLE))
        singles.append(_rate(lambda: _append(central), SINGLE))
        batches.append(BATCH / _seconds(lambda: _append_many(central)))
    floor_rate = statistics.median(floors)
    yield {"what": f"{name}: {floor_name}", "n": SINGLE, "a_second": floor_rate}
    for what, rates, share in (("an entry, its transaction", singles, APPEND_SHARE), (f"entries, {BATCH:,} in one", batches, BATCH_SHARE)):
        rate = statistics.median(rates)
        yield {
            "what": f"{name}: {what}",
            "n": SINGLE if share < 1 else BATCH,
            "a_second": rate,
            "ratio_to_floor": rate / floor_rate,
            "ratio_to_limit": floor_rate * share / rate,
        }


def _append(central: Engines) -> None:
    with central.writing() as session:
        record(session, actor=ACTOR, action=Action.CAMERA_TEST, at=NOW, detail={"address": "10.20.1.11"})


def _append_many(central: Engines) -> None:
    with central.writing() as session, together(session):
        for _ in range(BATCH):
            record(session, actor=ACTOR, action=Action.CAMERA_TEST, at=NOW, detail={"address": "10.20.1.11"})


def _verification(central: Engines) -> list[Row]:
    """Beside it what no verification can do without: each entry read, and a hash of it and of a node above."""
    while _last(central) < VERIFIED:
        _append_many(central)
        with central.writing() as session:
            sign_checkpoint(session, KEY, at=NOW)
    floors: list[float] = []
    rates: list[float] = []
    for _ in range(VERIFICATIONS):
        floors.append(_read_and_hashed_a_second(central))
        with central.reading() as session:
            began = time.perf_counter()
            report = verify_log(session, KEY)
            rates.append(report.entries / (time.perf_counter() - began))
        assert report.ok, report.findings
    floor, rate = statistics.median(floors), statistics.median(rates)
    return [
        {"what": "floor: entries read, two hashes each", "n": VERIFIED, "a_second": floor},
        {
            "what": "entries verified",
            "n": VERIFIED,
            "a_second": rate,
            "ratio_to_floor": rate / floor,
            "ratio_to_limit": VERIFY_A_SECOND / rate,
        },
    ]


def _read_and_hashed_a_second(central: Engines) -> float:
    began, entries = time.perf_counter(), 0
    with central.read.begin() as connection:
        for (body,) in connection.exec_driver_sql("SELECT body FROM access_event WHERE origin = ? ORDER BY number", (DISTRICT,)):
            hashlib.sha256(hashlib.sha256(body.encode()).digest())
            entries += 1
    return entries / (time.perf_counter() - began)


def _growth(central: Engines) -> Row:
    """How much a day of watching adds, by the size of what is stored."""
    with central.read.begin() as connection:
        pages, page = (connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "page_size"))
        entries = connection.exec_driver_sql("SELECT count(*) FROM access_event").scalar_one()
    octets = pages * page / entries
    day = DESKS * TILES * (HOURS * 60 // VIEW_MINUTES + 1)
    return {
        "what": f"a day of {DESKS} desks, {TILES} tiles, {HOURS} h",
        "n": day,
        "octets_an_entry": octets,
        "mb_a_day": day * octets / 1e6,
    }


def _admission(central: Engines) -> list[Row]:
    """What each request costs before its own work: whose session it is, as the web asks it, and whether the person may."""
    with central.writing() as session:
        account = an_account(session, Role.DESK)
        token = done(open_session(session, person_id=account.id, at=NOW, proof=Proof.TOTP)).token

    def look_up() -> OpenSession:
        return done(session_for_token(central, token, at=NOW))

    person = look_up().person
    with central.read.connect() as connection:
        plain = connection.connection.driver_connection
        assert plain is not None
        acts = (
            lambda: plain.execute(PLAIN_LOOK_UP, (token_digest(token),)).fetchall(),
            look_up,
            lambda: person.may(Permission.LIVE_VIEW),
        )
        floor, looked_up, checked = (statistics.median(1e6 / _rate(act, LOOK_UPS) for _ in range(ROUNDS_OF_LOOK_UPS)) for act in acts)
    return [
        {"what": "floor: a session and its person read", "n": LOOK_UPS, "us": floor},
        {
            "what": "a session looked up",
            "n": LOOK_UPS,
            "us": looked_up,
            "ratio_to_floor": looked_up / floor,
            "ratio_to_limit": looked_up / LOOK_UP_US,
        },
        {"what": "a permission checked", "n": LOOK_UPS, "us": checked, "ratio_to_limit": checked / CHECK_US},
    ]


def _proof(central: Engines, entries: int) -> Row:
    """Prove entries here and there in a log whose bodies don't matter: its hashes are those of their numbers."""
    with central.writing() as session:
        access_log.last_number(session, DISTRICT)
        for at in range(0, entries, TILED_AT_ONCE):
            many = [_hash_of(index) for index in range(at, min(at + TILED_AT_ONCE, entries))]
            access_tree.grow(session, DISTRICT, at, many)
        log = access_tree.log_of(session, DISTRICT)
        assert log is not None
        name = log.name
        checkpoint = Checkpoint(name, entries, root(entries, access_tree.subtrees(session, DISTRICT)))
        note = signed_note(checkpoint.text, name, KEY.public, sign(KEY.private, checkpoint.text.encode()))
        access_tree.add_checkpoint(session, DISTRICT, StoredCheckpoint(entries, note), NOW)
    times, drawn = [], random.Random(1)
    with central.reading() as session:
        for index in (drawn.randrange(entries) for _ in range(PROOFS)):
            leaf = _hash_of(index)
            began = time.perf_counter()
            proof = prove_entry(session, index + 1)
            assert includes(leaf, proof.index, entries, proof.hashes, read_note(proof.note)[0].root)
            times.append(1000 * (time.perf_counter() - began))
    median = statistics.median(times)
    return {"what": "an entry proved and the proof verified", "n": entries, "ms": median, "ratio_to_limit": median / PROOF_MS}


def _hash_of(index: int) -> bytes:
    return hashlib.sha256(index.to_bytes(8)).digest()


def _last(central: Engines) -> int:
    with central.reading() as session:
        log = access_tree.log_of(session, DISTRICT)
    return log.last_number if log else 0


@contextmanager
def _database() -> Iterator[Engines]:
    folder = Path(tempfile.mkdtemp(prefix="bench-log-"))
    central = make_engines(folder / "central.db")
    try:
        migrate(central, Which.CENTRAL)
        yield central
    finally:
        central.dispose()
        shutil.rmtree(folder)


def _write_and_sync(file: int) -> None:
    os.write(file, bytes(4096))
    os.fdatasync(file)


def _rate(act: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        act()
    return times / (time.perf_counter() - began)


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
