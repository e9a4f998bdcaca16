"""`vms request show-on-site` and `end-showing`: an outsider is shown what was approved at a screen of the Library, and no file leaves."""

from __future__ import annotations

from typing import Annotated

import typer
from sqlalchemy.orm import Session

from vms.cli.options import AsJson
from vms.cli.output import out, print_json
from vms.cli.requests import RequestNamed, do_to
from vms.config import Settings
from vms.domain.ids import RequestId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.domain.showing import Showing, Viewer
from vms.services.request_documents import showing_document
from vms.services.showings import begin_showing
from vms.services.showings import end_showing as end


def show_on_site(
    context: typer.Context,
    request: RequestNamed,
    name: Annotated[str, typer.Option("--to", help="Who is shown it.")],
    belongs: Annotated[str, typer.Option(help="Their badge and agency, or what they have to do with it.")],
    identity: Annotated[str, typer.Option(help="How it was made sure who they are, and by whom.")],
    place: Annotated[str, typer.Option(help="At which branch and screen they sit.")],
    beside: Annotated[str, typer.Option(help="Who of the staff is beside them; left out: you.")] = "",
    as_json: AsJson = False,
) -> None:
    """Begin to show what was approved: it opens for you on the pages, and nothing else; needs a vms login of the last five minutes."""

    def carry_out(session: Session, settings: Settings, person: Person, number: RequestId) -> Showing | Refused:
        viewer = Viewer(name, belongs, identity, place, beside)
        return begin_showing(session, settings, person, number, viewer, at=context.obj.clock.now())

    showing = do_to(context, request, carry_out)
    if as_json:
        print_json(showing_document(showing))
        return
    out.print(f"Written down: {showing.viewer.words}.")
    out.print(f"What was approved opens on the pages where you are signed in, until {showing.ends_at:%Y-%m-%d %H:%M} UTC.")
    out.print(f"End it with: vms request end-showing {showing.number}")


def end_showing(context: typer.Context, request: RequestNamed, as_json: AsJson = False) -> None:
    """End what of a request is shown now, and say what of it was on the screen."""

    def carry_out(session: Session, settings: Settings, person: Person, number: RequestId) -> Showing | Refused:
        return end(session, settings, person, number, at=context.obj.clock.now())

    showing = do_to(context, request, carry_out)
    if as_json:
        print_json(showing_document(showing))
        return
    out.print(f"Ended. Print the receipt and have it signed: vms request receipt {showing.number} --to receipt.pdf")
