"""A package leaves by download: a ticket for one recipient, a passphrase told another way, and each download written down before it begins.

The passphrase opens what opens the package, and is kept nowhere. Wrong ones, and tickets that there never were, get one answer.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.crypto import decrypt, derived_key, encrypt
from vms.domain.access import Action
from vms.domain.export_scope import Delivery
from vms.domain.ids import DownloadId, ReleaseId, RequestId, TicketId, new_number
from vms.domain.made_package import MadePackage, PackageState
from vms.domain.outcome import Refusal, Refused
from vms.domain.package_release import Medium, PackageRelease
from vms.domain.package_ticket import MOST_TICKETS, TICKET_LASTS, PackageTicket
from vms.domain.people import Actor, System
from vms.domain.request import MAX_LINE_CHARS, RequestState
from vms.errors import Conflict, InvalidInput, Unavailable
from vms.services.access_log import name_of, refuse
from vms.services.approvals import disclose
from vms.services.codes import grouped, new_code, plain_code
from vms.services.package_jobs import folder_of, tell
from vms.services.package_release import leaving
from vms.services.package_sealing import SUFFIX, identity_of
from vms.services.request_acts import begun
from vms.services.request_steps import can_write_about, not_from, refuse_about
from vms.services.requests import line_of
from vms.store import holds, made_packages, package_releases, package_tickets, requests
from vms.store.running import Mark, marks

RECIPIENT = System("download")
WRONG = Refused(Refusal.NOT_ALLOWED, "Ticket and passphrase open nothing together. Look whether both are typed as you were told them.")
_NOT_NOW = "The package can't be sent now. Ask the Library."
_NUMBER_OCTETS = 5
_INFO = b"custodian package ticket v1"
_WAYS = frozenset({Delivery.DOWNLOAD})


@dataclass(frozen=True, slots=True)
class NewTicket:
    ticket: PackageTicket
    passphrase: str = field(repr=False)
    """As it is told; kept nowhere."""


@dataclass(frozen=True, slots=True)
class Download:
    """A download that is written down and may begin."""

    id: DownloadId
    ticket: TicketId
    release: ReleaseId
    request: RequestId
    file: Path
    name: str
    """Of the ZIP that comes."""
    identity: bytes = field(repr=False)


class DownloadMark:
    """A download that may begin, marked as going on until it is over or this process ends."""

    def __init__(self, settings: Settings) -> None:
        """Unavailable when it can't be marked: whoever looks would take it for cut off."""
        self.number, path = DownloadId(new_number()), settings.downloads_lock_path
        try:
            self._mark = Mark(path, self.number)
        except OSError as err:
            in_log = f"No download can begin: {path} can't be locked ({err.strerror}). Look at that file and its disk."
            raise Unavailable(_NOT_NOW, in_log=in_log) from err

    def over(self) -> None:
        self._mark.take_away()


def hand_out(session: Session, settings: Settings, actor: Actor, number: RequestId, recipient: str, *, at: datetime) -> NewTicket | Refused:
    """Let a package go by download, to whoever has the ticket and its passphrase. What was approved counts as disclosed from then on.

    A second one, while the package is there, is for a passphrase that was lost; those before stay as they are. InvalidInput without a
    recipient.
    """
    told = line_of(recipient, "who is to download it")
    if not told:
        raise InvalidInput("Say who is to download the package.")
    found = leaving(session, settings, actor, number, made_packages.newest_of(session, number), _WAYS, at=at)
    if isinstance(found, Refused):
        return found
    request, package = found
    if request.state not in {RequestState.READY, RequestState.DISCLOSED}:
        return refuse_about(session, settings, actor, request, not_from(request, "handed over"), at=at)
    if len(package_tickets.of_package(session, package.id)) >= MOST_TICKETS:
        raise Conflict(f"The package of request {request.number} had {MOST_TICKETS} tickets. Have it made again, if it is still needed.")
    passphrase, ticket_number = new_code(), secrets.token_hex(_NUMBER_OCTETS)
    release = PackageRelease(
        ReleaseId(new_number()),
        package.id,
        request.id,
        Medium(f"download, ticket {grouped(ticket_number)}", ""),
        told,
        actor.label,
        name_of(actor),
        at,
    )
    ticket = PackageTicket(
        id=TicketId(new_number()),
        number=ticket_number,
        package=package.id,
        request=request.id,
        release=release.id,
        recipient=told,
        by_name=name_of(actor),
        at=at,
        until=min(at + TICKET_LASTS, package.leaves_until(request.scope.terms)),
        most_downloads=settings.ticket_downloads,
    )
    if request.state is RequestState.READY:
        said = f"By download, ticket {grouped(ticket.number)}, for {told}."
        left = disclose(session, settings, actor, number, package.sha256, said, at=at)
        if isinstance(left, Refused):
            return left
    package_releases.add(session, release)
    sealed = encrypt(_key(passphrase), identity_of(settings, request, package), _bound_to(ticket.id))
    package_tickets.add(session, ticket, sealed, by=actor.label)
    named = {"ticket": grouped(ticket.number), "until": f"{ticket.until:%Y-%m-%d %H:%M} UTC", "manifest": package.manifest}
    tell(session, settings, actor, request, Action.EXPORT_TICKET, at=at, step="handed out", **named)
    return NewTicket(ticket, grouped(passphrase))


