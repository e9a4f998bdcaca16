"""Pages and API answer, octet for octet, as if there were no sealed request; those whom its seal names have it on the same pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import structlog

from tests.factories import an_account, done
from tests.vms.services.requesting import a_new_request, at_work, footage, in_order
from tests.web.compared import Answers, answers, copy_of, put_back
from tests.web.test_requests import FORM
from tests.web.world import World, cookie
from vms.domain.access import Action
from vms.domain.export_scope import Delivery
from vms.domain.ids import SessionId
from vms.domain.instruments import FormLine, Instrument
from vms.domain.made_package import PackageState
from vms.domain.people import Person, Proof, Role
from vms.domain.request import ExportRequest, RequestAct
from vms.services.approvals import approve
from vms.services.package_jobs import ask_package
from vms.services.request_acts import act_on
from vms.services.requests import enter
from vms.services.sealed_holds import look_after
from vms.services.sessions import open_session
from vms.store import access_log, made_packages, people, requests

_SAID: dict[str, object] = {
    "act": "ask",
    "words": "said",
    "person": 1,
    "in_form": True,
    "verified": "badge seen",
    "counsel": "told",
    "board": "at once",
    "reason": "other",
    "sha256": "0" * 64,
    "ended": "2026-03-14",
    "named": [1],
    "camera": [1],
    "start": "2026-03-14T14:00:00Z",
    "end": "2026-03-14T14:05:00Z",
    "local_time": "morning",
    "recipient": "The court",
    "name": "R. Alvarez",
    "belongs": "4711",
    "identity": "badge",
    "place": "desk 2",
    "beside": "Kim",
    **dict.fromkeys((line.value.replace("-", "_") for line in FormLine), "yes"),
}
"""What every act on a request can be asked with."""


@pytest.fixture
def named(world: World) -> Iterator[tuple[httpx.Client, httpx.Client, httpx.Client]]:
    """Counsel and a delegate, who are named, and the Director, who enters."""
    with (
        _client(world, Role.COUNSEL, "c.owen") as counsel,
        _client(world, Role.DELEGATE, "d.reyes") as delegate,
        _client(world, Role.DIRECTOR, "h.marsh") as director,
    ):
        yield counsel, delegate, director


def _client(world: World, role: Role, name: str) -> httpx.Client:
    """Return the browser of an account besides those that the world makes."""
    at = world.clock.now()
    with world.site.central.writing() as session:
        account = an_account(session, role, name=name)
        people.confirm(session, account.id, at)
        token = done(open_session(session, person_id=account.id, at=at, proof=Proof.TOTP)).token
    client = world.client(page=True)
    client.headers.update(cookie(token))
    return client


def _person(world: World, name: str, number: int = 1) -> Person:
    with world.site.central.reading() as session:
        found = people.named(session, name)
    assert found is not None
    return at_work(Person(found.id, found.name, found.role, SessionId(number)), world.clock.now())


@pytest.mark.slow
def test_every_answer_to_everybody_else_is_the_same_with_one_and_without(
    world: World, named: tuple[httpx.Client, httpx.Client, httpx.Client]
) -> None:
    """Every GET route, and every act on a request, asked by every role but counsel, by a Director and a Delegate who are not named."""
    del named
    readers = [world.client(role, page=True) for role in Role if role is not Role.COUNSEL]  # all of counsel is named
    with world.site.central.writing() as session:
        enterer, plain = _person(world, "h.marsh"), a_new_request(footage(world.camera.camera.id))
        done(enter(session, world.site.settings, enterer, plain, at=world.clock.now()))
    missing = _answers(world, readers, 4711)  # refusals of the same minute are counted in memory: from here on in both alike
    before = copy_of(world)
    one = _sealed(world)
    among = _answers(world, readers, one.id)
    put_back(world, before)
    without = _answers(world, readers, one.id)
    differing = [asked for asked in without if among[asked] != without[asked]]
    for reader in readers:
        reader.close()
    assert differing == []
    assert sum("2026-0001" in answer[2] for answer in without.values()) > 5, "the comparison is of something"
    assert not [asked for asked, answer in among.items() if one.number in answer[2] or "theft of secrets" in answer[2]]
    assert len({asked for _, asked in missing}) > 60


def test_the_log_of_the_service_names_no_sealed_request_that_can_not_be_read(
    world: World, named: tuple[httpx.Client, httpx.Client, httpx.Client]
) -> None:
    one = _sealed(world)
    (world.site.settings.secrets_dir / f"{one.matter}.key").unlink()
    with structlog.testing.capture_logs() as told:
        page, document = (named[1].get(f"{way}/requests/{one.id}") for way in ("", "/api/v1"))
        assert named[1].post(f"/requests/{one.id}/acts", data={"act": "ask", "words": "said"}).status_code == 503
    assert [answer.status_code for answer in (page, document)] == [503, 503]
    assert f"What is written in request {one.number} can&#39;t be read" in page.text
    assert [line["event"] for line in told] == ["request failed"] * 3
    assert {line["path"] for line in told} == {"/requests/{number}", "/api/v1/requests/{number}", "/requests/{number}/acts"}
    assert [word for word in (one.number, str(one.id)) if word in str(told)] == []


def _sealed(world: World) -> ExportRequest:
    """Have one approved, its package up to where it waits for the log, and another withdrawn; and let their holds be looked after."""
    at, settings = world.clock.now(), world.site.settings
    director, delegate = _person(world, "h.marsh"), _person(world, "d.reyes", 2)
    new = a_new_request(footage(world.camera.camera.id), Instrument.NATIONAL_SECURITY_LETTER, purpose="theft of secrets")
    with world.site.central.writing() as session:
        ways = (Delivery.BY_HAND, Delivery.ON_SITE)
        sealed = [replace(new, sealed=True, named=(delegate.id,), delivery=way) for way in ways]
        one, other = (done(enter(session, settings, director, each, at=at)) for each in sealed)
        in_order(session, settings, director, one, at=at)
        approved = done(approve(session, settings, delegate, one.id, one.sha256, at=at))
        done(act_on(session, settings, director, other.id, RequestAct.WITHDRAW, "they wrote", at=at))
        look_after(session, settings, at=at + timedelta(days=99), sure=True)
        package = done(ask_package(session, settings, at_work(delegate, at + timedelta(minutes=5)), one.id, at=at + timedelta(minutes=5)))
        made_packages.put(session, replace(package, state=PackageState.PROVING, manifest="0" * 64, folder="EXPORT", log_position=1))
    return approved


def _answers(world: World, readers: list[httpx.Client], number: int) -> Answers:
    return answers(world, readers, number, of=("/requests/{number}", "/door/{number}"), ask=_ask)


def _ask(reader: httpx.Client, where: str) -> httpx.Response:
    if where.endswith("/papers"):
        return reader.post(where, files={"scan": ("a.pdf", b"%PDF")})
    return reader.post(where, json=_SAID) if "/api/" in where else reader.post(where, data=_SAID)


def test_a_director_enters_one_and_a_named_delegate_approves_it_on_the_pages(
    world: World, named: tuple[httpx.Client, httpx.Client, httpx.Client]
) -> None:
    counsel, delegate, director = named
    form = director.get("/requests/new").text
    assert 'name="sealed"' in form
    assert "d.reyes, " in form
    chosen = _person(world, "d.reyes").id
    entered = director.post("/requests/new", data=FORM | {"camera": str(world.camera.camera.id), "sealed": "true", "named": str(chosen)})
    assert entered.status_code == 303, entered.text
    page = entered.headers["location"].partition("?")[0]
    with world.site.central.writing() as session:
        (one,) = requests.find(session, requests.EVERYBODYS, limit=9)
        in_order(session, world.site.settings, _person(world, "h.marsh"), one, at=world.clock.now())
    for who in (counsel, delegate, director):
        assert "Sealed: nobody learns of it but c.owen, d.reyes, h.marsh" in who.get(page).text
        assert one.number in who.get("/requests").text
    assert delegate.post(f"{page}/approve", data={"sha256": one.sha256}).status_code == 303
    assert "hand this to nobody but" in delegate.get(f"{page}/letter").text
    lifted = {"ended": "2026-03-13", "words": "the court set it aside"}
    assert delegate.post(f"{page}/unseal", data=lifted | {"ended": "soon"}).status_code == 422
    assert not world.events(Action.EXPORT_APPROVE)
    assert delegate.post(f"{page}/unseal", data=lifted).status_code == 303
    assert "It was sealed until 2026-03-13" in delegate.get(page).text
    assert len(world.events(Action.REQUEST_UNSEAL)) == 1


def test_what_is_not_there_yet_is_no_event_that_names_it(world: World, named: tuple[httpx.Client, httpx.Client, httpx.Client]) -> None:
    _, delegate, _ = named
    one = _sealed(world)
    assert "waits for the access log to be signed.</b> That takes some five minutes." in delegate.get(f"/requests/{one.id}").text
    before = _events(world)
    early = [delegate.get(f"/requests/{one.id}/{what}") for what in ("receipt", "receipt.pdf")]
    asked = delegate.post(f"/api/v1/requests/{one.id}/challenge")
    assert [answer.status_code for answer in (*early, asked)] == [404, 404, 403]
    assert "so there is no receipt" in early[0].text
    assert _events(world) == before


def _events(world: World) -> int:
    with world.site.central.reading() as session:
        return len(access_log.find(session, "district", None, access_log.Filter(), limit=500))


def test_the_desk_is_offered_no_seal_and_told_where_such_a_paper_goes(world: World) -> None:
    with world.client(Role.DESK, page=True) as desk:
        form = desk.get("/requests/new").text
        assert 'name="sealed"' not in form
        assert "take it to the Director" in form
        sealed = FORM | {"camera": str(world.camera.camera.id), "sealed": "true"}
        assert desk.post("/requests/new", data=sealed).status_code == 403
        assert desk.get("/api/v1/requests").json() == {"requests": []}


def test_the_api_names_one_to_more_and_opens_it(world: World, named: tuple[httpx.Client, httpx.Client, httpx.Client]) -> None:
    _, delegate, director = named
    json = {"accept": "application/json"}
    order: dict[str, object] = {name: FORM[name] for name in FORM if name not in ("start", "end")}
    order |= {"start": "2026-03-14T14:00:00Z", "end": "2026-03-14T14:10:00Z", "camera": [world.camera.camera.id], "sealed": True}
    entered = director.post("/api/v1/requests", json=order, headers=json)
    assert entered.status_code == 201, entered.text
    one = entered.json()
    assert [who["name"] for who in one["sealed"]["named"]] == ["c.owen", "h.marsh"]
    assert delegate.get("/api/v1/requests", headers=json).json() == {"requests": []}
    address = f"/api/v1/requests/{one['id']}"
    assert delegate.get(address, headers=json).status_code == 404
    wanted = {"named": [_person(world, "d.reyes").id]}
    assert director.post(f"{address}/named", json=wanted, headers=json).status_code == 200
    assert director.post(f"{address}/named", json=wanted, headers=json).status_code == 422
    assert delegate.get(address, headers=json).status_code == 200
    opened = delegate.post(f"{address}/unseal", json={"ended": "2026-03-13", "words": "set aside"}, headers=json)
    assert opened.json()["sealed"]["lifted"]["on"] == "2026-03-13"


def test_what_is_said_of_one_lies_encrypted_and_without_its_key_the_page_says_what_to_do(
    world: World, named: tuple[httpx.Client, httpx.Client, httpx.Client]
) -> None:
    counsel, _, director = named
    entered = director.post("/requests/new", data=FORM | {"camera": str(world.camera.camera.id), "sealed": "true"})
    page, json = entered.headers["location"].partition("?")[0], {"accept": "application/json"}
    said = {"name", "agency", "contact", "verified", "court", "docket", "purpose", "local_time"}
    assert director.post(f"{page}/acts", data={"act": "ask", "words": "the annex is missing"}).status_code == 303
    stored = b"".join(path.read_bytes() for path in world.site.settings.data_dir.glob("central.db*"))
    assert [name for name in said if FORM[name].encode() in stored] == []
    assert b"the annex is missing" not in stored
    for told in (counsel.get(page).text, counsel.get(f"/api/v1{page}", headers=json).text):
        assert [word for word in (*(FORM[name] for name in said), "the annex is missing") if word not in told.replace("&#39;", "'")] == []
    (one,) = counsel.get("/api/v1/requests", headers=json).json()["requests"]
    with world.site.central.reading() as session:
        (request,) = requests.find(session, requests.EVERYBODYS, limit=9)
    key = world.site.settings.secrets_dir / f"{request.matter}.key"
    away = key.rename(world.site.settings.data_dir / "key")
    for answer in (counsel.get(page), counsel.get(f"/api/v1{page}", headers=json), counsel.get(f"{page}/letter")):
        assert (answer.status_code, "Put it back from the backup of secrets/" in answer.text) == (503, True), answer.text
    listed = counsel.get("/requests")
    assert (listed.status_code, one["number"] in listed.text, "its key is not in secrets/" in listed.text) == (200, True, True)
    assert "Can’t be read" in listed.text
    away.replace(key)
    assert FORM["purpose"] in counsel.get(page).text
