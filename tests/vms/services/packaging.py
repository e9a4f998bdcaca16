"""A package to look at: two cameras, one with a gap, made by the service from segments in memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from tests.factories import CONSOLE, NOW, a_branch, a_camera
from tests.fakes.authenticator import Authenticator
from tests.vms.media.recorded import LENGTH, START, Recorded
from vms.domain.approval_proof import ApprovalAssertion, Pending
from vms.domain.checkpoint import verifier_key
from vms.domain.export_scope import CameraSpan, Delivery, Terms, digest_of, scope_of, text_of
from vms.domain.footage import Gap, GapReason, Segment
from vms.domain.ids import MatterId, RequestId, StreamId
from vms.domain.package import CameraScope, CustodyEvent, Order, OrderApproval
from vms.domain.timespan import Timespan, datetime_of, ms_of
from vms.media.assembly import ReadRecord
from vms.services import webauthn
from vms.services.access_log import DISTRICT
from vms.services.district import District, save_district
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.services.packages import Built, Hub, build_package, prove_sealed
from vms.services.sealed_log import Matter
from vms.services.webauthn import RelyingParty
from vms.store import access_tree
from vms.store.database import Engines

KEY = LogKey(bytes(range(32)))
RP = RelyingParty("cameras.library.example", frozenset({"https://cameras.library.example"}))
AT = datetime_of(START) + timedelta(days=3)
GAP = (START + 2 * LENGTH, START + 4 * LENGTH)
"""Of the first camera: the second of three stretches."""


class InMemory(Recorded):
    """A `FootageSource` of one stream, which remembers what was in the log when it was opened first."""

    def __init__(self, *gaps: Gap) -> None:
        super().__init__()
        self.gaps = gaps

    def recorded(self, stream: StreamId, span: Timespan, *, at: datetime) -> tuple[Sequence[Segment], Sequence[Gap]]:
        del stream, at
        return [one for one in self.segments if one.span.overlaps(span)], self.gaps


@dataclass(frozen=True, slots=True)
class Sources:
    """One source for several streams."""

    of: dict[StreamId, InMemory]

    def recorded(self, stream: StreamId, span: Timespan, *, at: datetime) -> tuple[Sequence[Segment], Sequence[Gap]]:
        return self.of[stream].recorded(stream, span, at=at)

    def open(self, segment: Segment) -> AbstractContextManager[ReadRecord]:
        """The first one knows every segment."""
        return next(iter(self.of.values())).open(segment)


def a_hub(central: Engines) -> Hub:
    with central.writing() as session:
        save_district(session, CONSOLE, District("Alder County", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)

    def sign_log() -> None:
        with central.writing() as session:
            sign_checkpoint(session, KEY, at=AT)

    return Hub(central, KEY, sign_log)


def with_a_gap() -> InMemory:
    """Two segments, nothing for as long, one more."""
    source = InMemory(Gap(StreamId(1), datetime_of(GAP[0]), datetime_of(GAP[1]), GapReason.OFFLINE))
    source.add(START).add(START + LENGTH).add(GAP[1])
    source.segments[0] = replace(source.segments[0], camera_clock_offset_ms=-2300)
    return source


def an_order(central: Engines, request: str = "2026-014") -> Order:
    with central.writing() as session:
        entrance, gate = a_camera(session, a_branch(session), "Entrance"), a_camera(session, a_branch(session, "Łódź"), "=Gate: north")
    spans = (Timespan(datetime_of(START), datetime_of(GAP[1] + LENGTH)), Timespan(datetime_of(START), datetime_of(START + LENGTH)))
    scopes = tuple(
        CameraScope(
            one.camera.id,
            one.camera.streams[0].id,
            one.camera.name,
            one.branch.name,
            "America/Los_Angeles",
            "AXIS P3245-V, ACCC8E01",
            (span,),
        )
        for one, span in zip((entrance, gate), spans, strict=True)
    )
    facts = (("Instrument", "Search warrant 26-CR-114"), ("Approved by", "Helen Marsh, Director; SHA-256 of the scope 4f1c"))
    event = CustodyEvent(NOW, "Helen Marsh", "approved the request", 7)
    return Order("Alder County", request, scopes, facts, (event,), approval=a_signed_approval(scopes))


def a_signed_approval(scopes: Sequence[CameraScope], device: Authenticator | None = None) -> OrderApproval:
    """Return the approval of these cameras and times, signed by a passkey."""
    spans = [CameraSpan(scope.camera_id, ms_of(span.start), ms_of(span.end)) for scope in scopes for span in scope.spans]
    scope = text_of(RequestId(14), scope_of(spans, "Saturday morning", Terms("Det. R. Alvarez", Delivery.BY_HAND)))
    pending, device = Pending.of(bytes(range(32))), device or Authenticator(f"https://{RP.id}")
    options = webauthn.request_options(RP, challenge=pending.challenge(digest_of(scope)), allowed=[device.id], seconds=300)
    parts = webauthn.parts_of(device.get(options))
    kept = ApprovalAssertion(RP.id, pending.nonce, parts.authenticator_data, parts.client_data, parts.signature, device.public_key)
    return OrderApproval(pending.id, scope, "Helen Marsh", NOW, "passkey", kept)


def a_source(order: Order) -> Sources:
    source = with_a_gap()
    return Sources({scope.stream_id: source for scope in order.cameras})


def a_sealed_package(central: Engines, into: Path) -> Built:
    """Make the package of a sealed request: its entry in the log was signed, and is opened in it."""
    hub, order = replace(a_hub(central), matter=Matter(MatterId("0" * 32), bytes(32))), an_order(central)
    built = build_package(order, a_source(order), into, hub=hub, at=AT)
    assert built.log_position is not None
    hub.sign_log()
    assert prove_sealed(built.folder, built.log_position, hub)
    return built


def a_package(central: Engines, into: Path) -> Built:
    hub, order = a_hub(central), an_order(central)
    return build_package(order, a_source(order), into, hub=hub, at=AT)


def district_key(central: Engines) -> str:
    with central.reading() as session:
        log = access_tree.log_of(session, DISTRICT)
    assert log is not None
    return verifier_key(log.name, KEY.public)
