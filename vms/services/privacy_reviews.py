"""Privacy reviews: due once a year, the evidence that there is in one pack, and their result; the public notice tells the last date."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.ids import PrivacyReviewId, new_number
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person
from vms.domain.placement import Registered
from vms.domain.privacy_review import MAX_RESULT_CHARS, REVIEW_EVERY, PrivacyReview, ReviewStanding
from vms.errors import NotFound
from vms.services import deletion_certificates, holds, placements, public_notice, trainings
from vms.services.access_log import DISTRICT, name_of, record, refuse
from vms.services.names import checked_text
from vms.services.notice_pages import draw
from vms.services.policies import list_versions
from vms.services.policy_documents import policy_document
from vms.services.refusals import not_allowed
from vms.store import access_tree, complaints, policies, privacy_reviews, reviews

LIST_LIMIT = 100
_WHO = "the Director or an auditor of the whole district"


def standing(session: Session, actor: Actor) -> ReviewStanding | Refused:
    """Return the reviews that were held, and when the next is due; NotFound before there is a district."""
    if not _may(actor, Permission.REVIEW_READ):
        return not_allowed("see the privacy reviews", _WHO)
    due_at = _due_at(session)
    if due_at is None:
        raise NotFound("There is no district here yet. Run: vms init")
    return ReviewStanding(tuple(privacy_reviews.find(session, limit=LIST_LIMIT)), due_at)


def overdue(session: Session, person: Person, *, at: datetime) -> bool:
    """Say whether `person` is to be told that a review is overdue: who enters its result is."""
    if not _may(person, Permission.POLICY_SET):
        return False
    due_at = _due_at(session)
    return due_at is not None and due_at <= at


def review(session: Session, settings: Settings, actor: Actor, result: str, *, at: datetime) -> PrivacyReview | Refused:
    """Enter what came of a review, with the digest of the evidence as it is now; the caller asks for a fresh proof before."""
    if not isinstance(actor, Person) or not _may(actor, Permission.POLICY_SET):
        return refuse(session, actor, Action.PRIVACY_REVIEW, not_allowed("enter a privacy review", "the Director"), at=at)
    sentence = f"Say in up to {MAX_RESULT_CHARS:,} characters what was found and what follows."
    text = checked_text(result, MAX_RESULT_CHARS, sentence)
    digest = public_notice.digest_of(_files(session, settings, actor, at))
    held = PrivacyReview(PrivacyReviewId(new_number()), at, actor.label, name_of(actor), text, digest)
    privacy_reviews.add(session, held)
    record(session, actor=actor, action=Action.PRIVACY_REVIEW, at=at, detail={"evidence": digest})
    return held


def evidence(session: Session, settings: Settings, actor: Actor, *, at: datetime) -> Mapping[str, bytes] | Refused:
    """Return the evidence as files: what is in force, what was done, what was complained about; nothing of sealed matters.

    Who took it is written into the log.
    """
    if not isinstance(actor, Person) or not _may(actor, Permission.REVIEW_READ):
        return refuse(session, actor, Action.EVIDENCE_TAKE, not_allowed("take the evidence of a privacy review", _WHO), at=at)
    files = _files(session, settings, actor, at)
    record(session, actor=actor, action=Action.EVIDENCE_TAKE, at=at, detail={"sha256": public_notice.digest_of(files)})
    return files


def _files(session: Session, settings: Settings, person: Person, at: datetime) -> dict[str, bytes]:
    checkpoint = access_tree.newest_checkpoint(session, DISTRICT)
    notice = draw(public_notice.gather(session, settings, at=at), settings.notice_url or "")
    files = {
        "policies.json": _json(_policies(session, person)),
        "holds.json": _json(_holds(session, person)),
        "complaints.json": _json(_complaints(session, person)),
        "cameras.json": _json(_listed(placements.register(session, person))),
        "training.json": _json(_training(session, settings, person, at)),
        "questions.json": _json([{"at": one.at, "said": one.sentence} for one in reviews.find(session, skip=0, limit=None)]),
        "reviews.json": _json([asdict(one) for one in privacy_reviews.find(session, limit=None)]),
        "checkpoint.txt": b"" if checkpoint is None else checkpoint.note.encode(),
    }
    for month in deletion_certificates.list_certificates(session, person):
        made = deletion_certificates.certificate_for(session, person, month)
        if not isinstance(made, Refused):
            files |= {f"certificates/{month}.json": made.document.encode(), f"certificates/{month}.note": made.note.encode()}
    return files | {f"notice/{name}": content for name, content in notice.items()}


def _policies(session: Session, person: Person) -> list[dict[str, object]]:
    found = list_versions(session, person)
    return [] if isinstance(found, Refused) else [policy_document(policy, spot.name, waits) for policy, spot, waits in found]


def _holds(session: Session, person: Person) -> list[dict[str, object]]:
    """Return holds without what they are about: that is for who deals with the matter."""
    found = holds.report(session, person)
    lines = [] if isinstance(found, Refused) else found
    return [
        {"hold": one.overview.hold.id, "kind": one.overview.hold.kind, "placed_at": one.overview.hold.placed_at, "bytes": one.size_bytes}
        | {"review_at": one.overview.hold.review_at, "released_at": one.overview.hold.released_at}
        for one in lines
    ]


def _complaints(session: Session, person: Person) -> list[dict[str, object]]:
    """Return all complaints that are for `person` to see, without who complained and what was said."""
    return [
        {"complaint": one.id, "about": one.about, "received_at": one.received_at, "due_at": one.due_at}
        | {"answered_at": None if one.answer is None else one.answer.at}
        for one in complaints.find(session, person, limit=None)
    ]


def _training(session: Session, settings: Settings, person: Person, at: datetime) -> dict[str, object]:
    found = trainings.register(session, settings, person, at=at)
    return {} if isinstance(found, Refused) else asdict(found)


def _listed(found: list[Registered] | Refused) -> list[dict[str, object]]:
    return [] if isinstance(found, Refused) else [asdict(one) for one in found]


def _json(told: object) -> bytes:
    return (json.dumps(told, indent=1, ensure_ascii=False, default=_plain) + "\n").encode()


def _plain(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _due_at(session: Session) -> datetime | None:
    """Return when the next is due, a year after the last or after set-up, which makes the first policy; None before that."""
    since = privacy_reviews.newest_at(session) or policies.oldest_at(session)
    return None if since is None else since + REVIEW_EVERY


def _may(actor: Actor, permission: Permission) -> bool:
    return isinstance(actor, Person) and actor.may(permission) and actor.reach(permission) is None
