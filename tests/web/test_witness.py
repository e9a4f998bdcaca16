"""A witness on loopback, which has its own code, countersigns a log that only grew, and no other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.factories import CONSOLE, NOW
from tests.web.world_clock import DrivenClock
from tests.witness import Running, consistent, witnessing
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.checkpoint import verifier_key
from vms.domain.cosignature import cosignatures, read_witness
from vms.domain.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, node_hash, root
from vms.errors import Corrupt, Unavailable
from vms.services.access_log import DISTRICT, record
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.services.log_witness import witness_state
from vms.store import access_tree, access_witness
from vms.store.database import Engines, make_engines
from web.jobs import Jobs
from web.witness_client import Countersigning, countersign

pytestmark = pytest.mark.slow  # most start a witness
_KEY = LogKey(bytes(range(32)))
_WITNESS = "witness.example/w1"


def _sign(engines: Engines, count: int, *, detail: str = "") -> None:
    with engines.writing() as session:
        for _ in range(count):
            record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW, detail={"what": detail})
        sign_checkpoint(session, _KEY, at=NOW)


def _log_key(engines: Engines) -> str:
    with engines.reading() as session:
        log = access_tree.log_of(session, DISTRICT)
    assert log is not None
    return verifier_key(log.name, _KEY.public)


def _countersign(engines: Engines, running: Running) -> Countersigning:
    return countersign(engines, read_witness(running.key), running.url, DrivenClock())


def _cosigned(engines: Engines) -> int:
    with engines.reading() as session:
        seen = access_witness.newest_cosigned(session, DISTRICT, _WITNESS)
    return seen.size if seen else 0


@pytest.fixture
def signed(central_sqlite: Engines) -> Engines:
    """A log with one checkpoint over 16."""
    _sign(central_sqlite, 3)
    return central_sqlite


@pytest.fixture
def witness(signed: Engines) -> Iterator[Running]:
    with witnessing(_log_key(signed)) as running:
        yield running


def test_a_log_that_grows_is_countersigned_each_time(signed: Engines, witness: Running) -> None:
    sizes = []
    for count in (0, 40, 700, 1):
        _sign(signed, count)
        assert _countersign(signed, witness) is Countersigning.DONE
        sizes.append(_cosigned(signed))
    assert sizes == [32, 80, 784, 800]
    assert _countersign(signed, witness) is Countersigning.NOTHING_NEW


def test_what_is_stored_is_the_witness_s_signature_over_that_checkpoint(signed: Engines, witness: Running) -> None:
    _countersign(signed, witness)
    with signed.reading() as session:
        (stored,) = access_tree.checkpoints(session, DISTRICT)
        seen = access_witness.newest_cosigned(session, DISTRICT, _WITNESS)
    assert seen is not None
    (one,) = cosignatures(seen.line, read_witness(witness.key), stored.note.partition("\n\n")[0] + "\n")
    assert one.at == seen.at


def test_who_lost_the_witness_s_signatures_goes_on_from_the_size_that_he_names(signed: Engines, witness: Running) -> None:
    _countersign(signed, witness)
    with signed.write.begin() as connection:
        connection.exec_driver_sql("DELETE FROM access_cosignature")
    assert _countersign(signed, witness) is Countersigning.DONE
    _sign(signed, 5)
    with signed.write.begin() as connection:
        connection.exec_driver_sql("DELETE FROM access_cosignature")
    assert _countersign(signed, witness) is Countersigning.DONE
    assert _cosigned(signed) == 32


def _forked(engines: Engines, running: Running, path: Path, counts: tuple[int, ...]) -> Engines:
    """Return the log as an old backup has it, continued otherwise than the one the witness saw."""
    connection = engines.write.raw_connection()
    connection.cursor().execute(f"VACUUM INTO '{path}'")
    connection.close()
    _sign(engines, 20, detail="as it was")
    assert _countersign(engines, running) is Countersigning.DONE
    forked = make_engines(path)
    for count in counts:
        _sign(forked, count, detail="as somebody wants it")
    return forked


@pytest.mark.parametrize("counts", [(20,), (20, 0), (60,), (0, 0, 0, 0, 0)])
def test_a_forked_log_is_refused_by_the_witness(signed: Engines, witness: Running, tmp_path: Path, counts: tuple[int, ...]) -> None:
    _countersign(signed, witness)
    forked = _forked(signed, witness, tmp_path / "forked.db", counts)
    try:
        assert _countersign(forked, witness) is Countersigning.REFUSED
        assert _cosigned(forked) == 16
    finally:
        forked.dispose()
    assert _countersign(signed, witness) is Countersigning.NOTHING_NEW


def test_a_log_that_was_cut_back_is_behind_what_the_witness_knows(signed: Engines, witness: Running, tmp_path: Path) -> None:
    _countersign(signed, witness)
    forked = _forked(signed, witness, tmp_path / "forked.db", ())
    with forked.write.begin() as connection:
        connection.exec_driver_sql("DELETE FROM access_cosignature")
    try:
        with pytest.raises(Corrupt, match="knows 48 numbers"):
            _countersign(forked, witness)
    finally:
        forked.dispose()


def test_a_witness_that_does_not_know_the_log_or_its_key_is_said(signed: Engines) -> None:
    log_key = _log_key(signed)
    with (
        witnessing(log_key.replace("custodian/", "other/")) as running,
        pytest.raises(Unavailable, match=r"404\. It does not know this log"),
    ):
        _countersign(signed, running)
    other_key = verifier_key(log_key.partition("+")[0], LogKey(bytes(32)).public)
    with witnessing(other_key) as running, pytest.raises(Unavailable, match=r"403\. It knows another key"):
        _countersign(signed, running)


def test_a_signature_by_another_witness_does_not_count(signed: Engines, witness: Running) -> None:
    with witnessing(_log_key(signed)) as other, pytest.raises(Unavailable, match="no signature by the key of witness_key"):
        countersign(signed, read_witness(witness.key), other.url, DrivenClock())
    assert _cosigned(signed) == 0


@contextmanager
def _answering(act: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            act(self)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _says(status: int, body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return act


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (_says(200, b""), "no signature by"),
        (_says(200, b"\xe2\x80\x94 witness.example/w1 AAAA\n\xff\n"), "no signature by"),
        (_says(200, b"x" * 20_000), "longer than any"),
        (_says(302, b"", location="http://127.0.0.1:9/"), "answered 302. Look at witness_url"),
        (_says(500, b"oops"), "answered 500"),
        (lambda handler: handler.wfile.write(b"no HTTP at all\r\n\r\n"), "does not answer"),
    ],
)
def test_an_answer_that_is_none_is_said_and_stores_nothing(
    signed: Engines, witness: Running, act: Callable[[BaseHTTPRequestHandler], None], sentence: str
) -> None:
    with _answering(act) as url, pytest.raises(Unavailable, match=sentence):
        countersign(signed, read_witness(witness.key), url, DrivenClock())
    assert _cosigned(signed) == 0


@pytest.mark.parametrize("body", [b"no number\n", b"9" * 40, b""])
def test_a_conflict_that_names_no_size_is_a_refusal(signed: Engines, witness: Running, body: bytes) -> None:
    with _answering(_says(409, body)) as url:
        assert countersign(signed, read_witness(witness.key), url, DrivenClock()) is Countersigning.REFUSED


def _job(settings: Settings, central: Engines, running: Running) -> list[tuple[str, str]]:
    ours = settings.model_copy(update={"witness_url": running.url, "witness_key": running.key})
    with capture_logs() as lines:
        Jobs(ours, central, _KEY, DrivenClock()).countersign()
    return [(line["log_level"], line["event"]) for line in lines]


def test_the_job_is_silent_when_all_is_well_and_says_a_refusal_aloud(
    settings: Settings, signed: Engines, witness: Running, tmp_path: Path
) -> None:
    assert _job(settings, signed, witness) == []
    forked = _forked(signed, witness, tmp_path / "forked.db", (20,))
    assert _job(settings, forked, witness) == [("error", "witness refused the log")]
    forked.dispose()
    assert _job(settings, signed, Running("http://127.0.0.1:9/", witness.key)) == []
    _sign(signed, 1)
    assert _job(settings, signed, Running("http://127.0.0.1:9/", witness.key)) == [("warning", "checkpoint not countersigned")]
    assert _job(settings, signed, Running(witness.url, witness.key.replace("+", "-"))) == [("warning", "checkpoint not countersigned")]
    with capture_logs() as lines:
        Jobs(settings, signed, _KEY, DrivenClock()).countersign()
    assert lines == []


def test_a_witness_that_fell_silent_is_late_after_some_hours(signed: Engines, witness: Running) -> None:
    him = read_witness(witness.key)
    with signed.writing() as session:
        assert witness_state(session, him).late
    _countersign(signed, witness)
    with signed.writing() as session:
        seen = witness_state(session, him)
        assert (seen.size, seen.late) == (16, False)
        assert seen.at is not None
        record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
        sign_checkpoint(session, _KEY, at=seen.at + timedelta(hours=4))
        assert witness_state(session, him).late


@pytest.mark.parametrize("key", ["", "w", "w+00000000+", "w+00000000+BAAA", "+aa+BA==", "w+zz+\u00e4"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"no verifier key|base64|ASCII|padding"):
        read_witness(key)


def test_the_witness_of_the_tests_takes_every_proof_of_ours_and_none_that_was_changed() -> None:
    """Its way of checking is not ours, so each is held against the other."""
    leaves = [leaf_hash(bytes([n])) for n in range(40)]

    def hash_at(level: int, index: int) -> bytes:
        return leaves[index] if level == 0 else node_hash(hash_at(level - 1, 2 * index), hash_at(level - 1, 2 * index + 1))

    for size in range(1, 41):
        for old in range(1, size + 1):
            proof = consistency_proof(old, size, hash_at)
            assert consistent(old, root(old, hash_at), size, root(size, hash_at), proof)
            assert not consistent(old, EMPTY_ROOT, size, root(size, hash_at), proof)
