"""The rules in force, for everybody with an account: who may do what and for what, and what is asked of each instrument."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from sqlalchemy.orm import Session
from starlette.responses import Response

from vms.domain.access import Purpose
from vms.domain.instrument_rules import MAX_REASON_CHARS, spoken_rule
from vms.domain.instruments import Instrument
from vms.domain.people import (
    IDLE_LIMITS,
    LOOK_BACK,
    OF_EVERYBODY,
    PERMISSIONS,
    SESSION_LIMITS,
    Permission,
    Person,
    Role,
    needs_second_factor,
)
from vms.services import instrument_rules
from web.deps import Rx, Site, TheSite
from web.permissions import SignedIn
from web.views import shell
from web.words import ACTS, INSTRUMENTS, PURPOSE_LABELS, PURPOSE_SENTENCES, ROLE_LABELS, RULE_FIELDS, rule_value

router = APIRouter()
UNSAID = OF_EVERYBODY | {Permission.HEALTH_READ}
"""Everybody's, and what no page asks for yet."""


@router.get("/rules")
def rules_page(person: SignedIn, site: TheSite, rx: Rx, request: Request) -> Response:
    return rules_answer(site, rx, person, request)


def rules_answer(
    site: Site, session: Session, person: Person, request: Request, *, reason: str = "", error: str | None = None, status: int = 200
) -> Response:
    """Draw the page; `reason` and `error`: of a version that was proposed on it and can't be."""
    standing = instrument_rules.standing(session)
    told = {one: spoken_rule(standing.rules.of[one]) for one in Instrument}
    context = shell(site, person, path=request.url.path) | {
        "standing": standing,
        "instruments": [(INSTRUMENTS[one], {field: rule_value(text) for field, text in rule.items()}) for one, rule in told.items()],
        "fields": [(field, label) for field, label in RULE_FIELDS.items() if field not in {"letter", "form"}],
        "may_propose": person.may(Permission.POLICY_READ),
        "most_reason": MAX_REASON_CHARS,
        "reason": reason,
        "error": error,
        "may_train": person.may(Permission.TRAINING_KEEP),
        "roles": [ROLE_LABELS[role] for role in Role],
        "own_role": ROLE_LABELS[person.role],
        "acts": [(ACTS[act], [act in PERMISSIONS[role] for role in Role]) for act in Permission if act not in UNSAID],
        "look_back": [_look_back(role) for role in Role],
        "factors": ["yes" if needs_second_factor(role) else "" for role in Role],
        "sessions": [f"{_hours(SESSION_LIMITS[role])}, idle {IDLE_LIMITS[role] // timedelta(minutes=1)} min" for role in Role],
        "purposes": [(PURPOSE_LABELS[purpose], PURPOSE_SENTENCES[purpose]) for purpose in Purpose],
    }
    return site.pages.render("rules.html", context, person=person, status=status)


def _look_back(role: Role) -> str:
    if Permission.RECORDED_VIEW not in PERMISSIONS[role]:
        return ""
    return "all that is kept" if (limit := LOOK_BACK.get(role)) is None else _hours(limit)


def _hours(length: timedelta) -> str:
    return f"{length // timedelta(hours=1)} h"
