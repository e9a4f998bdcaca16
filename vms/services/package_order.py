"""What a package of an approved request is made of, exactly the approved scope, and what its papers say: no word of counsel's."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import groupby

from sqlalchemy.orm import Session

from vms.domain.camera import StreamRole
from vms.domain.export_scope import CameraSpan, text_of
from vms.domain.footage import Gap, Segment
from vms.domain.ids import CameraId, SegmentId, StreamId
from vms.domain.instruments import STILLS
from vms.domain.package import CameraScope, CustodyEvent, Order, OrderApproval
from vms.domain.redaction import RedactionPlan
from vms.domain.request import Approval, ExportRequest, RequestAct, RequestEvent
from vms.domain.stills import last_day_of, mark_of
from vms.domain.timespan import Timespan, datetime_of_ms
from vms.errors import NotFound
from vms.media.assembly import ReadRecord
from vms.services.district import load_district
from vms.services.package_footage import FootageSource
from vms.store import cameras, requests

_SAID_OF = {
    RequestAct.SUBMIT: "took the request down",
    RequestAct.VERIFY: "made sure who asks",
    RequestAct.PAPER: "added a paper",
    RequestAct.SCOPE: "changed what is asked for",
    RequestAct.NARROW: "narrowed the request",
    RequestAct.APPROVE: "approved the request",
}
"""What the custody report tells of a request's history: the rest is between the district, its Board and its counsel."""


def order_of(session: Session, request: ExportRequest, approval: Approval, redaction: RedactionPlan | None) -> Order:
    """Return the order for a package of `request`, which `approval` is of; NotFound when a camera has no stream."""
    history, district = requests.history(session, request.id), load_district(session)
    if district is None:
        raise NotFound("There is no district here yet. Run: vms init")
    by_camera = groupby(request.scope.footage, key=lambda one: one.camera_id)
    return Order(
        district=district.name,
        request=request.number,
        cameras=tuple(_scope(session, camera, list(spans)) for camera, spans in by_camera),
        facts=_facts(request, approval, history, district.timezone),
        events=tuple(CustodyEvent(one.at, one.by_name, _SAID_OF[one.act]) for one in history if one.act in _SAID_OF),
        redaction=redaction,
        approval=OrderApproval(
            approval.id, text_of(request.id, request.scope), approval.by_name, approval.at, approval.proof, approval.assertion
        ),
        mark=_mark(request, district.timezone),
    )


class ApprovedFootage:
    """A `FootageSource` of exactly one order: whatever else is asked of it does not exist."""

    def __init__(self, order: Order, source: FootageSource) -> None:
        self._approved = {scope.stream_id: scope.spans for scope in order.cameras}
        self._source = source
        self._shown: set[SegmentId] = set()

    def recorded(self, stream: StreamId, span: Timespan, *, at: datetime) -> tuple[Sequence[Segment], Sequence[Gap]]:
        if not any(one.start <= span.start and span.end <= one.end for one in self._approved.get(stream, ())):
            raise NotFound(f"No approval covers stream {stream} from {span.start} to {span.end}. Nothing of it is read.")
        found, why = self._source.recorded(stream, span, at=at)
        self._shown.update(one.id for one in found if one.stream_id == stream and one.span.overlaps(span))
        return found, why

    def open(self, segment: Segment) -> AbstractContextManager[ReadRecord]:
        if segment.id not in self._shown:
            raise NotFound(f"No approval covers segment {segment.id}. Nothing of it is read.")
        return self._source.open(segment)


def _scope(session: Session, number: CameraId, spans: Sequence[CameraSpan]) -> CameraScope:
    details, stream = cameras.get(session, None, number), cameras.stream_id(session, number, StreamRole.MAIN)
    if details is None or stream is None:
        raise NotFound(f"Camera {number} has no main stream, so there is no footage of it.")
    return CameraScope(
        camera_id=number,
        stream_id=stream,
        camera=details.camera.name,
        branch=details.branch.name,
        zone=details.branch.timezone,
        device="",
        spans=tuple(Timespan(datetime_of_ms(one.start_ms), datetime_of_ms(one.end_ms)) for one in spans),
    )


def _mark(request: ExportRequest, zone: str) -> str:
    terms = request.scope.terms
    if request.instrument not in STILLS or terms.expires_ms is None:
        return ""
    return mark_of(request.number, terms.recipient, terms.expires_ms, zone)


def _facts(request: ExportRequest, approval: Approval, history: Sequence[RequestEvent], zone: str) -> tuple[tuple[str, str], ...]:
    asks, terms = request.requester, request.scope.terms
    verified = next((one.words for one in reversed(history) if one.act is RequestAct.VERIFY), "")
    under = "" if approval.delegation_id is None else ", for the Director under a delegation"
    told = (
        ("Asked by", ", ".join(one for one in (asks.name, asks.agency, asks.badge) if one)),
        ("By which paper", ", ".join(one for one in (request.instrument.value.replace("-", " "), request.court, request.docket) if one)),
        ("How it was made sure who asks", verified),
        ("The time as it was given", request.scope.local_time),
        ("Approved by", f"{approval.by_name}{under}, {approval.at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Shown by", _shown(approval)),
        ("SHA-256 of what was approved", request.sha256),
        ("For", terms.recipient),
        ("On these conditions", terms.conditions),
        ("Paper copies are removed by", last_day_of(terms.expires_ms, zone) if request.instrument in STILLS and terms.expires_ms else ""),
    )
    return tuple((name, value) for name, value in told if value)


def _shown(approval: Approval) -> str:
    """Return by what who approved showed who they are, and whether anybody can check that."""
    if approval.assertion is None:
        return f"{approval.proof}; no passkey signed this approval"
    return f"a passkey that signed this approval, by the key with the SHA-256 {approval.assertion.key_sha256}; verify.py checks it"
