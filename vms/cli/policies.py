"""`vms policy …`: how long footage is kept where, drawn up and signed by the Director; kept shorter by two people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol

import typer
from sqlalchemy.orm import Session

from vms.cli.context import Cli, allowed
from vms.cli.options import AsJson
from vms.cli.output import Exit, err, out, print_json, print_table, sentences
from vms.config import Settings
from vms.domain.ids import CameraId, PolicyVersion
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Person
from vms.domain.policy import CHECK_THE_SCHEDULE, DISTRICT, Days, Effect, PlaceKind, PolicyPlace, RetentionPolicy, Window
from vms.domain.second_person import Proposal
from vms.errors import InvalidInput
from vms.services import policies, policy_standing
from vms.services.areas import area_named
from vms.services.branches import branch_named
from vms.services.cameras import camera_of_any_time
from vms.services.district import zone_of_district
from vms.services.people import last_day
from vms.services.policies import NewPolicy, Planned, checked_early, checked_hours
from vms.services.policy_documents import overview_document, planned_document, policy_document
from vms.services.policy_effect import CameraEffect, Counted, counted_here
from vms.services.policy_review import to_review
from vms.services.policy_standing import CameraStanding, FoundHere, PlaceStanding, PolicyOverview, found_here

ABOVE = "above"
"""What is said instead of a number to inherit it."""
_GB = 1e9
VersionGiven = Annotated[int, typer.Argument(metavar="VERSION", help="Its number; vms policy list shows it.")]

app = typer.Typer(help="Retention policies: how long footage is kept.", no_args_is_help=True)
_HOURS_HELP = (
    "When cameras that record by weekly hours do so: 'Mon-Fri 09:00-21:00; Sat-Sun closed; 2026-12-25 closed', "
    f"or '{ABOVE}' for those of the place above; as it is when left out."
)
_EARLY_HELP = (
    f"yes: when disks are full, what is past its floor goes before its day; no; or '{ABOVE}' to take it from the place above; "
    "as it is when left out."
)
_DAYS_HELP = f"in days, or '{ABOVE}' to take it from the place above; as it is when left out."


@app.command("show")
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what is said of which place, what counts for each camera, and whether its recorder goes by it."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with cli.writing(settings) as session:
            answer = policy_standing.overview(session, _reader(cli, session))
            shown = set() if isinstance(answer, Refused) else {one.policy.version for one in answer.places}
            reviews = [sentence for one, sentence in to_review(session, at=cli.clock.now()) if one.version in shown]
        overview = allowed(answer)
        with cli.index_reading(settings) as index:
            here = found_here(index, overview.cameras, at=cli.clock.now())
    if as_json:
        print_json(overview_document(overview, here, at=cli.clock.now()))
    else:
        _show(overview, here)
        for sentence in reviews:
            err.print(sentence)
    wrong = any(one.drifts for one in overview.cameras) or any(one.beyond for one in here.values())
    raise SystemExit(Exit.WRONG if wrong else Exit.DONE)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List every version that was ever drawn up, the newest first."""
    cli: Cli = context.obj
    with sentences():
        with cli.writing(cli.settings()) as session:
            answer = policies.list_versions(session, _reader(cli, session))
        found = allowed(answer)
    if as_json:
        print_json({"versions": [policy_document(policy, spot.name, waits) for policy, spot, waits in found]})
        return
    rows = [(str(one.version), spot.name, *_days(one.days), _state(one, waits), one.made_by_name, one.reason) for one, spot, waits in found]
    print_table(
        ("Version", "Of", "Floor", "Target", "Ceiling", "State", "By", "Reason"),
        rows,
        empty="No policy yet: vms init makes one.",
    )


