"""One web process for tests: the real application on loopback, a real database, a node made of memory, people signed in."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import httpx
from sqlalchemy import text
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_screen, an_account, done
from tests.web.fake_node import FakeNode
from tests.web.serving import loopback_socket, plainly, served, unix_socket
from tests.web.world_clock import DrivenClock
from vms.config import Settings
from vms.crypto import new_signing_key, verifying_key
from vms.domain.access import AccessEvent, Action
from vms.domain.camera import Branch, CameraDetails, StreamRole
from vms.domain.ids import BranchId, PersonId, StreamId
from vms.domain.people import Proof, Role
from vms.domain.screens import ScreenKind
from vms.services.district import District, save_district
from vms.services.own_ca import served_certificate
from vms.services.screens import Enrolled
from vms.services.sessions import ANY_BROWSER, Browser, digest, open_session
from vms.store import access_log, people
from web.app import create_app, open_site
from web.certificate import ServedCertificate
from web.deps import Site
from web.security import COOKIE
from web.server import configuration

NO_AUTHORITY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For pages over http://: reading the authorities that the system knows takes longer than most of these tests."""
OWN_PAGE = {"sec-fetch-site": "same-origin"}
"""What a browser adds to a request of our own page."""


@dataclass(slots=True)
class World:
    site: Site
    address: str
    node: FakeNode
    clock: DrivenClock
    branch: Branch
    camera: CameraDetails
    certificate: ServedCertificate
    _people: dict[tuple[Role, frozenset[BranchId] | None], PersonId] = field(default_factory=dict)

    @property
    def main(self) -> StreamId:
        return stream_of(self.camera, StreamRole.MAIN)

    @property
    def sub(self) -> StreamId:
        return stream_of(self.camera, StreamRole.SUB)

    def screen(self, kind: ScreenKind = ScreenKind.WORKSTATION, *, name: str = "") -> Enrolled:
        """Return a browser that was enrolled as a screen of the branch."""
        with self.site.central.writing() as session:
            return a_screen(session, self.branch, kind, name=name, at=self.clock.now())

    def token(self, role: Role, *, branches: frozenset[BranchId] | None = None, screen: Enrolled | None = None) -> str:
        """Return a new session of somebody with `role`, opened at a screen when one is given."""
        browser = Browser(digest(screen.token)) if screen else ANY_BROWSER
        with self.site.central.writing() as session:
            if (role, branches) not in self._people:
                account = an_account(session, role, name=f"{role} {len(self._people)}", branches=branches)
                people.confirm(session, account.id, self.clock.now())
                self._people[role, branches] = account.id
            person = self._people[role, branches]
            return done(open_session(session, person_id=person, at=self.clock.now(), proof=Proof.TOTP, browser=browser)).token

    def client(self, role: Role | None = None, *, branches: frozenset[BranchId] | None = None, page: bool = False) -> httpx.Client:
        """Return a browser, signed in when a role is given; it asks for pages or for data."""
        headers = OWN_PAGE | {"accept": "text/html" if page else "application/json"}
        headers |= cookie(self.token(role, branches=branches)) if role else {}
        return httpx.Client(base_url=self.address, headers=headers, trust_env=False, timeout=20, verify=NO_AUTHORITY)

    def socket(self, token: str | None, *, origin: str | None = None) -> AbstractContextManager[ClientConnection]:
        """Open the live socket of a window."""
        where = f"{self.address.replace('http', 'ws', 1)}/api/v1/ws"
        headers = cookie(token) if token else {}
        return connect(where, additional_headers=headers, origin=Origin(origin or self.address), open_timeout=10, close_timeout=2)

    def events(self, *actions: Action) -> list[AccessEvent]:
        """Return events of the access log, oldest first."""
        wanted = access_log.Filter(actions=frozenset(actions) if actions else None)
        with self.site.central.reading() as session:
            return list(reversed(access_log.find(session, "district", None, wanted, limit=10_000)))

    def refuse_events(self, action: Action) -> None:
        """Make the database refuse to store events of `action`, as a full disk would."""
        with self.site.central.writing() as session:
            session.execute(
                text(
                    f"CREATE TRIGGER refuse BEFORE INSERT ON access_event WHEN NEW.action = '{action}' "
                    "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
                )
            )


@contextmanager
def a_world(settings: Settings, sock: socket.socket | None = None, *, looks: bool = True) -> Iterator[World]:
    """Serve the pages of a data directory that holds a migrated central database, on a socket of its own unless one is given.

    Without `looks` nothing is done by the clock: the database is asked for requests alone.
    """
    for folder in (settings.secrets_dir, settings.run_dir):
        folder.mkdir(exist_ok=True)
    settings.grant_key_path.write_bytes(new_signing_key())
    clock = DrivenClock()
    node = FakeNode(verifying_key(settings.grant_key_path.read_bytes()), clock)
    site = open_site(settings, clock)
    if not looks:
        site.left.look_seconds = 1e6
    with site.central.writing() as session:
        save_district(session, CONSOLE, District("Alder County Library District", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        branch = a_branch(session)
        camera = a_camera(session, branch)
    sock = sock or loopback_socket()
    certificate = ServedCertificate(served_certificate(settings))
    address = f"{'http' if certificate.context_factory is None else 'https'}://127.0.0.1:{sock.getsockname()[1]}"
    with served(plainly(node.app()), unix_socket(settings.node_socket)), served(configuration(create_app(site), certificate), sock):
        yield World(site, address, node, clock, branch, camera, certificate)


def cookie(token: str) -> Mapping[str, str]:
    return {"cookie": f"{COOKIE}={token}"}


def stream_of(camera: CameraDetails, role: StreamRole) -> StreamId:
    stream = camera.camera.stream(role)
    assert stream is not None
    return stream.id


def problem(answer: httpx.Response, status: int) -> dict[str, object]:
    """Return the problem document that `answer` is."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, object] = answer.json()
    return document
