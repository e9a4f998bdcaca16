"""What a route is given: the site with its clock and databases, and sessions whose transaction ends before the answer leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated

from anyio import CapacityLimiter
from fastapi import Depends
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from vms.clock import Clock
from vms.config import Settings
from vms.domain.access import View
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.services import footage, grants, sessions
from vms.services.own_ca import Authority
from vms.services.second_factor import FactorKey
from vms.store.database import Engines
from web.left_views import LeftViews
from web.live_gateway import LiveGateway
from web.node_client import NodeClient
from web.oidc_flows import DistrictSignIn
from web.pages import Pages
from web.read_ledger import ReadLedger
from web.refusal_log import RefusalLog
from web.sign_in_delay import SignInDelay

POLL_HEADER = "vms-poll"
"""Set by our pages on what they ask by themselves."""


class Use(Enum):
    """Who asked. A route declares it (`web.permissions.Need`); a page says so of what it asks by itself."""

    BY_HAND = "hand"
    """A person: the session goes on, and a workstation does not lock."""
    BY_PLAYER = "player"
    """A picture that plays on: the session goes on, but nobody need be there."""
    BY_PAGE = "page"
    """A page that stands open and asks again: counts for nothing."""


def use_of(connection: HTTPConnection, declared: Use) -> Use:
    return Use.BY_PAGE if POLL_HEADER in connection.headers else declared


@dataclass(frozen=True, slots=True)
class Site:
    """One running web process. Its methods block: call them in a thread."""

    settings: Settings
    clock: Clock
    central: Engines
    node: NodeClient
    grant_key: bytes
    factor_key: FactorKey
    gateway: LiveGateway
    left: LeftViews
    pages: Pages
    reads: ReadLedger
    delay: SignInDelay
    refusals: RefusalLog
    authority: Authority | None
    """The one of this installation's own, where the pages are served with its certificate."""
    oidc: DistrictSignIn | None = None
    """None while no provider is set."""
    liveness: CapacityLimiter = field(default_factory=lambda: CapacityLimiter(1))
    """The thread of `/healthz`, which answers also while every other one waits for the recorder."""

    def signed_in(self, token: str | None, use: Use) -> Person | Refused:
        """Return who a session cookie stands for, and count the request as `use` of the session."""
        at = self.clock.now()
        found = sessions.session_for_token(self.central, token or "", at=at)
        if isinstance(found, Refused):
            return found
        if use is Use.BY_HAND and found.act_due(at):
            with self.central.writing() as session:
                sessions.act_in_session(session, found.person, at=at)
        elif use is not Use.BY_PAGE and found.touch_due(at):
            with self.central.writing() as session:
                sessions.touch_session(session, found.person.session_id, at=at, screen=found.person.screen_id)
        return found.person

    def service_token(self) -> str:
        """Return what opens states, timelines and camera tests of the node: no footage."""
        return grants.issue(grants.service_grant(self.clock.now()), self.grant_key)

    def view_token(self, session: Session, view: View) -> str:
        """Return what opens the footage of `view` on the node."""
        return grants.issue(footage.grant_for(session, view), self.grant_key)


def site_of(connection: HTTPConnection) -> Site:
    site: Site = connection.app.state.site
    return site


TheSite = Annotated[Site, Depends(site_of)]


def writing(site: TheSite) -> Iterator[Session]:
    """One request, one transaction on the central database; committed before the answer leaves."""
    with site.central.writing() as session:
        yield session


def reading(site: TheSite) -> Iterator[Session]:
    with site.central.reading() as session:
        yield session


# scope="function": with FastAPI's default the commit comes after the answer, and one that fails is never told.
Tx = Annotated[Session, Depends(writing, scope="function")]
Rx = Annotated[Session, Depends(reading, scope="function")]
