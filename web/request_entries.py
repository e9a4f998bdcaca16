"""What people enter about a request for footage, on a form or as JSON."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from vms.domain.export_scope import CameraSpan, Delivery
from vms.domain.ids import CameraId, InquiryId, PersonId
from vms.domain.inquiry import Inquiry
from vms.domain.instruments import FormAnswer, FormLine, Instrument
from vms.domain.request import DenyReason, RequestAct, Requester
from vms.domain.showing import Viewer
from vms.domain.timespan import ms_of
from vms.errors import InvalidInput
from vms.services.approval_proofs import PasskeyAnswer
from vms.services.people import last_day
from vms.services.request_acts import WORDED
from vms.services.requests import NewRequest
from vms.services.webauthn import RelyingParty
from web.hold_entries import Ids, Text
from web.local_time import first_moment, last_moment
from web.numbers import BodyId, id_of
from web.schemas.requests import MAX_CODE_CHARS, MAX_CREDENTIAL_CHARS


class RequestEntries(BaseModel):
    """What the form and JSON have in common."""

    model_config = ConfigDict(hide_input_in_errors=True)

    instrument: Text = ""
    name: Text = ""
    agency: Text = ""
    badge: Text = ""
    contact: Text = ""
    verified: Text = ""
    court: Text = ""
    docket: Text = ""
    served: Text = ""
    answer_by: Text = ""
    report_number: Text = ""
    purpose: Text = ""
    necessity: Text = ""
    local_time: Text = ""
    delivery: Text = Delivery.BY_HAND.value
    camera: Ids = []
    sealed: bool = False
    named: Ids = []

    def _new(self, zone: str, start: datetime, end: datetime, inquiry: int | None) -> NewRequest:
        if self.instrument not in set(Instrument):
            raise InvalidInput("Choose by which paper, or without one, somebody asks.")
        return NewRequest(
            instrument=Instrument(self.instrument),
            requester=Requester(self.name, self.agency, self.badge, self.contact),
            purpose=self.purpose,
            footage=spans(self.camera, start, end),
            local_time=self.local_time,
            verified=self.verified,
            court=self.court,
            docket=self.docket,
            served_on=self.served,
            answer_by=last_day(self.answer_by, zone),
            report_number=self.report_number,
            necessity=self.necessity,
            delivery=delivery_of(self.delivery),
            sealed=self.sealed,
            named=tuple(PersonId(number) for number in self.named),
            inquiry=None if inquiry is None else InquiryId(inquiry),
        )


class RequestForm(RequestEntries):
    """The form's fields as they were typed; times are clock readings of the district, of the doubled hour all of it."""

    start: Text = ""
    end: Text = ""
    inquiry: Text = ""
    """By the public form, of which it is made; as it was typed, as all of this."""

    @classmethod
    def of(cls, inquiry: Inquiry) -> RequestForm:
        """Return the form filled with what an inquiry says: nobody has looked into that yet."""
        return cls(
            instrument="" if inquiry.instrument is None else inquiry.instrument.value,
            name=inquiry.name,
            agency=inquiry.agency,
            contact=inquiry.contact,
            purpose=inquiry.purpose,
            local_time=inquiry.when,
            inquiry=str(inquiry.id),
        )

    @property
    def of_inquiry(self) -> str:
        """Return what was typed as the inquiry's number, if it can be one."""
        return "" if id_of(self.inquiry.strip()) is None else self.inquiry

    def new_request(self, zone: str) -> NewRequest:
        inquiry = id_of(self.inquiry.strip())
        if self.inquiry.strip() and inquiry is None:
            raise InvalidInput("That is the number of no inquiry. Open the form from the page of the inquiry.")
        return self._new(zone, *span_between(self.start, self.end, zone), inquiry)


class RequestOrder(RequestEntries):
    """A request as JSON; its moments have an offset."""

    start: AwareDatetime
    end: AwareDatetime
    inquiry: BodyId | None = None
    """By the public form, of which it is made."""

    def new_request(self, zone: str) -> NewRequest:
        return self._new(zone, self.start, self.end, self.inquiry)


