"""What a person enters to place a hold, on the form or as JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from vms.domain.hold import HoldKind, HoldScope
from vms.domain.ids import AreaId, BranchId, CameraId
from vms.domain.legal_hold import LegalHold
from vms.domain.timespan import datetime_of_ms
from vms.errors import InvalidInput
from vms.services.holds import NewHold
from vms.services.people import last_day
from web.local_time import first_moment, last_moment, reading_of
from web.numbers import BodyId

Text = Annotated[str, Field(max_length=20_000)]
"""Generous: what is too long comes back with a sentence, and nothing that was typed is lost."""
Ids = Annotated[list[BodyId], Field(max_length=2000)]


class HoldEntries(BaseModel):
    """What the form and JSON have in common."""

    model_config = ConfigDict(hide_input_in_errors=True)

    matter: Text = ""
    kind: Text = ""
    reason: Text = ""
    authority: Text = ""
    branch: Ids = []
    areas: Ids = []
    camera: Ids = []
    review: Text = ""
    """The last day, 2027-02-28; empty for three months from now."""
    expires: Text = ""
    """The last day of a provisional hold, or nothing."""
    sealed: bool = False
    """The law keeps it secret."""

    @property
    def scope(self) -> HoldScope:
        return HoldScope(
            frozenset(CameraId(number) for number in self.camera),
            frozenset(AreaId(number) for number in self.areas),
            frozenset(BranchId(number) for number in self.branch),
        )

    @property
    def hold_kind(self) -> HoldKind:
        if self.kind not in set(HoldKind):
            raise InvalidInput("Choose what asks for the hold.")
        return HoldKind(self.kind)


class HoldForm(HoldEntries):
    """The form's fields as they were typed; times are clock readings of the district."""

    start: Text = ""
    end: Text = ""
    """Empty: whatever is still to come, too."""

    @classmethod
    def in_stead_of(cls, hold: LegalHold, zone: str) -> HoldForm:
        """Return a form that asks for no less than `hold` keeps; what it is called and what asks for it is for a person to say."""
        start, end = hold.time.start_ms // 1000, hold.time.end_ms
        scope = hold.scope
        return cls(
            reason=hold.reason,
            branch=sorted(scope.branches),
            areas=sorted(scope.areas),
            camera=sorted(scope.cameras),
            start=reading_of(datetime_of_ms(start * 1000), zone),
            end="" if end is None else reading_of(datetime_of_ms(-(-end // 1000) * 1000), zone),
        )

    def new_hold(self, zone: str) -> NewHold:
        """Return what the service takes; InvalidInput says what is wrong. Of the autumn's doubled hour all is kept."""
        if not self.start.strip():
            raise InvalidInput("Give the day and time from which footage is to be kept.")
        return NewHold(
            matter=self.matter,
            kind=self.hold_kind,
            reason=self.reason,
            scope=self.scope,
            start=first_moment(self.start, zone),
            end=last_moment(self.end, zone) if self.end.strip() else None,
            authority=self.authority,
            review_at=last_day(self.review, zone),
            expires_at=last_day(self.expires, zone),
            sealed=self.sealed,
        )


class HoldOrder(HoldEntries):
    """A hold as JSON; its moments have an offset."""

    start: AwareDatetime
    end: AwareDatetime | None = None

    def new_hold(self, zone: str) -> NewHold:
        return NewHold(
            matter=self.matter,
            kind=self.hold_kind,
            reason=self.reason,
            scope=self.scope,
            start=self.start,
            end=self.end,
            authority=self.authority,
            review_at=last_day(self.review, zone),
            expires_at=last_day(self.expires, zone),
            sealed=self.sealed,
        )


class ReleaseEntries(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    reason: Text = ""
