"""`vms hold …`: place legal holds, see how far they are in force, release them by two people, undo that."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, TypeVar

import typer
from sqlalchemy.orm import Session

from vms.cli.context import Cli, allowed
from vms.cli.moments import moment_of
from vms.cli.options import AsJson
from vms.cli.output import Exit, err, out, print_json, print_table, sentences, working
from vms.config import Settings
from vms.domain.hold import HoldKind, HoldScope
from vms.domain.ids import AreaId, HoldId
from vms.domain.legal_hold import HoldLine, HoldStanding, HoldState, LegalHold, NodeStanding, StoredAnswer
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Person
from vms.domain.second_person import Proposal
from vms.domain.timespan import datetime_of_ms
from vms.errors import InvalidInput
from vms.services import hold_acts, hold_resend, holds
from vms.services.areas import area_named
from vms.services.branches import branch_named
from vms.services.cameras import camera_of_any_time
from vms.services.district import zone_of_district
from vms.services.hold_documents import hold_document, standing_document
from vms.services.holds import NewHold
from vms.services.people import last_day
from vms.services.sealed_holds import opened
from vms.store import hold_replica, stream_rules
from vms.store.database import Engines

ANSWER_SECONDS = 5.0
"""So long the command waits for the nodes before it says that they are pending."""
LOOK_SECONDS = 0.1
STATES = {
    HoldState.ACTIVE: "in force",
    HoldState.LAPSING: "expired, still in force",
    HoldState.COOLING_OFF: "released, still in force",
    HoldState.RELEASED: "ended",
}
HoldNamed = Annotated[str, typer.Argument(metavar="HOLD", help="Number or matter; vms hold list shows them.")]
Done = TypeVar("Done")

app = typer.Typer(help="Legal holds: what has to be kept against everything.", no_args_is_help=True)


@app.command("place")
def place(
    context: typer.Context,
    matter: Annotated[str, typer.Option(help="The matter or case, such as 'Smith v. District, 26-CV-1188'.")],
    kind: Annotated[HoldKind, typer.Option(help="What asks for it; a provisional one waits for the paper and may expire.")],
    reason: Annotated[str, typer.Option(help="Why it is to be kept.")],
    start: Annotated[str, typer.Option("--from", help="From when on, 2026-11-25T18:00-08:00.")],
    end: Annotated[str | None, typer.Option("--to", help="Until when; whatever is still to come when left out.")] = None,
    camera: Annotated[list[str] | None, typer.Option(help="Name or id of a camera, also of a removed one; repeat for several.")] = None,
    area: Annotated[list[str] | None, typer.Option(help="BRANCH/AREA, with what comes there later; repeat for several.")] = None,
    branch: Annotated[list[str] | None, typer.Option(help="A branch, with what comes there later; repeat for several.")] = None,
    authority: Annotated[str, typer.Option(help="Who issued the paper, and its number.")] = "",
    review: Annotated[str, typer.Option(help="Last day to look at it again, 2027-02-28; three months from now when left out.")] = "",
    expires: Annotated[str, typer.Option(help="Last day of a provisional hold.")] = "",
    sealed: Annotated[
        bool, typer.Option("--sealed", help="The law keeps it secret: only Directors of the whole district learn of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Place a hold as the person of vms login, wait for the nodes, and say what is protected, what is lost and what is pending."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.proved_person(settings)
        with cli.central(settings) as central:
            with central.writing() as session:
                zone = zone_of_district(session)
                new = NewHold(
                    matter=matter,
                    kind=kind,
                    reason=reason,
                    scope=_scope(session, person, camera or (), area or (), branch or ()),
                    start=moment_of(start),
                    end=None if end is None else moment_of(end),
                    authority=authority,
                    review_at=last_day(review, zone),
                    expires_at=last_day(expires, zone),
                    sealed=sealed,
                )
                answer = hold_acts.place_hold(session, settings, person, new, at=cli.clock.now())
            placed = allowed(answer)
            standing = _opened(settings, _answered(cli, central, person, placed.hold.id))  # who placed it reaches all of it
    at = cli.clock.now()
    _show(standing, at, as_json=as_json, resumed=[one.camera.name for one in placed.resumed])
    raise SystemExit(Exit.DONE if standing.effective(at) and not _lost(standing) else Exit.WRONG)


@app.command("resend")
def resend(context: typer.Context, as_json: AsJson = False) -> None:
    """After a restored backup: send every hold to the recorders again, and take back those that only this machine still knows."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.proved_person(settings)
        with cli.index_reading(settings) as index:
            kept, sealed, rules = hold_replica.in_force(index), hold_replica.sealed(index), stream_rules.rules(index)
        told, secret = ([one for one in kept if (one[0] in sealed) is of] for of in (False, True))
        with cli.writing(settings) as session:
            hold_resend.take_back_sealed(session, settings, person, secret, at=cli.clock.now())
            answer = hold_resend.resend(session, person, told, rules, at=cli.clock.now())
        found = allowed(answer)
    at = cli.clock.now()
    if as_json:
        print_json({"found": [hold_document(hold, at) for hold in found]})
        return
    out.print("Every hold goes to the recorders again. What is past its window and under none of them is deleted from the next pass on.")
    for hold in found:
        out.print(f"Found here and kept: hold {hold.id}, {_time(hold.time.start_ms)} to {_time(hold.time.end_ms)}. Its matter is lost.")


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the holds, those in force first."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with cli.writing(settings) as session:
            reader = _reader(cli, session)
            known = [opened(settings, one) for one in allowed(holds.list_holds(session, reader))]
            found = holds.within_reach(session, reader, known)
    at = cli.clock.now()
    if as_json:
        print_json({"holds": [hold_document(hold, at) | {"beyond": beyond} for hold, beyond in found]})
        return
    rows = [(str(one.id), one.matter, _kind(one), STATES[one.state(at)], f"{one.review_at:%Y-%m-%d}") for one, _ in found]
    print_table(("Number", "Matter", "Kind", "State", "Review"), rows, empty="No legal holds. Place one: vms hold place")


