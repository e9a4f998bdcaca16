"""Mail to send: written once per subject and address, tried until it is taken or given up, then kept for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from vms.store.central_tables import MailRow
from vms.store.database import insert_into


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that comes with a mail, octet for octet."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to one address."""

    id: int
    about: str
    """What it tells of, such as checkpoint:2026-03-14."""
    recipient: str
    subject: str
    body: str
    at: datetime
    tries: int = 0
    attachment: Attachment | None = None


def add(session: Session, letter: Letter) -> None:
    """Queue a mail; nothing when that address was told of it already."""
    new = insert_into(session, MailRow).values(
        id=letter.id,
        about=letter.about,
        recipient=letter.recipient,
        subject=letter.subject,
        body=letter.body,
        attachment_name=letter.attachment.name if letter.attachment else None,
        attachment=letter.attachment.text if letter.attachment else None,
        at=letter.at,
        tries=letter.tries,
        next_try_at=letter.at,
    )
    session.execute(new.on_conflict_do_nothing())


def told(session: Session, abouts: Sequence[str]) -> set[str]:
    """Return those of `abouts` of which a mail was queued and is not forgotten."""
    return set(session.scalars(select(MailRow.about).where(MailRow.about.in_(abouts))))


def due(session: Session, at: datetime, *, limit: int) -> list[Letter]:
    """Return what is to be tried now, the oldest first."""
    query = select(MailRow).where(MailRow.next_try_at <= at).order_by(MailRow.at, MailRow.id).limit(limit)
    return [_letter(row) for row in session.scalars(query)]


def begin_try(session: Session, letter: Letter, *, next_try_at: datetime) -> bool:
    """Count a try before it is made, and say when the next one is; False when somebody else tries, or it is done with."""
    query = update(MailRow).where(MailRow.id == letter.id, MailRow.tries == letter.tries, MailRow.next_try_at.is_not(None))
    tried = session.execute(query.values(tries=letter.tries + 1, next_try_at=next_try_at).returning(MailRow.id))
    return tried.one_or_none() is not None


def sent(session: Session, letter: Letter, at: datetime) -> None:
    session.execute(update(MailRow).where(MailRow.id == letter.id).values(next_try_at=None, sent_at=at, done_at=at))


def give_up(session: Session, *, older_than: datetime, at: datetime) -> Sequence[str]:
    """End what was written before `older_than` and not sent; returns what each was about."""
    query = update(MailRow).where(MailRow.at < older_than, MailRow.next_try_at.is_not(None))
    return sorted(session.scalars(query.values(next_try_at=None, done_at=at).returning(MailRow.about)))


def _letter(row: MailRow) -> Letter:
    attachment = None if row.attachment is None else Attachment(row.attachment_name or "", row.attachment)
    return Letter(row.id, row.about, row.recipient, row.subject, row.body, row.at, row.tries, attachment)
