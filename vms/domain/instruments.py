"""By which paper somebody asks for footage, and what the policy says of each: rules as versioned data.

As the district's privacy policy has it: nothing for an agency of the government without a subpoena, warrant, court order or other
investigatory document, issued by a court of competent jurisdiction, showing good cause and in proper form; the Director decides, or to whom
the Director lends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Instrument(StrEnum):
    SUBPOENA = "subpoena"
    SEARCH_WARRANT = "search-warrant"
    COURT_ORDER = "court-order"
    CIVIL_DISCOVERY = "civil-discovery"
    NATIONAL_SECURITY_LETTER = "national-security-letter"
    AGENCY_REQUEST = "agency-request"
    """Of an agency of the government, without a document."""
    PUBLIC_RECORDS = "public-records"
    SUBJECT_ACCESS = "subject-access"
    """Somebody asks for pictures of themselves, or a guardian for a child's."""
    INSURER = "insurer"
    PRESERVATION_LETTER = "preservation-letter"
    LIBRARY_REPORT = "library-report"
    """The library was wronged, or is a witness, and reports it itself."""
    INTERNAL_STILLS = "internal-stills"
    """Stills for use within the district, such as a board of who was banned: nobody outside is handed anything."""


STILLS = frozenset({Instrument.INTERNAL_STILLS})
"""Of these a package has single pictures alone, and a last day."""
OF_THE_DISTRICT = STILLS | {Instrument.LIBRARY_REPORT}
"""Who asks is somebody of the staff: nobody has to make sure who it is."""
KEPT_SECRET = frozenset({Instrument.NATIONAL_SECURITY_LETTER})
"""Of these the law may forbid to say that one came: no public number counts any, or what was kept for one."""


class FormLine(StrEnum):
    """What is looked at on a paper before it counts."""

    COURT = "court"
    GOOD_CAUSE = "good-cause"
    SIGNATURE = "signature"
    NAMES_DISTRICT = "names-district"
    SCOPE = "scope"
    DATE = "date"
    IN_FORCE = "in-force"
    SERVICE = "service"


QUESTIONS: Mapping[FormLine, str] = {
    FormLine.COURT: "Was it issued by a court, or under the authority of one, that has jurisdiction here?",
    FormLine.GOOD_CAUSE: "Does it show good cause?",
    FormLine.SIGNATURE: "Is it signed by whom it says?",
    FormLine.NAMES_DISTRICT: "Is it addressed to the district, by its name?",
    FormLine.SCOPE: "Does it say which place and which time it asks for?",
    FormLine.DATE: "Is it dated?",
    FormLine.IN_FORCE: "Is it in force today?",
    FormLine.SERVICE: "Was it served as it has to be?",
}


class FormAnswer(StrEnum):
    YES = "yes"
    NO = "no"
    NOT_NEEDED = "not-needed"
    """A paper of this kind needs none; why is said beside it."""


class Counsel(StrEnum):
    """What counsel has to do with it."""

    NOT_ASKED = "not-asked"
    IN_PARALLEL = "in-parallel"
    """Told at once; it is carried out without waiting for an answer."""
    FIRST = "first"
    """Nothing is approved before counsel has advised."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is asked before footage may leave by an instrument."""

    may_be_approved: bool
    counsel: Counsel
    form: tuple[FormLine, ...]
    cites_exemption: bool
    """The decision says under which exemption, or why none keeps it back."""
    of_a_court: bool
    """It has a court and a number there."""
    working_days: int
    """To the answer, unless the paper says an earlier day."""
    letter: str
    """What whoever asked is told when it can't be granted as it is."""

    @property
    def at_once(self) -> bool:
        """Return whether it is carried out the same day, and waits for nobody."""
        return self.working_days == 0


@dataclass(frozen=True, slots=True)
class Rules:
    """One version: what was asked of a request that was entered under it."""

    version: int
    of: Mapping[Instrument, Rule]


_WHOLE_FORM = tuple(FormLine)
_BRING = (
    "The Library makes its records available to an agency of state, federal or local government under a subpoena, a warrant, a court order "
    "or another investigatory document that a court of competent jurisdiction has issued, showing good cause and in proper form. "
    "Bring such a document: it names the Library District, the place and the time it asks for, the court and its number, is dated and "
    "signed, and is served on the Library Director."
)
_ON_THE_FORM = "The document is not in the form that the Library needs before it makes records available. What is missing stands below."
_PRIVATE = (
    "Recordings of people in the library are not made available to private parties unless the law gives a right to them. "
    "A court may order it: serve the order on the Library Director."
)


def _of_a_court(counsel: Counsel, working_days: int) -> Rule:
    return Rule(True, counsel, _WHOLE_FORM, False, True, working_days, _ON_THE_FORM)


def _private(working_days: int) -> Rule:
    return Rule(True, Counsel.NOT_ASKED, (), True, False, working_days, _PRIVATE)


SHIPPED = Rules(
    1,
    {
        Instrument.SUBPOENA: _of_a_court(Counsel.FIRST, 10),
        Instrument.SEARCH_WARRANT: _of_a_court(Counsel.IN_PARALLEL, 0),
        Instrument.COURT_ORDER: _of_a_court(Counsel.IN_PARALLEL, 5),
        Instrument.CIVIL_DISCOVERY: _of_a_court(Counsel.FIRST, 10),
        Instrument.NATIONAL_SECURITY_LETTER: Rule(True, Counsel.FIRST, _WHOLE_FORM, False, False, 5, _ON_THE_FORM),
        Instrument.AGENCY_REQUEST: Rule(False, Counsel.NOT_ASKED, (), False, False, 5, _BRING),
        Instrument.PUBLIC_RECORDS: _private(15),
        Instrument.SUBJECT_ACCESS: _private(15),
        Instrument.INSURER: _private(15),
        Instrument.PRESERVATION_LETTER: Rule(
            False,
            Counsel.NOT_ASKED,
            (),
            False,
            False,
            5,
            "The footage that the letter names is kept. To have a copy of it, send the document that orders it.",
        ),
        Instrument.LIBRARY_REPORT: Rule(
            True, Counsel.NOT_ASKED, (), False, False, 5, "The Library does not hand over this footage with its report."
        ),
        Instrument.INTERNAL_STILLS: Rule(True, Counsel.NOT_ASKED, (), False, False, 5, "The Library makes no stills of this."),
    },
)
"""As the policy reads. A warrant is due today: it is carried out at once, and counsel is told in parallel."""


def form_faults(rule: Rule, answers: Mapping[FormLine, FormAnswer]) -> list[str]:
    """Return a sentence for each line of the form check that keeps a paper from counting."""
    faults = []
    for line in rule.form:
        match answers.get(line):
            case None:
                faults.append(f"Not answered: {QUESTIONS[line]}")
            case FormAnswer.NO:
                faults.append(f"Answered with no: {QUESTIONS[line]}")
    return faults
