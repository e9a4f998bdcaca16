"""The page of the rules: what is asked of each instrument, a version that is proposed and approved on it, and the same as JSON."""

from __future__ import annotations

import json

import httpx

from tests.web.world import World, problem
from vms.domain.people import Role


def _edited(client: httpx.Client, **says: object) -> bytes:
    document = client.get("/rules/document").json()
    document["instruments"]["library-report"].update(says)
    return json.dumps(document).encode()


def _propose(client: httpx.Client, document: bytes, reason: str = "The Board decided so.") -> httpx.Response:
    return client.post("/rules/versions", data={"reason": reason}, files={"document": ("rules.json", document, "application/json")})


def test_a_version_is_proposed_looked_at_and_approved_on_its_page(world: World) -> None:
    with world.client(Role.DELEGATE, page=True) as delegate, world.client(Role.DIRECTOR, page=True) as director:
        posted = _propose(delegate, _edited(delegate, working_days=3))
        assert (posted.status_code, posted.headers["location"]) == (303, "/rules/versions/2")
        assert "proposed version 2" in director.get("/rules").text
        page = director.get("/rules/versions/2").text
        assert "Working days to the answer" in page
        assert "Approve version 2" in page
        assert "Approve version 2" not in delegate.get("/rules/versions/2").text
        sha256 = page.split('name="sha256" value="')[1][:64]
        assert director.post("/rules/versions/2/approve", data={"sha256": "0" * 64}).status_code == 409
        assert director.post("/rules/versions/2/approve", data={"sha256": sha256}).status_code == 303
        assert "in force since" in director.get("/rules").text
        assert director.get("/rules/document").headers["content-disposition"] == 'attachment; filename="rules-2.json"'
    with world.client(Role.DESK, page=True) as desk:
        rules = desk.get("/rules").text
        assert "Version 2." in rules
        assert "Propose another version" not in rules


def test_what_can_not_be_is_said_on_the_page_and_the_reason_stays_typed(world: World) -> None:
    with world.client(Role.DIRECTOR, page=True) as director:
        document = json.loads(director.get("/rules/document").content)
        document["instruments"]["agency-request"]["may_be_approved"] = True
        wrong = _propose(director, json.dumps(document).encode(), "Because <I> say so")
        assert wrong.status_code == 422
        assert "clause VIII" in wrong.text
        assert 'value="Because &lt;I&gt; say so"' in wrong.text
        assert "no JSON" in _propose(director, b"%PDF-1.7").text
        assert _propose(director, _edited(director, working_days=3)).status_code == 303
        own = director.get("/rules/versions/2").text
        assert "somebody else approves it" in own
        assert "Approve version 2" not in own


def test_the_same_as_json(world: World) -> None:
    with world.client(Role.AUDITOR) as auditor, world.client(Role.DIRECTOR) as director, world.client(Role.DESK) as desk:
        document = auditor.get("/api/v1/rules").json()["document"]
        document["instruments"]["subpoena"]["working_days"] = 4
        made = auditor.post("/api/v1/rules", json={"document": document, "reason": "sooner"})
        assert (made.status_code, made.json()["version"]) == (201, 2)
        look = director.get("/api/v1/rules/2").json()
        assert (look["waits"], look["changes"]) == (
            True,
            [{"instrument": "subpoena", "field": "working_days", "before": "10", "after": "4"}],
        )
        problem(auditor.post("/api/v1/rules/2/approve", json={"sha256": look["sha256"]}), 403)
        approved = director.post("/api/v1/rules/2/approve", json={"sha256": look["sha256"]}).json()
        assert approved["approval"]["by"] == "director 1"
        assert director.get("/api/v1/rules").json()["in_force"] == 2
        problem(auditor.post("/api/v1/rules", json={"document": document, "reason": "sooner"}), 409)
        problem(desk.get("/api/v1/rules"), 403)
        problem(director.get("/api/v1/rules/1"), 404)
