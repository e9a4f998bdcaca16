"""The training register: who was trained to refer inquiries to the Director, and which accounts were not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.ids import TrainingId, new_number
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person
from vms.domain.training import MAX_NAME_CHARS, MAX_WHAT_CHARS, TRAINING_LASTS, Training, untrained
from vms.errors import InvalidInput
from vms.services.access_log import name_of, record, refuse
from vms.services.district import zone_of_district
from vms.services.names import checked_words
from vms.services.refusals import not_allowed
from vms.store import people, trainings

LIST_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Register:
    trainings: tuple[Training, ...]
    """The newest first."""
    untrained: tuple[str, ...]
    """Accounts in use; none where the district's `training` is off."""


def enter(session: Session, actor: Actor, *, name: str, what: str, refers: bool, day: str, at: datetime) -> Training | Refused:
    """Write down that somebody, with an account or without, was trained; InvalidInput says what is wrong."""
    if (refused := _refused(actor)) is not None:
        return refuse(session, actor, Action.TRAINING_ENTER, refused, at=at)
    training = Training(
        TrainingId(new_number()),
        checked_words(name, MAX_NAME_CHARS, f"Name who was trained, in up to {MAX_NAME_CHARS} characters."),
        checked_words(what, MAX_WHAT_CHARS, f"Say in up to {MAX_WHAT_CHARS} characters what it was about."),
        refers,
        _day(day, _today(session, at)),
        name_of(actor),
        at,
    )
    trainings.add(session, training, by=actor)
    record(session, actor=actor, action=Action.TRAINING_ENTER, at=at, detail={"name": training.name, "day": training.day.isoformat()})
    return training


def register(session: Session, settings: Settings, actor: Actor, *, at: datetime) -> Register | Refused:
    """Return who was trained, and which accounts in use were not trained to refer inquiries within a year."""
    if (refused := _refused(actor)) is not None:
        return refused
    known = trainings.find(session, limit=LIST_LIMIT)
    names = [one.name for one in people.find(session) if one.in_use(at)] if settings.training == "warn" else []
    return Register(tuple(known), tuple(untrained(names, known, _today(session, at))))


def _refused(actor: Actor) -> Refused | None:
    """It is about the whole district, and so is who keeps it."""
    if isinstance(actor, Person) and actor.may(Permission.TRAINING_KEEP) and actor.reach(Permission.TRAINING_KEEP) is None:
        return None
    return not_allowed("keep the training register", "the Director or a Delegate of the whole district")


def _day(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text.strip()) if text.strip() else today
    except ValueError as err:
        raise InvalidInput(f"‘{text.strip()}’ is no day. Write the day of the training 2026-11-25.") from err
    if not today - 10 * TRAINING_LASTS < day <= today:
        raise InvalidInput("A training was held before it is entered, today at the latest. Give its day.")
    return day


def _today(session: Session, at: datetime) -> date:
    return at.astimezone(ZoneInfo(zone_of_district(session))).date()
