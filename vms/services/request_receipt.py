"""The receipt of a package that was handed over: to be signed by who took it, on paper or printed from the page."""

from __future__ import annotations

from dataclasses import dataclass

from vms.domain.made_package import MadePackage
from vms.domain.package_release import PackageRelease
from vms.errors import NotFound
from vms.services.paper import pdf, space, table, text
from vms.services.requests import RequestStanding

_SIGNED = "Received as it stands here: ______________________________     Date: ______________"


@dataclass(frozen=True, slots=True)
class Receipt:
    title: str
    facts: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]


def receipt_of(standing: RequestStanding) -> Receipt:
    """Return the receipt; NotFound as long as the medium was not read back, which is no refusal: its event would name the request."""
    request, package, release = standing.request, standing.package, standing.release
    if release is None or release.read_back_at is None or package is None or package.id != release.package:
        raise NotFound(f"No package of request {request.number} was handed over, so there is no receipt.")
    conditions = request.scope.terms.conditions
    return Receipt(
        f"Receipt for the package of request {request.number}",
        _facts(package, release),
        (
            "The digest stands for the list of everything in the package. START.html plays it, verify.html and verify.py check it.",
            *((f"It was handed over on these conditions: {conditions}",) if conditions else ()),
        ),
    )


def receipt_pdf(receipt: Receipt, district: str) -> bytes:
    content = [text(district, "Heading3"), text(receipt.title, "Title"), table(("", ""), receipt.facts, (50, 120))]
    content += [space(), *(text(one) for one in receipt.sentences), space(), space(), text(_SIGNED)]
    return pdf(receipt.title, district, content)


def _facts(package: MadePackage, release: PackageRelease) -> tuple[tuple[str, str], ...]:
    back = release.read_back_at or release.at
    return (
        ("Handed over by", release.by_name),
        ("Taken by", release.taken_by),
        ("On the medium", str(release.medium)),
        ("Encrypted file" if package.identity else "Folder", package.folder),
        ("Video files in it", f"{package.files:,}, of {package.size_bytes:,} octets"),
        ("SHA-256 of its manifest", package.manifest),
        ("Written down", f"{release.at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Read back whole", f"{back:%Y-%m-%d %H:%M:%S} UTC"),
    )
