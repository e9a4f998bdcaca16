"""A package downloaded by somebody without an account: written down before the first octet, and cut off when it must be."""

from __future__ import annotations

import io
import itertools
import json
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import structlog
from starlette.types import Message

from tests.factories import done
from tests.vms.services.packaging import district_key
from tests.vms.services.test_package_jobs import Office, an_office
from tests.waiting import wait_until
from tests.web.world import World, problem
from vms.domain.access import Action
from vms.domain.export_scope import Delivery
from vms.domain.made_package import PackageState
from vms.domain.people import PROOF_LASTS, Role
from vms.domain.request import RequestState
from vms.services.log_key import LogKey
from vms.services.package_tickets import DownloadMark, begin, hand_out
from web.app import create_app
from web.jobs import Jobs
from web.routers import downloads

pytestmark = pytest.mark.slow


@pytest.fixture
def office(world: World) -> Office:
    made = an_office(world.site.central, world.site.settings, delivery=Delivery.DOWNLOAD, branch="Central")
    made.ready()
    world.clock.step(made.clock.now() - world.clock.now())
    return made


@pytest.fixture
def director(world: World, office: Office) -> Iterator[httpx.Client]:  # noqa: ARG001 - the request first
    with world.client(Role.DIRECTOR, page=True) as client:
        yield client


@pytest.fixture
def outsider(world: World) -> Iterator[httpx.Client]:
    with world.client(page=True) as client:
        yield client


def _ticket(director: httpx.Client, office: Office) -> dict[str, str]:
    answer = director.post(f"/requests/{office.request.id}/tickets", data={"recipient": "Det. R. Alvarez"})
    assert answer.status_code == 200, answer.text
    found = re.search(r"Ticket ([0-9a-f-]+), for Det. R. Alvarez: its passphrase is <code[^>]*>([0-9a-f-]+)</code>", answer.text)
    assert found is not None
    return {"ticket": found[1], "passphrase": found[2]}


