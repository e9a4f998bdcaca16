"""`vms request redaction`: the plan of what is covered in a request's footage, and a look at what was made by it before it leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from vms.cli.context import Cli
from vms.cli.output import out, sentences
from vms.cli.requests import RequestNamed, content_of, do_to, standing_of_request, write_new
from vms.config import Settings
from vms.domain.ids import RequestId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.domain.redaction import MAX_PLAN_BYTES
from vms.services import redactions
from vms.services.redactions import Redaction


def redaction(
    context: typer.Context,
    request: RequestNamed,
    plan: Annotated[Path | None, typer.Option(help="Keep this plan; vms/FORMATS.md has the format.")] = None,
    sheets: Annotated[Path | None, typer.Option(help="Write the review sheets into this folder, which is there.")] = None,
    approve: Annotated[str | None, typer.Option(help="Approve what was made by the plan of this digest, as its sheets show it.")] = None,
    back: Annotated[str | None, typer.Option(help="Send back what was made by the plan of this digest; say why by --words.")] = None,
    words: Annotated[str, typer.Option(help="Why it is sent back.")] = "",
) -> None:
    """Show how the redaction of a request stands; give it a plan, take its review sheets out, approve what they show or send it back."""
    cli: Cli = context.obj
    if approve is not None:
        with sentences():
            cli.proved_person(cli.settings())

    def carry_out(session: Session, settings: Settings, person: Person, number: RequestId) -> Redaction | Refused:
        at = cli.clock.now()
        if plan is not None:
            return redactions.add_plan(session, settings, person, number, content_of(plan, MAX_PLAN_BYTES), at=at)
        found = redactions.redaction_for(session, settings, person, number, at=at)
        if isinstance(found, Refused):
            return found
        if approve is not None:
            return redactions.approve(session, settings, person, number, found.request.sha256, approve, at=at)
        if back is not None:
            return redactions.send_back(session, settings, person, number, found.request.sha256, back, words=words, at=at)
        for sheet in found.sheets if sheets is not None else ():
            png = redactions.read_sheet(session, settings, person, number, sheet.id, at=at)
            if isinstance(png, Refused):
                return png
            written.append((sheet.number, png))
        return found

    written: list[tuple[int, bytes]] = []
    found = do_to(context, request, carry_out)
    with sentences():
        for number, png in written:
            write_new((sheets or Path()) / f"sheet-{number:02}.png", png)
        _say(cli, request, found)


def _say(cli: Cli, request: str, found: Redaction) -> None:
    """Print how it stands, and which cameras leave as they were recorded beside what was redacted."""
    if found.sheets and (without := found.request.scope.cameras - {one.camera_id for one in found.sheets}):
        names = standing_of_request(cli, request).names
        named = ", ".join(names[one] for one in sorted(without))
        out.print(f"No sheet is of {named}: nothing of that is covered, and what was recorded of it leaves as it is.")
    seen = "nobody approved it yet" if found.approved is None else f"approved by {found.approved.by_name}"
    out.print(f"Plan {found.plan.plan_sha256}, by {found.plan.by_name}. {len(found.sheets)} sheets of what was made by it; {seen}.")
