"""The pages of the access log answer, octet for octet, as if nothing were sealed."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from tests.factories import CONSOLE, NOW
from tests.web.compared import copy_of, put_back, told
from tests.web.world import World
from vms.domain.access import Action, Purpose
from vms.domain.ids import MatterId
from vms.domain.people import Role
from vms.services.access_log import record
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.services.sealed_log import Matter, record_sealed

_KEY = LogKey(bytes(range(32)))
_MATTER = Matter(MatterId("0" * 32), bytes(32))
_ORDINARY = (3, 0, 16, 40, 0, 1)
_ASKED = (
    "/log",
    "/api/v1/log",
    "/api/v1/log?limit=7",
    "/api/v1/log?action=view:open",
    "/api/v1/log?purpose=request",
    "/api/v1/log?before=60",
    "/log?before=60",
    "/reviews",
    "/rules",
    "/api/v1/log?before=x",
)


@pytest.mark.slow
def test_every_answer_is_the_same_where_entries_are_sealed(world: World) -> None:
    readers = [world.client(role, page=page) for role in (Role.DIRECTOR, Role.AUDITOR, Role.DESK) for page in (True, False)]
    before = copy_of(world)
    plain = _answers(world, readers, sealed=False)
    put_back(world, before)
    among = _answers(world, readers, sealed=True)
    for asked, answer in plain.items():
        assert among[asked] == answer, asked
    assert sum("camera:test" in answer[2] for answer in plain.values()) > 5, "the comparison is of something"
    with world.site.central.read.begin() as connection:
        assert connection.exec_driver_sql("SELECT count(number) > 20 FROM access_sealed").scalar()
    for reader in readers:
        reader.close()


def _answers(world: World, readers: list[httpx.Client], *, sealed: bool) -> dict[tuple[int, str], tuple[int, dict[str, str], str]]:
    for step, count in enumerate(_ORDINARY):
        at = NOW + timedelta(minutes=5 * step)
        for number in range(max(count, 9)):
            with world.site.central.writing() as session:
                if number < count:
                    record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=at, camera_id=world.camera.camera.id)
                if sealed and number < 9:
                    camera = world.camera.camera.id
                    record_sealed(
                        session, _MATTER, actor=CONSOLE, action=Action.VIEW_OPEN, at=at, camera_id=camera, purpose=Purpose.REQUEST
                    )
        with world.site.central.writing() as session:
            sign_checkpoint(session, _KEY, at=at)
    return {(who, address): told(reader.get(address)) for who, reader in enumerate(readers) for address in _ASKED}
