"""Verify a month's certificate of deletion anywhere: the log's key is needed, no database; an export of the access log shows more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from pydantic import ValidationError

from vms.crypto import is_signed
from vms.domain.access import AccessEvent, Action, line_of
from vms.domain.checkpoint import VerifierKey, signatures_by
from vms.domain.deletion_certificate import DeletionCertificate, MachineProof, signed_month, signed_text
from vms.domain.log_export import Exported
from vms.errors import InvalidInput
from vms.services.deletion_certificates import certificate_in
from vms.services.log_export import verify_export

NOT_SHOWN = "Whether the machines destroyed what they told: a spot check looks there, and so does vms retention attest."
NO_EXPORT = "Whether the access log says the same: give an export of it (vms log export) as --log."
NOT_READ = "What the file says: without its signature it says nothing."

MOST = 1 << 63
"""What is counted is smaller; a number of thousands of digits can't even be printed."""


@dataclass(frozen=True, slots=True)
class CertificateReport:
    """What was found of a certificate; each line is a sentence."""

    certificate: DeletionCertificate | None
    """None: it is not the file that was signed, and nobody read it."""
    compared: tuple[str, ...]
    """What the access log says as well."""
    findings: tuple[str, ...]
    unseen: tuple[str, ...]
    """What was not checked."""

    @property
    def ok(self) -> bool:
        return not self.findings


def verify_certificate(document: str, note: str, key: VerifierKey, export: Iterable[str] | None = None) -> CertificateReport:
    """Compare a certificate's JSON with the signature over it and, where an export of the access log is given, with that.

    Nothing of the JSON is read before the signature fits. InvalidInput when what was signed is no certificate that can be shown, or the
    export is none by this key.
    """
    if (wrong := _why_not_signed(document, note, key)) is not None:
        return CertificateReport(None, (), (wrong,), (NOT_READ,))
    certificate, found = _read(document, note), _Found()
    if export is None:
        found.unseen.append(NO_EXPORT)
    else:
        events = dict[int, AccessEvent]()
        found.findings += verify_export(export, key, proved=lambda one: _note_event(one, events)).findings
        _compare(certificate, document, events, found)
    return CertificateReport(certificate, tuple(found.compared), tuple(found.findings), (*found.unseen, NOT_SHOWN))


class _Found:
    def __init__(self) -> None:
        self.compared: list[str] = []
        self.findings: list[str] = []
        self.unseen: list[str] = []


def _why_not_signed(document: str, note: str, key: VerifierKey) -> str | None:
    text = note.rpartition("\n\n")[0] + "\n"
    if not any(is_signed(key.public_key, text.encode(), one) for one in signatures_by(note, key.name, key.public_key)):
        return "The note is not signed by this key."
    if text != signed_text(key.name, signed_month(text), document):
        return "The file is not the one that was signed: the note is about another."
    return None


def _read(document: str, note: str) -> DeletionCertificate:
    try:
        certificate = certificate_in(document)
    except ValidationError as err:
        raise InvalidInput("What was signed is no certificate of deletion. Give the .json that vms retention certificate wrote.") from err
    if certificate.month != signed_month(note):
        raise InvalidInput("The certificate says another month than its note. Ask whoever signed it for another.")
    shown = certificate.district, certificate.month, *(one.machine for one in certificate.machines)
    counts = sum(one.segments for one in certificate.branches), *(one.position + (one.log_entry or 0) for one in certificate.machines)
    if not "".join(shown).isprintable() or max(counts) > MOST:
        sentence = "The certificate was signed with control characters, or numbers that none has, and is not shown. Ask for another."
        raise InvalidInput(sentence)
    return certificate


def _note_event(one: Exported, events: dict[int, AccessEvent]) -> None:
    if isinstance(event := line_of(one.number, one.body), AccessEvent):
        events[one.number] = event


def _compare(certificate: DeletionCertificate, document: str, events: Mapping[int, AccessEvent], found: _Found) -> None:
    certified = [one for one in events.values() if one.action is Action.DELETION_CERTIFY and one.detail["month"] == certificate.month]
    for one in certified:
        if one.detail["sha256"] == sha256(document.encode()).hexdigest():
            found.compared.append(f"Entry {one.number:,} says that this file was signed.")
        else:
            found.findings.append(f"Entry {one.number:,} says that another file was signed for {certificate.month}.")
    if not certified:
        found.unseen.append(
            f"Whether the access log says that this file was signed: the export has no deletion:certify of {certificate.month}."
        )
    for machine in certificate.machines:
        if machine.position:
            _compare_head(machine, events, found)


def _compare_head(machine: MachineProof, events: Mapping[int, AccessEvent], found: _Found) -> None:
    """Compare where a machine's purge log stood with the heads that are written into the access log each day."""
    name, number = machine.machine, machine.log_entry
    head = None if number is None else events.get(number)
    if head is None:
        which = "no entry of the access log had it" if number is None else f"the export lacks entry {number:,}"
        found.unseen.append(f"Where the purge log of {name} stood: {which}.")
        return
    heads = [one for one in events.values() if one.action is Action.PURGE_HEAD and one.actor == head.actor]
    said = {one.number: (int(one.detail["position"]), one.detail["hash"]) for one in heads}
    if head.number not in said or head.detail["node"] != name or said[head.number][0] < machine.position:
        found.findings.append(f"Entry {head.number:,} does not say that the purge log of {name} had position {machine.position:,}.")
        return
    others = [one for one, (position, hash_) in said.items() if position == machine.position and hash_ != machine.hash]
    if others:
        found.findings.append(f"Entry {others[0]:,} says another hash of position {machine.position:,} of the purge log of {name}.")
    elif said[head.number][0] == machine.position:
        found.compared.append(f"Entry {head.number:,} says the same of the purge log of {name}, position {machine.position:,}.")
    else:
        found.compared.append(
            f"Entry {head.number:,} has the purge log of {name} behind position {machine.position:,}; its chain is checked there."
        )
