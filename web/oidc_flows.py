"""Sign-ins by the district's provider that are under way: begun here, somewhere at the provider, waiting for the browser to return.

A browser holds a random handle in a cookie of its own, which the provider's redirect brings along; the session's cookie is strict and
stays at home. What the handle stands for is kept here, in memory: a restart loses what was under way, and people begin again.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from vms.clock import Clock
from vms.config import Settings
from vms.domain.identity import Identity, Places, parse_places
from vms.domain.ids import SessionId
from vms.errors import ConfigError
from vms.services.oidc_provider import Provider, Secrets, open_provider
from vms.services.sessions import ANY_BROWSER, Browser

FLOW_COOKIE = "__Host-oidc"
FLOW_SECONDS = 600
MAX_FLOWS = 1000
"""The oldest is dropped for the newest beyond it."""
MAX_CODES = 5
"""So many codes may be tried after one sign-in at the provider."""


class For(StrEnum):
    """What somebody wants to be known for."""

    SIGN_IN = "sign_in"
    PROVE = "prove"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Flow:
    wanted: For
    secrets: Secrets
    next_path: str
    session: SessionId | None = None
    """The session in which a proof or a link was asked for, by number: a proof meanwhile changes its token."""
    identity: Identity | None = None
    """Who came back, while a code of their authenticator is waited for."""
    codes_left: int = MAX_CODES
    browser: Browser = ANY_BROWSER
    """What the browser brought along when it left: the redirect back comes without its strict cookies."""


class Flows:
    """Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._under_way: OrderedDict[str, tuple[Flow, float]] = OrderedDict()

    def keep(self, flow: Flow) -> str:
        """Remember `flow` and return its handle."""
        handle = secrets.token_urlsafe(32)
        with self._lock:
            self._under_way[handle] = flow, self._clock.monotonic()
            while len(self._under_way) > MAX_FLOWS:
                self._under_way.popitem(last=False)
        return handle

    def take_returned(self, handle: str, state: str) -> Flow | None:
        """Return what was begun under `handle` when `state` is its, and forget it: each return counts once.

        A wrong state leaves it as it is: another site can send a browser here with any.
        """
        with self._lock:
            flow = self._alive(handle)
            if flow is None or flow.identity is not None or not secrets.compare_digest(flow.secrets.state.encode(), state.encode()):
                return None
            del self._under_way[handle]
            return flow

    def take_waiting(self, handle: str) -> tuple[Flow, Identity] | None:
        """Return whose code is waited for under `handle`, and forget it."""
        with self._lock:
            flow = self._alive(handle)
            if flow is None or flow.identity is None:
                return None
            del self._under_way[handle]
            return flow, flow.identity

    def _alive(self, handle: str) -> Flow | None:
        found = self._under_way.get(handle)
        return found[0] if found is not None and self._clock.monotonic() - found[1] < FLOW_SECONDS else None


@dataclass(frozen=True, slots=True)
class DistrictSignIn:
    """The provider, what its groups stand for, and who is on the way."""

    provider: Provider
    places: Places
    flows: Flows


def open_district_sign_in(settings: Settings, clock: Clock) -> DistrictSignIn | None:
    """Return what signing in by the provider works with, or None; ConfigError when a setting can't be used. Contacts nobody."""
    provider = open_provider(settings, clock)
    if provider is None:
        return None
    try:
        places = parse_places(settings.oidc_roles)
    except ValueError as err:
        raise ConfigError(f"{err} Correct it in the settings.") from err
    return DistrictSignIn(provider, places, Flows(clock))


def new_secrets() -> Secrets:
    return Secrets(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48))