class ActEntries(BaseModel):
    """An act that is done by saying something."""

    model_config = ConfigDict(hide_input_in_errors=True)

    act: Text = ""
    words: Text = ""

    @property
    def request_act(self) -> RequestAct:
        if self.act not in set(WORDED):
            raise InvalidInput("Choose what is done.")
        return RequestAct(self.act)


class CheckEntries(BaseModel):
    """Answers to lines of the form check; an empty one leaves the line as it is."""

    model_config = ConfigDict(hide_input_in_errors=True)

    court: Text = ""
    good_cause: Text = ""
    signature: Text = ""
    names_district: Text = ""
    scope: Text = ""
    date: Text = ""
    in_force: Text = ""
    service: Text = ""
    words: Text = ""

    @property
    def answers(self) -> dict[FormLine, FormAnswer]:
        told = {line: str(getattr(self, line.value.replace("-", "_"))) for line in FormLine}
        if not set(told.values()) <= {"", *FormAnswer}:
            raise InvalidInput("Each line is answered with yes, no or not-needed.")
        return {line: FormAnswer(answer) for line, answer in told.items() if answer}


class ApproveEntries(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    sha256: Text = ""
    """Of what was looked at."""
    words: Text = ""
    credential: str = Field(default="", max_length=MAX_CREDENTIAL_CHARS)
    """What a passkey answered that signed it; empty: it is shown otherwise who approves."""

    def by_passkey(self, rp: RelyingParty | None) -> PasskeyAnswer | None:
        return None if rp is None or not self.credential else PasskeyAnswer(rp, self.credential)


class DenyEntries(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    reason: Text = ""
    words: Text = ""

    @property
    def deny_reason(self) -> DenyReason:
        if self.reason not in set(DenyReason):
            raise InvalidInput("Choose the reason for the refusal.")
        return DenyReason(self.reason)


class TicketEntries(BaseModel):
    """Who is to download a package."""

    model_config = ConfigDict(hide_input_in_errors=True)

    recipient: Text = ""


class ShowingEntries(BaseModel):
    """Who is about to be shown what was approved, at a screen of the Library."""

    model_config = ConfigDict(hide_input_in_errors=True)

    name: Text = ""
    belongs: Text = ""
    identity: Text = ""
    place: Text = ""
    beside: Text = ""

    @property
    def viewer(self) -> Viewer:
        return Viewer(self.name, self.belongs, self.identity, self.place, self.beside)


class DownloadEntries(BaseModel):
    """What somebody without an account types to download a package."""

    model_config = ConfigDict(hide_input_in_errors=True)

    ticket: str = Field(default="", max_length=MAX_CODE_CHARS)
    passphrase: SecretStr = Field(default=SecretStr(""), max_length=MAX_CODE_CHARS)


class NameEntries(BaseModel):
    """To whom a sealed request is to be known as well."""

    model_config = ConfigDict(hide_input_in_errors=True)

    named: Ids = []

    @property
    def people(self) -> list[PersonId]:
        return [PersonId(number) for number in self.named]


class UnsealEntries(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    ended: Text = ""
    """The day on which the order ended."""
    words: Text = ""


class AdviceEntries(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    words: Text = ""


def delivery_of(text: str) -> Delivery:
    if text not in set(Delivery):
        raise InvalidInput("Choose how it is handed over.")
    return Delivery(text)


def spans(cameras: list[int], start: datetime, end: datetime) -> tuple[CameraSpan, ...]:
    """Return every camera from `start` to `end`; InvalidInput when that is no span."""
    first, last = ms_of(start), ms_of(end)
    if not 0 <= first < last:
        raise InvalidInput("The time that is asked for ends after it starts.")
    return tuple(CameraSpan(CameraId(camera), first, last) for camera in cameras)


def span_between(start: str, end: str, zone: str) -> tuple[datetime, datetime]:
    """Return the time between two clock readings, of the autumn's doubled hour all; InvalidInput without both."""
    require_both(start, end)
    return first_moment(start, zone), last_moment(end, zone)


def require_both(start: str, end: str) -> None:
    """Raise InvalidInput where one of two clock readings is left out."""
    if not (start.strip() and end.strip()):
        raise InvalidInput("Give the day and time from when, and until when, footage is asked for.")
