"""What waits for a second person, for everybody whom it concerns: look at it, and stop it."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import RedirectResponse, Response

from vms.domain.ids import HoldId, ProposalId
from vms.domain.legal_hold import HoldStanding
from vms.domain.outcome import Refused
from vms.domain.people import PERMISSIONS, Permission, Person, Role
from vms.domain.second_person import OF_PERSONS, POWERS, Act, Proposal
from vms.services.holds import hold_for
from vms.services.second_person import list_waiting, names_of, stop
from web.deps import Rx, TheSite, Tx
from web.errors import refusal
from web.numbers import PathId
from web.permissions import SignedIn
from web.views import shell
from web.words import ROLE_LABELS

router = APIRouter(prefix="/waiting")
ACTS = {
    Act.PERSON_CONFIRM: "The account {name} is to work.",
    Act.PERSON_DELEGATE: "The Delegate’s role is to be lent to {name}.",
    Act.PERSON_RESET: "Password and second factor are to be taken off the account {name}, for somebody who lost them.",
    Act.HOLD_RELEASE: "The {name} is to be released: a week later its footage may be destroyed.",
    Act.POLICY_LOWER: "By the {name}, footage is to be kept for fewer days: what is older then is destroyed.",
}


class WaitingRow(TypedDict):
    id: int
    sentence: str
    by: str
    at: datetime
    reason: str
    earliest_at: datetime
    alone_at: datetime | None
    decider: str
    """A sentence: who says whether it is done."""
    may_stop: bool
    page: str | None
    """Where it is decided, if that is for the reader to see."""


@router.get("")
def waiting_page(person: SignedIn, site: TheSite, rx: Rx, request: Request, done: str = "") -> Response:
    waiting = list_waiting(rx, person)
    names = names_of(rx, waiting)
    context = shell(site, person, path=request.url.path) | {
        "waiting": [_row(rx, one, names[one.id], person) for one in waiting],
        "notice": "Stopped. It is not done." if done == "stopped" else None,
    }
    return site.pages.render("waiting.html", context, person=person)


@router.post("/{number}/stop")
def stop_waiting(number: PathId, person: SignedIn, site: TheSite, tx: Tx, request: Request) -> Response:
    answer = stop(tx, person, ProposalId(number), at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/waiting?done=stopped", 303)


def _row(session: Session, proposal: Proposal, name: str, person: Person) -> WaitingRow:
    page = _page(session, proposal, person)
    return WaitingRow(
        id=proposal.id,
        sentence=ACTS[proposal.act].format(name=name),
        by=proposal.by_name,
        at=proposal.at,
        # Why a hold is needed no more may name its matter.
        reason="" if proposal.act is Act.HOLD_RELEASE and page is None else proposal.reason,
        earliest_at=proposal.earliest_at,
        alone_at=proposal.alone_at,
        decider=_decider(proposal, person),
        may_stop=proposal.may_stop(person),
        page=page,
    )


def _page(session: Session, proposal: Proposal, person: Person) -> str | None:
    if proposal.act in OF_PERSONS:
        return "/people" if person.may(Permission.PEOPLE_READ) else None
    if proposal.act is Act.POLICY_LOWER:
        return "/policy" if person.may(Permission.POLICY_READ) else None
    seen = isinstance(hold_for(session, person, HoldId(proposal.subject)), HoldStanding)
    return f"/holds/{proposal.subject}" if seen else None


def _decider(proposal: Proposal, person: Person) -> str:
    if proposal.may_approve(person):
        return "You decide"
    able = [ROLE_LABELS[role] for role in Role if POWERS[proposal.act] in PERMISSIONS[role]]
    return f"The {' or a '.join(able)} decides"