def take_back(session: Session, settings: Settings, actor: Actor, number: RequestId, *, at: datetime) -> int | Refused:
    """Take back every ticket of a request, and return how many still counted; what is being downloaded ends within seconds."""
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    count = package_tickets.revoke(session, request.id, actor.label, at=at)
    if count:
        tell(session, settings, actor, request, Action.EXPORT_TICKET, at=at, step="taken back", count=str(count))
    return count


def begin(
    session: Session, settings: Settings, number: str, passphrase: str, *, mark: DownloadMark, address: str, at: datetime
) -> Download | Refused:
    """Begin a download: it counts from now on, and is in the log when the transaction ends; nothing is sent before.

    Who does not have the passphrase is told nothing; who has it, why a ticket opens nothing any more.
    """
    holds.lock(session)  # two that come at once for the last one
    found = package_tickets.called(session, plain_code(number)[:MAX_LINE_CHARS])
    identity = None if found is None else decrypt(_key(plain_code(passphrase)), found[1], _bound_to(found[0].id))
    request = None if found is None or identity is None else requests.known(session, requests.EVERYBODYS, found[0].request)
    if found is None or identity is None or request is None:
        return refuse(session, RECIPIENT, Action.EXPORT_DOWNLOAD, WRONG, at=at)
    if not can_write_about(settings, request):
        raise Unavailable(_NOT_NOW)
    ticket, package = found[0], made_packages.get(session, found[0].package)
    if isinstance(refused := _over(ticket, package, at), Refused) or package is None:
        return refuse_about(session, settings, RECIPIENT, request, refused or WRONG, at=at, what=Action.EXPORT_DOWNLOAD)
    package_tickets.begin(session, mark.number, ticket, address=address, at=at)
    told = {"ticket": grouped(ticket.number), "address": address, "manifest": package.manifest}
    tell(session, settings, RECIPIENT, request, Action.EXPORT_DOWNLOAD, at=at, step="begun", **told)
    name = package.folder.removesuffix(SUFFIX) + ".zip"
    return Download(mark.number, ticket.id, ticket.release, request.id, folder_of(settings, package), name, identity)


def may_go_on(session: Session, download: Download, *, at: datetime) -> bool:
    """Say whether a download that was begun may still be sent."""
    ticket = package_tickets.get(session, download.ticket)
    return ticket is not None and not ticket.ended(at)


def end(session: Session, settings: Settings, download: Download, octets: int, *, whole: bool, at: datetime) -> None:
    """Write down how far a download came; once one came to its end the package was handed over."""
    holds.lock(session)
    package_tickets.end(session, download.id, octets=octets, whole=whole, at=at)
    if whole:
        package_releases.put_read_back(session, download.release, at=at)
    request, ticket = requests.known(session, requests.EVERYBODYS, download.request), package_tickets.get(session, download.ticket)
    if request is not None and ticket is not None and can_write_about(settings, request):
        told = {"ticket": grouped(ticket.number), "octets": str(octets)}
        step = "sent whole" if whole else "broken off"
        tell(session, settings, RECIPIENT, request, Action.EXPORT_DOWNLOAD, at=at, step=step, **told)


def any_cut_off(session: Session, settings: Settings) -> bool:
    """Say whether a download has no end and goes on nowhere: the process that sent it is gone."""
    return bool(_cut_off(session, settings))


def write_down_cut_off(session: Session, settings: Settings, *, at: datetime) -> int:
    """Write the end of each download whose process is gone, and return how many: nobody knows how far they came, and they count."""
    holds.lock(session)
    found = _cut_off(session, settings)
    for download, number in found:
        package_tickets.end(session, download, octets=0, whole=False, at=at)
        ticket = package_tickets.get(session, number)
        request = None if ticket is None else requests.known(session, requests.EVERYBODYS, ticket.request)
        if ticket is not None and request is not None and can_write_about(settings, request):
            told = {"ticket": grouped(ticket.number), "octets": "unknown"}
            tell(session, settings, RECIPIENT, request, Action.EXPORT_DOWNLOAD, at=at, step="cut off", **told)
    return len(found)


def _cut_off(session: Session, settings: Settings) -> list[tuple[DownloadId, TicketId]]:
    """Return downloads without an end that have no mark: one that goes on has its mark before its row, and its end before it loses it."""
    without = package_tickets.without_end(session)
    if not without:
        return []
    with marks(settings.downloads_lock_path) as going:
        return [one for one in without if not going.has(one[0])]


def _over(ticket: PackageTicket, package: MadePackage | None, at: datetime) -> Refused | None:
    """Return why a ticket opens nothing any more."""
    if over := ticket.ended(at):
        return Refused(Refusal.GONE, over)
    if package is None or package.state is not PackageState.READY:
        return Refused(Refusal.GONE, "The package is not there any more. Ask the Library.")
    if ticket.is_used_up():
        return Refused(Refusal.NOT_ALLOWED, f"It was downloaded {ticket.downloads} times, as often as this ticket allows. Ask the Library.")
    return None


def _key(passphrase: str) -> bytes:
    """80 random bits need no slow hash: nobody tries them all."""
    return derived_key(passphrase.encode(errors="surrogatepass"), _INFO)


def _bound_to(ticket: TicketId) -> bytes:
    return b"custodian ticket v1\n%d" % ticket
