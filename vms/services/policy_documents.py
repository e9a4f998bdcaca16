"""Retention policies as documents: what `vms policy … --json` prints and the API answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from vms.domain.ids import CameraId
from vms.domain.policy import CHECK_THE_SCHEDULE, PolicyPlace, RetentionPolicy, Window
from vms.domain.second_person import Proposal
from vms.services.policies import Planned
from vms.services.policy_effect import CameraEffect, Counted
from vms.services.policy_standing import CameraStanding, FoundHere, PlaceStanding, PolicyOverview


def policy_document(policy: RetentionPolicy, name: str, waits: Proposal | None = None) -> dict[str, object]:
    """Return a version; `in_force` None without `waits` says that it is not written yet, or was stopped."""
    force, approval = policy.in_force, policy.approval
    return {
        "version": policy.version,
        "place": place_document(policy.place, name),
        "min_days": policy.days.min_days,
        "target_days": policy.days.target_days,
        "max_days": policy.days.max_days,
        "hours": str(policy.days.hours),
        "early": policy.days.early,
        "legal_basis": policy.legal_basis,
        "public_text": policy.public_text,
        "review_at": policy.review_at,
        "reason": policy.reason,
        "made_by": policy.made_by_name,
        "made_at": policy.made_at,
        "in_force": None if force is None else {"at": force.at, "by": force.by_name},
        "approved": None if approval is None else {"at": approval.at, "by": approval.by_name},
        "waits": None if waits is None else {"proposal": waits.id, "earliest_at": waits.earliest_at, "alone_at": waits.alone_at},
    }


def planned_document(planned: Planned, here: Mapping[CameraId, Counted], *, dry_run: bool) -> dict[str, object]:
    found = planned.outcome
    return {
        "dry_run": dry_run,
        "effect": found.effect.value,
        "before": window_document(found.before),
        "after": window_document(found.after),
        "cameras": [_effect(one, here.get(one.camera_id)) for one in found.cameras],
        "clipped": list(found.clipped),
        "policy": policy_document(planned.policy, planned.name, planned.waits),
    }


def overview_document(overview: PolicyOverview, here: Mapping[CameraId, FoundHere], *, at: datetime) -> dict[str, object]:
    district = overview.places[0].counts if overview.places else None
    return {
        "note": CHECK_THE_SCHEDULE if district is not None and district.min_days == 0 else None,
        "places": [_place(one, at) for one in overview.places],
        "cameras": [_camera(one, here.get(one.camera_id)) for one in overview.cameras],
        "waiting": [policy_document(one.policy, one.name, one.proposal) for one in overview.waiting],
    }


def _place(one: PlaceStanding, at: datetime) -> dict[str, object]:
    """Return what counts of a place; `review`: near or over, None while there is time."""
    return policy_document(one.policy, one.name) | {"counts": window_document(one.counts), "review": one.policy.review_state(at)}


def place_document(place: PolicyPlace, name: str) -> dict[str, object]:
    return {"kind": place.kind.value, "id": place.id, "name": name}


def window_document(window: Window | None) -> dict[str, object] | None:
    if window is None:
        return None
    days = {"min_days": window.min_days, "target_days": window.target_days, "max_days": window.max_days}
    return days | {"hours": str(window.hours), "early": window.early}


def _effect(camera: CameraEffect, here: Counted | None) -> dict[str, object]:
    return {
        "id": camera.camera_id,
        "name": camera.name,
        "before": window_document(camera.before),
        "after": window_document(camera.after),
        "hours": camera.hours or None,
        "going_s": camera.going_s,
        "early_s": camera.early_s,
        "segments": None if here is None else here.segments,
        "size_bytes": None if here is None else here.size_bytes,
    }


def _camera(camera: CameraStanding, here: FoundHere | None) -> dict[str, object]:
    return {
        "id": camera.camera_id,
        "name": camera.name,
        "counts": window_document(camera.counts),
        "uses_days": camera.uses_days,
        "drifts": camera.drifts,
        "oldest_at": None if here is None else here.oldest_at,
        "beyond": None if here is None else here.beyond,
    }
