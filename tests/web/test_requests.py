"""Requests for footage on their pages and as JSON: entered, looked at, acted on and approved, with what each is told."""

from __future__ import annotations

import ast
import html
import re
from datetime import timedelta

import httpx

from tests.architecture.tree import modules
from tests.vms.services.requesting import SCAN
from tests.web.world import World, problem
from vms.domain.access import Action
from vms.domain.instruments import FormLine
from vms.domain.people import PROOF_LASTS, Role
from vms.domain.request import APPROVAL_LASTS
from vms.services.request_papers import MAX_PAPER_BYTES
from web.app import MAX_BODY_BYTES

FORM = {
    "instrument": "subpoena",
    "name": "Det. R. Alvarez",
    "agency": "Alder County Sheriff",
    "badge": "4711",
    "contact": "555-0100",
    "verified": "called back, d.nakamura",
    "court": "Circuit Court of Alder County",
    "docket": "26-CV-1188",
    "served": "2026-03-14",
    "purpose": "theft of a bicycle",
    "local_time": "Saturday morning, about seven",
    "delivery": "by-hand",
    "start": "2026-03-14T07:00",
    "end": "2026-03-14T07:10",
}
YES = {line.value.replace("-", "_"): "yes" for line in FormLine}


def _entered(world: World, by: httpx.Client, **more: str) -> str:
    """Enter a request on the form and return the address of its page."""
    answer = by.post("/requests/new", data=FORM | {"camera": str(world.camera.camera.id)} | more)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].partition("?")[0]


def _post(by: httpx.Client, address: str, **data: str) -> None:
    answer = by.post(address, data=data)
    assert answer.status_code == 303, answer.text


def _in_order(director: httpx.Client, page: str) -> None:
    assert director.post(f"{page}/papers", files={"scan": ("subpoena.pdf", SCAN)}).status_code == 303
    _post(director, f"{page}/form", **YES)
    _post(director, f"{page}/acts", act="counsel", words="told by phone")
    _post(director, f"{page}/advice", words="comply with all of it")
    _post(director, f"{page}/acts", act="confer", words="the chair, today")


def _text(answer: httpx.Response) -> str:
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main.partition(">")[2])).split())


