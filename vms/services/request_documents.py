"""Requests as the JSON of the command line and the API; what counsel advised is in none."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from vms.domain.export_scope import ExportScope
from vms.domain.ids import CameraId
from vms.domain.made_package import MadePackage, PackageState
from vms.domain.package_release import PackageRelease
from vms.domain.package_ticket import PackageTicket
from vms.domain.request import Approval, ExportRequest, RequestEvent, RequestSeal
from vms.domain.showing import Showing
from vms.domain.timespan import datetime_of_ms
from vms.services.codes import grouped
from vms.services.requests import RequestStanding


def request_document(request: ExportRequest, at: datetime) -> dict[str, object]:
    """Return a request as a list has it."""
    asks, approval = request.requester, request.approval_at(at)
    return {
        "id": request.id,
        "number": request.number,
        "instrument": request.instrument,
        "state": request.state_at(at),
        "since": request.since,
        "due_at": request.due_at,
        "overdue": request.is_overdue(at),
        "requester": {"name": asks.name, "agency": asks.agency, "badge": asks.badge, "contact": asks.contact},
        "court": request.court,
        "docket": request.docket,
        "served_on": request.served_on or None,
        "report_number": request.report_number,
        "purpose": request.purpose,
        "necessity": request.necessity,
        "entered_by": request.entered_by_name,
        "entered_at": request.entered_at,
        "scope_version": request.scope_version,
        "sha256": request.sha256,
        "approval": None if approval is None else _approval(approval),
        "holds": list(request.holds),
        "sealed": None if request.seal is None else _seal(request.seal),
    }


def standing_document(standing: RequestStanding, at: datetime) -> dict[str, object]:
    """Return a request with its scope, papers, history, and what keeps it from being approved."""
    papers = [
        {
            "id": one.id,
            "name": one.name,
            "sha256": one.sha256,
            "size_bytes": one.size_bytes,
            "added_by": one.added_by_name,
            "at": one.added_at,
        }
        for one in standing.papers
    ]
    return request_document(standing.request, at) | {
        "scope": scope_document(standing.request.scope, standing.names),
        "open_points": list(standing.faults_at(at)),
        "papers": papers,
        "history": [_event(one) for one in standing.history],
        "tickets": [ticket_document(one) for one in standing.tickets],
        "release": None if standing.release is None else _release(standing.release),
        "showings": [showing_document(one) for one in standing.showings],
        "package": None if standing.package is None else package_document(standing.package, standing.request),
    }


def _release(release: PackageRelease) -> dict[str, object]:
    return {
        "at": release.at,
        "by": release.by_name,
        "taken_by": release.taken_by,
        "medium": {"label": release.medium.label, "serial": release.medium.serial},
        "read_back_at": release.read_back_at,
    }


def ticket_document(ticket: PackageTicket) -> dict[str, object]:
    """Return a ticket without what opens it: that is kept nowhere."""
    return {
        "ticket": grouped(ticket.number),
        "recipient": ticket.recipient,
        "by": ticket.by_name,
        "at": ticket.at,
        "until": ticket.until,
        "downloads": ticket.downloads,
        "most_downloads": ticket.most_downloads,
        "last_download_at": ticket.last_download_at,
        "revoked_at": ticket.revoked_at,
    }


def showing_document(showing: Showing) -> dict[str, object]:
    """Return a showing: who was shown it, and what of it was sent to the screen once it has ended."""
    return {
        "showing": showing.id,
        "name": showing.viewer.name,
        "belongs": showing.viewer.belongs,
        "identity": showing.viewer.identity,
        "place": showing.viewer.place,
        "beside": showing.viewer.beside,
        "by": showing.by_name,
        "at": showing.at,
        "ends_at": showing.ends_at,
        "ended_at": showing.ended_at,
        "ended_by": showing.ended_by_name or None,
        "seen": [
            {"camera": one.camera_id, "start": datetime_of_ms(one.start_ms), "end": datetime_of_ms(one.end_ms)} for one in showing.seen
        ],
    }


def package_document(package: MadePackage, request: ExportRequest) -> dict[str, object]:
    """Return how far a request's package has come."""
    ready = package.state is PackageState.READY
    return {
        "id": package.id,
        "state": package.state,
        "since": package.since,
        "sha256": package.sha256,
        "asked_by": package.asked_by_name,
        "asked_at": package.asked_at,
        "sentence": package.sentence,
        "manifest": package.manifest or None,
        "files": package.files,
        "size_bytes": package.size_bytes,
        "missing": package.missing,
        "leaves_until": package.leaves_until(request.scope.terms) if ready else None,
    }


def scope_document(scope: ExportScope, names: Mapping[CameraId, str]) -> dict[str, object]:
    terms = scope.terms
    return {
        "footage": [
            {
                "camera": one.camera_id,
                "name": names.get(one.camera_id, ""),
                "start": datetime_of_ms(one.start_ms),
                "end": datetime_of_ms(one.end_ms),
            }
            for one in scope.footage
        ],
        "local_time": scope.local_time,
        "camera_minutes": scope.camera_minutes,
        "recipient": terms.recipient,
        "delivery": terms.delivery,
        "redact": terms.redact,
        "conditions": terms.conditions,
        "expires_at": None if terms.expires_ms is None else datetime_of_ms(terms.expires_ms),
    }


def _approval(approval: Approval) -> dict[str, object]:
    return {
        "by": approval.by_name,
        "at": approval.at,
        "sha256": approval.sha256,
        "ends_at": approval.ends_at,
        "delegation": approval.delegation_id,
        "proof": approval.proof,
        "words": approval.words,
        "passkey": None if approval.assertion is None else approval.assertion.key_sha256,
    }


def _seal(seal: RequestSeal) -> dict[str, object]:
    """Return for whom a request exists, and since when it is no secret any more."""
    lifted = seal.lifted
    told = None if lifted is None else {"on": lifted.on, "reason": lifted.reason, "by": lifted.by_name, "at": lifted.at}
    named = [{"id": number, "name": name} for number, name in seal.named.items()]
    return {"matter": seal.matter, "named": named, "lifted": told}


def _event(event: RequestEvent) -> dict[str, object]:
    check = {} if event.line is None else {"line": event.line, "answer": event.answer}
    return {"act": event.act, "state": event.state, "words": event.words, "by": event.by_name, "at": event.at} | check