@app.command("report")
def report(context: typer.Context, as_json: AsJson = False) -> None:
    """Say of every hold what it keeps, since when and until which review, for a review of them all; none that is sealed."""
    cli: Cli = context.obj
    with sentences(), cli.writing(cli.settings()) as session:
        lines = allowed(holds.report(session, _reader(cli, session)))
        within = holds.within_reach(session, _reader(cli, session), [one.overview.hold for one in lines])
    at = cli.clock.now()
    if as_json:
        told = [
            hold_document(hold, at) | {"beyond": beyond, "kept_segments": one.segments, "kept_bytes": one.size_bytes}
            for (hold, beyond), one in zip(within, lines, strict=True)
        ]
        print_json({"at": at, "holds": told})
        return
    rows = [_report_cells(one, at) for one in lines]
    heads = ("Number", "Matter", "Placed", "State", "Review", "Kept, segments", "Bytes")
    print_table(heads, rows, empty="No legal holds.")
    kept = [one for one in lines if one.overview.hold.released_at is None]
    out.print(
        f"{len(kept):,} in force; they keep {sum(one.segments for one in kept):,} segments. The page Holds prints it: Report to print."
    )


def _report_cells(line: HoldLine, at: datetime) -> tuple[str, ...]:
    hold = line.overview.hold
    due = " (was due)" if hold.released_at is None and hold.review_at <= at else ""
    kept = f"{line.segments:,}", f"{line.size_bytes:,}"
    return str(hold.id), hold.matter, f"{hold.placed_at:%Y-%m-%d}", STATES[hold.state(at)], f"{hold.review_at:%Y-%m-%d}{due}", *kept


