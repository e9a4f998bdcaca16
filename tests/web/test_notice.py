"""The page of the public notice, and the archive that it hands out."""

from __future__ import annotations

import io
import zipfile

from tests.web.world import World, problem
from vms.domain.access import Action
from vms.domain.people import Role


def test_the_director_sees_what_is_missing_and_takes_the_pages(world: World) -> None:
    with world.client(Role.DIRECTOR, page=True) as director:
        assert 'href="/notice"' in director.get("/policy").text
        page = director.get("/notice").text
        assert "Not signed by the Director yet" in page
        assert "None: set notice_contact" in page
        first, again = director.post("/notice"), director.post("/notice")
    assert first.headers["content-type"] == "application/zip"
    assert first.content == again.content
    archive = zipfile.ZipFile(io.BytesIO(first.content))
    assert archive.namelist() == ["complaint.html", "es.html", "index.html", "queja.html"]
    assert b"Main Street" in archive.read("index.html")
    assert len(world.events(Action.NOTICE_BUILD)) == 2


def test_a_desk_takes_none(world: World) -> None:
    with world.client(Role.DESK) as desk:
        problem(desk.get("/notice"), 403)
        problem(desk.post("/notice"), 403)