def test_from_the_director_s_page_to_a_package_that_verifies(
    world: World, director: httpx.Client, outsider: httpx.Client, office: Office, tmp_path: Path
) -> None:
    ticket = _ticket(director, office)
    assert "Ticket" in outsider.get("/download").text
    answer = outsider.post("/download", data=ticket)
    assert (answer.status_code, answer.headers["content-disposition"]) == (200, 'attachment; filename="EXPORT-2026-0001.zip"')
    assert (answer.headers["cache-control"], answer.headers["content-type"]) == ("no-store", "application/zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path)
    there = tmp_path / "EXPORT-2026-0001"
    checked = subprocess.run([sys.executable, "-I", there / "verify.py", there, "--key", district_key(world.site.central)], check=False)
    assert checked.returncode in {0, 3}  # a millisecond of it was not recorded
    steps = [(one.detail["step"], one.actor) for one in world.events(Action.EXPORT_DOWNLOAD)]
    assert steps == [("begun", "system:download"), ("sent whole", "system:download")]
    page = director.get(f"/requests/{office.request.id}").text
    assert "Downloads begun: 1 of 3" in page
    assert ticket["passphrase"] not in page


def test_it_is_in_the_log_before_the_first_octet_or_nothing_is_sent(
    world: World, director: httpx.Client, outsider: httpx.Client, office: Office
) -> None:
    ticket = _ticket(director, office)
    world.refuse_events(Action.EXPORT_DOWNLOAD)
    answer = outsider.post("/download", data=ticket)
    assert (answer.status_code, b"PK" in answer.content) == (503, False)


def test_a_download_that_can_not_be_marked_takes_no_place(
    world: World, director: httpx.Client, outsider: httpx.Client, office: Office
) -> None:
    ticket, marks = _ticket(director, office), world.site.settings.downloads_lock_path
    marks.mkdir(parents=True)
    answers = [outsider.post("/download", data=ticket) for _ in range(downloads.MOST_AT_ONCE + 1)]
    assert {(one.status_code, "be sent now. Ask the Library." in one.text, str(marks) in one.text) for one in answers} == {
        (503, True, False)
    }
    marks.rmdir()
    assert outsider.post("/download", data=ticket).status_code == 200


def test_of_a_sealed_request_that_can_not_be_read_nobody_outside_nor_the_log_of_the_service_is_told(
    world: World, outsider: httpx.Client
) -> None:
    office = an_office(world.site.central, world.site.settings, delivery=Delivery.DOWNLOAD, branch="Central", sealed=True)
    office.ask()
    while office.package().state is not PackageState.READY:
        office.hub.sign_log()
        office.make()
    world.clock.step(office.clock.now() - world.clock.now())
    with world.site.central.writing() as session:
        director, number = office.director, office.request.id
        new = done(hand_out(session, world.site.settings, director, number, "Det. R. Alvarez", at=office.clock.now()))
    (world.site.settings.secrets_dir / f"{office.request.matter}.key").unlink()
    with structlog.testing.capture_logs() as told:
        answer = outsider.post("/download", data={"ticket": new.ticket.number, "passphrase": new.passphrase})
    assert (answer.status_code, "be sent now. Ask the Library." in answer.text) == (503, True)
    assert [one["event"] for one in told] == ["request failed"]
    assert [word for word in (office.request.number, office.request.matter) if word in answer.text + str(told)] == []


def test_as_json_with_a_refusal_of_one_shape(world: World, director: httpx.Client, office: Office) -> None:
    with world.client() as outsider:
        ticket = _ticket(director, office)
        wrong = problem(outsider.post("/api/v1/downloads", json=ticket | {"passphrase": "wrong"}), 403)
        never = problem(outsider.post("/api/v1/downloads", json=ticket | {"ticket": "00000-00000"}), 403)
        assert wrong == never
        assert outsider.post("/api/v1/downloads", json=ticket).content.startswith(b"PK\x03\x04")
        director.post(f"/requests/{office.request.id}/tickets/take-back")
        assert "taken back" in str(problem(outsider.post("/api/v1/downloads", json=ticket), 410))


def test_the_page_says_what_is_wrong_and_keeps_the_ticket_alone(director: httpx.Client, outsider: httpx.Client, office: Office) -> None:
    ticket = _ticket(director, office)
    answer = outsider.post("/download", data=ticket | {"passphrase": "no-such-one"})
    assert (answer.status_code, "open nothing together" in answer.text) == (403, True)
    assert (ticket["ticket"] in answer.text, "no-such-one" in answer.text) == (True, False)


def test_who_guesses_waits_longer_each_time(director: httpx.Client, outsider: httpx.Client, office: Office) -> None:
    ticket = _ticket(director, office)
    answers = [outsider.post("/download", data=ticket | {"passphrase": str(guess)}).status_code for guess in range(8)]
    assert (answers[:5], answers[-1]) == ([403] * 5, 429)


def test_who_had_the_passphrase_is_no_guesser_any_more(director: httpx.Client, outsider: httpx.Client, office: Office) -> None:
    ticket = _ticket(director, office)
    wrong = ticket | {"passphrase": "wrong"}
    answers = [outsider.post("/download", data=one).status_code for one in (*[wrong] * 4, ticket, *[wrong] * 4)]
    assert answers == [*[403] * 4, 200, *[403] * 4]


def test_handing_out_a_ticket_asks_for_a_fresh_proof_and_for_who_decides(world: World, director: httpx.Client, office: Office) -> None:
    page = f"/requests/{office.request.id}/tickets"
    with world.client(Role.SUPERVISOR, page=True) as other:
        assert other.post(page, data={"recipient": "me"}).status_code == 403
    world.clock.step(PROOF_LASTS)
    assert director.post(page, data={"recipient": "Det. R. Alvarez"}).headers["location"].startswith("/prove")
    assert office.now().state is RequestState.READY


def test_a_download_ends_when_its_ticket_is_taken_back(
    world: World, director: httpx.Client, outsider: httpx.Client, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, looks, taken_back = downloads._require_still, itertools.count(), threading.Event()

    def after_the_first_block(*what: Any) -> None:  # noqa: ANN401 - as they come
        if next(looks):
            assert taken_back.wait(20)
        look(*what)

    monkeypatch.setattr(downloads, "_BLOCK_BYTES", 512)
    monkeypatch.setattr(downloads, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(downloads, "_require_still", after_the_first_block)
    ticket, got = _ticket(director, office), bytearray()

    def read(answer: httpx.Response) -> None:
        for piece in answer.iter_raw():
            if not got:
                director.post(f"/requests/{office.request.id}/tickets/take-back")
                taken_back.set()
            got.extend(piece)

    with outsider.stream("POST", "/download", data=ticket) as answer, pytest.raises(httpx.RemoteProtocolError):
        read(answer)
    assert got.startswith(b"PK\x03\x04")
    assert not zipfile.is_zipfile(io.BytesIO(got))
    wait_until(lambda: len(world.events(Action.EXPORT_DOWNLOAD)) == 2)
    assert world.events(Action.EXPORT_DOWNLOAD)[1].detail["step"] == "broken off"


def test_how_far_it_came_is_written_down_when_the_reader_leaves(
    world: World, director: httpx.Client, outsider: httpx.Client, office: Office
) -> None:
    ticket = _ticket(director, office)
    with outsider.stream("POST", "/download", data=ticket) as answer:
        next(answer.iter_raw(1))
    wait_until(lambda: len(world.events(Action.EXPORT_DOWNLOAD)) == 2)


def test_marks_that_can_not_be_looked_at_keep_no_package_from_its_end(world: World, director: httpx.Client, office: Office) -> None:
    settings, at = world.site.settings, world.clock.now()
    ticket = _ticket(director, office)
    with world.site.central.writing() as session:
        mark = DownloadMark(settings)
        done(begin(session, settings, ticket["ticket"], ticket["passphrase"], mark=mark, address="", at=at))
    mark.over()
    settings.downloads_lock_path.unlink()
    settings.downloads_lock_path.mkdir()
    stray = settings.packages_dir / "4711"
    stray.mkdir()
    with structlog.testing.capture_logs() as told:
        Jobs(settings, world.site.central, LogKey(bytes(range(32))), office.clock).make_packages()
    assert ([one["event"] for one in told], stray.exists()) == (["ends of downloads not written down"], False)


def test_the_jobs_end_no_download_that_goes_on(
    world: World, director: httpx.Client, outsider: httpx.Client, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = Jobs(world.site.settings, world.site.central, LogKey(bytes(range(32))), office.clock)
    meanwhile: list[str] = []

    def in_the_middle(*_: object) -> None:
        jobs.make_packages()
        meanwhile.extend(one.detail["step"] for one in world.events(Action.EXPORT_DOWNLOAD))

    monkeypatch.setattr(downloads, "_BLOCK_BYTES", 1 << 16)
    monkeypatch.setattr(downloads, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(downloads, "_require_still", in_the_middle)
    assert outsider.post("/download", data=_ticket(director, office)).content.startswith(b"PK\x03\x04")
    assert set(meanwhile) == {"begun"}
    jobs.make_packages()
    assert [one.detail["step"] for one in world.events(Action.EXPORT_DOWNLOAD)] == ["begun", "sent whole"]


def test_a_package_that_was_damaged_on_the_disk_passes_for_no_whole_one(
    world: World, director: httpx.Client, outsider: httpx.Client, office: Office
) -> None:
    ticket = _ticket(director, office)
    (file,) = world.site.settings.packages_dir.glob("*/*.zip.age")
    octets = bytearray(file.read_bytes())
    octets[-100] ^= 1
    file.write_bytes(octets)
    with pytest.raises(httpx.RemoteProtocolError):
        outsider.post("/download", data=ticket)
    wait_until(lambda: len(world.events(Action.EXPORT_DOWNLOAD)) == 2)
    assert world.events(Action.EXPORT_DOWNLOAD)[1].detail["step"] == "broken off"


def test_a_package_that_is_gone_from_the_disk_ends_its_download_at_once(
    world: World, director: httpx.Client, outsider: httpx.Client, office: Office
) -> None:
    ticket = _ticket(director, office)
    (file,) = world.site.settings.packages_dir.glob("*/*.zip.age")
    file.unlink()
    with pytest.raises(httpx.RemoteProtocolError):
        outsider.post("/download", data=ticket, timeout=10)
    wait_until(lambda: len(world.events(Action.EXPORT_DOWNLOAD)) == 2)
    assert world.events(Action.EXPORT_DOWNLOAD)[1].detail["step"] == "broken off"


def test_a_reader_who_takes_nothing_any_more_is_let_go(
    world: World, director: httpx.Client, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "STALL_SECONDS", 0.05)
    taken = _by_hand(world, _ticket(director, office), leaves=False)
    assert taken == ["http.response.start", "http.response.body"]
    assert [one.detail["step"] for one in world.events(Action.EXPORT_DOWNLOAD)] == ["begun", "broken off"]


def test_a_reader_who_leaves_before_the_first_octet_is_written_down(world: World, director: httpx.Client, office: Office) -> None:
    _by_hand(world, _ticket(director, office), leaves=True)
    assert [one.detail["step"] for one in world.events(Action.EXPORT_DOWNLOAD)] == ["begun", "broken off"]


def test_so_many_go_on_at_once_and_one_more_waits_without_counting(
    director: httpx.Client, outsider: httpx.Client, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "_places", threading.BoundedSemaphore(1))
    ticket = _ticket(director, office)
    assert outsider.post("/download", data=ticket | {"passphrase": "wrong"}).status_code == 403  # and its place is free again
    downloads._places.acquire()
    full = outsider.post("/download", data=ticket)
    assert (full.status_code, downloads.FULL.sentence in full.text, ticket["ticket"] in full.text) == (429, True, True)
    assert problem(outsider.post("/api/v1/downloads", json=ticket), 429)
    downloads._places.release()
    for _ in range(2):
        assert outsider.post("/download", data=ticket).content.startswith(b"PK\x03\x04")
        wait_until(lambda: downloads._places.acquire(blocking=False))  # the one before has given its place back
        downloads._places.release()
    page = director.get(f"/requests/{office.request.id}").text
    assert "Downloads begun: 2 of 3" in page


def _by_hand(world: World, ticket: dict[str, str], *, leaves: bool) -> list[str]:
    """Ask for a download as a server does whose reader takes nothing of the package, or has left; return what it was given."""
    given: list[str] = []
    body = [{"type": "http.request", "body": json.dumps(ticket).encode(), "more_body": False}]

    async def receive() -> Message:
        if body:
            return body.pop()
        if not leaves:
            await anyio.sleep_forever()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        given.append(message["type"])
        if message.get("body"):
            await anyio.sleep_forever()

    headers = {"content-type": "application/json", "host": world.address.removeprefix("http://"), "sec-fetch-site": "same-origin"}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/v1/downloads",
        "raw_path": b"/api/v1/downloads",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
    }

    async def asked() -> None:
        with anyio.fail_after(10):
            await create_app(world.site)(scope, receive, send)

    anyio.run(asked)
    return given