@app.command("show")
def show(context: typer.Context, hold: HoldNamed, as_json: AsJson = False) -> None:
    """Show a hold: how far it is in force, and what nodes found of each camera."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with cli.writing(settings) as session:
            reader = _reader(cli, session)
            found = holds.hold_named(session, reader, hold)
            answer = found if isinstance(found, Refused) else holds.hold_for(session, reader, found.id)
            standing = _opened(settings, allowed(answer))
            ((hold_within, beyond),) = holds.within_reach(session, reader, [standing.hold])
    _show(replace(standing, hold=hold_within), cli.clock.now(), as_json=as_json, beyond=beyond)


@app.command("release")
def release(
    context: typer.Context, hold: HoldNamed, reason: Annotated[str, typer.Option(help="Why it is needed no more.")], as_json: AsJson = False
) -> None:
    """Propose the release of a hold; somebody else confirms it."""

    def act(session: Session, settings: Settings, person: Person, number: HoldId, at: datetime) -> Proposal | Refused:
        return hold_acts.propose_release(session, settings, person, number, reason, at=at)

    proposal = _act_on(context, hold, act)
    if as_json:
        print_json({"hold": proposal.subject, "proposed_at": proposal.at, "alone_at": proposal.alone_at})
        return
    if proposal.alone_at is not None and not proposal.id:
        when = f"{proposal.alone_at:%Y-%m-%d %H:%M} UTC"
        out.print(f"Nobody else may know of it. From {when} on you confirm it yourself: vms hold confirm {proposal.subject}")
    elif proposal.alone_at is None:
        out.print(f"Proposed. Somebody else confirms it: vms hold confirm {proposal.subject}")
    else:
        out.print(
            f"Nobody else could confirm it. From {proposal.alone_at:%Y-%m-%d %H:%M} UTC on it cools off, unless somebody with an account "
            "stops it on the page Waiting."
        )


@app.command("confirm")
def confirm(context: typer.Context, hold: HoldNamed, as_json: AsJson = False) -> None:
    """Be the second person for a release: the hold protects for seven more days, and that long it can be undone."""
    _print_ended(context, _act_on(context, hold, _confirm), as_json=as_json)


@app.command("undo")
def undo(context: typer.Context, hold: HoldNamed, as_json: AsJson = False) -> None:
    """Let a hold go on whose release was confirmed, as long as it protects."""
    _print_ended(context, _act_on(context, hold, _undo), as_json=as_json)


def _confirm(session: Session, settings: Settings, person: Person, number: HoldId, at: datetime) -> LegalHold | Refused:
    return hold_acts.confirm_release(session, settings, person, number, at=at)


def _undo(session: Session, settings: Settings, person: Person, number: HoldId, at: datetime) -> LegalHold | Refused:
    return hold_acts.undo_release(session, settings, person, number, at=at)


def _act_on(context: typer.Context, text: str, act: Callable[[Session, Settings, Person, HoldId, datetime], Done | Refused]) -> Done:
    """Do `act` to the hold of that number or matter, as the person of a fresh vms login."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.proved_person(settings)
        with cli.writing(settings) as session:
            found = holds.hold_named(session, person, text)
            answer = found if isinstance(found, Refused) else act(session, settings, person, found.id, cli.clock.now())
        return allowed(answer)


def _print_ended(context: typer.Context, hold: LegalHold, *, as_json: bool) -> None:
    cli: Cli = context.obj
    at = cli.clock.now()
    if as_json:
        print_json(hold_document(hold, at))
        return
    until = f" until {hold.ends_at:%Y-%m-%d %H:%M} UTC" if hold.ending is not None and hold.ends_at is not None else ""
    out.print(f"{hold.matter}: {STATES[hold.state(at)]}{until}.")


def _opened(settings: Settings, standing: HoldStanding) -> HoldStanding:
    return replace(standing, hold=opened(settings, standing.hold))


def _kind(hold: LegalHold) -> str:
    return hold.kind.value if hold.seal is None else f"{hold.kind.value}, sealed"


def _reader(cli: Cli, session: Session) -> Actor:
    return cli.person_if_any(session) or cli.actor


def _answered(cli: Cli, central: Engines, person: Person, number: HoldId) -> HoldStanding:
    """Return how far a hold is in force once every node has said so, or when the time for that is over."""
    until = cli.clock.monotonic() + ANSWER_SECONDS
    with working("Waiting for the recording machines …"):
        while True:
            with central.reading() as session:
                standing = allowed(holds.hold_for(session, person, number))
            if all(node.applied for node in standing.nodes) or cli.clock.monotonic() >= until:
                return standing
            time.sleep(LOOK_SECONDS)


