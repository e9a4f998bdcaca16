"""Who is called when a warrant is at the door: the Director's page, and the same as JSON."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, RedirectResponse, Response

from vms.domain.door import MAX_PHONE_CHARS, MOST_DEPUTIES, Deputy
from vms.domain.ids import PersonId
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.errors import InvalidInput
from vms.services import deputies
from vms.services.deputies import NamedDeputy
from web.deps import Rx, Site, TheSite, Tx
from web.errors import FAILURES, refusal
from web.hold_entries import Ids, Text
from web.permissions import PeopleConfirmer, PeopleReader
from web.views import shell

router = APIRouter()


class DeputiesForm(BaseModel):
    """One line for each account that may decide; its place in the list is a number, or empty."""

    model_config = ConfigDict(hide_input_in_errors=True)

    person: Ids = []
    place: list[Text] = []
    phone: list[Text] = []
    mail: list[Text] = []
    nobody: bool = False
    """The list is meant to be empty."""

    @property
    def deputies(self) -> list[Deputy]:
        """Return those with a place, in the order of their places."""
        if not len(self.person) == len(self.place) == len(self.phone) == len(self.mail):
            raise InvalidInput("Send the page again: a line of it is incomplete.")
        lines = [line for line in zip(self.place, self.person, self.phone, self.mail, strict=True) if line[0].strip()]
        if not all(place.strip().isdecimal() and place.isascii() and len(place.strip()) < 4 for place, *_ in lines):
            raise InvalidInput("A place in the list is a number: 1 is called first.")
        return [Deputy(PersonId(person), phone, mail) for _, person, phone, mail in sorted(lines, key=lambda line: int(line[0]))]


class DeputyEntry(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)

    person: int
    phone: Text = ""
    mail: Text = ""


class DeputiesOrder(BaseModel):
    """The whole list, the first to be called first."""

    deputies: list[DeputyEntry]
    nobody: bool = False
    """It is meant to be empty."""


@router.get("/deputies")
def deputies_page(person: PeopleReader, site: TheSite, rx: Rx, request: Request, done: str = "") -> Response:
    return _page(site, rx, person, request, notice="Kept. They are called in this order." if done == "kept" else None)


@router.post("/deputies")
def set_deputies(person: PeopleConfirmer, site: TheSite, tx: Tx, request: Request, form: Annotated[DeputiesForm, Form()]) -> Response:
    try:
        answer = deputies.set_deputies(tx, person, form.deputies, nobody=form.nobody, at=site.clock.now())
    except InvalidInput as err:
        return _page(site, tx, person, request, form=form, error=str(err))
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else RedirectResponse("/deputies?done=kept", 303)


@router.get("/api/v1/deputies")
def list_deputies(person: PeopleReader, site: TheSite, rx: Rx) -> Response:  # noqa: ARG001 - the permission is what it is for
    return _json(deputies.list_deputies(rx, at=site.clock.now()))


@router.put("/api/v1/deputies")
def put_deputies(order: DeputiesOrder, person: PeopleConfirmer, site: TheSite, tx: Tx, request: Request) -> Response:
    told = [Deputy(PersonId(one.person), one.phone, one.mail) for one in order.deputies]
    answer = deputies.set_deputies(tx, person, told, nobody=order.nobody, at=site.clock.now())
    return refusal(request, answer, person=person) if isinstance(answer, Refused) else _json(answer)


def _json(found: list[NamedDeputy]) -> Response:
    told = [{"person": str(one.deputy.person), "name": one.name, "phone": one.deputy.phone, "mail": one.deputy.mail} for one in found]
    return JSONResponse({"deputies": told})


def _page(
    site: Site,
    session: Session,
    person: Person,
    request: Request,
    *,
    form: DeputiesForm | None = None,
    error: str | None = None,
    notice: str | None = None,
) -> Response:
    at = site.clock.now()
    listed = deputies.list_deputies(session, at=at)
    known = {one.deputy.person for one in listed}
    context = shell(site, person, path=request.url.path) | {
        "listed": listed,
        "typed": {} if form is None else dict(zip(form.person, zip(form.place, form.phone, form.mail, strict=False), strict=False)),
        "nobody": form is not None and form.nobody,
        "others": [one for one in deputies.candidates(session, at=at) if one.id not in known],
        "may_set": person.may(Permission.PEOPLE_CONFIRM),
        "most": {"phone": MAX_PHONE_CHARS, "deputies": MOST_DEPUTIES, "mail": 254},
        "notice": notice,
        "error": error,
    }
    return site.pages.render("deputies.html", context, person=person, status=FAILURES[InvalidInput] if error else 200)
