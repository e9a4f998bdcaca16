"""What the district's OpenID provider says of somebody, and which role its groups propose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from vms.domain.people import PROOF_LASTS, Role

CLOCK_LEEWAY = timedelta(minutes=1)
"""So far the provider's clock may be ahead of ours, or behind."""
MAX_SUBJECT_CHARS = 255


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as the provider knows them. Issuer and subject say who it is; the name is only one to begin with."""

    issuer: str
    subject: str
    name: str
    groups: frozenset[str]
    second_factor: bool
    """Whether the provider saw one."""
    authenticated_at: datetime | None
    """When the person last showed the provider who they are; None when it does not tell."""

    def proved_lately(self, at: datetime) -> bool:
        """Say whether the person showed the provider just now who they are."""
        return self.authenticated_at is not None and -CLOCK_LEEWAY <= at - self.authenticated_at <= PROOF_LASTS


@dataclass(frozen=True, slots=True)
class Linked:
    """The identity of an account."""

    issuer: str
    subject: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """What a group proposes: a role, in one branch or in the whole district."""

    role: Role
    branch: str
    """Its name; empty means the whole district."""


Places = Mapping[str, Place]
"""Group → place, in the order in which they count."""


def parse_places(texts: Mapping[str, str]) -> Places:
    """Read `{"group": "desk at Central"}`; ValueError says which entry can't be used."""
    return {group: _place(group, text) for group, text in texts.items()}


def place_of(groups: Iterable[str], places: Places) -> Place | None:
    """Return what the first of `places` that is among `groups` proposes."""
    mine = frozenset(groups)
    return next((place for group, place in places.items() if group in mine), None)


def gives(groups: Iterable[str], places: Places, role: Role) -> bool:
    """Say whether one of `groups` stands for `role`."""
    mine = frozenset(groups)
    return any(place.role is role for group, place in places.items() if group in mine)


def _place(group: str, text: str) -> Place:
    word, _, branch = text.partition(" at ")
    try:
        role = Role(word.strip())
    except ValueError as err:
        raise ValueError(f"oidc_roles: {text!r} of {group!r} is no role. Write one of {', '.join(Role)}, or desk at Central.") from err
    if role is Role.DELEGATE:
        raise ValueError(f"oidc_roles: {group!r} can't stand for a delegate, whose account needs a last day. Add that account by hand.")
    return Place(role, " ".join(branch.split()))
