"""`vms inventory`: one sheet of what is in this machine, also with the web down and with databases that can't be read."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from vms.cli.context import Cli
from vms.cli.output import out, sentences
from vms.config import Settings, load_settings
from vms.domain.ids import StreamId
from vms.errors import InvalidInput, Unavailable, VmsError
from vms.services import inventory
from vms.services.cameras import Removed, list_cameras
from vms.services.inventory import Sheet, part
from vms.store import holds


def inventory_sheet(
    context: typer.Context,
    pdf: Annotated[Path | None, typer.Option(help="Write the sheet into this new file, as PDF, instead of printing it.")] = None,
) -> None:
    """Say which disks, volumes, footage and holds are here, and what the access log signed last: for when the machine is taken."""
    cli: Cli = context.obj
    with sentences():
        sheet = _sheet(cli, load_settings(cli.data_dir))
        if pdf is None:
            typer.echo(sheet.text, nl=False)
            return
        try:
            with pdf.open("xb") as file:
                file.write(sheet.pdf())
        except OSError as err:
            raise InvalidInput(f"{pdf} can't be written ({err.strerror}). Name a file that is not there yet.") from err
    out.print(f"The sheet is in {pdf}")


def _sheet(cli: Cli, settings: Settings) -> Sheet:
    return Sheet(
        socket.gethostname(),
        cli.clock.now(),
        (
            part("Disks", inventory.disks),
            part("Volumes", lambda: inventory.volumes(settings)),
            part("Footage, by camera", lambda: _footage(cli, settings)),
            part("Legal holds in force", lambda: _holds(cli, settings)),
            part("Access log, as it was signed last", lambda: inventory.signed_last(settings)),
        ),
    )


def _footage(cli: Cli, settings: Settings) -> Sequence[str]:
    names: dict[StreamId, str] = {}
    with suppress(VmsError):  # then by number; the part about holds says why
        names = _names(cli, settings)
    if not settings.index_path.exists():
        raise Unavailable(f"{settings.index_path} is not there: this machine does not record, or its index is lost.")
    with cli.index_reading(settings) as index:
        return inventory.footage(index, names, cli.clock.now())


def _names(cli: Cli, settings: Settings) -> dict[StreamId, str]:
    _is_there(settings)
    with cli.reading(settings) as session:
        known = list_cameras(session, cli.actor, removed=Removed.INCLUDED)
    return {stream.id: f"{one.branch.name}/{one.camera.name}, {stream.role}" for one in known for stream in one.camera.streams}


def _holds(cli: Cli, settings: Settings) -> Sequence[str]:
    """Count them; what the law keeps secret is in no number."""
    _is_there(settings)
    with cli.reading(settings) as session:
        return [str(len(holds.unreleased(session)))]


def _is_there(settings: Settings) -> None:
    if settings.database_url is None and not settings.central_path.exists():
        raise Unavailable(f"{settings.central_path} is not there.")