@app.command("set")
def set_(
    context: typer.Context,
    reason: Annotated[str, typer.Option(help="Why.")],
    branch: Annotated[str | None, typer.Option(help="Of a branch; of the district when no place is given.")] = None,
    area: Annotated[str | None, typer.Option(help="BRANCH/AREA.")] = None,
    camera: Annotated[str | None, typer.Option(help="Name or id of a camera.")] = None,
    floor: Annotated[str | None, typer.Option(help=f"Kept so long even when a disk runs full, {_DAYS_HELP}")] = None,
    target: Annotated[str | None, typer.Option(help=f"Kept so long, {_DAYS_HELP}")] = None,
    ceiling: Annotated[str | None, typer.Option(help=f"No place below is kept longer, {_DAYS_HELP}")] = None,
    basis: Annotated[str | None, typer.Option(help="The law or schedule that it rests on.")] = None,
    hours: Annotated[str | None, typer.Option(help=_HOURS_HELP)] = None,
    early: Annotated[str | None, typer.Option(help=_EARLY_HELP)] = None,
    public_text: Annotated[str | None, typer.Option(help="What the public notice says of it.")] = None,
    review: Annotated[str, typer.Option(help="Last day to look at it again, 2027-02-28.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing: say what would follow.")] = False,
    as_json: AsJson = False,
) -> None:
    """Draw up a new version for a place: in force at once where nothing is kept shorter and no less recorded.

    Else after 72 hours and by a second person.
    """
    cli: Cli = context.obj
    with sentences():
        settings, said = cli.settings(), _Said(floor, target, ceiling, hours, early)
        person = cli.proved_person(settings)
        with cli.writing(settings) as session:
            place = _place(session, person, branch, area, camera)
            _, _, before = allowed(policy_standing.standing_of(session, person, place))
            new = NewPolicy(
                place,
                said.over(Days() if before is None else before.days),
                reason,
                legal_basis=basis,
                public_text=public_text,
                review_at=last_day(review, zone_of_district(session)),
                seen=0 if before is None else before.version,
            )
            act = policies.plan_policy if dry_run else policies.set_policy
            answer = act(session, person, new, at=cli.clock.now())
        planned = allowed(answer)
        here = _counted(cli, settings, planned)
    if as_json:
        print_json(planned_document(planned, here, dry_run=dry_run))
    else:
        _show_planned(planned, here, dry_run=dry_run)


@app.command("confirm")
def confirm(context: typer.Context, version: VersionGiven, as_json: AsJson = False) -> None:
    """Be the second person for a version that keeps footage shorter: from then on it counts."""
    _print_act(_act_on(context, version, policies.confirm_lowering), "It counts from now on.", as_json=as_json)


@app.command("approve")
def approve(context: typer.Context, version: VersionGiven, as_json: AsJson = False) -> None:
    """Sign a version as the Director; it counted before."""
    _print_act(_act_on(context, version, policies.approve_policy), "Signed.", as_json=as_json)


class _Act(Protocol):
    def __call__(self, session: Session, actor: Person, version: PolicyVersion, /, *, at: datetime) -> RetentionPolicy | Refused: ...


