"""What people enter about stills for use within the district, on the form or as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from vms.domain.ids import CameraId
from vms.domain.stills import MOST_STILLS, PublishedPurpose, moments_of
from vms.errors import InvalidInput
from vms.services.people import last_day
from vms.services.stills import NewStills
from web.hold_entries import Ids, Text
from web.local_time import first_moment, last_moment

LINES = 4
"""Moments on the form; who wants more of a camera enters another request."""


class StillEntries(BaseModel):
    """What the form and JSON have in common."""

    model_config = ConfigDict(hide_input_in_errors=True)

    purpose: Text = ""
    words: Text = ""
    until: Text = ""
    """The last day on which they are used, 2026-12-31."""
    report_number: Text = ""
    necessity: Text = ""
    camera: Ids = []

    def _new(self, zone: str, starts: list[datetime]) -> NewStills:
        if self.purpose not in set(PublishedPurpose):
            raise InvalidInput("Choose which of the published purposes the stills are for.")
        if not starts:
            raise InvalidInput("Give at least one day and time of which there is to be a still.")
        return NewStills(
            purpose=PublishedPurpose(self.purpose),
            words=self.words,
            moments=moments_of([CameraId(one) for one in self.camera], starts),
            until=last_day(self.until, zone),
            report_number=self.report_number,
            necessity=self.necessity,
        )


class StillForm(StillEntries):
    """The form's fields as they were typed; of the hour that an autumn's clocks show twice a still of each is asked for."""

    moment: Annotated[list[Text], Field(max_length=MOST_STILLS)] = []

    @property
    def lines(self) -> list[str]:
        return [*self.moment, *[""] * LINES][: max(LINES, len(self.moment))]

    def new_stills(self, zone: str) -> NewStills:
        typed = [one for one in self.moment if one.strip()]
        return self._new(zone, sorted({find(one, zone) for one in typed for find in (first_moment, last_moment)}))


class StillOrder(StillEntries):
    moment: Annotated[list[AwareDatetime], Field(max_length=MOST_STILLS)] = []

    def new_stills(self, zone: str) -> NewStills:
        return self._new(zone, sorted(self.moment))
