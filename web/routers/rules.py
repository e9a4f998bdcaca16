"""The rules in force, for everybody with an account: who may do what, how far back, for how long, and for what purposes."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from starlette.responses import Response

from vms.domain.access import Purpose
from vms.domain.people import IDLE_LIMITS, LOOK_BACK, OF_EVERYBODY, PERMISSIONS, SESSION_LIMITS, Permission, Role, needs_second_factor
from web.deps import TheSite
from web.permissions import SignedIn
from web.views import shell
from web.words import ACTS, PURPOSE_LABELS, PURPOSE_SENTENCES, ROLE_LABELS

router = APIRouter()
UNSAID = OF_EVERYBODY | {Permission.HEALTH_READ}
"""Everybody's, and what no page asks for yet."""


@router.get("/rules")
def rules_page(person: SignedIn, site: TheSite, request: Request) -> Response:
    context = shell(site, person, path=request.url.path) | {
        "may_train": person.may(Permission.TRAINING_KEEP),
        "roles": [ROLE_LABELS[role] for role in Role],
        "own_role": ROLE_LABELS[person.role],
        "acts": [(ACTS[act], [act in PERMISSIONS[role] for role in Role]) for act in Permission if act not in UNSAID],
        "look_back": [_look_back(role) for role in Role],
        "factors": ["yes" if needs_second_factor(role) else "" for role in Role],
        "sessions": [f"{_hours(SESSION_LIMITS[role])}, idle {IDLE_LIMITS[role] // timedelta(minutes=1)} min" for role in Role],
        "purposes": [(PURPOSE_LABELS[purpose], PURPOSE_SENTENCES[purpose]) for purpose in Purpose],
    }
    return site.pages.render("rules.html", context, person=person)


def _look_back(role: Role) -> str:
    if Permission.RECORDED_VIEW not in PERMISSIONS[role]:
        return ""
    return "all that is kept" if (limit := LOOK_BACK.get(role)) is None else _hours(limit)


def _hours(length: timedelta) -> str:
    return f"{length // timedelta(hours=1)} h"
