"""What a person enters of a complaint, on the form or as JSON."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from vms.domain.ids import CameraId
from vms.domain.timespan import Timespan
from vms.errors import InvalidInput
from vms.services.complaints import NewComplaint
from web.hold_entries import Ids, Text
from web.local_time import first_moment, last_moment


class ComplaintEntries(BaseModel):
    """What the form and JSON have in common."""

    model_config = ConfigDict(hide_input_in_errors=True)

    way: Text = ""
    about: Text = ""
    about_name: Text = ""
    from_name: Text = ""
    from_address: Text = ""
    received: Text = ""
    said: Text = ""
    camera: Ids = []

    def with_time(self, start: datetime | None, end: datetime | None) -> NewComplaint:
        if (start is None) != (end is None):
            raise InvalidInput("Give both, from when and to when, or neither.")
        if start is not None and end is not None and end <= start:
            raise InvalidInput("What it is about ends after it begins. Give a later end.")
        return NewComplaint(
            way=self.way,
            about=self.about,
            text=self.said,
            about_name=self.about_name,
            from_name=self.from_name,
            from_address=self.from_address,
            received=self.received,
            cameras=frozenset(CameraId(number) for number in self.camera),
            time=None if start is None or end is None else Timespan(start, end),
        )


class ComplaintForm(ComplaintEntries):
    """The form's fields as they were typed; times are clock readings of the district."""

    start: Text = ""
    end: Text = ""

    def new_complaint(self, zone: str) -> NewComplaint:
        start = first_moment(self.start, zone) if self.start.strip() else None
        return self.with_time(start, last_moment(self.end, zone) if self.end.strip() else None)


class ComplaintOrder(ComplaintEntries):
    """A complaint as JSON; its moments have an offset."""

    start: AwareDatetime | None = None
    end: AwareDatetime | None = None

    def new_complaint(self) -> NewComplaint:
        return self.with_time(self.start, self.end)


class AnswerEntries(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    answer: Text = ""
