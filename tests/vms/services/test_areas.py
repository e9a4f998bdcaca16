"""Areas: what stands in one, and who is limited to one. On both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, a_screen, after, an_account, done, refused
from vms.config import Settings
from vms.domain.access import Action, Purpose
from vms.domain.camera import Area, Branch, CameraDetails
from vms.domain.emergency import LASTS, Emergency
from vms.domain.ids import AreaId, CameraId, EmergencyId
from vms.domain.outcome import Refusal
from vms.domain.people import Permission, Person, Proof, Role
from vms.domain.reach import Reach
from vms.domain.screens import ScreenKind
from vms.domain.timespan import Timespan
from vms.errors import InvalidInput
from vms.services.access_log import DISTRICT, list_events
from vms.services.areas import list_areas, offered_areas
from vms.services.branches import list_branches
from vms.services.cameras import CameraEdit, NewCamera, add_camera, camera_for, edit_camera, list_cameras, remove_camera
from vms.services.emergency import open_emergency, opens_more
from vms.services.footage import camera_in_view, extend_view, open_view
from vms.services.people import NewAccount, add_person, disable_person
from vms.services.refusals import BEYOND
from vms.services.screens import add_screen, show_wall
from vms.services.sessions import Browser, digest, open_session, session_for_token
from vms.store import access_log, areas
from vms.store.database import Engines


class District:
    """A branch with a camera in each of two areas and one in none, and another branch with an area of the same name."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        with engines.writing() as session:
            self.branch, self.other = a_branch(session, "Central"), a_branch(session, "Harbor")
            self.door = a_camera(session, self.branch, "Door", area="Entrance")
            self.crib = a_camera(session, self.branch, "Crib", area="Children's room")
            self.yard = a_camera(session, self.branch, "Yard")
            self.pier = a_camera(session, self.other, "Pier", area="Entrance")

    def somebody(self, role: Role, *within: CameraDetails, branches: frozenset[Branch] = frozenset()) -> Person:
        with self.engines.writing() as session:
            numbers = frozenset(area_of(one).id for one in within)
            return a_person(session, role, branches=frozenset(branch.id for branch in branches), areas=numbers)

    def edit(self, actor: Person, camera: CameraDetails, area: str) -> object:
        with self.engines.writing() as session:
            edit = CameraEdit(version=camera.camera.version, area=area)
            return edit_camera(session, actor, camera.camera.id, edit, at=after(60), allow_loopback=False)


def area_of(details: CameraDetails) -> Area:
    assert details.area is not None
    return details.area


@pytest.fixture
def district(central: Engines) -> District:
    return District(central)


def test_an_area_is_there_from_the_first_camera_that_names_it_to_the_last(district: District) -> None:
    with district.engines.writing() as session:
        again = a_camera(session, district.branch, "Second door", area=" ENTRANCE ")
        assert again.area == district.door.area != district.pier.area
        names = [area.name for area in list_areas(session, CONSOLE)]
        assert names == ["Children's room", "Entrance", "Entrance"]
        done(remove_camera(session, CONSOLE, district.crib.camera.id, at=NOW))
        assert [area.name for area in list_areas(session, CONSOLE)] == ["Entrance", "Entrance"]
        assert done(camera_for(session, CONSOLE, again.camera.id)) == again


def test_a_camera_goes_from_one_area_to_another_and_out(district: District) -> None:
    with district.engines.writing() as session:
        for area, told in (("Cellar", "Entrance → Cellar"), ("", "Cellar → ")):
            version = done(camera_for(session, CONSOLE, district.door.camera.id)).camera.version
            edit = CameraEdit(version=version, area=area)
            changed = done(edit_camera(session, CONSOLE, district.door.camera.id, edit, at=after(9), allow_loopback=False))
            assert (changed.area.name if changed.area else "") == area
            event = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.CAMERA_EDIT})), limit=1)[0]
            assert event.detail == {"area": told}
        kept = edit_camera(session, CONSOLE, district.crib.camera.id, CameraEdit(version=1, name="Cot"), at=after(9), allow_loopback=False)
        assert done(kept).area == district.crib.area


@pytest.mark.parametrize("name", ["x" * 200, "a\u0000b", "\u202ebackwards"])
def test_an_area_that_can_have_no_such_name_is_refused_in_a_sentence(central_sqlite: Engines, name: str) -> None:
    with pytest.raises(InvalidInput, match="area"), central_sqlite.writing() as session:
        a_camera(session, area=name)


