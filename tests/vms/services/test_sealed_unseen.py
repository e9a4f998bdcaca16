"""Two logs with the same ordinary events at the same moments, one with sealed entries too: whoever isn't cleared sees no difference."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from tests.databases import Cluster
from tests.factories import CONSOLE, NOW, done
from vms.domain.access import Action, Purpose
from vms.domain.checkpoint import read_note
from vms.domain.cosignature import Witness
from vms.domain.ids import CameraId, MatterId, PersonId, SessionId
from vms.domain.people import Person, Role, System
from vms.domain.timespan import Timespan
from vms.errors import VmsError
from vms.services import log_erase
from vms.services.access_log import list_events, record
from vms.services.log_export import export_log
from vms.services.log_key import LogKey
from vms.services.log_proof import prove_entry, sign_checkpoint
from vms.services.log_verify import verify_log
from vms.services.log_witness import submission
from vms.services.sealed_log import Matter, read_sealed, record_sealed
from vms.store import access_log
from vms.store.access_log import Filter
from vms.store.central_tables import SCHEMA
from vms.store.database import Engines
from vms.store.log_tables import AccessCheckpointRow
from vms.store.migrate import Which

_KEY = LogKey(bytes(range(32)))
_MATTER = Matter(MatterId("0" * 32), bytes(32))
_ORDINARY = (0, 3, 16, 0, 47, 32, 0, 0, 1, 15, 17, 64, 5, 0, 300, 2)
"""Entries before each checkpoint: none, whole steps, one more and one less."""
_DAYS = 800
Seen = dict[str, object]


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Engines]]:
    """What gives an empty database, a second time too."""
    if request.param == "sqlite":
        migrated: Callable[[Which, Path], Engines] = request.getfixturevalue("migrated_sqlite")
        made: list[Engines] = []

        def give() -> Engines:
            made.append(migrated(Which.CENTRAL, tmp_path / f"{len(made)}.db"))
            return made[-1]

        yield give
        for engines in made:
            engines.dispose()
        return
    cluster: Cluster = request.getfixturevalue("cluster")
    name: str = request.getfixturevalue("migrated_postgresql")
    central: Engines = request.getfixturevalue("central_postgresql")

    def emptied() -> Engines:
        cluster.empty(name)
        return central

    yield emptied


@pytest.mark.slow
def test_lists_counts_exports_proofs_and_growth_are_as_if_nothing_were_sealed(fresh: Callable[[], Engines]) -> None:
    engines = fresh()
    plain = _seen(engines, sealed=())
    for seed in range(2):
        chance = random.Random(seed)
        engines = fresh()
        among = _seen(engines, sealed=tuple(chance.choice((0, 1, 2, 9, 30)) for _ in _ORDINARY))
        for kind, told in plain.items():
            assert among[kind] == told, kind
        with engines.read.begin() as connection:
            written, numbered = connection.execute(text("SELECT count(*), count(number) FROM access_sealed")).one()
        assert written > 50
        assert numbered > 30, "many were signed, and some may wait"
    assert json.dumps(plain, default=str).count("camera:test") > 100, "the comparison is of something"


def _seen(engines: Engines, *, sealed: tuple[int, ...]) -> Seen:
    """Write and sign the same ordinary events; return all that people, files and others outside see of the log, less what is random."""
    chance, seen, grown = random.Random(7), Seen(), []
    for step, count in enumerate(_ORDINARY):
        at = NOW + timedelta(minutes=5 * step)
        for number in range(max(count, *sealed[step : step + 1], 0)):
            if number < count:
                _write(engines, chance, number, at)
            if sealed and number < sealed[step]:
                _seal(engines, at)
        with engines.writing() as session:
            signed = sign_checkpoint(session, _KEY, at=at)
        grown.append((read_note(signed.note)[0].size, signed.complete, at, len(signed.note)))
    seen["checkpoints"] = grown
    seen["checkpoint table"] = _checkpoints(engines)
    seen["verified"] = _verified(engines)
    seen["proofs"] = _proofs(engines)
    seen["to a witness"] = _submission(engines)
    seen |= _pages(engines)
    seen["erased"] = _erased(engines)
    seen["verified after erasing"] = _verified(engines)
    seen["rows"] = _counts(engines)
    seen["damaged"] = _damaged(engines)
    return seen


def _write(engines: Engines, chance: random.Random, number: int, at: datetime) -> None:
    with engines.writing() as session:
        record(
            session,
            actor=CONSOLE if number % 3 else System("job"),
            action=chance.choice((Action.CAMERA_TEST, Action.VIEW_OPEN)),
            at=at,
            camera_id=CameraId(chance.randrange(4)),
            purpose=chance.choice((None, *Purpose)),
            detail={"n": str(number)},
        )


def _seal(engines: Engines, at: datetime) -> None:
    """Write a sealed entry that every filter of the pages would find."""
    with engines.writing() as session:
        record_sealed(
            session,
            _MATTER,
            actor=CONSOLE,
            action=Action.VIEW_OPEN,
            at=at,
            camera_id=CameraId(1),
            purpose=Purpose.REQUEST,
            detail={"n": "sealed"},
        )
        read_sealed(session, _MATTER, actor=CONSOLE, at=at, limit=1)


def _verified(engines: Engines) -> object:
    with engines.reading() as session:
        report = asdict(verify_log(session, _KEY))
    assert report["found"] == 0, report["findings"]
    return {name: told for name, told in report.items() if name not in ("name", "key")}


def _checkpoints(engines: Engines) -> object:
    with engines.reading() as session:
        return session.execute(select(AccessCheckpointRow.size, AccessCheckpointRow.at).order_by(AccessCheckpointRow.size)).all()


def _proofs(engines: Engines) -> object:
    """Return the shape of every number's proof, and what is said of those that there are not."""
    found: list[object] = []
    with engines.reading() as session:
        newest = access_log.newest(session, "district")
        for number in range(-1, newest + 3):
            try:
                proof = prove_entry(session, number)
                found.append((proof.index, len(proof.hashes), len(proof.text)))
            except VmsError as err:
                found.append((type(err).__name__, str(err)))
    return found


