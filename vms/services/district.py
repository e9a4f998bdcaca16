"""What the district says of itself at set-up: name, time zone, days kept, the Director."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.people import Actor
from vms.errors import InvalidInput
from vms.services.access_log import record
from vms.store import holds, settings

MOST_DAYS_KEPT = 30


@dataclass(frozen=True, slots=True)
class District:
    name: str
    timezone: str
    days: int
    """Footage is kept so long."""
    director: str


def save_district(session: Session, actor: Actor, district: District, *, at: datetime) -> None:
    """Store `district`; InvalidInput for a time zone or a number of days that can't be."""
    checked_timezone(district.timezone)
    if not 1 <= district.days <= MOST_DAYS_KEPT:
        raise InvalidInput(f"Footage can't be kept {district.days} days. Give a number from 1 to {MOST_DAYS_KEPT}.")
    values = {"district.name": district.name, "district.timezone": district.timezone}
    values |= {"district.days": str(district.days), "district.director": district.director}
    holds.count_change(session)  # nodes learn of the days at once
    settings.put(session, values)
    record(session, actor=actor, action=Action.DISTRICT_EDIT, at=at, detail=values)


def load_district(session: Session) -> District | None:
    """Return what was set up; None before that."""
    values = settings.load(session)
    if "district.name" not in values:
        return None
    return District(values["district.name"], values["district.timezone"], int(values["district.days"]), values["district.director"])


def zone_of_district(session: Session) -> str:
    """Return the district's time zone; UTC before set-up."""
    district = load_district(session)
    return district.timezone if district else "UTC"


def checked_timezone(timezone: str) -> str:
    """Return `timezone` if it is an IANA name; InvalidInput says what one looks like."""
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise InvalidInput(f"{timezone!r} is no time zone. Give an IANA name such as America/Los_Angeles or Europe/Berlin.") from err
    return timezone
