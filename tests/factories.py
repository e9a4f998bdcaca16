"""Things that tests need to exist: each with a default for everything, made through the product's own code."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from vms.crypto import sealing_public_key
from vms.domain.camera import Branch, CameraDetails, RecordingMode
from vms.domain.footage import FragmentEntry, Gap, GapReason, Run, Segment, SegmentFlag, SegmentState
from vms.domain.ids import AreaId, BranchId, StreamId, VolumeId
from vms.domain.outcome import Refused
from vms.domain.people import Account, OsUser, Person, Proof, Role
from vms.domain.screens import ScreenKind
from vms.domain.timespan import TICKS_PER_SECOND, Timespan, ms_of, ticks_of
from vms.services.branches import add_branch
from vms.services.cameras import NewCamera, add_camera
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.services.nodes import register_node
from vms.services.passwords import NO_PASSWORD, PasswordHash
from vms.services.people import NewAccount, add_person
from vms.services.screens import Enrolled, add_screen, enrol_screen
from vms.services.sessions import open_session
from vms.store import people
from vms.store.nodes import NodeRecord

NOW = datetime(2026, 3, 14, 15, 9, 26, 535_897, tzinfo=UTC)
T = TypeVar("T")
CONSOLE = OsUser("pat", "branch-server")
STREAM = StreamId(7_001)
VOLUME = VolumeId("6c7a3bb0-2b8e-4f0e-9c1d-0a51f2f6c001")
NODE_PRIVATE_KEY = bytes(range(32))


@dataclass(frozen=True, slots=True)
class FixedKeys:
    """A `KeySource` without files: these keys, the newest at the end."""

    keys: tuple[bytes, ...]

    def held(self) -> tuple[bytes, ...]:
        return self.keys

    def fresh(self) -> tuple[bytes, ...]:
        return self.keys


FACTOR_KEY = FixedKeys((bytes(range(32)),))
PASSWORD = "four words and a comma"

# argon2's own parameters take 150 ms; what is tested here is everything around them.
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def quick_hash(password: str = PASSWORD) -> PasswordHash:
    return PasswordHash(QUICK.hash(password))


def after(seconds: float, start: datetime = NOW) -> datetime:
    return start + timedelta(seconds=seconds)


def span(start_s: float, end_s: float) -> Timespan:
    """Return the span between two moments, in seconds after `NOW`."""
    return Timespan(after(start_s), after(end_s))


def a_segment(
    start: datetime = NOW,
    seconds: float = 60,
    *,
    stream: StreamId = STREAM,
    volume: VolumeId = VOLUME,
    run_start: datetime | None = None,
    content: bytes = b"",
    state: SegmentState = SegmentState.LIVE,
) -> Segment:
    digest = hashlib.sha256(content or str((stream, start)).encode()).digest()
    return Segment(
        stream_id=stream,
        start_ticks=ticks_of(start),
        duration=round(seconds * TICKS_PER_SECOND),
        run_start_ms=ms_of(run_start or start),
        volume_id=volume,
        size_bytes=len(content) or 1_000_000,
        media_sha256=digest,
        file_digest=digest,
        fragments=(FragmentEntry(700, 0, starts_with_keyframe=False, keyframe_size=0), FragmentEntry(9_000, 90_000, True, 4_000)),
        codec="avc1.640028",
        width=1920,
        height=1080,
        flags=SegmentFlag.NONE,
        state=state,
    )


def a_run(start_s: float, end_s: float, reason: GapReason | None = None, *, stream: StreamId = STREAM) -> Run:
    """Return a run between two moments, in seconds after `NOW`."""
    return Run(stream, ms_of(after(start_s)), ms_of(after(end_s)), reason)


def a_gap(start_s: float, end_s: float | None, reason: GapReason = GapReason.OFFLINE, *, stream: StreamId = STREAM) -> Gap:
    """Return a gap between two moments, in seconds after `NOW`, rounded to the millisecond as the index keeps it."""
    end = None if end_s is None else _whole_ms(after(end_s))
    return Gap(stream, _whole_ms(after(start_s)), end, reason, "no answer from 10.20.1.11")


def a_node(session: Session) -> NodeRecord:
    return register_node(session, name="branch-server", public_key=sealing_public_key(NODE_PRIVATE_KEY), at=NOW)


def a_branch(session: Session, name: str = "Main Street") -> Branch:
    return done(add_branch(session, CONSOLE, name=name, timezone="America/Los_Angeles", at=NOW))


def a_camera(
    session: Session,
    branch: Branch | None = None,
    name: str = "Entrance",
    *,
    host: str = "10.20.1.11",
    password: str = "camera secret",
    sub_path: str | None = "/sub",
    recording_mode: RecordingMode = RecordingMode.ALWAYS,
    area: str = "",
    at: datetime = NOW,
) -> CameraDetails:
    a_node(session)
    new = NewCamera(
        name=name,
        branch_id=(branch or a_branch(session)).id,
        host=host,
        main_path="/main",
        sub_path=sub_path,
        username="viewer",
        password=password,
        recording_mode=recording_mode,
        area=area,
    )
    return done(add_camera(session, CONSOLE, new, at=at, allow_loopback=False))


def an_account(
    session: Session,
    role: Role = Role.DESK,
    *,
    name: str | None = None,
    branches: frozenset[BranchId] | None = None,
    areas: frozenset[AreaId] = frozenset(),
    at: datetime = NOW,
    password_hash: PasswordHash | None = None,
) -> Account:
    ends_at = at + timedelta(days=30) if role is Role.DELEGATE else None
    new = NewAccount(name or f"{role} person", role, branches, ends_at, areas=areas)
    account = done(add_person(session, CONSOLE, new, at=at))
    people.set_password(session, account.id, quick_hash() if password_hash is None else password_hash, before=NO_PASSWORD)
    return account


def a_screen(
    session: Session, branch: Branch, kind: ScreenKind = ScreenKind.WORKSTATION, *, name: str = "", at: datetime = NOW
) -> Enrolled:
    """Return a browser that was enrolled as a screen."""
    new = done(add_screen(session, CONSOLE, name=name or f"Central {kind}", branch=branch.id, kind=kind, at=at))
    return done(enrol_screen(session, new.code, at=at))


def a_person(
    session: Session,
    role: Role = Role.DESK,
    *,
    name: str | None = None,
    branches: frozenset[BranchId] | None = None,
    areas: frozenset[AreaId] = frozenset(),
    at: datetime = NOW,
) -> Person:
    """Return somebody who is signed in by two factors."""
    account = an_account(session, role, name=name, branches=branches, areas=areas, at=at)
    return done(open_session(session, person_id=account.id, at=at, proof=Proof.TOTP)).person


def elsewhere(person: Person, *branches: BranchId) -> Person:
    """Return `person` limited to `branches`."""
    return replace(person, branches=frozenset(branches))


def a_hub_that_ran(session: Session, *, at: datetime) -> None:
    """Have the log signed a day before, as by a hub that has run since: its clock did not leap there."""
    sign_checkpoint(session, LogKey(bytes(range(32))), at=at - timedelta(hours=25))


def done(answer: T | Refused) -> T:
    """Return a service's answer; a refusal fails the test with its sentence."""
    assert not isinstance(answer, Refused), answer.sentence
    return answer


def refused(answer: object) -> Refused:
    """Return a service's refusal; an answer fails the test."""
    assert isinstance(answer, Refused), answer
    return answer


def _whole_ms(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
