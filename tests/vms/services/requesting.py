"""What tests of requests stand on: a request of everything that has to be said, three people, and a paper in proper form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tests.factories import NOW, a_camera, a_person, after, done
from vms.config import Settings
from vms.domain.export_scope import CameraSpan
from vms.domain.ids import CameraId
from vms.domain.instruments import FormAnswer, FormLine, Instrument
from vms.domain.people import Person, Role
from vms.domain.request import ExportRequest, RequestAct, Requester
from vms.domain.timespan import ms_of
from vms.services.approvals import approve
from vms.services.request_acts import act_on, check_form
from vms.services.request_papers import add_paper, advise
from vms.services.requests import NewRequest, enter

DETECTIVE = Requester("Det. R. Alvarez", "Alder County Sheriff", "4711", "555-0100")
SCAN = b"%PDF-1.7 a subpoena"


@dataclass(frozen=True)
class Staff:
    """Who has to do with a request: the one who takes it down, and two who may decide."""

    desk: Person
    director: Person
    delegate: Person


def staff(session: Session) -> Staff:
    delegate = a_person(session, Role.DELEGATE)  # once a Director has signed in, who is added waits to be confirmed
    return Staff(a_person(session, Role.DESK), a_person(session, Role.DIRECTOR), delegate)


def at_work(person: Person, at: datetime) -> Person:
    """Return `person` as of `at`, who has just shown that it is still they."""
    return replace(person, proved_at=at, acted_at=at, at=at)


def footage(*cameras: CameraId, start_s: float = -600, end_s: float = 0) -> tuple[CameraSpan, ...]:
    return tuple(CameraSpan(camera, ms_of(after(start_s)), ms_of(after(end_s))) for camera in cameras)


def a_new_request(
    spans: tuple[CameraSpan, ...],
    instrument: Instrument = Instrument.SUBPOENA,
    **more: Any,  # noqa: ANN401 - whatever a request may say
) -> NewRequest:
    told: dict[str, Any] = {
        "requester": DETECTIVE,
        "purpose": "theft of a bicycle",
        "local_time": "Saturday morning, about eight",
        "verified": "called back at the county's number, d.nakamura",
        "court": "Circuit Court of Alder County",
        "docket": "26-CV-1188",
    }
    return NewRequest(instrument=instrument, footage=spans, **(told | more))


def a_request(
    session: Session,
    settings: Settings,
    person: Person,
    instrument: Instrument = Instrument.SUBPOENA,
    *,
    camera: CameraId | None = None,
    at: datetime = NOW,
    **more: Any,  # noqa: ANN401 - likewise
) -> ExportRequest:
    camera = a_camera(session).camera.id if camera is None else camera
    return done(enter(session, settings, person, a_new_request(footage(camera), instrument, **more), at=at))


def in_order(session: Session, settings: Settings, director: Person, request: ExportRequest, *, at: datetime = NOW) -> ExportRequest:
    """Do everything that an approval waits for: the scan, the form check, counsel, the Board."""
    done(add_paper(session, settings, director, request.id, "subpoena.pdf", SCAN, at=at))
    done(check_form(session, settings, director, request.id, dict.fromkeys(FormLine, FormAnswer.YES), "", at=at))
    done(act_on(session, settings, director, request.id, RequestAct.COUNSEL, "told by phone", at=at))
    done(advise(session, settings, director, request.id, "comply", at=at))
    return done(act_on(session, settings, director, request.id, RequestAct.CONFER, "the chair, today by phone", at=at))


def an_approved(
    session: Session, settings: Settings, people: Staff, *, camera: CameraId | None = None, at: datetime = NOW
) -> ExportRequest:
    request = a_request(session, settings, people.desk, camera=camera, at=at)
    director = at_work(people.director, at)
    in_order(session, settings, director, request, at=at)
    return done(approve(session, settings, director, request.id, request.sha256, at=at))
