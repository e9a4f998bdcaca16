"""What the district says of itself at set-up: name, time zone, days kept, the Director."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.people import Actor
from vms.domain.policy import SHIPPED_CEILING, chain_of, window_at
from vms.errors import Conflict, Corrupt, InvalidInput
from vms.services.access_log import record, together
from vms.services.policies import begin_policy
from vms.store import policies, settings

MOST_DAYS_KEPT = SHIPPED_CEILING


@dataclass(frozen=True, slots=True)
class District:
    name: str
    timezone: str
    days: int
    """Footage is kept so long by the district's retention policy, whose first version set-up makes."""
    director: str


def save_district(session: Session, actor: Actor, district: District, *, at: datetime) -> None:
    """Store `district`, and begin its retention policy; InvalidInput for a time zone or a number of days that can't be.

    Conflict for other days than an earlier set-up's: those change by a new version of the policy alone.
    """
    require_possible(district)
    known = load_district(session)
    if known is not None and known.days != district.days:
        raise Conflict(f"The policy keeps footage {known.days} days. Change that with: vms policy set --target {district.days}")
    values = {"district.name": district.name, "district.timezone": district.timezone, "district.director": district.director}
    with together(session):
        if known is None:
            begin_policy(session, actor, district.days, at=at)
        settings.put(session, values)
        record(session, actor=actor, action=Action.DISTRICT_EDIT, at=at, detail=values)


def require_possible(district: District) -> None:
    """Raise InvalidInput for a time zone or a number of days that can't be."""
    checked_timezone(district.timezone)
    if not 1 <= district.days <= MOST_DAYS_KEPT:
        raise InvalidInput(f"Footage can't be kept {district.days} days. Give a number from 1 to {MOST_DAYS_KEPT}.")


def load_district(session: Session) -> District | None:
    """Return what was set up; None before that."""
    values = settings.load(session)
    if "district.name" not in values:
        return None
    window = window_at(policies.said(session), chain_of())
    if window is None:
        raise Corrupt("The district has lost its retention policy. Restore the central database from a backup.")
    return District(values["district.name"], values["district.timezone"], window.target_days, values["district.director"])


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