def test_who_is_limited_to_an_area_sees_its_cameras_alone(district: District) -> None:
    desk = district.somebody(Role.DESK, district.crib)
    with district.engines.reading() as session:
        assert list_cameras(session, desk) == [district.crib]
        missing = refused(camera_for(session, desk, CameraId(1)))
        for other in (district.door, district.yard, district.pier):
            assert refused(camera_for(session, desk, other.camera.id)) == missing
        assert list_branches(session, desk) == [district.branch]
        assert list_areas(session, desk) == [district.crib.area]


def test_a_whole_branch_and_an_area_of_another_go_together(district: District) -> None:
    desk = district.somebody(Role.DESK, district.door, district.pier, branches=frozenset({district.branch}))
    assert desk.own_reach == Reach(frozenset({district.branch.id}), frozenset({area_of(district.pier)}))
    with district.engines.reading() as session:
        assert list_cameras(session, desk) == [district.yard, district.crib, district.door, district.pier]


def test_a_camera_that_leaves_the_area_leaves_their_sight(district: District) -> None:
    desk = district.somebody(Role.DESK, district.crib)
    with district.engines.writing() as session:
        edit = CameraEdit(version=1, area="Entrance")
        done(edit_camera(session, CONSOLE, district.crib.camera.id, edit, at=after(9), allow_loopback=False))
        assert list_cameras(session, desk) == []
        back = CameraEdit(version=2, area="Children's room")
        done(edit_camera(session, CONSOLE, district.crib.camera.id, back, at=after(9), allow_loopback=False))
        assert [one.camera.id for one in list_cameras(session, desk)] == [district.crib.camera.id]


def test_their_log_is_about_those_cameras_alone(district: District) -> None:
    auditor = district.somebody(Role.AUDITOR, district.crib)
    with district.engines.writing() as session:
        page = done(list_events(session, auditor, at=after(9)))
    assert {line.camera_id for line in page.lines if hasattr(line, "camera_id")} == {district.crib.camera.id}


def test_an_area_gives_no_right_to_the_branch_around_it(district: District) -> None:
    it = district.somebody(Role.IT, district.crib)
    with district.engines.writing() as session:
        assert refused(add_screen(session, it, name="Wall", branch=district.branch.id, kind=ScreenKind.WALL, at=NOW)) == refused(
            add_screen(session, it, name="Wall", branch=district.other.id, kind=ScreenKind.WALL, at=NOW)
        )
        whole = add_person(session, it, NewAccount("n.mole", Role.DESK, frozenset({district.branch.id})), at=NOW)
        assert refused(whole).refusal is Refusal.OUT_OF_SCOPE
        watcher = an_account(session, branches=frozenset({district.branch.id}))
        assert disable_person(session, it, watcher.id, at=NOW) == BEYOND


def test_nobody_of_an_area_acts_on_an_account_of_another(district: District) -> None:
    it = district.somebody(Role.IT, district.crib)
    with district.engines.writing() as session:
        for camera in (district.door, district.pier):
            beyond = an_account(session, name=camera.camera.name, branches=frozenset(), areas=frozenset({area_of(camera).id}))
            assert disable_person(session, it, beyond.id, at=NOW) == BEYOND
        own = an_account(session, name="own", branches=frozenset(), areas=frozenset({area_of(district.crib).id}))
        assert done(disable_person(session, it, own.id, at=NOW)).disabled_at == NOW


def test_who_looks_after_an_area_puts_cameras_into_it_alone(district: District) -> None:
    it = district.somebody(Role.IT, district.crib)
    new = NewCamera(name="Slide", branch_id=district.branch.id, host="10.20.1.12", main_path="/main")
    with district.engines.writing() as session:
        for area in ("", "Entrance", "Of my own"):
            with pytest.raises(InvalidInput, match="Choose one of your areas"):
                add_camera(session, it, replace(new, area=area), at=NOW, allow_loopback=False)
        added = done(add_camera(session, it, replace(new, area="children's ROOM"), at=NOW, allow_loopback=False))
        assert added.area == district.crib.area
        assert {area.name for area in areas.find(session, None)} == {"Children's room", "Entrance"}
    for area in ("Entrance", ""):
        with pytest.raises(InvalidInput, match="Choose one of your areas"):
            district.edit(it, added, area)
    assert refused(district.edit(it, district.door, "Children's room")).refusal is Refusal.OUT_OF_SCOPE