def _submission(engines: Engines) -> object:
    with engines.reading() as session:
        sent = submission(session, Witness("witness.example", bytes(range(32))), known_size=48)
    assert sent is not None
    return sent.size, len(sent.body)


def _pages(engines: Engines) -> Seen:
    """Read and export the log under every filter, as the roles that may and as one that may not."""
    at = NOW + timedelta(hours=3)
    filters: dict[str, dict[str, object]] = {
        "all": {},
        "camera": {"camera_id": CameraId(1)},
        "actions": {"actions": frozenset({Action.VIEW_OPEN})},
        "actor": {"actor_label": CONSOLE.label},
        "purpose": {"purposes": frozenset({Purpose.REQUEST})},
        "time": {"during": Timespan(NOW, NOW + timedelta(minutes=21))},
        "watched": {"watched": Timespan(NOW, NOW + timedelta(minutes=21))},
        "older": {"before": 400},
    }
    seen: Seen = {}
    with engines.writing() as session:
        for role in (Role.DIRECTOR, Role.AUDITOR, Role.DESK):
            person = _person(role)
            for name, wanted in filters.items():
                seen[f"page of {name} for {role}"] = list_events(session, person, at=at, limit=500, **wanted)  # type: ignore[arg-type]
        for name, narrowed in {"all": Filter(), "camera": Filter(camera_id=CameraId(1)), "older": Filter(before=400)}.items():
            seen[f"export of {name}"] = _exported(session, narrowed)
        seen["numbers"] = (access_log.newest(session, "district"), access_log.last_before(session, "district", NOW + timedelta(minutes=21)))
    return seen


def _person(role: Role) -> Person:
    """Return somebody of the same ids in both logs."""
    return Person(PersonId(1), str(role), role, SessionId(2))


def _exported(session: Session, wanted: Filter) -> object:
    """Return an export's lines with the length of each hash, salt and path instead of what they are."""
    head, *lines = done(export_log(session, _person(Role.DIRECTOR), wanted, at=NOW + timedelta(hours=3))).lines
    told = json.loads(head)
    entries = [json.loads(line) for line in lines]
    return told["entries"], len(told["checkpoint"]), [(one["number"], one["body"], len(one["salt"]), len(one["path"])) for one in entries]


def _erased(engines: Engines) -> object:
    at = NOW + timedelta(days=_DAYS + 3)
    found = []
    with engines.writing() as session:
        sign_checkpoint(session, _KEY, at=at - timedelta(days=2))
    while True:
        with engines.writing() as session:
            due = log_erase.due(session, days=_DAYS, at=at)
            if due is None:
                break
            log_erase.erase_texts(session, _KEY, due, days=_DAYS, at=at)
            found.append(due)
    return found


def _damaged(engines: Engines) -> object:
    """Return what is told of a log whose newest checkpoint somebody took away."""
    with engines.write.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            connection.execute(text("DROP TRIGGER access_checkpoint_no_delete"))
        connection.execute(text("DELETE FROM access_checkpoint WHERE size = (SELECT max(size) FROM access_checkpoint)"))
    with engines.reading() as session:
        report = asdict(verify_log(session, _KEY))
    assert report["found"] > 0
    return {name: told for name, told in report.items() if name not in ("name", "key")}


def _counts(engines: Engines) -> object:
    """Count the rows of every table but the sealed entries' own."""
    with engines.reading() as session:
        return {table.name: len(session.execute(select(table)).all()) for table in SCHEMA.sorted_tables if table.name != "access_sealed"}