def _text_of(cell: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", cell))


def _digest(page: httpx.Response) -> str:
    found = re.search(r'name="sha256" value="([0-9a-f]{64})"', page.text)
    assert found is not None, _text(page)
    return found[1]


def test_from_the_desk_to_an_approval_on_plain_forms(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    told = _text(desk.get(page))
    assert "Det. R. Alvarez, Alder County Sheriff" in told
    assert "Approve" not in told
    assert "A request for footage waits for a decision" in director.get("/requests").text
    assert "It can’t be approved yet" in _text(director.get(page))
    _in_order(director, page)
    ready = director.get(page)
    assert "I agree that this leaves, and nothing else" in _text(ready)
    _post(director, f"{page}/approve", sha256=_digest(ready))
    assert "Approved by director" in _text(director.get(page))
    (entry,) = world.events(Action.EXPORT_APPROVE)
    assert entry.detail["sha256"] == _digest(ready)
    assert "Your request: approved" in director.get(f"{page}/letter").text


def test_on_a_phone_the_history_says_what_stands_where(world: World, desk: httpx.Client) -> None:
    history = desk.get(_entered(world, desk)).text.partition('aria-label="History"')[2]
    assert '<td><span class="on-phone">Then </span>Submitted</td><td><span class="on-phone">By </span>desk' in history


def test_answers_that_were_given_together_are_one_row_of_the_history(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    _post(director, f"{page}/form", **YES)
    world.clock.step(timedelta(seconds=9))
    _post(director, f"{page}/form", date="no", words="it has none")
    world.clock.step(timedelta(seconds=9))
    _post(director, f"{page}/form", **YES | {"service": "not-needed"}, words="by mail")
    told = [_text_of(row) for row in re.findall(r"<b>Form check</b></td>.*?<td class=.words wide.>(.*?)</td>", director.get(page).text)]
    assert told[:2] == ["Yes to all 8 lines.", "No: Is it dated? (it has none)"]
    assert told[2].startswith("Yes: Was it issued by a court, or under the authority of one, that has jurisdiction here? ")
    assert told[2].endswith(" Not needed: Was it served as it has to be? (by mail)")


def test_the_register_says_what_is_asked_for_and_how_far_it_has_come(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    register = desk.get("/requests")
    assert "Main Street/Entrance Sat 14 Mar 2026, 07:00–07:10" in _text(register)
    boxes = re.findall(r"<i(?: class=.([\w ]+).)?></i>", register.text)
    assert boxes == ["done", "now acts", "", "", "", "", ""]
    _in_order(director, page)
    _post(director, f"{page}/approve", sha256=_digest(director.get(page)))
    assert re.findall(r"<i(?: class=.([\w ]+).)?></i>", director.get("/requests").text)[3] == "now acts"
    _post(director, f"{page}/acts", act="revoke", words="quashed")
    assert re.findall(r"<i(?: class=.([\w ]+).)?></i>", director.get("/requests").text)[3] == "now", "nobody must act"


def test_a_refused_request_says_first_by_whom_why_and_how_long_its_footage_is_kept(
    world: World, desk: httpx.Client, director: httpx.Client
) -> None:
    page = _entered(world, desk, instrument="agency-request")
    assert "It can’t be approved. A request of this kind is never approved" in _text(director.get(page))
    _post(director, f"{page}/deny", reason="no-document", words="bring a subpoena")
    told = _text(desk.get(page))
    assert re.search(r"Refused on Sat 14 Mar 2026, [0-9:]+ PDT by director \d\. No document: bring a subpoena\.", told)
    assert "What it asked for is kept until Mon 13 Apr 2026, and longer where a hold says so." in told
    _post(director, f"{page}/acts", act="reopen", words="they brought one")
    assert "What it asked for is kept until" not in _text(desk.get(page))


def test_who_entered_it_is_offered_no_approval_and_gets_none(world: World, director: httpx.Client) -> None:
    page = _entered(world, director)
    _in_order(director, page)
    shown = director.get(page)
    assert "You entered it or changed what it asks for, so somebody else approves it" in _text(shown)
    assert 'name="sha256"' not in shown.text
    answer = director.post(f"{page}/approve", data={"sha256": "0" * 64})
    assert (answer.status_code, "never approves it" in answer.text) == (403, True)


def test_what_changed_since_it_was_looked_at_is_not_approved(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    _in_order(director, page)
    seen = _digest(director.get(page))
    less = {name: FORM[name] for name in ("local_time", "delivery", "end")} | {"start": "2026-03-14T07:05", "recipient": FORM["agency"]}
    _post(director, f"{page}/scope", act="narrow", words="only the minute of it", camera=str(world.camera.camera.id), **less)
    answer = director.post(f"{page}/approve", data={"sha256": seen})
    assert (answer.status_code, "The request was changed since you looked at it" in answer.text) == (409, True)
    _post(director, f"{page}/approve", sha256=_digest(director.get(page)))
    more = less | {"start": FORM["start"]}
    _post(desk, f"{page}/scope", act="scope", words="the officer called", camera=str(world.camera.camera.id), **more)
    assert "Approval void" in _text(director.get(page))


def test_the_last_day_on_which_it_is_handed_over_is_a_term_that_the_approval_is_of(
    world: World, desk: httpx.Client, director: httpx.Client
) -> None:
    page = _entered(world, desk)
    _in_order(director, page)
    seen = _digest(director.get(page))
    less = {name: FORM[name] for name in ("local_time", "delivery", "start", "end")} | {"recipient": FORM["agency"]}
    told = less | {"act": "narrow", "words": "a week is enough", "camera": str(world.camera.camera.id)}
    for day, says in (("2026-03-13", "one of the next 366"), ("2027-03-20", "one of the next 366"), ("soon", "is no day")):
        refused = director.post(f"{page}/scope", data=told | {"until": day})
        assert (refused.status_code, says in _text(refused), f'value="{day}"' in refused.text) == (422, True, True)
    assert _digest(director.get(page)) == seen
    _post(director, f"{page}/scope", **told, until="2026-03-21")
    shown = director.get(page)
    assert "handed over before Sun 22 Mar 2026, 00:00" in _text(shown)
    assert 'name="until" type="date" value="2026-03-21"' in director.get(f"{page}/scope").text
    _post(director, f"{page}/approve", sha256=_digest(shown))
    assert director.get(f"/api/v1{page}").json()["scope"]["expires_at"].startswith("2026-03-22T07:00:00")
    by_program = told | {"camera": [world.camera.camera.id], "start": "2026-03-14T14:00:00Z", "end": "2026-03-14T14:10:00Z"}
    answer = director.post(f"/api/v1{page}/scope", json=by_program | {"until": "2026-03-25"})
    assert answer.status_code == 200, answer.text
    assert director.get(f"/api/v1{page}").json()["scope"]["expires_at"].startswith("2026-03-26T07:00:00")


def test_an_approval_that_ran_out_counts_on_no_page_before_a_job_writes_it_down(
    world: World, desk: httpx.Client, director: httpx.Client
) -> None:
    page = _entered(world, desk)
    _in_order(director, page)
    _post(director, f"{page}/approve", sha256=_digest(director.get(page)))
    assert director.get(f"/api/v1{page}").json()["approval"]
    world.clock.step(APPROVAL_LASTS)
    with world.client(Role.DIRECTOR, page=True) as later:
        shown = later.get(page)
        assert "Approved by" not in _text(shown).partition("History")[0]
        offered = set(re.findall(r'name="act" value="([a-z-]+)"', shown.text))
        assert "reopen" in offered
        assert "revoke" not in offered
        told = later.get(f"/api/v1{page}").json()
        assert (told["state"], told["approval"]) == ("expired", None)
        assert "Your request: ended" in later.get(f"{page}/letter").text


def test_an_approval_asks_for_a_fresh_proof(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    _in_order(director, page)
    seen = _digest(director.get(page))
    world.clock.step(PROOF_LASTS)
    assert director.post(f"{page}/approve", data={"sha256": seen}).headers["location"].startswith("/prove")


def test_an_agency_without_a_document_is_answered_by_what_to_bring(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk, instrument="agency-request", court="", docket="")
    assert "never approved" in _text(director.get(page))
    assert "Bring such a document" in _text(desk.get(f"{page}/letter"))
    assert "confirms no recording" in _text(desk.get(f"{page}/letter"))
    _post(director, f"{page}/deny", reason="no-document", words="Come back with a subpoena.")
    letter = _text(director.get(f"{page}/letter"))
    assert "Come back with a subpoena." in letter
    assert "within 30 days" in letter


def test_a_scan_is_a_file_and_never_a_page(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    scan = b"<script>window.hit=1</script>"
    assert desk.post(f"{page}/papers", files={"scan": ("a.html", scan, "text/html")}).status_code == 303
    found = re.search(r'href="(/requests/\d+/papers/\d+)"', desk.get(page).text)
    assert found is not None
    answer = director.get(found[1])
    assert answer.content == scan
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert [one.detail["what"] for one in world.events(Action.REQUEST_READ)] == ["paper"]


def test_a_scan_may_be_larger_than_anything_else_and_not_endless(world: World, desk: httpx.Client) -> None:
    page = _entered(world, desk)
    assert desk.post(f"{page}/papers", files={"scan": ("a.pdf", bytes(3 * MAX_BODY_BYTES))}).status_code == 303
    assert desk.post(f"{page}/papers", files={"scan": ("a.pdf", bytes(MAX_PAPER_BYTES + 1))}).status_code == 422
    assert desk.post(f"{page}/papers", files={"scan": ("a.pdf", bytes(MAX_PAPER_BYTES + 128 * 1024))}).status_code == 413
    assert desk.post("/requests/new", data={"purpose": "x" * (2 * MAX_BODY_BYTES)}).status_code == 413


def test_counsel_s_advice_is_on_its_own_page_alone(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    _post(director, f"{page}/advice", words="object to the parking lot")
    assert "object to the parking lot" in director.get(f"{page}/advice").text
    for address in (page, f"{page}/letter"):
        assert "parking lot" not in director.get(address).text
    assert desk.get(f"{page}/advice").status_code == 403
    assert "Privileged" in _text(director.get(page))


def test_a_form_with_a_mistake_comes_back_with_what_was_typed(world: World, desk: httpx.Client) -> None:
    answer = desk.post("/requests/new", data=FORM | {"camera": str(world.camera.camera.id), "docket": "", "purpose": "a theft of pumpkins"})
    assert answer.status_code == 422
    assert "Say which court it comes from" in _text(answer)
    assert "a theft of pumpkins" in answer.text
    page = _entered(world, desk)
    answer = desk.post(f"{page}/acts", data={"act": "withdraw", "words": " "})
    assert (answer.status_code, "who withdrew it" in _text(answer)) == (422, True)


def test_a_form_that_comes_back_stored_nothing(world: World, desk: httpx.Client) -> None:
    answer = desk.post("/requests/new", data=FORM | {"camera": str(world.camera.camera.id), "verified": "x" * 201})
    assert answer.status_code == 422
    assert desk.get("/api/v1/requests").json() == {"requests": []}


def test_another_desk_does_not_see_it(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    with world.client(Role.AUDITOR, page=True) as auditor:
        assert auditor.get(page).status_code == 404
        assert "No requests of yours" in _text(auditor.get("/requests"))
    del director


def test_the_same_as_json(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    json = {"accept": "application/json"}
    camera = world.camera.camera.id
    order: dict[str, object] = {name: FORM[name] for name in FORM if name not in ("start", "end")}
    order |= {"start": "2026-03-14T14:00:00Z", "end": "2026-03-14T14:10:00Z", "camera": [camera]}
    entered = desk.post("/api/v1/requests", json=order, headers=json)
    assert entered.status_code == 201, entered.text
    one = entered.json()
    address = f"/api/v1/requests/{one['id']}"
    assert one["scope"]["footage"] == [
        {"camera": camera, "name": "Main Street/Entrance", "start": "2026-03-14T14:00:00+00:00", "end": "2026-03-14T14:10:00+00:00"}
    ]
    assert [told["number"] for told in director.get("/api/v1/requests", headers=json).json()["requests"]] == [one["number"]]
    assert director.post(f"{address}/papers", files={"scan": ("a.pdf", SCAN)}, headers=json).status_code == 201
    for act, told in (
        ("form", YES),
        ("acts", {"act": "counsel", "words": "told"}),
        ("advice", {"words": "comply"}),
        ("acts", {"act": "not-conferred", "words": "the Board meets in April"}),
    ):
        found = director.post(f"{address}/{act}", json=told, headers=json)
        assert found.status_code == 200, found.text
    assert director.get(address, headers=json).json()["open_points"] == []
    assert director.get(f"{address}/advice", headers=json).json()["advice"][0]["words"] == "comply"
    problem(director.post(f"{address}/approve", json={"sha256": "0" * 64}, headers=json), 409)
    approved = director.post(f"{address}/approve", json={"sha256": one["sha256"]}, headers=json).json()
    assert (approved["state"], approved["approval"]["sha256"]) == ("approved", one["sha256"])
    revoked = director.post(f"{address}/acts", json={"act": "revoke", "words": "settled"}, headers=json).json()
    assert (revoked["state"], revoked["approval"]) == ("revoked_before_disclosure", None)
    problem(director.post(f"{address}/acts", json={"act": "approve", "words": "x"}, headers=json), 422)


def test_the_package_of_an_approved_request_is_asked_for_on_its_page(world: World, desk: httpx.Client, director: httpx.Client) -> None:
    page = _entered(world, desk)
    assert "Make the package" not in director.get(page).text
    _in_order(director, page)
    _post(director, f"{page}/approve", sha256=_digest(director.get(page)))
    assert "Make the package" not in desk.get(page).text
    assert desk.post(f"{page}/package").status_code == 403
    _post(director, f"{page}/package")
    assert "The package waits to be made" in _text(director.get(page))
    again = director.post(f"{page}/package")
    assert (again.status_code, "is waiting already" in again.text) == (409, True)
    told = director.get(f"/api/v1{page}").json()["package"]
    assert (told["state"], told["sentence"], told["leaves_until"]) == ("waiting", "", None)
    assert [one.detail["state"] for one in world.events(Action.EXPORT_ADVANCE)] == ["waiting"]


def test_no_route_knows_where_packages_lie() -> None:
    """They leave by `vms request release` alone: whoever makes a route that hands one out declares it here, and shows its release first."""
    knows = {"packages_dir", "folder_of", "build_package", "footage_here", "release_by_hand"}
    found = {
        (module.name, node.id if isinstance(node, ast.Name) else node.attr)
        for module in modules()
        if module.name.startswith("web")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Name | ast.Attribute) and (node.id if isinstance(node, ast.Name) else node.attr) in knows
    }
    assert found == {("web.jobs", "footage_here")}
