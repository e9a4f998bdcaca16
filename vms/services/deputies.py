"""Who stands in for the Director when a warrant is at the door: the Director's list, in the order in which they are called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from vms.config import is_mail_address
from vms.domain.access import Action
from vms.domain.door import MAX_PHONE_CHARS, MOST_DEPUTIES, Deputy
from vms.domain.outcome import Refused
from vms.domain.people import Account, Actor, Permission, Person
from vms.errors import InvalidInput
from vms.services.access_log import record, refuse
from vms.services.names import checked_words
from vms.services.refusals import not_allowed
from vms.store import door, people


@dataclass(frozen=True, slots=True)
class NamedDeputy:
    """A deputy with the account's name; whoever may decide about no request any more is not called."""

    deputy: Deputy
    name: str
    decides: bool


def set_deputies(
    session: Session, actor: Actor, deputies: Sequence[Deputy], *, nobody: bool = False, at: datetime
) -> list[NamedDeputy] | Refused:
    """Put this list in the place of the one before, the first to be called first; the caller asks for a fresh proof before.

    `nobody`: it is meant to be empty. InvalidInput for an empty one without that word, or one with people and with it; for somebody who may
    not decide about requests, who is there twice, or who can't be reached.
    """
    if not isinstance(actor, Person) or not actor.may(Permission.PEOPLE_CONFIRM):
        return refuse(session, actor, Action.DEPUTY_SET, not_allowed("say who stands in for the Director", "the Director"), at=at)
    if not deputies and not nobody:
        raise InvalidInput("The list is empty: nothing was changed. Give somebody a place in it, or say that nobody is to be called.")
    if deputies and nobody:
        raise InvalidInput("Say either who is called, or that nobody is: nothing was changed.")
    if len(deputies) > MOST_DEPUTIES or len({one.person for one in deputies}) < len(deputies):
        raise InvalidInput(f"The list has up to {MOST_DEPUTIES} people, each once.")
    may = {one.id: one.name for one in candidates(session, at=at)}
    checked = []
    for one in deputies:
        if one.person not in may:
            raise InvalidInput("Name people who may decide about requests: Directors, Delegates, and whom the Delegate's role is lent to.")
        checked.append(_checked(one, may[one.person]))
    door.put_deputies(session, checked)
    names = ", ".join(may[one.person] for one in checked) or "nobody"
    record(session, actor=actor, action=Action.DEPUTY_SET, at=at, detail={"names": names})
    return list_deputies(session, at=at)


def list_deputies(session: Session, *, at: datetime) -> list[NamedDeputy]:
    """Return the list in its order, for whoever is signed in and has to reach somebody."""
    known = door.deputies(session)
    if not known:
        return []
    accounts = {one.id: one for one in people.find(session)}
    return [NamedDeputy(one, accounts[one.person].name, _decides(accounts[one.person], at)) for one in known]


def candidates(session: Session, *, at: datetime) -> list[Account]:
    """Return the accounts that may decide about requests now."""
    return [one for one in people.find(session) if _decides(one, at)]


def _decides(account: Account, at: datetime) -> bool:
    return account.in_use(at) and Permission.REQUEST_DECIDE in account.rights(at).permissions


def _checked(deputy: Deputy, name: str) -> Deputy:
    phone, mail = deputy.phone.strip(), deputy.mail.strip()
    if not (phone or mail):
        raise InvalidInput(f"Say how {name} is reached: a telephone number, a mail address, or both.")
    if phone:
        phone = checked_words(phone, MAX_PHONE_CHARS, f"A telephone number has up to {MAX_PHONE_CHARS} characters, in one line.")
    if mail and not is_mail_address(mail):
        raise InvalidInput(f"‘{mail}’ is no mail address. Write it as NAME@DOMAIN in plain letters.")
    return Deputy(deputy.person, phone, mail)
