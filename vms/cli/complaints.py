"""`vms complaint …`: enter complaints, see those that are for the person of vms login, answer them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.moments import moment_of
from vms.cli.options import AsJson
from vms.cli.output import Exit, out, print_json, print_table, sentences, unreadable
from vms.domain.complaint import About, Complaint, ComplaintState, Way
from vms.domain.ids import ComplaintId
from vms.domain.timespan import Timespan
from vms.errors import InvalidInput
from vms.services import complaints
from vms.services.cameras import camera_of_any_time
from vms.services.complaint_documents import complaint_document
from vms.services.complaints import NewComplaint

app = typer.Typer(help="Complaints: entered by anybody with an account, answered in time.", no_args_is_help=True)
ComplaintNumber = Annotated[int, typer.Argument(metavar="COMPLAINT", help="Its number; vms complaint list shows it.")]


@app.command("add")
def add(
    context: typer.Context,
    way: Annotated[Way, typer.Option(help="How it came.")],
    about: Annotated[About, typer.Option(help="What it is about.")],
    said: Annotated[str, typer.Option(help="What it says.")],
    about_name: Annotated[str, typer.Option(help="Who on the staff, by the sign-in name.")] = "",
    from_name: Annotated[str, typer.Option(help="Who complains.")] = "",
    from_address: Annotated[str, typer.Option(help="Where the answer goes.")] = "",
    received: Annotated[str, typer.Option(help="On which day it came, 2026-11-25; today when left out.")] = "",
    camera: Annotated[list[str] | None, typer.Option(help="Name or id of a camera; repeat for several.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="When it happened, 2026-11-25T18:00-08:00.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until when.")] = None,
    as_json: AsJson = False,
) -> None:
    """Enter a complaint as the person of vms login; prints its number and by when it is to be answered."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.writing(settings) as session:
            new = NewComplaint(
                way=way.value,
                about=about.value,
                text=said,
                about_name=about_name,
                from_name=from_name,
                from_address=from_address,
                received=received,
                cameras=frozenset(camera_of_any_time(session, person, one).camera.id for one in camera or ()),
                time=_time(start, end),
            )
            answer = complaints.enter(session, settings, person, new, at=cli.clock.now())
        _print(allowed(answer), cli.clock.now(), as_json=as_json)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the complaints that are for the person of vms login to see; exit code 1 when one is overdue."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person, at = cli.person(settings), cli.clock.now()
        if as_json:
            with cli.writing(settings) as session:
                found = complaints.read_complaints(session, person, at=at)
        else:
            with cli.reading(settings) as session:
                found = complaints.list_complaints(session, person)
    if as_json:
        print_json({"complaints": [complaint_document(one, at) for one in found]})
    else:
        rows = [(str(one.id), one.about.value, f"{one.received_at:%Y-%m-%d}", _due(one, at) + unreadable(one.fault)) for one in found]
        print_table(("Number", "About", "Came", "Answer"), rows, empty="No complaint is here that is for you to see.")
    overdue = any(one.state(at) is ComplaintState.OVERDUE for one in found)
    raise SystemExit(Exit.WRONG if overdue else Exit.DONE)


@app.command("show")
def show(context: typer.Context, complaint: ComplaintNumber, as_json: AsJson = False) -> None:
    """Show a complaint with its answer."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.writing(settings) as session:
            found = complaints.read_complaint(session, person, ComplaintId(complaint), at=cli.clock.now())
        _print(allowed(found), cli.clock.now(), as_json=as_json)


@app.command("answer")
def answer(
    context: typer.Context,
    complaint: ComplaintNumber,
    text: Annotated[str, typer.Option(help="The answer; it never changes.")],
    as_json: AsJson = False,
) -> None:
    """Answer a complaint as the person of a fresh vms login; whom it is about never does."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.proved_person(settings)
        with cli.writing(settings) as session:
            found = complaints.answer(session, person, ComplaintId(complaint), text, at=cli.clock.now())
        _print(allowed(found), cli.clock.now(), as_json=as_json)


def _time(start: str | None, end: str | None) -> Timespan | None:
    if start is None and end is None:
        return None
    if start is None or end is None or moment_of(end) <= moment_of(start):
        raise InvalidInput("Give both, --from and a later --to, or neither.")
    return Timespan(moment_of(start), moment_of(end))


def _print(complaint: Complaint, at: datetime, *, as_json: bool) -> None:
    if as_json:
        print_json(complaint_document(complaint, at))
        return
    out.print(f"Complaint {complaint.id}: {_due(complaint, at)}.")
    out.print(complaint.text)
    if complaint.answer is not None:
        out.print(f"\n{complaint.answer.text}")


def _due(complaint: Complaint, at: datetime) -> str:
    if complaint.answer is not None:
        return f"answered on {complaint.answer.at:%Y-%m-%d} by {complaint.answer.by_name}"
    was = "was due" if complaint.state(at) is ComplaintState.OVERDUE else "due"
    return f"{was} {complaint.due_at:%Y-%m-%d %H:%M} UTC"