def test_who_looks_after_an_area_is_offered_it_also_when_its_last_camera_is_gone(district: District) -> None:
    it = district.somebody(Role.IT, district.crib)
    with district.engines.writing() as session:
        here = {district.branch.id, district.other.id}
        assert offered_areas(session, CONSOLE, here) == ["Children's room", "Entrance"]
        done(remove_camera(session, CONSOLE, district.crib.camera.id, at=NOW))
        assert offered_areas(session, it, here) == ["Children's room"]


def test_an_account_of_the_whole_district_is_limited_to_no_area(district: District) -> None:
    new = NewAccount("n.ruiz", Role.DESK, areas=frozenset({area_of(district.crib).id}))
    with pytest.raises(InvalidInput, match="whole district"), district.engines.writing() as session:
        add_person(session, CONSOLE, new, at=NOW)


def test_what_was_opened_in_an_area_is_not_brought_back_by_an_emergency_when_the_camera_has_left(
    district: District, tmp_path: Path
) -> None:
    supervisor = district.somebody(Role.SUPERVISOR, district.crib)
    span = Timespan(NOW - timedelta(hours=20), NOW - timedelta(hours=19))
    with district.engines.writing() as session:
        number = district.crib.camera.id
        view = done(open_view(session, supervisor, camera_id=number, purpose=Purpose.INCIDENT, span=span, at=NOW))
        assert done(camera_in_view(session, view, supervisor)).camera.id == number
        edit = CameraEdit(version=1, area="Entrance")
        done(edit_camera(session, CONSOLE, number, edit, at=after(1), allow_loopback=False))
        missing = refused(camera_in_view(session, view, supervisor))
        done(open_emergency(session, Settings(data_dir=tmp_path), supervisor, reason="a fire", at=after(2)))
        widened = replace(supervisor, emergency=Emergency(EmergencyId(1), after(2), after(2) + LASTS))
        assert done(camera_for(session, widened, number)).camera.id == number
        assert refused(camera_in_view(session, view, widened)) == missing
        assert refused(extend_view(session, widened, view.id, at=after(3))).refusal is Refusal.OUT_OF_SCOPE


def test_an_account_is_limited_to_areas_that_whoever_adds_it_reaches(district: District) -> None:
    it = district.somebody(Role.IT, district.crib)
    with district.engines.writing() as session:
        new = NewAccount("n.ruiz", Role.DESK, frozenset())
        for area in (area_of(district.door).id, area_of(district.pier).id, AreaId(1)):
            assert refused(add_person(session, it, replace(new, areas=frozenset({area})), at=NOW)).sentence == "There is no such area."
        added = done(add_person(session, it, replace(new, areas=frozenset({area_of(district.crib).id})), at=NOW))
        assert added.areas == {area_of(district.crib)}
        assert done(disable_person(session, it, added.id, at=NOW)).disabled_at == NOW


def test_an_area_of_a_branch_that_is_theirs_as_a_whole_adds_nothing(district: District) -> None:
    with district.engines.writing() as session:
        account = an_account(session, branches=frozenset({district.branch.id}), areas=frozenset({area_of(district.crib).id}))
    assert account.reach == Reach(frozenset({district.branch.id}))


def test_an_emergency_opens_what_is_around_an_area(district: District) -> None:
    desk = district.somebody(Role.SUPERVISOR, district.crib)
    crib, door = district.crib.camera, district.door.camera
    assert desk.has_right(Permission.RECORDED_VIEW, crib.branch_id, crib.area_id)
    assert not desk.has_right(Permission.RECORDED_VIEW, door.branch_id, door.area_id)
    with district.engines.reading() as session:
        assert opens_more(session, desk)


def test_a_wall_shows_whoever_is_limited_to_an_area_no_more_of_the_branch(district: District) -> None:
    with district.engines.writing() as session:
        desk = an_account(session, branches=frozenset(), areas=frozenset({area_of(district.crib).id, area_of(district.pier).id}))
        screen = a_screen(session, district.branch, ScreenKind.WALL)
        opened = done(open_session(session, person_id=desk.id, at=NOW, proof=Proof.TOTP, browser=Browser(digest(screen.token))))
        done(show_wall(session, opened.person, at=NOW))
        wall = done(session_for_token(session, opened.token, at=NOW)).person
        assert list_cameras(session, wall) == [district.crib]
