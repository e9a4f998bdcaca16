"""What a person enters to say how long footage is kept, on the form or as JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from vms.domain.policy import DISTRICT, MOST_DAYS, Days, PlaceKind, PolicyPlace, RetentionPolicy
from vms.errors import InvalidInput
from vms.services.people import last_day
from vms.services.policies import NewPolicy, checked_early, checked_hours
from web.numbers import BodyId, id_of

Text = Annotated[str, Field(max_length=20_000)]
"""Generous: what is too long comes back with a sentence, and nothing that was typed is lost."""
DaysGiven = Annotated[int, Field(ge=0, le=MOST_DAYS)]


class PolicyForm(BaseModel):
    """The form's fields as they were typed."""

    model_config = ConfigDict(hide_input_in_errors=True)

    branch: Text = ""
    area_id: Text = ""
    camera: Text = ""
    """At most one of the three; none: the district."""
    floor: Text = ""
    target: Text = ""
    ceiling: Text = ""
    """Days; empty: as the place above."""
    hours: Text = ""
    """Lines of weekly hours and holidays; of which day nothing is said: as the place above."""
    early: Text = ""
    """"yes" or "no"; empty: as the place above."""
    basis: Text = ""
    public_text: Text = ""
    review: Text = ""
    """The last day, 2027-02-28; empty: as it was."""
    reason: Text = ""
    version: Text = ""
    """Which counted there when the form was shown."""

    @property
    def place(self) -> PolicyPlace | None:
        """Return of what it is; None for what is no place."""
        given = [(kind, text) for kind, text in self._places() if text]
        if not given:
            return DISTRICT
        number = id_of(given[0][1]) if len(given) == 1 else None
        return None if number is None else PolicyPlace(given[0][0], number)

    def new_policy(self, place: PolicyPlace, zone: str) -> NewPolicy:
        """Return what the service takes; InvalidInput says what is wrong."""
        return NewPolicy(
            place,
            Days(_days(self.floor), _days(self.target), _days(self.ceiling), checked_hours(self.hours), checked_early(self.early)),
            self.reason,
            legal_basis=self.basis,
            public_text=self.public_text,
            review_at=last_day(self.review, zone),
            seen=id_of(self.version),
        )

    def filled(self, policy: RetentionPolicy | None) -> PolicyForm:
        """Return the form with what counts there."""
        if policy is None:
            return self.model_copy(update={"version": "0"})
        floor, target, ceiling = (
            "" if one is None else str(one) for one in (policy.days.min_days, policy.days.target_days, policy.days.max_days)
        )
        early = {None: "", True: "yes", False: "no"}[policy.days.early]
        known = {"floor": floor, "target": target, "ceiling": ceiling, "hours": str(policy.days.hours), "version": str(policy.version)}
        return self.model_copy(update=known | {"early": early, "basis": policy.legal_basis, "public_text": policy.public_text})

    def _places(self) -> tuple[tuple[PlaceKind, str], ...]:
        return (PlaceKind.BRANCH, self.branch), (PlaceKind.AREA, self.area_id), (PlaceKind.CAMERA, self.camera)


class PostedPolicy(PolicyForm):
    act: Text = ""
    """"set", or anything else to be shown what would follow."""


class PolicyOrder(BaseModel):
    """A version as JSON: the numbers, the hours and the rest as they are to be."""

    model_config = ConfigDict(hide_input_in_errors=True)

    branch: BodyId | None = None
    area_id: BodyId | None = None
    camera: BodyId | None = None
    min_days: DaysGiven | None = None
    target_days: DaysGiven | None = None
    max_days: DaysGiven | None = None
    """None: as the place above."""
    hours: Text = ""
    """Lines, or the same with semicolons; of which day nothing is said: as the place above."""
    early: bool | None = None
    """Whether what is past the floor goes before its day when disks are full; None: as the place above."""
    legal_basis: Text | None = None
    public_text: Text | None = None
    review: Text = ""
    reason: Text
    version: BodyId | None = None
    """Which was seen to count there, 0 for none; None: whichever."""
    dry_run: bool = False

    def new_policy(self, zone: str) -> NewPolicy:
        """Return what the service takes; InvalidInput for several places at once."""
        of = ((PlaceKind.BRANCH, self.branch), (PlaceKind.AREA, self.area_id), (PlaceKind.CAMERA, self.camera))
        given = [PolicyPlace(kind, number) for kind, number in of if number is not None]
        if len(given) > 1:
            raise InvalidInput("Name one branch, area or camera, or none for the district.")
        return NewPolicy(
            given[0] if given else DISTRICT,
            Days(self.min_days, self.target_days, self.max_days, checked_hours(self.hours), self.early),
            self.reason,
            legal_basis=self.legal_basis,
            public_text=self.public_text,
            review_at=last_day(self.review, zone),
            seen=self.version,
        )


def _days(text: str) -> int | None:
    plain = text.strip()
    if not plain:
        return None
    if not (plain.isascii() and plain.isdigit() and len(plain) <= 5):
        raise InvalidInput(f"‘{plain[:20]}’ is no number of days. Give one such as 14, or leave it empty for that of the place above.")
    return int(plain)
