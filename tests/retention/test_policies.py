"""What the hub's policies say of a camera is what its recorder destroys by, and no other camera's."""

from __future__ import annotations

from dataclasses import replace

from retention.deletion import Deletion
from tests.factories import CONSOLE, NOW, a_camera, a_hub_that_ran, a_person, done
from tests.retention.world import DAY, World
from vms.domain.people import Role
from vms.domain.policy import LOWER_WAIT, Days, PlaceKind, PolicyPlace
from vms.services.district import District, save_district
from vms.services.due_acts import carry_out_due
from vms.services.hub_link import LocalHub
from vms.services.policies import NewPolicy, set_policy
from vms.services.second_person import mark_announced
from vms.store.database import Engines

AGES = (21, 19, 13, 3, 1)
"""Days before `NOW`."""


def test_each_camera_goes_on_its_own_day(world: World, central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        one = a_camera(session)
        other = a_camera(session, one.branch, "Desk", host="10.20.1.12")
        third = a_camera(session, one.branch, "Room", host="10.20.1.13")
        director = a_person(session, Role.DIRECTOR)
        longer = NewPolicy(PolicyPlace(PlaceKind.CAMERA, other.camera.id), Days(target_days=20), "the Board asked")
        shorter = NewPolicy(PolicyPlace(PlaceKind.CAMERA, third.camera.id), Days(target_days=2), "less is more")
        done(set_policy(session, director, longer, at=NOW))
        done(set_policy(session, director, shorter, at=NOW))
        mark_announced(session, at=NOW)
    world.node = replace(world.node, hub=LocalHub(central_sqlite), node_id=one.device.node_id)
    world.deletion = Deletion(world.node, lambda _seconds: False)
    world.make_pass()  # a machine that has footage and never asked waits for somebody to look at its clock
    made = {
        name: world.record(*(-age * DAY for age in AGES), stream=camera.camera.streams[0].id, camera=camera.camera.id)
        for name, camera in (("one", one), ("other", other), ("third", third))
    }

    def left() -> dict[str, list[bool]]:
        assert world.make_pass().paused is None
        return {name: world.left(found) for name, found in made.items()}

    # The third is to be kept for less, but nobody has waited yet.
    assert left() == {"one": _younger_than(14), "other": _younger_than(20), "third": _younger_than(14)}
    with central_sqlite.writing() as session:
        a_hub_that_ran(session, at=NOW + LOWER_WAIT)
        assert len(carry_out_due(session, at=NOW + LOWER_WAIT)) == 1
    assert left() == {"one": _younger_than(14), "other": _younger_than(20), "third": _younger_than(2)}


def _younger_than(days: int) -> list[bool]:
    return [age < days for age in AGES]
