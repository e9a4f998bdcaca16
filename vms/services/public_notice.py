"""The public notice: gather what anybody may know, and write down which octets were built, so that who published what can be told later."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.domain.access import Action
from vms.domain.notice import Counts, CoveredBranch, HalfYear, KeptHere, Notice, halves_over
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, allows
from vms.domain.policy import PlaceKind, window_at
from vms.domain.timespan import Timespan, day_of
from vms.errors import NotFound
from vms.services.access_log import record, refuse
from vms.services.district import District, load_district
from vms.services.log_proof import known_key
from vms.services.notice_pages import draw
from vms.services.refusals import not_allowed
from vms.store import areas, branches, cameras, complaints, emergencies, holds, policies, privacy_reviews, requests

_EPOCH_OF_ZIP = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class BuiltNotice:
    """The notice's files by name, the same octets for the same facts."""

    files: Mapping[str, bytes]
    sha256: str
    """Over names and contents."""


def build(session: Session, settings: Settings, actor: Actor, *, at: datetime) -> BuiltNotice | Refused:
    """Draw the notice as it is now, and write that into the log; NotFound before there is a district."""
    if not allows(actor, Permission.POLICY_READ):
        return refuse(session, actor, Action.NOTICE_BUILD, not_allowed("build the public notice", "the Director"), at=at)
    files = draw(gather(session, settings, at=at), settings.notice_url or "")
    built = BuiltNotice(files, digest_of(files))
    record(session, actor=actor, action=Action.NOTICE_BUILD, at=at, detail={"files": str(len(files)), "sha256": built.sha256})
    return built


def gather(session: Session, settings: Settings, *, at: datetime) -> Notice:
    """Return the facts; of sealed matters there are none among them."""
    district = load_district(session)
    if district is None:
        raise NotFound("There is no district here yet. Run: vms init")
    kept, longest = _kept(session, district.timezone)
    reviewed = privacy_reviews.find(session, limit=1)
    return Notice(
        district=district.name,
        director=district.director,
        contact=settings.notice_contact,
        inquiry_url=f"{settings.public_url}/inquiry" if settings.public_inquiry == "on" and settings.public_url else "",
        branches=_covered(session),
        not_covered=settings.not_covered,
        kept=kept,
        longest_days=longest,
        third_parties=settings.third_parties,
        answer_days=settings.complaint_days,
        counts=_counts(session, district, at),
        log_key=known_key(session),
        reviewed_on=None if not reviewed else _local(reviewed[0].at, district.timezone),
    )


def zipped(files: Mapping[str, bytes]) -> bytes:
    """Return the files in one archive, the same octets for the same files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH_OF_ZIP), content)
    return made.getvalue()


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return the SHA-256, in hex, over the lines that sha256sum prints for files in the order of their names."""
    told = "".join(f"{sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items()))
    return sha256(told.encode()).hexdigest()


def _covered(session: Session) -> tuple[CoveredBranch, ...]:
    counted = Counter((one.branch.id, one.camera.area_id) for one in cameras.find(session, None))
    names = areas.find(session, None)
    return tuple(
        CoveredBranch(
            branch.name,
            tuple((area.name, counted[branch.id, area.id]) for area in names if area.branch_id == branch.id),
            counted[branch.id, None],
        )
        for branch in branches.find(session, None)
        if any(where == branch.id for where, _ in counted)
    )


def _kept(session: Session, zone: str) -> tuple[tuple[KeptHere, ...], int]:
    """Return how long footage is kept where something is said of it, cameras left out, and the longest that any is."""
    said, spots = policies.said(session), policies.spots(session)
    counting = {one.place: one for one in policies.counting(session)}
    windows = {spot.place: window for spot in spots if (window := window_at(said, spot.chain)) is not None}
    kept = []
    for spot in spots:
        policy, window = counting.get(spot.place), windows.get(spot.place)
        if policy is None or window is None or spot.place.kind is PlaceKind.CAMERA:
            continue
        approved = None if policy.approval is None else _local(policy.approval.at, zone)
        place = "" if spot.place.kind is PlaceKind.DISTRICT else spot.name
        kept.append(KeptHere(place, window.target_days, policy.legal_basis, policy.public_text, approved))
    return tuple(kept), max((window.target_days for window in windows.values()), default=0)


def _counts(session: Session, district: District, at: datetime) -> tuple[Counts, ...]:
    since = policies.oldest_at(session) or at  # set-up makes the first
    halves = halves_over(_local(at, district.timezone), _local(since, district.timezone))
    return tuple(_counted(session, half, district.timezone) for half in halves)


def _counted(session: Session, half: HalfYear, zone: str) -> Counts:
    during = Timespan(day_of(half.first, zone).start, day_of(half.after, zone).start)
    opened = emergencies.count(session, during)
    placed = holds.count_placed(session, during)
    return Counts(half, *complaints.count(session, during), *requests.count(session, during), placed, opened.reviewed + opened.unreviewed)


def _local(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()
