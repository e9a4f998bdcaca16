"""The rules per instrument: what is in force, a version that somebody proposes as a document, and the Director's yes to it.

Under the lock of `hold_clock`, as deciding about a request is: nothing is approved by rules that are changed in the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.instrument_rules import MAX_REASON_CHARS, Change, RulesApproval, RulesVersion, differences, rules_from, text_of
from vms.domain.instruments import SHIPPED, Rules
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Actor, Permission, Person, allows
from vms.errors import Conflict, Corrupt, InvalidInput
from vms.services.access_log import name_of, record, refuse
from vms.services.names import checked_words
from vms.services.refusals import no_such, not_allowed
from vms.store import holds, instrument_rules

LIST_LIMIT = 500
_WHOLE = "the Director of the whole district"
_READ = "whoever may see how long footage is kept"


@dataclass(frozen=True, slots=True)
class RulesStanding:
    """What is in force, and every version that there was."""

    rules: Rules
    text: str
    """The document of what is in force, to be edited: it is based on what is in force."""
    versions: tuple[RulesVersion, ...]
    """The newest first, without the product's own."""

    @property
    def waiting(self) -> RulesVersion | None:
        """Return the version that may be approved: the newest, as long as nothing else came into force since."""
        newest = next(iter(self.versions), None)
        return newest if newest is not None and newest.approval is None and newest.based_on == self.rules.version else None


@dataclass(frozen=True, slots=True)
class RulesLook:
    """One version beside what is in force."""

    version: RulesVersion
    changes: tuple[Change, ...]
    """Against the version that it was made from."""
    waits: bool
    """It may be approved."""


def in_force(session: Session) -> Rules:
    """Return the rules that count now."""
    return rules_of(session, instrument_rules.in_force(session))


def rules_of(session: Session, version: int) -> Rules:
    """Return the rules of a version; Corrupt when this program can't read them."""
    if version == SHIPPED.version:
        return SHIPPED
    found = instrument_rules.get(session, version)
    if found is None:
        raise Corrupt(f"Version {version} of the rules per instrument is gone. Restore the central database from a backup.")
    try:
        return found.rules
    except InvalidInput as err:
        raise Corrupt(
            f"Version {version} of the rules per instrument can't be read: {err} Run the program that it was approved with."
        ) from err


def standing(session: Session) -> RulesStanding:
    """Return what is in force, for anybody with an account: the rules are no secret."""
    rules = in_force(session)
    return RulesStanding(rules, text_of(rules.version, rules.of), tuple(instrument_rules.find(session, limit=LIST_LIMIT)))


def look_at(session: Session, actor: Actor, version: int) -> RulesLook | Refused:
    """Return a version with what it says otherwise than the one that it was made from."""
    if not allows(actor, Permission.POLICY_READ):
        return not_allowed("see proposed rules", _READ)
    found, current = instrument_rules.get(session, version), standing(session)
    if found is None:
        return no_such("version of the rules")
    changes = differences(rules_of(session, found.based_on).of, found.rules.of)
    return RulesLook(found, tuple(changes), current.waiting is not None and current.waiting.version == version)


def propose(session: Session, actor: Actor, document: str | bytes, reason: str, *, at: datetime) -> RulesVersion | Refused:
    """Keep a document as a new version, which counts when the Director has approved it; it takes the place of one that waits.

    InvalidInput says what of it can't be, Conflict that other rules are in force than it was made from.
    """
    if not isinstance(actor, Person) or not actor.may(Permission.POLICY_READ):
        return refuse(session, actor, Action.RULES_PROPOSE, not_allowed("propose rules", _READ), at=at)
    draft = rules_from(document)
    why = checked_words(reason, MAX_REASON_CHARS, f"Say in up to {MAX_REASON_CHARS} characters why the rules are to change.")
    holds.lock(session)
    current = in_force(session)
    if draft.based_on != current.version:
        raise Conflict(
            f"The document was made from version {draft.based_on}, and version {current.version} is in force. "
            "Download that one, and say again what is to change."
        )
    if not (changes := differences(current.of, draft.of)):
        raise InvalidInput("That is what the rules in force say already: nothing would change.")
    number, text = instrument_rules.newest(session) + 1, text_of(draft.based_on, draft.of)
    version = RulesVersion(number, draft.based_on, text, why, actor.label, name_of(actor), at)
    instrument_rules.add(session, version)
    detail = _told(version) | {"changes": ", ".join(f"{one.instrument} {one.field}" for one in changes)}
    record(session, actor=actor, action=Action.RULES_PROPOSE, at=at, detail=detail)
    return version


def approve(session: Session, actor: Actor, version: int, sha256: str, *, at: datetime) -> RulesVersion | Refused:
    """Put a version in force, exactly the document of this digest, by a Director who did not propose it and has shown lately who they are.

    What is decided from then on is decided by it, whenever it was entered. Conflict when it waits no more, or is another document.
    """
    refused = _may_not_approve(actor, at)
    if refused is not None:
        return refuse(session, actor, Action.RULES_APPROVE, refused, at=at)
    holds.lock(session)
    current = standing(session)
    found = next((one for one in current.versions if one.version == version), None)
    if found is None or not isinstance(actor, Person):
        return no_such("version of the rules")
    if found != current.waiting or found.sha256 != sha256:
        raise Conflict(f"Version {version} waits for no approval, or is not what you looked at. Look at the newest.")
    if actor.label == found.by:
        own = "Who proposed rules never approves them. Another Director does, or somebody else proposes what you want."
        return refuse(session, actor, Action.RULES_APPROVE, Refused(Refusal.NOT_ALLOWED, own), at=at)
    instrument_rules.approve(session, found, RulesApproval(actor.label, name_of(actor), actor.proof.value, at))
    record(session, actor=actor, action=Action.RULES_APPROVE, at=at, detail=_told(found) | {"proposed_by": found.by_name})
    return instrument_rules.get(session, version) or _lost(version)


def _may_not_approve(actor: Actor, at: datetime) -> Refused | None:
    if not isinstance(actor, Person) or not actor.may(Permission.POLICY_SET) or actor.reach(Permission.POLICY_SET) is not None:
        return not_allowed("approve rules", _WHOLE)
    if not actor.proved_lately(at):
        return Refused(Refusal.PROVE, "Show again that it is you. For this, that may be at most five minutes ago.")
    return None


def _told(version: RulesVersion) -> dict[str, str]:
    return {"version": str(version.version), "based_on": str(version.based_on), "sha256": version.sha256, "reason": version.reason}


def _lost(version: int) -> RulesVersion:
    raise Corrupt(f"Version {version} of the rules per instrument is gone. Restore the central database from a backup.")