def _act_on(context: typer.Context, version: int, act: _Act) -> RetentionPolicy:
    """Do `act` to a version, as the person of a fresh vms login."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.proved_person(settings)
        with cli.writing(settings) as session:
            answer = act(session, person, PolicyVersion(version), at=cli.clock.now())
        return allowed(answer)


@dataclass(frozen=True, slots=True)
class _Said:
    """Days and hours as they were typed; None: left out."""

    floor: str | None
    target: str | None
    ceiling: str | None
    hours: str | None
    early: str | None

    def over(self, before: Days) -> Days:
        return Days(
            _number(self.floor, before.min_days),
            _number(self.target, before.target_days),
            _number(self.ceiling, before.max_days),
            before.hours if self.hours is None else checked_hours("" if self.hours == ABOVE else self.hours),
            before.early if self.early is None else checked_early("" if self.early == ABOVE else self.early),
        )


def _number(text: str | None, before: int | None) -> int | None:
    if text is None:
        return before
    if text == ABOVE:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise InvalidInput(f"{text!r} is no number of days. Give one such as 14, or '{ABOVE}'.")
    return int(text)


def _place(session: Session, actor: Actor, branch: str | None, area: str | None, camera: str | None) -> PolicyPlace:
    if sum(one is not None for one in (branch, area, camera)) > 1:
        raise InvalidInput("Give one of --branch, --area and --camera, or none for the district.")
    if branch is not None:
        return PolicyPlace(PlaceKind.BRANCH, branch_named(session, actor, branch).id)
    if area is not None:
        where, slash, name = area.partition("/")
        if not slash:
            raise InvalidInput(f"‘{area}’ names no area. Give branch and area, such as 'Harbor/Entrance'.")
        return PolicyPlace(PlaceKind.AREA, area_named(session, actor, branch_named(session, actor, where), name).id)
    if camera is not None:
        return PolicyPlace(PlaceKind.CAMERA, camera_of_any_time(session, actor, camera).camera.id)
    return DISTRICT


def _reader(cli: Cli, session: Session) -> Actor:
    return cli.person_if_any(session) or cli.actor


def _counted(cli: Cli, settings: Settings, planned: Planned) -> Mapping[CameraId, Counted]:
    with cli.index_reading(settings) as index:
        return counted_here(index, planned.outcome.cameras, at=cli.clock.now())


def _print_act(policy: RetentionPolicy, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(policy_document(policy, policy.place.kind.value))
    else:
        out.print(f"Version {policy.version}: {sentence}")


def _show(overview: PolicyOverview, here: Mapping[CameraId, FoundHere]) -> None:
    for place in overview.places:
        _show_place(place)
    if overview.places and overview.places[0].counts.min_days == 0:
        err.print(CHECK_THE_SCHEDULE)
    for one in overview.waiting:
        out.print(f"Version {one.policy.version} for {one.name} waits, {_when(one.proposal)}: {one.policy.reason}")
        if one.policy.days.hours.lines:
            out.print(f"  Weekly hours: {'; '.join(one.policy.days.hours.lines)}")
    heads = ("Camera", "Kept", "Floor", "Ceiling", "Its recorder keeps", "Oldest footage", "Should be gone")
    rows = [_camera_cells(one, here.get(one.camera_id)) for one in overview.cameras]
    print_table(heads, rows, empty="No camera yet.")


def _show_place(place: PlaceStanding) -> None:
    policy, counts = place.policy, place.counts
    out.print(f"{place.name}: {counts.target_days} days (floor {counts.min_days}, ceiling {counts.max_days}), version {policy.version}.")
    if counts.hours.lines:
        out.print(f"Weekly hours: {'; '.join(counts.hours.lines)}")
    if counts.early:
        out.print(f"On full disks footage goes before its day, down to {counts.min_days} days.")
    if policy.approval is None:
        out.print(f"Not signed by the Director yet: vms policy approve {policy.version}")
    else:
        out.print(f"Signed by {policy.approval.by_name} on {policy.approval.at:%Y-%m-%d}.")
    for name, text in (("Legal basis", policy.legal_basis), ("Public text", policy.public_text)):
        if text:
            out.print(f"{name}: {text}")
    if policy.review_at is not None:
        out.print(f"Review: {policy.review_at:%Y-%m-%d %H:%M} UTC.")


def _camera_cells(camera: CameraStanding, here: FoundHere | None) -> tuple[str, ...]:
    counts = camera.counts
    uses = "not told yet" if camera.uses_days is None else f"{camera.uses_days} days"
    oldest = "" if here is None or here.oldest_at is None else f"{here.oldest_at:%Y-%m-%d %H:%M} UTC"
    beyond = "" if here is None else f"{here.beyond:,} segments"
    return camera.name, f"{counts.target_days} days", str(counts.min_days), str(counts.max_days), uses, oldest, beyond


def _show_planned(planned: Planned, here: Mapping[CameraId, Counted], *, dry_run: bool) -> None:
    found, policy = planned.outcome, planned.policy
    would = "would be" if dry_run else "is"
    out.print(f"{planned.name}: {_window(found.before)}, and then {_window(found.after)}.")
    heads = ("Camera", "Kept", "Then", "Recorded in", "Recorded time that goes", "Might go early", "Segments", "GB")
    rows = [(*_effect_cells(one), *_room(here.get(one.camera_id))) for one in found.cameras]
    print_table(heads, rows, empty="No camera is kept any longer or shorter, or recorded in other hours.")
    if found.cameras:
        err.print(
            "As of now: time that recorders reported as recorded, less what holds protect; segments of what is recorded on this machine."
        )
    for name in found.clipped:
        err.print(f"What {name} says no longer fits: the nearest number that does counts there.")
    if found.effect is not Effect.LOWERS:
        as_version = "." if dry_run else f", as version {policy.version}."
        out.print(f"Nothing is kept shorter, and no less recorded: it {would} in force at once{as_version}")
    elif planned.waits is None:
        out.print("Footage is kept shorter, or less is recorded: it waits 72 hours and for a second person.")
    else:
        out.print(f"Version {policy.version} waits, {_when(planned.waits)}.")


def _effect_cells(one: CameraEffect) -> tuple[str, ...]:
    before, after = f"{one.before.target_days} days", f"{one.after.target_days} days"
    return one.name, before, after, one.hours or "as before", f"{one.going_s / 3600:,.1f} h", f"{one.early_s / 3600:,.1f} h"


def _when(proposal: Proposal) -> str:
    if proposal.alone_at is not None:
        return f"and counts from {proposal.alone_at:%Y-%m-%d %H:%M} UTC on unless somebody stops it on the page Waiting"
    return f"and somebody else confirms it from {proposal.earliest_at:%Y-%m-%d %H:%M} UTC on: vms policy confirm {proposal.subject}"


def _window(window: Window | None) -> str:
    if window is None:
        return "nothing"
    early = ", early on full disks" if window.early else ""
    return f"{window.target_days} days (floor {window.min_days}, ceiling {window.max_days}{early})"


def _room(found: Counted | None) -> tuple[str, str]:
    return ("not recorded here", "") if found is None else (f"{found.segments:,}", f"{found.size_bytes / _GB:,.2f}")


def _days(days: Days) -> tuple[str, str, str]:
    floor, target, ceiling = ("as above" if one is None else str(one) for one in (days.min_days, days.target_days, days.max_days))
    return floor, target, ceiling


def _state(policy: RetentionPolicy, waits: Proposal | None) -> str:
    if policy.in_force is not None:
        return f"in force since {policy.in_force.at:%Y-%m-%d %H:%M} UTC"
    return "stopped" if waits is None else "waits"
