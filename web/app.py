"""Put the web process together: the site, its routes, its guard; and refuse to start when a route declares no permission."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from fastapi import APIRouter, FastAPI
from starlette.types import ASGIApp

from vms.clock import Clock
from vms.config import Settings
from vms.errors import ConfigError
from vms.services.own_ca import served_authority
from vms.services.placements import take_over
from vms.services.second_factor import read_factor_key
from vms.store.database import Engines, make_engines
from vms.store.migrate import Which, require_current
from vms.store.web_role import require_append_only
from web import errors
from web.deps import Site
from web.left_views import LeftViews
from web.live_gateway import LiveGateway
from web.live_views import LiveViews
from web.node_client import NodeClient
from web.oidc_flows import open_district_sign_in
from web.pages import Pages
from web.permissions import declared_permissions
from web.read_ledger import ReadLedger
from web.refusal_log import RefusalLog
from web.routers import (
    account,
    camera_pages,
    cameras,
    certificates_of_deletion,
    complaints,
    delegations,
    deputies,
    door,
    downloads,
    emergency,
    hold_pages,
    holds,
    inquiries,
    instrument_rules,
    keep,
    live,
    log,
    notice,
    oidc,
    own_ca,
    pages,
    passkeys,
    people,
    placements,
    playback,
    policies,
    policy_pages,
    privacy_reviews,
    redaction_pages,
    redactions,
    request_pages,
    requests,
    reviews,
    rules,
    screens,
    session,
    spot_checks,
    stills,
    trainings,
    waiting,
)
from web.security import Guard
from web.sign_in_delay import SignInDelay

ROUTERS = (
    session.router,
    oidc.router,
    account.router,
    passkeys.router,
    pages.router,
    live.router,
    playback.router,
    cameras.router,
    camera_pages.router,
    people.router,
    delegations.router,
    screens.router,
    waiting.router,
    holds.router,
    inquiries.router,
    keep.router,
    hold_pages.router,
    stills.router,  # before those whose addresses have a number there
    requests.router,
    request_pages.router,
    redaction_pages.router,
    redactions.router,
    policies.router,
    policy_pages.router,
    spot_checks.router,
    certificates_of_deletion.router,
    complaints.router,
    notice.router,
    deputies.router,
    door.router,
    downloads.router,
    trainings.router,
    placements.router,
    privacy_reviews.router,
    emergency.router,
    emergency.api,
    rules.router,
    instrument_rules.router,
    log.router,
    reviews.router,
    own_ca.router,
)
MAX_BODY_BYTES = 1024 * 1024
TITLE = "Custodian"


def open_site(settings: Settings, clock: Clock) -> Site:
    """Open the central database and all that a web process works with; ConfigError when it can't start."""
    central = _open_central(settings)
    node = NodeClient(settings.node_socket, clock)
    grant_key = settings.grant_key_path.read_bytes()
    refusals = RefusalLog(central, clock)
    gateway = LiveGateway(node, LiveViews(central, clock, grant_key, refusals), clock)
    return Site(
        settings=settings,
        clock=clock,
        central=central,
        node=node,
        grant_key=grant_key,
        factor_key=read_factor_key(settings),
        gateway=gateway,
        left=LeftViews(central, clock),
        pages=Pages.load(),
        reads=ReadLedger(),
        delay=SignInDelay.of(central, grant_key),
        refusals=refusals,
        authority=served_authority(settings),
        oidc=open_district_sign_in(settings, clock),
    )


def _open_central(settings: Settings) -> Engines:
    central = make_engines(settings.web_where, secrets=settings.secrets_dir)
    try:
        require_current(central, Which.CENTRAL)
        if settings.web_role:
            require_append_only(central)
        with central.writing() as session:
            take_over(session, settings)
    except ConfigError:
        central.dispose()
        raise
    return central


def create_app(site: Site, *, routers: Sequence[APIRouter] = ROUTERS) -> FastAPI:
    """Return the application; its lifespan closes the site. ConfigError when a route of `routers` declares no permission."""
    app = _Guarded(
        title=TITLE,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        max_body_size=MAX_BODY_BYTES,
        lifespan=_lifespan,
    )
    app.state.site = site
    for router in routers:
        # Not `include_router`: FastAPI since 0.165 would build every route a second time, most of a second of a processor.
        app.router.routes.extend(router.routes)
    errors.install(app)
    declared_permissions(app)
    return app


class _Guarded(FastAPI):
    """The guard stands before everything, also before Starlette's own answers: to an error of ours, to a body that is too large."""

    def build_middleware_stack(self) -> ASGIApp:
        site: Site = self.state.site
        return Guard(super().build_middleware_stack(), allowed_hosts=allowed_hosts(site), trusted_proxies=site.settings.trusted_proxies)


def allowed_hosts(site: Site) -> tuple[str, ...]:
    """Return the names under which the pages are served: those of the settings, and those that the own authority vouches for."""
    vouched = site.authority.names if site.authority else ()
    return (*site.settings.allowed_hosts, *(f"[{name}]" if ":" in name else name for name in vouched))


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    site: Site = app.state.site
    watch = asyncio.create_task(site.left.watch(), name="left views")
    yield
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch
    await site.node.aclose()
    if site.oidc is not None:
        site.oidc.provider.close()
    site.central.dispose()
