"""Review dates of retention policies: the Director is told once before one and once when it is over; whoever looks is told all the time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.policy import REVIEW_NOTICE, RetentionPolicy, ReviewState
from vms.services.outbox import post
from vms.store import mails, policies


def to_review(session: Session, *, at: datetime) -> list[tuple[RetentionPolicy, str]]:
    """Return the policies that count and whose review date is near or over, each with a sentence that says so, the earliest first."""
    due = [one for one in policies.counting(session) if one.review_state(at) is not None]
    if not due:
        return []
    names = {spot.place: spot.name for spot in policies.spots(session)}
    return [(one, _sentence(one, names[one.place], at)) for one in sorted(due, key=_review_at) if one.place in names]


def notices_due(session: Session, *, at: datetime) -> list[tuple[str, str]]:
    """Return what is to be mailed of reviews now and was not yet: what it is about, and the sentence.

    Either is due for less than the 30 days that the outbox knows it, so it is mailed once.
    """
    found = [(f"policy/{one.version}/review/{one.review_state(at)}", one, sentence) for one, sentence in to_review(session, at=at)]
    told = mails.told(session, [about for about, _, _ in found])
    return [(about, sentence) for about, one, sentence in found if about not in told and at < _review_at(one) + REVIEW_NOTICE]


def notify(session: Session, settings: Settings, *, at: datetime) -> None:
    """Queue a mail to the Director for each notice that is due."""
    for about, sentence in notices_due(session, at=at):
        body = f"{sentence}\n\nWhat it says: sign in with vms login, and run vms policy show\n"
        post(session, settings, settings.director_address, about=about, subject="Custodian: retention policy to review", body=body, at=at)


def _sentence(policy: RetentionPolicy, name: str, at: datetime) -> str:
    day = f"{_review_at(policy):%Y-%m-%d %H:%M} UTC"
    which = f"Version {policy.version} of the retention policy, of {name},"
    if policy.review_state(at) is ReviewState.OVER:
        return f"{which} was to be reviewed by {day}, and nobody has. It counts on: set it anew with another review date."
    return f"{which} is to be reviewed by {day}: set it anew with another review date, whether anything else changes or not."


def _review_at(policy: RetentionPolicy) -> datetime:
    if policy.review_at is None:
        raise ValueError(f"version {policy.version} has no review date")
    return policy.review_at
