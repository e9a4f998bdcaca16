"""How long footage is kept where: what is said of which place, what counts for each camera, and what its recorder goes by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from vms.domain.camera import CameraDetails
from vms.domain.ids import CameraId, PolicyVersion
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person, allows, reach
from vms.domain.policy import DISTRICT, PolicyPlace, RetentionPolicy, Said, Window, chain_of, version_for, window_at
from vms.domain.retention import AT_WORK
from vms.domain.second_person import Act, Proposal
from vms.domain.timespan import datetime_of_ms, ms_of
from vms.services import second_person
from vms.services.policies import is_within
from vms.services.refusals import no_such, not_allowed
from vms.store import leases, policies, purging, stream_rules
from vms.store.policies import Spot


@dataclass(frozen=True, slots=True)
class PlaceStanding:
    """A place that something is said of."""

    place: PolicyPlace
    name: str
    counts: Window
    policy: RetentionPolicy


@dataclass(frozen=True, slots=True)
class CameraStanding:
    camera_id: CameraId
    name: str
    """Branch and name."""
    counts: Window
    uses_days: int | None
    """By what its recorder said it has applied; None while it never said. When it said so last would tell of holds that nobody may know."""

    @property
    def drifts(self) -> bool:
        return self.uses_days != self.counts.target_days


@dataclass(frozen=True, slots=True)
class Waiting:
    """A version that keeps footage shorter and waits for a second person."""

    policy: RetentionPolicy
    name: str
    proposal: Proposal


@dataclass(frozen=True, slots=True)
class PolicyOverview:
    places: tuple[PlaceStanding, ...]
    """The district first."""
    cameras: tuple[CameraStanding, ...]
    waiting: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class FoundHere:
    """What this machine's index knows of a camera."""

    oldest_at: datetime | None
    beyond: int
    """Segments past the days that count, and under no hold."""


def overview(session: Session, actor: Actor) -> PolicyOverview | Refused:
    """Return what is said of the district and of the places within the actor's reach, and of each camera there what counts."""
    if not allows(actor, Permission.POLICY_READ):
        return not_allowed("see how long footage is kept", "the Director")
    mine, said = reach(actor, Permission.POLICY_READ), policies.said(session)
    spots = [spot for spot in policies.spots(session) if spot.place == DISTRICT or is_within(mine, spot)]
    return PolicyOverview(
        tuple(one for spot in spots if spot.place in said and (one := _place(session, said, spot)) is not None),
        tuple(_cameras(session, said, spots)),
        tuple(_waiting(session, spots)),
    )


def standing_of(session: Session, actor: Actor, place: PolicyPlace) -> tuple[Spot, Window | None, RetentionPolicy | None] | Refused:
    """Return a place within the actor's reach, what counts there, and its own version; None where it says nothing itself."""
    if not allows(actor, Permission.POLICY_READ):
        return not_allowed("see how long footage is kept", "the Director")
    mine = reach(actor, Permission.POLICY_READ)
    for spot in policies.spots(session):
        if spot.place == place and (place == DISTRICT or is_within(mine, spot)):
            return spot, window_at(policies.said(session), spot.chain), policies.current(session, place)
    return no_such("place")


def asked_to_sign(session: Session, person: Person) -> bool:
    """Say whether the district's policy lacks the signature that `person` may give."""
    if not person.may(Permission.POLICY_SET) or person.reach(Permission.POLICY_SET) is not None:
        return False
    policy = policies.current(session, DISTRICT)
    return policy is not None and policy.approval is None


def found_here(index: Connection, cameras: tuple[CameraStanding, ...], *, at: datetime) -> dict[CameraId, FoundHere]:
    """Return of each camera that this machine records how old its oldest footage is, and what is there beyond the days that count.

    Of what sealed holds alone keep nothing is told, and what the next pass takes is not beyond yet.
    """
    rules, found = stream_rules.rules(index), dict[CameraId, FoundHere]()
    for camera in cameras:
        mine = [rule for rule in rules if rule.camera_id == camera.camera_id]
        starts = [start for rule in mine if (start := purging.oldest_ms(index, rule, ms_of(at))) is not None]
        if mine:
            over_ms = ms_of(at - AT_WORK)
            beyond = sum(purging.beyond(index, rule, camera.counts.keep_ms, over_ms) for rule in mine)
            found[camera.camera_id] = FoundHere(datetime_of_ms(min(starts)) if starts else None, beyond)
    return found


def versions_for(session: Session, camera: CameraDetails, seqs: Iterable[int]) -> dict[int, PolicyVersion | None]:
    """Return by which version a camera, where it stands today, was kept for whoever had applied each of these numbers of `hold_clock`."""
    versions = policies.versions(session)
    chain = chain_of(camera.branch.id, camera.camera.area_id, camera.camera.id)
    return {seq: version_for(versions, chain, seq) for seq in seqs}


def _place(session: Session, said: Said, spot: Spot) -> PlaceStanding | None:
    counts, policy = window_at(said, spot.chain), policies.current(session, spot.place)
    return None if counts is None or policy is None else PlaceStanding(spot.place, spot.name, counts, policy)


def _cameras(session: Session, said: Said, spots: list[Spot]) -> list[CameraStanding]:
    nodes = {spot.node_id for spot in spots if spot.node_id is not None}
    applied = leases.applied_by_node(session)
    told = {node: policies.said(session, up_to=seq) if (seq := applied.get(node)) else None for node in sorted(nodes)}
    found = []
    for spot in spots:
        counts = window_at(said, spot.chain)
        if spot.camera_id is not None and spot.node_id is not None and counts is not None:
            used = told[spot.node_id]
            uses = None if used is None else window_at(used, spot.chain)
            found.append(CameraStanding(spot.camera_id, spot.name, counts, None if uses is None else uses.target_days))
    return found


def _waiting(session: Session, spots: list[Spot]) -> list[Waiting]:
    names = {spot.place: spot.name for spot in spots}
    found = []
    for proposal in second_person.waiting_of(session, Act.POLICY_LOWER):
        policy = policies.get(session, PolicyVersion(proposal.subject))
        if policy is not None and policy.place in names:
            found.append(Waiting(policy, names[policy.place], proposal))
    return found
