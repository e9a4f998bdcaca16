"""Look at who watches: take in the log's new entries, tell each finding once, make a month's digest, and show them, which is logged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import AccessEvent, Action
from vms.domain.digest import Counts, Month, counts_from, counts_of, counts_text, emergencies_sentence, lines, month_before
from vms.domain.ids import CameraId, new_number
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person, System
from vms.domain.review import TOLD_AGAIN_DAYS, Finding, find, sentence
from vms.domain.timespan import Timespan, day_of
from vms.domain.watching import DAYS_KEPT, RELEVANT, Watching
from vms.services.access_log import DISTRICT, record, refuse
from vms.services.district import zone_of_district
from vms.services.outbox import post
from vms.services.refusals import not_allowed
from vms.store import access_log, cameras, emergencies, reviews
from vms.store.cameras import Removed
from vms.store.reviews import Review

JOB = System("review")
LIST_LIMIT = 100
_FILE_NAME = re.compile(r"\d{4}-\d{2}(-\d{2}-[0-9a-f]+)?\.txt")
"""Of a month's digest, or of a finding: day and number."""
SLACK = timedelta(days=1)
"""Entries follow the clock, but for one that was set."""


@dataclass(slots=True)
class Known:
    """What is in memory of the log between two looks: four weeks of watching, up to a number. Begins empty, and is made from the log."""

    zone: str = ""
    number: int = 0
    watching: Watching = field(default_factory=lambda: Watching("UTC"))


def catch_up(session: Session, known: Known, at: datetime) -> list[Finding]:
    """Take in what was written since the last look, and return every pattern that is there now."""
    zone = zone_of_district(session)
    if zone != known.zone:
        known.zone, known.watching = zone, Watching(zone)
        known.number = access_log.last_before(session, DISTRICT, at - timedelta(days=DAYS_KEPT) - SLACK)
    for event in access_log.following(session, DISTRICT, RELEVANT, after=known.number):
        known.watching.take(event)
        known.number = event.number
    today = at.astimezone(ZoneInfo(zone)).date()
    known.watching.forget(today)
    return find(known.watching, today)


def tell(session: Session, settings: Settings, findings: list[Finding], *, at: datetime) -> list[Review]:
    """Store what was not told lately, write that into the log, queue the mail; returns what is new."""
    since = at - timedelta(days=TOLD_AGAIN_DAYS)
    names = _camera_names(session)
    new = [finding for finding in findings if not reviews.told(session, finding.key, since=since)]
    number = access_log.newest(session, DISTRICT)
    told = [Review(new_number(), one.key, at, one.actor, sentence(one, names), None, number) for one in new]
    for finding, review in zip(new, told, strict=True):
        _add(session, settings, review, subject="Custodian: a question about who watched", lines_=[review.sentence])
        record(session, actor=JOB, action=Action.REVIEW_ADD, at=at, detail={"rule": finding.rule.value, "of": finding.actor})
    return told


def month_due(session: Session, at: datetime) -> Month | None:
    """Return the month that ended last if it has no digest yet and the log began before its end."""
    zone = zone_of_district(session)
    month = month_before(at.astimezone(ZoneInfo(zone)).date())
    begun = access_log.last_before(session, DISTRICT, day_of(month.after, zone).start) > 0
    return month if begun and not reviews.told(session, month.key) else None


def count_month(session: Session, month: Month) -> list[Counts]:
    """Count a month again from the log."""
    zone = zone_of_district(session)
    during = _span_of(month, zone)
    watching = Watching(zone)
    for event in _events(session, during):
        watching.take(event)
    return counts_of(watching, reviews.subjects(session, during))


def add_digest(session: Session, settings: Settings, month: Month, rows: list[Counts], *, at: datetime) -> Review:
    """Store a month's digest, write that into the log, queue the mail."""
    told = emergencies.count(session, _span_of(month, zone_of_district(session)))
    said = f"Who watched in {month.name}: accounts {len(rows)}, questions told {sum(row.questions for row in rows)}."
    said += emergencies_sentence(reviewed=told.reviewed, unreviewed=told.unreviewed, unreviewed_before=told.unreviewed_before)
    review = Review(new_number(), month.key, at, None, said, counts_text(rows), access_log.newest(session, DISTRICT))
    _add(session, settings, review, subject=f"Custodian: who watched in {month.name}", lines_=[said, "", *lines(rows)])
    record(session, actor=JOB, action=Action.REVIEW_ADD, at=at, detail={"digest": f"{month.first:%Y-%m}", "accounts": str(len(rows))})
    return review


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Reviews, newest first."""

    reviews: tuple[Review, ...]
    own_number: int
    """Of the entry that reading them wrote."""


def list_reviews(session: Session, actor: Actor, *, at: datetime, skip: int = 0) -> ReviewPage | Refused:
    """Return findings and digests; they are about the whole district, and so is who may read them. The reading is written."""
    if not isinstance(actor, Person) or not actor.may(Permission.REVIEW_READ) or actor.reach(Permission.REVIEW_READ) is not None:
        why = not_allowed("read what was asked about the access log", "the Director or an auditor of the whole district")
        return refuse(session, actor, Action.REVIEW_READ, why, at=at)
    found = tuple(reviews.find(session, skip=skip, limit=LIST_LIMIT))
    own = record(session, actor=actor, action=Action.REVIEW_READ, at=at, detail={"reviews": str(len(found))})
    return ReviewPage(found, own)


def file_name(review: Review) -> str:
    """Return the name of the file that a review is kept in."""
    name = review.about.partition("/")[2] if review.counts is not None else f"{review.at:%Y-%m-%d}-{review.id:x}"
    return f"{name}.txt"


def gone(session: Session, names: Iterable[str]) -> set[str]:
    """Return those of `names` that are a review's file name, of one that is not stored any more."""
    return {name for name in names if _FILE_NAME.fullmatch(name)} - {file_name(review) for review in reviews.every(session)}


def text_of(review: Review) -> str:
    """Return a review as text, as its mail and its file have it."""
    told = [review.sentence, "", *lines(counts_from(review.counts))] if review.counts is not None else [review.sentence]
    return "\n".join(told) + "\n"


def _span_of(month: Month, zone: str) -> Timespan:
    return Timespan(day_of(month.first, zone).start, day_of(month.after, zone).start)


def _add(session: Session, settings: Settings, review: Review, *, subject: str, lines_: list[str]) -> None:
    reviews.add(session, review)
    told = [
        *lines_,
        "",
        f"From the access log of {settings.district}, read by rules that look at every account alike.",
        "Sign in and open Reviews for more, or count it again in the log.",
    ]
    to = settings.auditor_address or settings.outside_address
    post(session, settings, to, about=f"review:{review.id}", subject=subject, body="\n".join(told), at=review.at)


def _events(session: Session, during: Timespan) -> Iterator[AccessEvent]:
    after = access_log.last_before(session, DISTRICT, during.start - SLACK)
    for event in access_log.following(session, DISTRICT, RELEVANT, after=after):
        if event.at >= during.end + SLACK:
            return
        if during.contains(event.at):
            yield event


def _camera_names(session: Session) -> Mapping[CameraId, str]:
    return {one.camera.id: one.camera.name for one in cameras.find(session, None, removed=Removed.INCLUDED)}
