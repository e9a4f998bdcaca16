"""No route hands out footage without a view of one's own, and with one only what that view is of: every route is asked, as every role."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import timedelta
from zipfile import ZipFile

import httpx
import pytest
from fastapi import FastAPI

from tests.factories import a_camera
from tests.web.footage import record
from tests.web.world import World, stream_of
from vms.domain.camera import StreamRole
from vms.domain.ids import CameraId, SegmentId
from vms.domain.people import Role
from web.app import ROUTERS
from web.permissions import declared_permissions

pytestmark = pytest.mark.slow
ENDS_A_SESSION = {"/logout", "/account/sessions/end-others", "/api/v1/session"}
"""Asked last: whoever is signed out is refused everything."""
_MEDIA = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"age-encryption.org/", b"RIFF")
_BOXES = (b"ftyp", b"styp", b"moof", b"sidx", b"mdat")
_PIECE = 24


def ways(named: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield every route that the application has, with what is really there in the place of each name."""
    app = FastAPI(openapi_url=None)
    for router in ROUTERS:
        app.include_router(router)
    routes = sorted(declared_permissions(app), key=lambda route: (route.path in ENDS_A_SESSION, route.path))
    for route in routes:
        path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda name: named.get(name[1], "1"), route.path)
        yield from ((method, path) for method in route.methods if method != "WEBSOCKET")


def is_footage(content: bytes, recorded: bytes) -> bool:
    """Say whether octets have recorded pictures in them, or are of a kind that could; into an archive it looks."""
    if content.startswith(b"PK\x03\x04"):
        with ZipFile(io.BytesIO(content)) as files:
            return any(is_footage(files.read(name), recorded) for name in files.namelist())
    pieces = (recorded[at : at + _PIECE] for at in range(len(recorded) // 3, len(recorded) - _PIECE, 997))
    return content[4:8] in _BOXES or content.startswith(_MEDIA) or any(piece in content for piece in pieces)


def _recorded(world: World, camera: CameraId | None = None) -> SegmentId:
    """Record a camera, else the world's, and return a segment of it."""
    stream = world.main
    if camera is not None:
        with world.site.central.writing() as session:
            stream = stream_of(a_camera(session, world.branch, "Gate"), StreamRole.MAIN)
    record(world.node, stream, world.clock.now() - timedelta(seconds=60))
    return SegmentId(str(world.node.segments[stream][0]["id"]))


def _view(world: World, client: httpx.Client) -> str:
    now = world.clock.now()
    span = {"start": (now - timedelta(seconds=90)).isoformat(), "end": (now - timedelta(seconds=30)).isoformat()}
    opened = client.post("/api/v1/views", json={"camera": world.camera.camera.id, "purpose": "incident", **span})
    assert opened.status_code == 201, opened.text
    return str(opened.json()["view"])


def _found(world: World, client: httpx.Client, view: str, segment: SegmentId) -> list[tuple[str, str]]:
    """Ask every route, and return those that answered with footage."""
    recorded = world.node.octets[segment]
    headers = {"range": f"bytes=0-{len(recorded) - 1}"}
    named = {"camera": str(world.camera.camera.id), "view": view, "segment": segment, "stream": "main", "path": "nothing"}
    return [way for way in ways(named) if is_footage(client.request(*way, headers=headers).content, recorded)]


@pytest.mark.parametrize("role", [None, *Role])
def test_no_route_hands_out_footage_without_a_view_of_ones_own(world: World, role: Role | None) -> None:
    segment = _recorded(world)
    with world.client(Role.SUPERVISOR if role is Role.DESK else Role.DESK) as other:
        view = _view(world, other)
        with world.client(role) as client:
            assert _found(world, client, view, segment) == []


def test_with_a_view_one_route_hands_out_that_views_footage_alone(world: World) -> None:
    own, foreign = _recorded(world), _recorded(world, world.camera.camera.id)
    with world.client(Role.DESK) as client:
        view = _view(world, client)
        assert _found(world, client, view, foreign) == []
    with world.client(Role.DESK) as client:
        view = _view(world, client)
        assert _found(world, client, view, own) == [("GET", f"/api/v1/views/{view}/segments/{own}")]
