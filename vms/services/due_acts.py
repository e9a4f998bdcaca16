"""Do what waited alone long enough: the one place that knows which service carries out which act."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from vms.domain.second_person import Act, Proposal
from vms.services import people, second_person

_CARRY_OUT: dict[Act, Callable[[Session, Proposal, datetime], None]] = dict.fromkeys(
    (Act.PERSON_CONFIRM, Act.PERSON_RESET), people.carry_out
)


def carry_out_due(session: Session, *, at: datetime) -> list[Proposal]:
    """Do every act whose time has come and return them; marks and acts commit together."""
    due = second_person.take_due(session, at=at)
    for proposal in due:
        _CARRY_OUT[proposal.act](session, proposal, at)
    return due
