"""The pages of the camera register and of privacy reviews."""

from __future__ import annotations

import io
import zipfile

from tests.web.world import World
from vms.domain.people import Role
from vms.domain.placement import Check
from vms.domain.privacy_review import REVIEW_EVERY
from vms.services.placements import take_over


def test_the_director_approves_where_a_camera_looks(world: World) -> None:
    entries = {"camera": str(world.camera.camera.id), "purpose": "Who comes and goes", "must_not_see": "The reading room"}
    with world.client(Role.DIRECTOR, page=True) as director:
        assert "One camera is not approved" in director.get("/register").text
        half = director.post("/register", data=entries | {"check": Check.SIGN.value})
        assert half.status_code == 422
        assert 'value="Who comes and goes"' in half.text
        assert director.post("/register", data=entries | {"check": [check.value for check in Check]}).status_code == 303
        page = director.get("/register").text
        assert "not approved" not in page
        assert "The reading room" in page
    with world.client(Role.IT, page=True) as it:
        assert "Approve where a camera looks" not in it.get("/register").text


def test_an_overdue_review_stands_on_every_page_until_its_result_is_entered(world: World) -> None:
    world.clock.step(REVIEW_EVERY)
    with world.client(Role.DIRECTOR, page=True) as director:
        assert "The yearly privacy review is overdue" in director.get("/live").text
        archive = zipfile.ZipFile(io.BytesIO(director.post("/privacy-reviews/evidence").content))
        assert "notice/index.html" in archive.namelist()
        assert director.post("/privacy-reviews", data={"result": ""}).status_code == 422
        assert director.post("/privacy-reviews", data={"result": "All is <well>."}).status_code == 303
        page = director.get("/privacy-reviews").text
        assert "All is &lt;well&gt;." in page
        assert "overdue" not in page


def test_where_an_approval_is_required_the_pages_name_what_is_not_recorded(world: World) -> None:
    required = world.site.settings.model_copy(update={"placement": "required"})
    with world.site.central.writing() as session:
        take_over(session, required)
    with world.client(Role.IT, page=True) as it, world.client(Role.DIRECTOR, page=True) as director:
        assert (
            f"<b>Live only, not recorded, until the Director has approved where it looks:</b> {world.camera.camera.name}"
            in it.get("/cameras").text
        )
        entries = {"camera": str(world.camera.camera.id), "purpose": "Who comes and goes", "must_not_see": "The reading room"}
        assert director.post("/register", data=entries | {"check": [check.value for check in Check]}).status_code == 303
        assert "Live only, not recorded" not in it.get("/cameras").text
