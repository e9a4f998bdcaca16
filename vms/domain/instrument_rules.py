"""A district's own rules per instrument, as the document that people edit: read whole or refused, never below what the policy asks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from vms.domain.instruments import SHIPPED, Counsel, FormLine, Instrument, Rule, Rules
from vms.domain.json_fields import Fields, fields_once
from vms.errors import InvalidInput

MAX_DOCUMENT_BYTES = 64 * 1024
MAX_LETTER_CHARS = 2000
MAX_WORKING_DAYS = 60
MAX_REASON_CHARS = 500
MAX_VERSION = 10**9

_BY_A_COURT = (Instrument.SUBPOENA, Instrument.SEARCH_WARRANT, Instrument.COURT_ORDER, Instrument.CIVIL_DISCOVERY)
_IN_FORM = (*_BY_A_COURT, Instrument.NATIONAL_SECURITY_LETTER)
_WITHOUT_A_DOCUMENT = (Instrument.AGENCY_REQUEST, Instrument.PRESERVATION_LETTER)
_PRIVATE = (Instrument.PUBLIC_RECORDS, Instrument.SUBJECT_ACCESS, Instrument.INSURER)
_NEVER = (
    "Policy 5-9, clause VIII: no library record is made available to an agency of the government without a document that a court issued. "
    "‘{}’ is none, so its may_be_approved stays false."
)
_WHOLE_FORM = (
    "Policy 5-9, clause VIII: a document has to be issued by a court of competent jurisdiction, show good cause and be in proper form. "
    "The form of ‘{}’ lacks: {}."
)
_A_COURT = "Policy 5-9, clause VIII: a document is issued by a court. The of_a_court of ‘{}’ stays true."
_COUNSEL = (
    "Policy 5-9, clause IV d: the Director is guided by counsel. Nothing is approved for a national-security letter before they advised, "
    "so its counsel stays first."
)
_EXEMPT = (
    "Policy 5-9, clause II: state law protects library records from disclosure. The decision about ‘{}’ says why no exemption keeps them "
    "back, so its cites_exemption stays true."
)
_CONFERRED = (
    "Policy 5-9, clause VIII: the Director confers with the Library Board before the response to a request. Nothing but a search warrant "
    "is carried out the same day and waits for nobody, so the working_days of ‘{}’ are at least 1."
)
_NO_RULES = "no rules"
"""What says who asks never approves is the policy (clause VIII) and the tables, so a field for it is refused like any unknown one."""


@dataclass(frozen=True, slots=True)
class RulesApproval:
    """The Director's yes to a version that somebody else proposed: it is in force from then on."""

    by: str
    """`Actor.label`"""
    by_name: str
    proof: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RulesVersion:
    """One version of the rules, proposed or in force, or one that was; never changed."""

    version: int
    based_on: int
    """The version in force that it was made from."""
    text: str
    """The document, as `text_of` writes it."""
    reason: str
    by: str
    """`Actor.label`"""
    by_name: str
    at: datetime
    approval: RulesApproval | None = None

    @property
    def rules(self) -> Rules:
        """Return what it says, and the program's own rule for an instrument that came later than it; InvalidInput when it can't be read."""
        return Rules(self.version, _read(self.text, SHIPPED.of).of)

    @property
    def sha256(self) -> str:
        return digest_of(self.text)


@dataclass(frozen=True, slots=True)
class Change:
    """What one version says otherwise than another."""

    instrument: Instrument
    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A document as somebody edited it."""

    based_on: int
    of: Mapping[Instrument, Rule]


def text_of(based_on: int, of: Mapping[Instrument, Rule]) -> str:
    """Return the document of rules: the same octets for the same rules."""
    told = {"based_on": based_on, "instruments": {one.value: _fields(of[one]) for one in Instrument}}
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def rules_from(text: str | bytes) -> Draft:
    """Read a document that says everything; InvalidInput says in a sentence what of it can't be, and which clause it would break."""
    return _read(text, {})


