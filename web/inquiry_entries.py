"""What anybody fills into the public form of inquiries, and what staff say of one."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from vms.services.inquiries import NewInquiry
from web.hold_entries import Text


class InquiryEntries(BaseModel):
    """The form's fields as they were typed; the same as JSON."""

    model_config = ConfigDict(hide_input_in_errors=True)

    asked_by: Text = ""
    name: Text = ""
    agency: Text = ""
    contact: Text = ""
    happened: Text = ""
    place: Text = ""
    when: Text = ""
    brings_paper: bool = False

    def new_inquiry(self) -> NewInquiry:
        return NewInquiry(
            asked_by=self.asked_by,
            name=self.name,
            agency=self.agency,
            contact=self.contact,
            happened=self.happened,
            place=self.place,
            when=self.when,
            brings_paper=self.brings_paper,
        )


class AsideEntries(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    reason: Text = ""
