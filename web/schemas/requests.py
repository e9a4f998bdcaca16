"""What browsers send as JSON."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from vms.domain.access import MAX_INCIDENT_CHARS, Purpose
from vms.domain.camera import Pause
from vms.domain.people import MAX_PASSWORD_CHARS
from vms.services.footage import MAX_INTERVALS
from vms.services.pauses import MAX_PAUSE
from web.camera_entries import CameraEntries, Text
from web.numbers import BodyId

MAX_NAME_CHARS = 200
MAX_CODE_CHARS = 40
MAX_CREDENTIAL_CHARS = 32 * 1024


class SignIn(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    name: str = Field(default="", max_length=MAX_NAME_CHARS)
    password: SecretStr = Field(default=SecretStr(""), max_length=MAX_PASSWORD_CHARS)
    code: SecretStr = Field(default=SecretStr(""), max_length=MAX_CODE_CHARS)
    """Of an authenticator, or one on paper; for accounts that have a second factor."""


class SignInForm(SignIn):
    next: str = Field(default="", max_length=2000)


class Proof(BaseModel):
    """Shown anew by somebody who is signed in."""

    model_config = ConfigDict(hide_input_in_errors=True)

    password: SecretStr = Field(default=SecretStr(""), max_length=MAX_PASSWORD_CHARS)
    code: SecretStr = Field(default=SecretStr(""), max_length=MAX_CODE_CHARS)


class ProofForm(Proof):
    next: str = Field(default="", max_length=2000)


class JoinForm(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    name: str = Field(default="", max_length=MAX_NAME_CHARS)
    invitation: SecretStr = Field(default=SecretStr(""), max_length=MAX_CODE_CHARS)
    second: SecretStr = Field(default=SecretStr(""), max_length=MAX_CODE_CHARS)
    """Its other half, where there are two."""
    password: SecretStr = Field(default=SecretStr(""), max_length=MAX_PASSWORD_CHARS)


class PasswordForm(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    old: SecretStr = Field(default=SecretStr(""), max_length=MAX_PASSWORD_CHARS)
    new: SecretStr = Field(default=SecretStr(""), max_length=MAX_PASSWORD_CHARS)


class CodeForm(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    code: SecretStr = Field(default=SecretStr(""), max_length=MAX_CODE_CHARS)


class PasskeyAnswerForm(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    credential: str = Field(default="", max_length=MAX_CREDENTIAL_CHARS)
    """What the browser's passkey answered, as JSON with octets in base64url."""
    next: str = Field(default="", max_length=2000)


class NewPasskeyForm(PasskeyAnswerForm):
    label: str = Field(default="", max_length=MAX_NAME_CHARS)


class LabelForm(BaseModel):
    label: str = Field(default="", max_length=MAX_NAME_CHARS)


class NextForm(BaseModel):
    """A button that leads elsewhere and back."""

    next: str = Field(default="", max_length=2000)


class PersonForm(BaseModel):
    """An account as IT proposes it."""

    name: str = Field(default="", max_length=MAX_NAME_CHARS)
    role: str = Field(default="", max_length=MAX_CODE_CHARS)
    branch: Annotated[list[BodyId], Field(max_length=1000)] = []
    areas: Annotated[list[BodyId], Field(max_length=1000)] = []
    """None chosen of both means the whole district."""
    until: str = Field(default="", max_length=MAX_CODE_CHARS)
    """The last day, 2026-12-31; empty for none."""
    firm: str = Field(default="", max_length=MAX_NAME_CHARS)


class DelegationForm(BaseModel):
    """The Delegate's role, lent to an account for some days."""

    since: str = Field(default="", max_length=MAX_CODE_CHARS)
    """The first day, 2026-12-01; empty: as soon as it is confirmed."""
    until: str = Field(default="", max_length=MAX_CODE_CHARS)
    branch: Annotated[list[BodyId], Field(max_length=1000)] = []
    areas: Annotated[list[BodyId], Field(max_length=1000)] = []
    """None chosen of both means the whole district."""
    reason: str = Field(default="", max_length=2000)


class ScreenForm(BaseModel):
    """A screen as IT adds it."""

    name: str = Field(default="", max_length=MAX_NAME_CHARS)
    branch: BodyId | None = None
    kind: str = Field(default="", max_length=MAX_CODE_CHARS)


class EmergencyForm(BaseModel):
    reason: str = Field(default="", max_length=2000)


class ShownForm(BaseModel):
    officer: str = Field(default="", max_length=2000)
    badge: str = Field(default="", max_length=2000)
    agency: str = Field(default="", max_length=2000)


class EmergencyReviewForm(BaseModel):
    was_for: str = Field(default="", max_length=2000)
    right: Literal["", "yes", "no"] = ""
    note: str = Field(default="", max_length=5000)


class CameraForm(CameraEntries):
    """The form's fields and its button."""

    act: str = "save"
    version: int = 0


class CameraTest(CameraEntries):
    camera: BodyId | None = None
    """A stored camera, whose password is used when none is entered."""


class PauseForm(BaseModel):
    """How long a camera is to be left out, and why."""

    minutes: int = Field(default=60, ge=1, le=MAX_PAUSE // timedelta(minutes=1))
    reason: str = Field(default="", max_length=2000)

    def pause(self, at: datetime) -> Pause:
        return Pause(at + timedelta(minutes=self.minutes), self.reason)


class PauseOrder(PauseForm):
    """The same of a program, which says how long."""

    model_config = ConfigDict(extra="forbid")

    minutes: int = Field(ge=1, le=MAX_PAUSE // timedelta(minutes=1))


class CameraPatch(BaseModel):
    """Only what is to change; an empty password clears it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    version: int
    name: Text | None = None
    area: Text | None = None
    scheme: Text | None = None
    host: Text | None = None
    port: Text | int | None = None
    username: Text | None = None
    password: SecretStr | None = None
    main_path: Text | None = None
    sub_path: Text | None = None
    certificate: Text | None = None
    recording_mode: Text | None = None
    priority: Text | None = None


class OpenView(BaseModel):
    camera: BodyId
    purpose: Purpose
    start: datetime
    end: datetime
    incident: str = Field(default="", max_length=MAX_INCIDENT_CHARS)
    """The number of a report, where there is one."""
    around: AwareDatetime | None = None
    """What is looked for, where only parts of the time may be shown."""


class CloseView(BaseModel):
    """What was really shown, as far as the browser knows."""

    intervals: Annotated[list[tuple[datetime, datetime]], Field(max_length=4 * MAX_INTERVALS)] = []
