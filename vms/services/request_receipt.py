"""The receipt of what was handed over or shown: to be signed by who took or saw it, on paper or printed from the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from vms.domain.export_scope import Delivery
from vms.domain.made_package import MadePackage
from vms.domain.package_release import PackageRelease
from vms.domain.showing import Showing, seen_words
from vms.domain.timespan import local_time
from vms.errors import NotFound
from vms.services.paper import Flowable, new_page, pdf, space, table, text
from vms.services.requests import RequestStanding


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one person signs: nobody signs what tells of another."""

    facts: tuple[tuple[str, str], ...]
    signed: str
    """What stands before the line to sign on."""


@dataclass(frozen=True, slots=True)
class Receipt:
    title: str
    sheets: tuple[Sheet, ...]
    """Each on a page of its own, with the title above and the sentences below."""
    sentences: tuple[str, ...]


def receipt_of(standing: RequestStanding, zone: str) -> Receipt:
    """Return the receipt, with moments in the district's `zone` and in UTC.

    NotFound as long as the medium was not read back, or no showing has ended; that is no refusal, whose event would name the request.
    """
    if standing.request.scope.terms.delivery is Delivery.ON_SITE:
        return _of_showings(standing, zone)
    request, package, release = standing.request, standing.package, standing.release
    if release is None or release.read_back_at is None or package is None or package.id != release.package:
        raise NotFound(f"No package of request {request.number} was handed over, so there is no receipt.")
    conditions = request.scope.terms.conditions
    return Receipt(
        f"Receipt for the package of request {request.number}",
        (Sheet(_facts(package, release, zone), "Received as it stands here"),),
        (
            "The digest stands for the list of everything in the package. START.html plays it, verify.html and verify.py check it.",
            *((f"It was handed over on these conditions: {conditions}",) if conditions else ()),
        ),
    )


def receipt_pdf(receipt: Receipt, district: str) -> bytes:
    pages = [[*_drawn(receipt, one, district)] for one in receipt.sheets]
    return pdf(receipt.title, district, [*pages[0], *(part for page in pages[1:] for part in (new_page(), *page))])


def _drawn(receipt: Receipt, sheet: Sheet, district: str) -> Iterator[Flowable]:
    yield from (text(district, "Heading3"), text(receipt.title, "Title"), table(("", ""), sheet.facts, (50, 120)), space())
    yield from (text(one) for one in receipt.sentences)
    yield from (space(), space(), text(f"{sheet.signed}: ______________________________     Date: ______________"))


def _of_showings(standing: RequestStanding, zone: str) -> Receipt:
    request, conditions = standing.request, standing.request.scope.terms.conditions
    ended = [one for one in standing.showings if one.ended_at is not None]
    if not ended:
        raise NotFound(f"No showing of request {request.number} has ended yet, so there is no receipt.")
    return Receipt(
        f"Receipt for what was shown of request {request.number}",
        tuple(Sheet(_facts_of(one, standing, zone), f"Seen as it stands here, {one.viewer.name}") for one in ended),
        (
            "It was shown at a screen of the Library. No copy of it was handed over.",
            *((f"It was shown on these conditions: {conditions}",) if conditions else ()),
        ),
    )


def _facts_of(showing: Showing, standing: RequestStanding, zone: str) -> tuple[tuple[str, str], ...]:
    viewer = showing.viewer
    ended_by = showing.ended_by_name or "nobody: its time ran out"
    return (
        ("Shown to", f"{viewer.name}, {viewer.belongs}"),
        ("Identity", viewer.identity),
        ("Where", viewer.place),
        ("Beside them", viewer.beside),
        ("Begun", f"{_both(showing.at, zone)}, by {showing.by_name}"),
        ("Ended", f"{_both(showing.over_at, zone)}, by {ended_by}"),
        ("What was seen", seen_words(showing.seen, standing.names, zone)),
    )


def _facts(package: MadePackage, release: PackageRelease, zone: str) -> tuple[tuple[str, str], ...]:
    back = release.read_back_at or release.at
    return (
        ("Handed over by", release.by_name),
        ("Taken by", release.taken_by),
        ("On the medium", str(release.medium)),
        ("Encrypted file" if package.identity else "Folder", package.folder),
        ("Video files in it", f"{package.files:,}, of {package.size_bytes:,} bytes"),
        ("SHA-256 of its manifest", package.manifest),
        ("Written down", _both(release.at, zone)),
        ("Read back whole", _both(back, zone)),
    )


def _both(at: datetime, zone: str) -> str:
    return f"{local_time(at, zone)} ({at:%Y-%m-%d %H:%M:%S} UTC)"
