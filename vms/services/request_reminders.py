"""Requests whose answer is nearly due, or overdue: the Director is mailed once before and once after; the pages tell it all the time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.request import UNDECIDED, ExportRequest
from vms.services.outbox import post
from vms.store import mails, requests

TOLD_AFTER = timedelta(days=2)
"""So long after the due date it is told: the outbox surely knows what it told."""


def notices_due(session: Session, settings: Settings, *, at: datetime) -> list[tuple[str, ExportRequest]]:
    """Return what is to be mailed of requests now and was not yet: what it is about, and which."""
    found = [(f"request/{one.id}/{'overdue' if one.is_overdue(at) else 'due'}", one) for one in _near(session, settings, at)]
    told = mails.told(session, [about for about, _ in found]) if found else set()
    return [(about, one) for about, one in found if about not in told]


def notify(session: Session, settings: Settings, *, at: datetime) -> None:
    """Queue a mail to the Director for each notice that is due. Who asks, and for what, is in no mail."""
    for about, one in notices_due(session, settings, at=at):
        when = f"{one.due_at:%Y-%m-%d %H:%M} UTC"
        told = f"was to be answered by {when}, and nobody has" if one.is_overdue(at) else f"is to be answered by {when}"
        body = (
            f"Request {one.number} for footage {told}.\n\nWhat it is about: sign in with vms login, and run vms request show {one.number}\n"
        )
        subject = f"Custodian: request {one.number} is {'overdue' if one.is_overdue(at) else 'soon due'}"
        post(session, settings, settings.director_address, about=about, subject=subject, body=body, at=at)


def _near(session: Session, settings: Settings, at: datetime) -> list[ExportRequest]:
    return requests.due_between(session, UNDECIDED, at - TOLD_AFTER, at + timedelta(days=settings.request_notice_days))
