"""Complaints as documents: what `vms complaint … --json` prints and the API answers."""

from __future__ import annotations

from datetime import datetime

from vms.domain.complaint import Complaint


def complaint_document(complaint: Complaint, at: datetime) -> dict[str, object]:
    told = complaint.answer
    return {
        "id": complaint.id,
        "state": complaint.state(at).value,
        "way": complaint.way.value,
        "about": complaint.about.value,
        "about_name": complaint.about_name,
        "from_name": complaint.from_name,
        "from_address": complaint.from_address,
        "said": complaint.text,
        "cameras": sorted(complaint.cameras),
        "from": None if complaint.time is None else complaint.time.start,
        "to": None if complaint.time is None else complaint.time.end,
        "received_at": complaint.received_at,
        "due_at": complaint.due_at,
        "entered_by": complaint.entered_by_name,
        "entered_at": complaint.entered_at,
        "hold": complaint.hold_id,
        "answer": None if told is None else {"text": told.text, "by": told.by_name, "at": told.at},
    }
