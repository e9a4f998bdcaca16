"""Tell outside what waits, and do what waited alone long enough: the one place that knows which service carries out which act."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.second_person import OF_PERSONS, Act, Proposal
from vms.services import delegations, hold_release, people, policies, second_person
from vms.services.access_log import together
from vms.services.log_erase import has_run_a_day
from vms.services.outbox import post
from vms.store import holds

_WORDS = {
    Act.PERSON_CONFIRM: "the account {name} is to work",
    Act.PERSON_RESET: "the account {name} is to be reset",
    Act.PERSON_DELEGATE: "the Delegate's role is to be lent to {name}",
    Act.HOLD_RELEASE: "the {name} is to be released",
    Act.POLICY_LOWER: "by the {name}, footage is to be kept for fewer days",
}
_CARRY_OUT: dict[Act, Callable[[Session, Proposal, datetime], None]] = {
    Act.PERSON_CONFIRM: people.confirm_alone,
    Act.PERSON_DELEGATE: delegations.confirm_alone,
    Act.HOLD_RELEASE: hold_release.release_alone,
    Act.POLICY_LOWER: policies.lower_alone,
}
"""An act without a line is never done alone."""


def announce(session: Session, settings: Settings, *, at: datetime) -> None:
    """Queue a mail about each act that everybody is to know of, once to each address outside; nothing while mail is off."""
    second_person.mark_announced(session, at=at)
    for proposal, name in second_person.to_announce(session):
        for address in {settings.outside_address, settings.auditor_address}:
            subject = f"Custodian: {_WORDS[proposal.act].format(name=name)}"
            post(session, settings, address, about=f"proposal/{proposal.id}", subject=subject, body=_body(proposal, subject), at=at)


def carry_out_due(session: Session, *, at: datetime) -> list[Proposal]:
    """Do every act whose time has come and return them; marks and acts commit together.

    By a clock that leapt no window becomes shorter: nodes would destroy at once what three days were to save.
    """
    holds.lock(session)  # first, as whoever confirms does
    leapt = not has_run_a_day(session, at=at)
    with together(session):  # the log is the last that is locked
        due = second_person.take_due(session, at=at, but=frozenset({Act.POLICY_LOWER}) if leapt else frozenset())
        for proposal in due:
            _CARRY_OUT[proposal.act](session, proposal, at)
    return due


def _body(proposal: Proposal, subject: str) -> str:
    when = proposal.alone_at or proposal.earliest_at
    # Why a hold is needed no more may name somebody.
    reason = f" Reason: {proposal.reason}" if proposal.reason and proposal.act in OF_PERSONS else ""
    lines = [
        f"{subject}.",
        f"Proposed by {proposal.by_name} on {proposal.at:%Y-%m-%d %H:%M} UTC.{reason}",
        f"It is done from {when:%Y-%m-%d %H:%M} UTC on"
        + (
            ", although nobody else could approve it, unless somebody with an account stops it."
            if proposal.alone_at
            else ", if the Director agrees."
        ),
        "Who has an account stops it on the page Waiting. The district named your address for what one person does alone.",
    ]
    return "\n\n".join(lines) + "\n"
