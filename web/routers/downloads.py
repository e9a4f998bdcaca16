"""Where somebody without an account downloads the package that a ticket is for; complete without JavaScript."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

from anyio import CancelScope, fail_after
from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from vms.domain.outcome import Refusal, Refused
from vms.errors import Corrupt, reason_of
from vms.log import get_logger
from vms.services import package_tickets
from vms.services.codes import plain_code
from vms.services.package_sealing import opened
from vms.services.package_tickets import Download, DownloadMark
from web.deps import Site, TheSite
from web.errors import REFUSALS, problem
from web.left_views import LOOK_SECONDS
from web.permissions import ANYBODY
from web.request_entries import DownloadEntries
from web.routers.session import address_of, after_pause
from web.views import shell

router = APIRouter()
MOST_AT_ONCE = 8
"""Each has a thread, three files and a part of the disk's time, which the cameras need first."""
STALL_SECONDS = 30.0
"""Who takes no block in so long is let go: else what is deleted, or was taken back, stays open for whoever stops reading."""
FULL = Refused(Refusal.TOO_MANY, f"{MOST_AT_ONCE} downloads are going on, as many as there may be at once. Try again in some minutes.")
_BLOCK_BYTES = 1 << 18
_places = threading.BoundedSemaphore(MOST_AT_ONCE)

log = get_logger(__name__)


@router.get("/download", dependencies=[ANYBODY])
def download_page(site: TheSite, request: Request) -> Response:
    return _page(site, request)


@router.post("/download", dependencies=[ANYBODY])
def download_by_form(site: TheSite, request: Request, form: Annotated[DownloadEntries, Form()]) -> Response:
    answer = _begun(site, request, form)
    if isinstance(answer, Refused):
        return _page(site, request, ticket=form.ticket, error=answer.sentence, status=REFUSALS[answer.refusal])
    return _sent(site, answer)


@router.post("/api/v1/downloads", dependencies=[ANYBODY])
def download_by_json(site: TheSite, request: Request, entries: DownloadEntries) -> Response:
    answer = _begun(site, request, entries)
    return problem(REFUSALS[answer.refusal], answer.sentence) if isinstance(answer, Refused) else _sent(site, answer)


@dataclass(frozen=True, slots=True)
class _Begun:
    download: Download
    mark: DownloadMark
    """Until its end is written down."""


def _begun(site: Site, request: Request, entries: DownloadEntries) -> _Begun | Refused:
    """Begin a download, which has a place until its pieces are closed; one that finds none does not count."""
    address, name = address_of(request), f"ticket {plain_code(entries.ticket)}"

    def act() -> Download | Refused:
        at, typed = site.clock.now(), entries.passphrase.get_secret_value()
        with site.central.writing() as session:
            begun = package_tickets.begin(session, site.settings, entries.ticket, typed, mark=mark, address=address, at=at)
        if isinstance(begun, Download):
            site.delay.succeeded(name, address, site.clock.now())
        return begun

    mark = DownloadMark(site.settings)  # before the place: a file that can't be opened takes none
    if not _places.acquire(blocking=False):
        mark.over()
        return FULL
    answer: Download | Refused | None = None
    try:
        # Each ticket counts by itself, and all those of an address together: nobody's wrong ones hold up another's.
        answer = after_pause(site, request, name, act)
    finally:
        if not isinstance(answer, Download):
            mark.over()
            _places.release()
    return _Begun(answer, mark) if isinstance(answer, Download) else answer


def _sent(site: Site, begun: _Begun) -> Response:
    headers = {"content-disposition": f'attachment; filename="{begun.download.name}"', "cache-control": "no-store"}
    pieces = _pieces(site, begun)
    next(pieces)  # from here on its end is written down, also when the reader leaves before the first octet
    return _Package(pieces, headers)


class _Over(Exception):
    """What is being sent may be sent no longer, or can't be."""


class _Package(StreamingResponse):
    """A package that may end early: the connection is cut then, so that nobody takes a part for the whole."""

    def __init__(self, pieces: Iterator[bytes], headers: dict[str, str]) -> None:
        super().__init__(pieces, headers=headers, media_type="application/zip")
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):  # how far it came is written down, whoever left
                await run_in_threadpool(self._pieces.close)  # type: ignore[attr-defined]  # a generator

    async def stream_response(self, send: Send) -> None:
        async def timely(message: Message) -> None:
            with fail_after(STALL_SECONDS):
                await send(message)

        with suppress(_Over, TimeoutError):
            await super().stream_response(timely)


@dataclass(slots=True)
class _Way:
    """How far a download has come."""

    octets: int = 0
    whole: bool = False


def _pieces(site: Site, begun: _Begun) -> Iterator[bytes]:
    """Yield nothing once, and then the package; closing it writes down how far it came, and gives its place back."""
    download, way, looked_at = begun.download, _Way(), site.clock.monotonic()
    try:
        yield b""
        with opened(download.file, download.identity) as package:
            while block := package.read(_BLOCK_BYTES):
                if site.clock.monotonic() - looked_at >= LOOK_SECONDS:
                    looked_at = site.clock.monotonic()
                    _require_still(site, download)
                yield block
                way.octets += len(block)
        way.whole = True
    except (OSError, Corrupt) as err:
        why = err.strerror if isinstance(err, OSError) else reason_of(err)  # no path: it has the request's number
        log.error("package not sent", download=download.id, reason=why)
        raise _Over from err
    finally:
        try:
            with site.central.writing() as session:
                package_tickets.end(session, site.settings, download, way.octets, whole=way.whole, at=site.clock.now())
        finally:
            begun.mark.over()
            _places.release()


def _require_still(site: Site, download: Download) -> None:
    with site.central.reading() as session:
        if not package_tickets.may_go_on(session, download, at=site.clock.now()):
            raise _Over


def _page(site: Site, request: Request, *, ticket: str = "", error: str | None = None, status: int = 200) -> Response:
    context = shell(site, None, path=request.url.path) | {"ticket": ticket, "error": error}
    return site.pages.render("download.html", context, person=None, status=status)
