"""What the log's rules asked about, and the months' digests, for Director and Auditor; reading them is an entry too."""

from __future__ import annotations

from typing import TypedDict
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from vms.domain.digest import Counts, counts_from
from vms.domain.outcome import Refused
from vms.domain.people import Role
from vms.domain.review import Rule
from vms.services.reviews import LIST_LIMIT, list_reviews
from vms.store.reviews import Review
from web.deps import TheSite, Tx
from web.errors import refusal
from web.log_rows import Kind
from web.numbers import id_of
from web.permissions import ReviewReader
from web.views import shell
from web.words import ROLE_LABELS

router = APIRouter()


class Question(TypedDict):
    at: object
    sentence: str
    log: str
    """Where the log's entries of that account are."""


class Account(TypedDict):
    counts: Counts
    role_label: str


class Digest(TypedDict):
    sentence: str
    accounts: list[Account]


@router.get("/reviews")
def reviews_page(person: ReviewReader, tx: Tx, site: TheSite, request: Request, skip: str = "") -> Response:
    # First, because it asks the recorder: a transaction that has begun holds up every writer.
    around = shell(site, person, path=request.url.path)
    skipped = id_of(skip) or 0
    page = list_reviews(tx, person, at=site.clock.now(), skip=skipped)
    if isinstance(page, Refused):
        return refusal(request, page, person=person)
    context = around | {
        "questions": [_question(review) for review in page.reviews if review.counts is None],
        "digests": [_digest(review, review.counts) for review in page.reviews if review.counts is not None],
        "older": f"/reviews?skip={skipped + LIST_LIMIT}" if len(page.reviews) == LIST_LIMIT else None,
        "newer": "/reviews" if skipped else None,
        "own_number": page.own_number,
    }
    return site.pages.render("reviews.html", context, person=person)


def _question(review: Review) -> Question:
    kind = Kind.REFUSED if review.about.startswith(Rule.REFUSED) else Kind.RECORDINGS
    where = urlencode({"person": (review.actor or "").removeprefix("person:"), "kind": kind.value})
    return Question(at=review.at, sentence=review.sentence, log=f"/log?{where}")


def _digest(review: Review, counts: str) -> Digest:
    accounts = [Account(counts=row, role_label=ROLE_LABELS[Role(row.role)] if row.role in set(Role) else "") for row in counts_from(counts)]
    return Digest(sentence=review.sentence, accounts=accounts)
