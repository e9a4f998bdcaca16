"""`vms request stills`: ask for stills for use within the district, as the person of vms login."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.moments import moment_of
from vms.cli.options import AsJson
from vms.cli.output import out, print_json, sentences
from vms.cli.requests import CamerasNamed
from vms.domain.stills import PublishedPurpose, moments_of
from vms.services.cameras import camera_of_any_time
from vms.services.district import zone_of_district
from vms.services.people import last_day
from vms.services.request_documents import request_document
from vms.services.stills import NewStills, enter_stills


def stills(
    context: typer.Context,
    purpose: Annotated[PublishedPurpose, typer.Option(help="Which of the published purposes they are for.")],
    words: Annotated[str, typer.Option(help="What they are needed for.")],
    camera: CamerasNamed,
    moment: Annotated[list[str], typer.Option("--at", help="A moment, 2026-11-25T18:00:05-08:00; repeat for several.")],
    until: Annotated[str, typer.Option(help="The last day on which they are used, 2026-12-31: the end of the ban.")],
    report: Annotated[str, typer.Option(help="The number of the incident or the ban.")] = "",
    necessity: Annotated[str, typer.Option(help="Why so much is needed, for more than four cameras.")] = "",
    as_json: AsJson = False,
) -> None:
    """Ask for stills for use within the district, such as a board of who was banned; the Director decides."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        starts = [moment_of(one) for one in moment]
        with cli.writing(settings) as session:
            named = [camera_of_any_time(session, person, one).camera.id for one in camera]
            new = NewStills(
                purpose=purpose,
                words=words,
                moments=moments_of(named, starts),
                until=last_day(until, zone_of_district(session)),
                report_number=report,
                necessity=necessity,
            )
            answer = enter_stills(session, settings, person, new, at=cli.clock.now())
        request = allowed(answer)
    if as_json:
        print_json(request_document(request, cli.clock.now()))
        return
    out.print(f"Request {request.number} for stills within the district. The Director decides; what it asks for is kept while it is open.")
