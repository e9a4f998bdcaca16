"""The certificate of deletion on paper: drawn by reportlab from what was signed, octet for octet the same each time."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from vms.domain.deletion_certificate import DeletionCertificate, MachineProof, month_of
from vms.services.deletion_certificates import certificate_in
from vms.services.paper import Flowable, pdf, space, table, text
from vms.store.deletion_certificates import StoredCertificate

_GIB = 1 << 30


def certificate_pdf(stored: StoredCertificate) -> bytes:
    """Return the PDF. Letters that the standard fonts lack stand as question marks; the JSON has them."""
    certificate = certificate_in(stored.document)
    title = f"Certificate of deletion, {month_of(certificate.month).name}"
    content = [*_in_words(certificate, title), *_branches(certificate), *_machines(certificate), *_signature(stored)]
    return pdf(title, certificate.district, content)


def _in_words(certificate: DeletionCertificate, title: str) -> list[Flowable]:
    segments, size_bytes, early = (sum(getattr(one, name) for one in certificate.branches) for name in ("segments", "size_bytes", "early"))
    sooner = (
        f", but for {early:,} that went before: the disks were full, and the policy lets what is past its floor go then" if early else ""
    )
    records = ", ".join(f"{number:,} {kind}" for kind, number in certificate.records.items()) or "none"
    erased = f" Of {certificate.log_entries:,} numbers of the access log the texts were erased." if certificate.log_entries else ""
    footage = (
        f"From {_day(certificate.during.start)} up to {_day(certificate.during.end)}, by UTC, {certificate.district} destroyed "
        f"{segments:,} segments of recorded footage, {size_bytes / _GIB:,.1f} GiB, whose retention window was over{sooner}. "
        "A segment is a file of about a minute of one camera."
    )
    said = [
        footage,
        f"Records other than footage that were deleted because their day was over, by kind: {records}.{erased}",
        *(_left(one) for one in certificate.machines),
        *(f"{name} has not told its month: of what it recorded nothing is said here." for name in certificate.missing),
        "What the law makes secret is spoken of nowhere in this certificate.",
        f"Made on {_moment(certificate.made_at)}.",
    ]
    return [text(certificate.district, "Heading3"), text(title, "Title"), *(text(one) for one in said)]


def _left(one: MachineProof) -> str:
    """Say what a machine has that is past its window, and why."""
    at = f"When {one.machine} told its month, on {_moment(one.told_at)}, "
    held = f"legal holds kept {one.held_segments:,} segments of {one.held_cameras:,} cameras past their window"
    overdue = (
        f"{one.overdue_segments:,} segments were past their window and should have been gone"
        if one.overdue_segments
        else "nothing else was left past its window"
    )
    paused = f" Deletion was paused since {_moment(one.paused.since)}: {one.paused.reason}" if one.paused else ""
    return f"{at}{held}, and {overdue}.{paused}"


def _branches(certificate: DeletionCertificate) -> list[Flowable]:
    heads = ("Branch", "Segments", "of these early", "Bytes", "Recorded from", "to", "Policy versions")
    rows = [
        (
            one.branch,
            f"{one.segments:,}",
            f"{one.early:,}",
            f"{one.size_bytes:,}",
            _moment(one.first),
            _moment(one.last),
            ", ".join(map(str, one.policy_versions)),
        )
        for one in certificate.branches
    ]
    return [text("Footage that was destroyed", "Heading2"), table(heads, rows)] if rows else []


def _machines(certificate: DeletionCertificate) -> list[Flowable]:
    heads = ("Machine", "Position at the month's end", "Hash there", "Entry of the access log")
    rows = [
        (one.machine, f"{one.position:,}", _chain(one), f"{one.log_entry:,}" if one.log_entry else "none yet")
        for one in certificate.machines
    ]
    why = (
        "Each machine keeps a purge log: a chain in which every entry has the hash of the one before. Where it stands is an entry of the "
        "access log each day. Whoever holds a checkpoint of that log can check such an entry: vms log prove NUMBER; and one day of one "
        "camera: vms retention attest, or the page What was deleted."
    )
    return [text("Where the purge logs stand", "Heading2"), text(why), table(heads, rows)] if rows else []


def _chain(one: MachineProof) -> str:
    return f"{one.hash[:32]} {one.hash[32:]}" if one.broken_at is None else f"BROKEN from position {one.broken_at:,} on"


def _signature(stored: StoredCertificate) -> list[Flowable]:
    said = f"The JSON beside this page is what was signed. Its SHA-256 is {sha256(stored.document.encode()).hexdigest()}. The signature:"
    lines = [text(line, "Code") for line in stored.note.splitlines() if line]
    return [text("Signed by the access log's key", "Heading2"), text(said), space(), *lines]


def _day(at: datetime) -> str:
    return f"{at:%d} {at:%B} {at:%Y}".lstrip("0")


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