def _read(text: str | bytes, instead: Mapping[Instrument, Rule]) -> Draft:
    """Read a document. `instead`: what counts for an instrument that it leaves out."""
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidInput(f"Rules have {MAX_DOCUMENT_BYTES // 1024} KiB at most. Download those in force, and edit that file.")
    try:
        document: object = json.loads(text, object_pairs_hook=fields_once)
    except (ValueError, RecursionError) as err:
        raise InvalidInput(f"The rules are no JSON: {err}. Download those in force, and edit that file.") from err
    told = Fields("The document", document)
    based_on, each = told.number("based_on", least=1, most=MAX_VERSION), told.fields("instruments", "“instruments”")
    later = {one: rule for one, rule in instead.items() if not each.has(one.value)}
    of = {one: later.get(one) or _rule(each.fields(one.value, f"“{one}”")) for one in Instrument}
    for fields in (told, each):
        fields.end(_NO_RULES)
    if broken := floor_faults(of):
        raise InvalidInput(" ".join(broken))
    return Draft(based_on, of)


def floor_faults(of: Mapping[Instrument, Rule]) -> list[str]:
    """Return a sentence, with the policy's clause, for whatever a version would take away that the policy itself asks for."""
    found = [_NEVER.format(one) for one in _WITHOUT_A_DOCUMENT if of[one].may_be_approved]
    lacking = {one: ", ".join(line for line in FormLine if line not in of[one].form) for one in _IN_FORM}
    found += [_WHOLE_FORM.format(one, lines) for one, lines in lacking.items() if lines]
    found += [_A_COURT.format(one) for one in _BY_A_COURT if not of[one].of_a_court]
    if of[Instrument.NATIONAL_SECURITY_LETTER].counsel is not Counsel.FIRST:
        found.append(_COUNSEL)
    found += [_CONFERRED.format(one) for one in Instrument if of[one].at_once and one is not Instrument.SEARCH_WARRANT]
    return found + [_EXEMPT.format(one) for one in _PRIVATE if not of[one].cites_exemption]


def differences(before: Mapping[Instrument, Rule], after: Mapping[Instrument, Rule]) -> list[Change]:
    """Return what `after` says otherwise, in the order of the document."""
    return [
        Change(one, field, _spoken(old), _spoken(new))
        for one in Instrument
        for (field, old), new in zip(_fields(before[one]).items(), _fields(after[one]).values(), strict=True)
        if old != new
    ]


def spoken_rule(rule: Rule) -> dict[str, str]:
    """Return what a rule says, field by field, in words."""
    return {field: _spoken(value) for field, value in _fields(rule).items()}


def _fields(rule: Rule) -> dict[str, object]:
    return {
        "may_be_approved": rule.may_be_approved,
        "counsel": rule.counsel.value,
        "form": [line.value for line in rule.form],
        "cites_exemption": rule.cites_exemption,
        "of_a_court": rule.of_a_court,
        "working_days": rule.working_days,
        "letter": rule.letter,
    }


def _spoken(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value)) or "nothing"
    return str(value)


def _rule(told: Fields) -> Rule:
    rule = Rule(
        may_be_approved=told.yes_or_no("may_be_approved"),
        counsel=told.word("counsel", Counsel),
        form=told.words("form", FormLine),
        cites_exemption=told.yes_or_no("cites_exemption"),
        of_a_court=told.yes_or_no("of_a_court"),
        working_days=told.number("working_days", least=0, most=MAX_WORKING_DAYS),
        letter=" ".join(told.text("letter").split()),
    )
    told.end(_NO_RULES)
    if not rule.letter or len(rule.letter) > MAX_LETTER_CHARS or not rule.letter.isprintable():
        raise InvalidInput(f"{told.where}: “letter” is a text of up to {MAX_LETTER_CHARS:,} characters that can be printed.")
    return rule
