"""T11: every secret of an installation is unusual, all that touches one is done, and then all that was said and shown is searched."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from recorder.demo.auth import REALM
from tests.e2e.canaries import COOKIES, FILES, KINDS, NO_SECRETS, Evidence, is_of_a_matter, places
from tests.e2e.everyday import (
    CAMERA_PASSWORD,
    MAIL_PASSWORD,
    Day,
    WatchedProduct,
    keep_processes,
    keep_what_is_left,
    live_through,
    lose_the_database,
    set_up,
    settings_of,
    use_the_command_line,
)
from tests.fakes.eavesdropper import Eavesdropper, answers, eavesdropping
from tests.fakes.hostile_openid import hostile_provider
from tests.fakes.mail_server import a_certificate, a_mail_server
from tests.product import CameraProcess, Running, free_port
from tests.waiting import is_listening, wait_until

DIGEST = f'WWW-Authenticate: Digest realm="{REALM}", nonce="0123456789abcdef", qop="auth", algorithm=MD5'
BASIC = f'WWW-Authenticate: Basic realm="{REALM}"'


class SecretCameras(CameraProcess):
    PASSWORD = CAMERA_PASSWORD


@dataclass(frozen=True)
class Watched:
    evidence: Evidence
    states: dict[str, dict[str, str]]
    listeners: dict[str, Eavesdropper]
    processes: int


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder, port = tmp_path_factory.mktemp("canaries"), free_port()
    evidence, origin, certificate = Evidence(), f"https://localhost:{port}", a_certificate(folder)
    with ExitStack() as around:
        cameras = around.enter_context(SecretCameras(folder, more=["--tls"]))
        listeners = _bad_cameras(around)
        mail, provider = around.enter_context(a_mail_server(starttls=certificate)), around.enter_context(hostile_provider())
        mail.password = MAIL_PASSWORD
        product = WatchedProduct(folder / "data", evidence, **settings_of(folder, origin, mail, certificate, provider))
        day = Day(product, evidence, folder, origin, cameras, mail, provider)
        invitation = set_up(day, listeners)
        with product.running("up", "--listen", f"127.0.0.1:{port}") as up:
            wait_until(lambda: _settled(up), seconds=90)
            wait_until(lambda: is_listening(product.data / "run" / "node.sock"), seconds=60)
            states = wait_until(lambda: _states(product), seconds=60)
            live_through(day, invitation)
            processes = keep_processes(up, evidence)
        use_the_command_line(day)
        keep_what_is_left(day, up)
        lose_the_database(folder, evidence)
        yield Watched(evidence, states, listeners, processes)


def _bad_cameras(around: ExitStack) -> dict[str, Eavesdropper]:
    elsewhere = around.enter_context(eavesdropping(answers("200 OK")))
    redirect = answers("302 Moved Temporarily", f"Location: rtsp://127.0.0.1:{elsewhere.port}/main")
    said = {"Redirecting": redirect, "Basic": answers("401 Unauthorized", BASIC), "Digest": answers("401 Unauthorized", DIGEST)}
    return {"Elsewhere": elsewhere} | {name: around.enter_context(eavesdropping(reply)) for name, reply in said.items()}


def _settled(up: Running) -> bool:
    """Say whether each camera has come to what it is; the log tells it, and a command each time would cost more than all the rest."""
    told = [json.loads(line) for line in list(up.lines) if '"stream state"' in line]
    found = {one["camera"]: one["state"] for one in told}
    return found == {"Good": "recording", "Redirecting": "refused", "Basic": "refused", "Digest": "refused", "Replaced": "refused"}


def _states(product: WatchedProduct) -> dict[str, dict[str, str]] | None:
    """Return what is told of each camera, once each of them is told of: the log has a state before the index does."""
    found = {camera["name"]: camera for camera in product.must("status", "--json").document()["cameras"]}
    return found if all(one["since"] for one in found.values()) else None


def test_every_place_of_a_secret_is_entered() -> None:
    entered = {place for kept in KINDS.values() for place in kept}
    assert places() - NO_SECRETS.keys() == {place for place in entered if not place.endswith(".next")}


@pytest.mark.slow
def test_each_camera_that_would_draw_the_password_out_is_refused_and_says_why(watched: Watched) -> None:
    """The good one is recorded over RTSPS beside them."""
    words = {"Redirecting": "another address", "Basic": "Digest", "Digest": "does not take", "Replaced": "AB:AB:AB"}
    for name, word in words.items():
        assert word in str(watched.states[name]), name


@pytest.mark.slow
def test_no_other_host_hears_a_password_nor_anything_at_all_by_a_redirect(watched: Watched) -> None:
    heard = {name: bytes(listener.heard) for name, listener in watched.listeners.items()}
    assert heard["Elsewhere"] == b""
    assert b"Authorization" not in heard["Basic"]
    assert b"Authorization: Digest" in heard["Digest"]
    assert Evidence(watched.evidence.canaries, list(heard.items())).leaks() == []


@pytest.mark.slow
def test_every_kind_of_secret_was_there_to_be_found(watched: Watched) -> None:
    """What the run did not plant it has not looked for; what it met and nobody entered is no canary."""
    assert {one.kind for one in watched.evidence.canaries} == KINDS.keys()
    assert watched.evidence.cookies == COOKIES.keys()
    kept = {where.rpartition("secrets/")[2] for where, _ in watched.evidence.seen if ": secrets/" in where}
    of_matters = {name for name in kept if is_of_a_matter(name)}
    assert of_matters
    assert kept - of_matters == FILES.keys() | {"log_signed.txt"}


@pytest.mark.slow
def test_what_was_searched_is_what_was_said_and_shown(watched: Watched) -> None:
    seen = [where.partition(": ")[2] for where, _ in watched.evidence.seen]
    log = next(what for where, what in watched.evidence.seen if where.endswith(": log"))
    assert b"stream state" in log
    assert b"failed" in log
    assert any(b"VMS_LOG_LEVEL=debug" in what for where, what in watched.evidence.seen if where.endswith("environ"))
    assert watched.processes >= 4
    assert {"central.db", "index/index.db", "keys1/keys.db", "keys2/keys.db", "export", "mail", "state"} <= {*seen}
    assert sum(where.startswith(("GET", "POST", "PATCH")) for where in seen) > 70


@pytest.mark.slow
def test_no_secret_stands_where_it_has_no_business(watched: Watched) -> None:
    leaks = watched.evidence.leaks()
    assert not leaks, "\n".join(leaks)


@pytest.mark.slow
def test_a_secret_let_out_in_any_form_is_found(watched: Watched) -> None:
    """One of each kind, in each of its forms, in a log line, and in the middle of something in base64."""
    for kind in KINDS:
        one = next(canary for canary in watched.evidence.canaries if canary.kind == kind)
        said = [b"2026-11-26 said " + form + b" to nobody" for form in one.forms.values()]
        said += [base64.b64encode(bytes(before) + one.forms["raw of spelling 0"] + b"?") for before in range(5)]
        quiet = [line for line in said if not Evidence([one], [("0: log", line)]).leaks()]
        assert quiet == [], kind


def test_the_one_answer_that_has_to_show_a_code_may_and_the_next_may_not(tmp_path: Path) -> None:
    evidence = Evidence()
    place = evidence.keep("GET /people 200", b"code 01234-56789")
    evidence.plant("invitation", "01234-56789", homes=(place,))
    assert evidence.leaks() == []
    evidence.keep("GET /people 200", b"code 01234-56789")
    assert evidence.leaks() == ["invitation, raw of spelling 0, in 1: GET /people 200"]
    product = WatchedProduct(tmp_path, evidence)
    (tmp_path / "note").write_bytes(b"3031323334".join([b"<", b">"]))
    product.keep_files()
    evidence.plant("invitation", "01234")
    assert "invitation, hex of spelling 0, in 2: note" in evidence.leaks()
