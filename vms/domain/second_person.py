"""Acts that need a second person: one proposes, another approves. Where nobody else could, the act waits, and anybody may stop it.

Two rules bend for nothing: who proposed an act never approves it, and nobody approves what raises their own rights.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vms.domain.ids import ProposalId
from vms.domain.people import Permission, Person

ALONE_WAIT = timedelta(hours=72)
"""So long an act waits where nobody else holds the power to approve it."""


class Act(StrEnum):
    PERSON_CONFIRM = "person:confirm"
    """Let an account sign in."""
    PERSON_RESET = "person:reset"
    """Take password and second factor off an account whose owner lost them."""
    PERSON_DELEGATE = "person:delegate"
    """Lend the Delegate's role to an account."""
    HOLD_RELEASE = "hold:release"
    """Let footage that a legal hold protects be destroyed again."""
    POLICY_LOWER = "policy:lower"
    """Keep footage for fewer days."""


OF_PERSONS = frozenset({Act.PERSON_CONFIRM, Act.PERSON_RESET, Act.PERSON_DELEGATE})
"""Acts whose subject is an account."""
POWERS: dict[Act, Permission] = dict.fromkeys(OF_PERSONS, Permission.PEOPLE_CONFIRM) | {
    Act.HOLD_RELEASE: Permission.HOLD_RELEASE,
    Act.POLICY_LOWER: Permission.POLICY_CONFIRM,
}
"""Who holds the permission may be the second person."""


class Alone(StrEnum):
    """Whether an act that nobody approved is done after `ALONE_WAIT`."""

    WHEN_NOBODY = "when nobody else could approve it"
    ALWAYS = "always"
    """Nobody is to be asked: the Board has decided."""
    NEVER = "never"


class Decision(StrEnum):
    APPROVED = "approved"
    STOPPED = "stopped"
    ALONE = "alone"
    """Nobody could approve, and in 72 hours nobody stopped it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An act that waits for a second person."""

    id: ProposalId
    act: Act
    subject: int
    """Whose rights it is about, which hold, or which version of a policy: the number of what `act` is done to."""
    reason: str
    by: str
    """`Actor.label`"""
    by_name: str
    at: datetime
    earliest_at: datetime
    """Nothing is done before, whoever approves."""
    alone_at: datetime | None
    """When it is done although nobody approved; None where somebody could."""

    def is_about(self, person: Person) -> bool:
        return self.act in OF_PERSONS and person.id == self.subject

    def may_approve(self, person: Person) -> bool:
        return person.may(POWERS[self.act]) and person.label != self.by and not self.is_about(person)

    def may_stop(self, person: Person) -> bool:
        """Say whether `person` may stop it: who could approve, who proposed, whom it is about, and everybody when it is done alone."""
        if self.alone_at is not None or person.label == self.by or self.is_about(person):
            return True
        # Of what is about no account nobody knows here where it lies: who could approve it in a part of the district alone does not.
        return self.may_approve(person) and (self.act in OF_PERSONS or person.reach(POWERS[self.act]) is None)
