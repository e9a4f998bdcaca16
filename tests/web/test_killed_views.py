"""T25: a web server that is killed at any moment of a view has sent no octet whose entry was not committed before."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta

import httpx
import pytest

from tests.factories import an_account, done
from tests.product import Product, Running, free_port
from tests.waiting import wait_until
from tests.web.footage import SEGMENT_SECONDS, record
from tests.web.world import OWN_PAGE, World, cookie
from vms.clock import SystemClock
from vms.crypto import new_signing_key
from vms.domain.access import Action
from vms.domain.people import Proof, Role
from vms.services.log_key import LogKey
from vms.services.log_verify import verify_log
from vms.services.sessions import open_session

SEGMENTS = 12
POINTS = (0, 1, 2, 3, 5, 8, 11, 15, 19, 24, 29, 35, 41, 48, 55, 63, 71, 80, 89, 99)
"""After so many pieces of footage had come."""
EVERYDAY = frozenset({1, 5, 29})


class Viewer(threading.Thread):
    """A browser that opens views and reads all of their footage, over and over, until nobody answers any more."""

    def __init__(self, address: str, token: str, camera: int, start: datetime) -> None:
        super().__init__(daemon=True)
        self._client = httpx.Client(base_url=address, headers={**OWN_PAGE, **cookie(token)}, trust_env=False, timeout=20)
        self._order = {
            "camera": camera,
            "purpose": "incident",
            "start": start.isoformat(),
            "end": (start + timedelta(seconds=SEGMENTS * SEGMENT_SECONDS)).isoformat(),
        }
        self.begun = threading.Event()
        self.opened: list[str] = []
        self.pieces: list[tuple[str, str]] = []
        """Of each piece that came: its view, and the segment or "list"."""

    def run(self) -> None:
        self.begun.set()
        with self._client, suppress(httpx.TransportError):
            while True:
                self._watch()

    def _watch(self) -> None:
        answer = self._client.post("/api/v1/views", json=self._order)
        assert answer.status_code == 201, answer.text
        view = str(answer.json()["view"])
        self.opened.append(view)
        for _ in range(3):
            playlist = self._text(view)
            for length, first, segment in re.findall(r"#EXT-X-BYTERANGE:(\d+)@(\d+)\nsegments/(\w+)\.mp4", playlist):
                for _ in self._octets(view, segment, int(first), int(length)):
                    self.pieces.append((view, segment))

    def _text(self, view: str) -> str:
        answer = self._client.get(f"/api/v1/views/{view}/main.m3u8")
        self.pieces.append((view, "list"))
        return answer.text

    def _octets(self, view: str, segment: str, first: int, length: int) -> Iterator[bytes]:
        headers = {"range": f"bytes={first}-{first + length - 1}"}
        with self._client.stream("GET", f"/api/v1/views/{view}/segments/{segment}", headers=headers) as answer:
            yield from answer.iter_raw()


@pytest.mark.parametrize("point", [pytest.param(one, marks=pytest.mark.slow if one in EVERYDAY else pytest.mark.long) for one in POINTS])
def test_every_octet_that_was_sent_has_an_earlier_committed_entry(world: World, point: int) -> None:
    settings, at = world.site.settings, SystemClock().now().replace(microsecond=0)
    settings.log_key_path.write_bytes(new_signing_key())
    start = at - timedelta(seconds=2 * SEGMENTS * SEGMENT_SECONDS)
    record(world.node, world.main, start, segments=SEGMENTS)
    with world.site.central.writing() as session:
        account = an_account(session, Role.DIRECTOR)
        token = done(open_session(session, person_id=account.id, proof=Proof.TOTP, at=at)).token
    listen = f"127.0.0.1:{free_port()}"
    with Running(Product(settings.data_dir).command("serve", "--listen", listen), Product(settings.data_dir).environment) as server:
        wait_until(lambda: _answers(listen), seconds=60)
        viewer = Viewer(f"http://{listen}", token, world.camera.camera.id, start)
        viewer.start()
        wait_until(lambda: viewer.begun.is_set() and len(viewer.pieces) >= point, seconds=60)
        server.process.kill()
        viewer.join(30)
        assert not viewer.is_alive()
    events = world.events(Action.VIEW_OPEN, Action.FOOTAGE_READ)
    opened = {event.view_id for event in events if event.action is Action.VIEW_OPEN}
    read = {(event.view_id, event.detail.get("segment", "list")) for event in events if event.action is Action.FOOTAGE_READ}
    assert len(viewer.pieces) >= point
    assert set(viewer.opened) <= opened
    assert set(viewer.pieces) <= read
    with world.site.central.reading() as session:
        assert verify_log(session, LogKey(settings.log_key_path.read_bytes())).ok


def _answers(listen: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"http://{listen}/healthz", trust_env=False).status_code == 200
    return False