def _scope(session: Session, person: Person, cameras: Sequence[str], areas: Sequence[str], branches: Sequence[str]) -> HoldScope:
    return HoldScope(
        frozenset(camera_of_any_time(session, person, text).camera.id for text in cameras),
        frozenset(_area(session, person, text) for text in areas),
        frozenset(branch_named(session, person, text).id for text in branches),
    )


def _area(session: Session, person: Person, text: str) -> AreaId:
    branch, slash, area = text.partition("/")
    if not slash:
        raise InvalidInput(f"‘{text}’ names no area. Give branch and area, such as 'Harbor/Entrance'.")
    return area_named(session, person, branch_named(session, person, branch), area).id


def _show(standing: HoldStanding, at: datetime, *, as_json: bool, beyond: bool = False, resumed: Sequence[str] | None = None) -> None:
    if as_json:
        print_json(standing_document(standing, at) | {"beyond": beyond} | ({} if resumed is None else {"resumed": [*resumed]}))
        return
    hold = standing.hold
    out.print(f"{hold.matter} ({_kind(hold)}), number {hold.id}: {STATES[hold.state(at)]}.")
    out.print(f"Kept: {_time(hold.time.start_ms)} to {_time(hold.time.end_ms)}. Review: {hold.review_at:%Y-%m-%d %H:%M} UTC.")
    if beyond:
        out.print("It names more than your account reaches.")
    if hold.seal is not None:
        out.print(
            f"Sealed: nobody but a Director of the whole district learns of it. What was done: vms log show --sealed {hold.seal.matter}"
        )
    if hold.ends_at is not None and hold.released_at is None:
        out.print(f"It protects until {hold.ends_at:%Y-%m-%d %H:%M} UTC.")
    if standing.release_waits:
        out.print(f"Its release waits for a second person: vms hold confirm {hold.id}")
    for name in resumed or ():
        out.print(f"The pause of {name} has ended: it is recorded again.", markup=False)
    for one in standing.paused(at):
        out.print(
            f"{one.name} is paused until {one.paused_until:%Y-%m-%d %H:%M} UTC: what it would show till then can't be kept. If the hold "
            f"asks for it: vms camera resume {one.camera_id}; the log says that somebody did, and not why.",
            markup=False,
        )
    for node in standing.nodes if hold.released_at is None else ():
        out.print(f"{node.name}: {_node_sentence(node, at)}")
    found = {one.answer.camera_id: one for one in standing.answers}
    rows = [(one.branch, one.name, *_cells(found.get(one.camera_id))) for one in standing.cameras]
    print_table(("Branch", "Camera", "Kept", "First", "Last", "Being destroyed", "Gone before"), rows, empty="No camera is under it yet.")
    if _lost(standing):
        err.print("Some of the held time is lost: what is being destroyed, or went before, can't be had back.")


def _node_sentence(node: NodeStanding, at: datetime) -> str:
    if node.applied:
        return "protected."
    if node.safe_from is None or node.safe_from <= at:
        return "it has not answered, and may destroy nothing before it does."
    return f"pending: it has not answered, and is protected from {node.safe_from:%Y-%m-%d %H:%M:%S} UTC at the latest."


def _cells(found: StoredAnswer | None) -> tuple[str, str, str, str, str]:
    if found is None:
        return "not answered", "", "", "", ""
    answer = found.answer
    ends = ("", "") if answer.first_ms is None else (_time(answer.first_ms), _time(answer.last_ms))
    return f"{answer.kept_segments:,}", *ends, f"{answer.condemned_segments:,}", f"{answer.purged_segments:,}"


def _time(ms: int | None) -> str:
    return "what is still to come" if ms is None else f"{datetime_of_ms(ms):%Y-%m-%d %H:%M:%S} UTC"


def _lost(standing: HoldStanding) -> bool:
    return any(standing.lost_segments)
