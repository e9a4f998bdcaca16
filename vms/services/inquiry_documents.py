"""Inquiries as documents: what `vms inquiry … --json` prints and the API answers."""

from __future__ import annotations

from vms.domain.inquiry import Inquiry


def inquiry_row(inquiry: Inquiry) -> dict[str, object]:
    """Return what a list tells of one: nothing that whoever asked said of themselves or of what happened."""
    return {"id": inquiry.id, "state": inquiry.state.value, "asked_by": inquiry.asked_by.value, "at": inquiry.at}


def inquiry_document(inquiry: Inquiry) -> dict[str, object]:
    told = inquiry.outcome
    return inquiry_row(inquiry) | {
        "name": inquiry.name,
        "agency": inquiry.agency,
        "contact": inquiry.contact,
        "happened": inquiry.happened,
        "place": inquiry.place,
        "when": inquiry.when,
        "brings_paper": inquiry.brings_paper,
        "outcome": None if told is None else {"by": told.by_name, "at": told.at, "reason": told.reason},
    }
