"""`vms request release` and `receipt`: a package leaves by hand, on a new medium, and who took it signs for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.options import AsJson
from vms.cli.output import out, print_json, sentences, working
from vms.cli.requests import RequestNamed, standing_of_request, write_new
from vms.domain.outcome import Refused
from vms.domain.package_release import Medium
from vms.errors import InvalidInput
from vms.services import requests
from vms.services.district import load_district


def release(
    context: typer.Context,
    request: RequestNamed,
    to: Annotated[Path, typer.Option(help="The folder where the new medium is mounted, /media/USB.")],
    taken_by: Annotated[str, typer.Option(help="Who takes it.")],
    label: Annotated[str, typer.Option(help="What is written on the medium; left out: its maker and model.")] = "",
    serial: Annotated[str, typer.Option(help="Its serial number; left out: the one that it tells.")] = "",
    own_disk: Annotated[bool, typer.Option("--own-disk", help="The folder lies on this machine's own disk, and that is meant.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hand a package over: written down, copied onto a new medium, read back from it; needs a vms login of the last five minutes."""
    from vms.services.package_release import (  # noqa: PLC0415 - what makes packages draws their papers, which takes time to load
        Handover,
        medium_at,
        release_by_hand,
    )

    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.proved_person(settings)
        known = medium_at(to)
        if not own_disk and to.exists() and to.stat().st_dev == settings.data_dir.stat().st_dev:
            raise InvalidInput(f"{to} lies on the disk of this machine. Mount the medium there, or give --own-disk if that is meant.")
        with cli.central(settings) as central, working("Copying the package, and reading it back"):
            with central.reading() as session:
                found = allowed(requests.request_called(session, person, request))
            medium = Medium(label or known.label, serial or known.serial)
            answer = release_by_hand(central, settings, person, found.id, Handover(to, medium, taken_by), clock=cli.clock)
        done, folder = allowed(answer)
    if as_json:
        print_json(
            {"request": found.number, "folder": str(folder), "medium": str(done.medium), "at": done.at, "read_back_at": done.read_back_at}
        )
        return
    out.print(f"The package of request {found.number} is in {folder}, and was read back whole. Medium: {done.medium}.", markup=False)
    out.print(f"Print the receipt and have it signed: vms request receipt {found.number} --to receipt.pdf")


def receipt(context: typer.Context, request: RequestNamed, to: Annotated[Path, typer.Option(help="The new file, a PDF.")]) -> None:
    """Write the receipt that whoever took a package signs."""
    from vms.services.request_receipt import receipt_of, receipt_pdf  # noqa: PLC0415 - as above

    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        found = receipt_of(standing_of_request(cli, request))
        if isinstance(found, Refused):
            allowed(found)
            return
        with cli.reading(settings) as session:
            district = load_district(session)
        write_new(to, receipt_pdf(found, district.name if district else ""))
    out.print(str(to), highlight=False, soft_wrap=True)
