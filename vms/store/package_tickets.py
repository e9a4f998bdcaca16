"""Tickets for downloads, and the downloads. Whoever changes one holds the lock of `hold_clock`, as whoever changes its request does."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import DownloadId, PackageId, ReleaseId, RequestId, TicketId
from vms.domain.package_ticket import PackageTicket
from vms.store import sealed_texts
from vms.store.package_tables import PackageDownloadRow, PackageTicketRow


def add(session: Session, ticket: PackageTicket, sealed: bytes, *, by: str) -> None:
    """`sealed`: what opens the package, under the ticket's passphrase."""
    key = sealed_texts.key_to_write(session, ticket.request)
    session.execute(
        insert(PackageTicketRow).values(
            id=ticket.id,
            number=ticket.number,
            package_id=ticket.package,
            request_id=ticket.request,
            release_id=ticket.release,
            by=by,
            by_name=ticket.by_name,
            at=ticket.at,
            until_at=ticket.until,
            most_downloads=ticket.most_downloads,
            sealed=sealed,
            revoked_by="",
            **sealed_texts.encrypted(key, sealed_texts.TICKET, (ticket.id,), {"recipient": ticket.recipient}),
        )
    )


def called(session: Session, number: str) -> tuple[PackageTicket, bytes] | None:
    """Return a ticket by what is typed of it, and what its passphrase opens."""
    found = _find(session, PackageTicketRow.number == number)
    return (found[0], _sealed(session, found[0].id)) if found else None


def get(session: Session, number: TicketId) -> PackageTicket | None:
    return next(iter(_find(session, PackageTicketRow.id == number)), None)


def of_request(session: Session, request: RequestId) -> list[PackageTicket]:
    """Return the tickets of a request, the newest first."""
    return _find(session, PackageTicketRow.request_id == request)


def of_package(session: Session, package: PackageId) -> list[PackageTicket]:
    return _find(session, PackageTicketRow.package_id == package)


def revoke(session: Session, request: RequestId, by: str, *, at: datetime) -> int:
    """Take back each ticket of a request that still counts; return how many."""
    row = PackageTicketRow
    these = (row.request_id == request, row.revoked_at.is_(None), row.until_at > at)
    found = session.scalars(select(row.id).where(*these)).all()
    session.execute(update(row).where(row.id.in_(found)).values(revoked_at=at, revoked_by=by))
    return len(found)


def begin(session: Session, download: DownloadId, ticket: PackageTicket, *, address: str, at: datetime) -> None:
    """Write down a download that is about to begin."""
    key = sealed_texts.key_to_write(session, ticket.request)
    said = sealed_texts.encrypted(key, sealed_texts.DOWNLOAD, (download,), {"address": address})
    row = {"id": download, "ticket_id": ticket.id, "request_id": ticket.request, "at": at, "octets": 0, "whole": False}
    session.execute(insert(PackageDownloadRow).values(row | said))


def end(session: Session, download: DownloadId, *, octets: int, whole: bool, at: datetime) -> None:
    """`octets`: 0 also where nobody knows; the log says which."""
    row = PackageDownloadRow
    session.execute(update(row).where(row.id == download).values(ended_at=at, octets=octets, whole=whole))


def without_end(session: Session) -> list[tuple[DownloadId, TicketId]]:
    """Return the downloads that go on, or whose process ended before they did."""
    row = PackageDownloadRow
    found = session.execute(select(row.id, row.ticket_id).where(row.ended_at.is_(None)).order_by(row.at, row.id))
    return [(DownloadId(download), TicketId(ticket)) for download, ticket in found]


def _recipient(session: Session, row: PackageTicketRow) -> str:
    key = sealed_texts.key_of_request(session, RequestId(row.request_id))
    return sealed_texts.decrypted_or_said(key, sealed_texts.TICKET, row)["recipient"]


def _sealed(session: Session, number: TicketId) -> bytes:
    return bytes(session.scalars(select(PackageTicketRow.sealed).where(PackageTicketRow.id == number)).one())


def _find(session: Session, *these: object) -> list[PackageTicket]:
    row, download = PackageTicketRow, PackageDownloadRow
    count = select(func.count()).where(download.ticket_id == row.id).scalar_subquery()
    last = select(func.max(download.at)).where(download.ticket_id == row.id).scalar_subquery()
    query = select(row, count, last).where(*these).order_by(row.at.desc(), row.id.desc())  # type: ignore[arg-type]  # conditions
    return [
        PackageTicket(
            id=TicketId(found.id),
            number=found.number,
            package=PackageId(found.package_id),
            request=RequestId(found.request_id),
            release=ReleaseId(found.release_id),
            recipient=_recipient(session, found),
            by_name=found.by_name,
            at=found.at,
            until=found.until_at,
            most_downloads=found.most_downloads,
            downloads=downloads,
            last_download_at=latest,
            revoked_at=found.revoked_at,
        )
        for found, downloads, latest in session.execute(query.execution_options(populate_existing=True))
    ]
