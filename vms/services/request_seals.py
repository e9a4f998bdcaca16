"""Whom the seal of a request names: who seals, counsel, and whoever else may read the register and is chosen."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.ids import PersonId
from vms.domain.people import Account, Permission, Person, Role
from vms.domain.request import RequestSeal
from vms.errors import InvalidInput
from vms.services.sealed_log import new_matter
from vms.store import people

MOST_NAMED = 50


def may_be_named(session: Session, *, at: datetime) -> list[Account]:
    """Return the accounts in use that may read the register of requests, by name."""
    return [one for one in people.find(session) if one.in_use(at) and Permission.REQUEST_READ in one.rights(at).permissions]


def named(session: Session, wanted: Iterable[PersonId], *, at: datetime) -> dict[PersonId, str]:
    """Return the accounts `wanted`, with their names; InvalidInput for one that may not be named."""
    able, chosen = {one.id: one.name for one in may_be_named(session, at=at)}, set(wanted)
    if not chosen <= set(able) or len(chosen) > MOST_NAMED:
        raise InvalidInput("A sealed request is named to accounts that may read the register of requests. Choose among those.")
    return {number: able[number] for number in sorted(chosen)}


def named_first(session: Session, actor: Person, wanted: Iterable[PersonId], *, at: datetime) -> dict[PersonId, str]:
    """Return whom a new seal names: `wanted`, who seals, and counsel, who advises on all of them."""
    counsel = {one.id: one.name for one in may_be_named(session, at=at) if one.role is Role.COUNSEL}
    return named(session, wanted, at=at) | counsel | {actor.id: actor.name}


def new_seal(settings: Settings, people: dict[PersonId, str]) -> RequestSeal:
    """Return a seal of a new matter. Its key is in `secrets/` when this returns: call it when nothing is refused any more."""
    return RequestSeal(new_matter(settings).id, people)
