"""Legal holds as documents: what `vms hold … --json` prints and the API answers."""

from __future__ import annotations

from datetime import datetime

from vms.domain.legal_hold import HoldStanding, LegalHold, NodeStanding, StoredAnswer
from vms.domain.timespan import datetime_of_ms


def hold_document(hold: LegalHold, at: datetime) -> dict[str, object]:
    return {
        "id": hold.id,
        "matter": hold.matter,
        "kind": hold.kind.value,
        "sealed": None if hold.seal is None else hold.seal.matter,
        "reason": hold.reason,
        "authority": hold.authority,
        "state": hold.state(at).value,
        "scope": {
            "cameras": sorted(hold.scope.cameras),
            "areas": sorted(hold.scope.areas),
            "branches": sorted(hold.scope.branches),
        },
        "from": datetime_of_ms(hold.time.start_ms),
        "to": None if hold.time.end_ms is None else datetime_of_ms(hold.time.end_ms),
        "review_at": hold.review_at,
        "expires_at": hold.expires_at,
        "placed_by": hold.placed_by_name,
        "placed_at": hold.placed_at,
        "ends_at": hold.ends_at,
        "released_at": hold.released_at,
    }


def standing_document(standing: HoldStanding, at: datetime) -> dict[str, object]:
    found = {one.answer.camera_id: one for one in standing.answers}
    return hold_document(standing.hold, at) | {
        "effective": standing.effective(at),
        "release_waits": standing.release_waits,
        "nodes": node_documents(standing.nodes, at),
        "cameras": [
            {
                "id": one.camera_id,
                "name": one.name,
                "branch": one.branch,
                "paused_until": one.paused_until if one.is_left_out_of(standing.hold, at) else None,
                "answer": _answer(found.get(one.camera_id)),
            }
            for one in standing.cameras
        ],
    }


def node_documents(nodes: tuple[NodeStanding, ...], at: datetime) -> list[dict[str, object]]:
    return [
        {"id": one.node_id, "name": one.name, "applied": one.applied, "effective": one.effective(at), "safe_from": one.safe_from}
        for one in nodes
    ]


def _answer(found: StoredAnswer | None) -> dict[str, object] | None:
    if found is None:
        return None
    answer = found.answer
    return {
        "kept_segments": answer.kept_segments,
        "kept_bytes": answer.kept_bytes,
        "first": None if answer.first_ms is None else datetime_of_ms(answer.first_ms),
        "last": None if answer.last_ms is None else datetime_of_ms(answer.last_ms),
        "condemned_segments": answer.condemned_segments,
        "purged_segments": answer.purged_segments,
        "at": found.at,
    }
