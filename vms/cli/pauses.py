"""`vms camera pause` and `vms camera resume`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.moments import moment_of
from vms.cli.options import CameraNamed
from vms.cli.output import out, sentences
from vms.domain.camera import Pause
from vms.errors import InvalidInput
from vms.services import pauses
from vms.services.cameras import camera_named

_LENGTH = re.compile(r"(?:(\d{1,3})h)?(?:(\d{1,4})m)?")


def pause(
    context: typer.Context,
    camera: CameraNamed,
    reason: Annotated[str, typer.Option(help="Why; it stands in the timeline and the access log.")],
    until: Annotated[str | None, typer.Option(help="ISO 8601 with offset, as 2026-11-25T18:00-08:00.")] = None,
    length: Annotated[str | None, typer.Option("--for", help="Hours and minutes: 2h, 45m, 1h30m.")] = None,
) -> None:
    """Neither record nor show a camera for up to 12 hours; it comes back by itself."""
    cli: Cli = context.obj
    with sentences():
        at = cli.clock.now()
        wanted = Pause(_end(until, length, at), reason)
        with cli.writing(cli.settings()) as session:
            found = allowed(camera_named(session, cli.actor, camera))
            details = allowed(pauses.pause_camera(session, cli.actor, found.camera.id, wanted, at=at))
    if details.camera.pause is not None:
        out.print(f"{details.camera.name} is paused until {details.camera.pause.until.astimezone():%Y-%m-%d %H:%M:%S}.", markup=False)


def resume(context: typer.Context, camera: CameraNamed) -> None:
    """End a camera's pause; recording goes on within seconds."""
    cli: Cli = context.obj
    with sentences(), cli.writing(cli.settings()) as session:
        found = allowed(camera_named(session, cli.actor, camera))
        details = allowed(pauses.resume_camera(session, cli.actor, found.camera.id, at=cli.clock.now()))
    out.print(f"{details.camera.name} is not paused.", markup=False)


def _end(until: str | None, length: str | None, at: datetime) -> datetime:
    if (until is None) == (length is None):
        raise InvalidInput("Give either --until or --for.")
    if length is not None:
        parts = _LENGTH.fullmatch(length)
        if not length or parts is None:
            raise InvalidInput(f"{length!r} is no length of time. Give hours and minutes: 2h, 45m, 1h30m.")
        return at + timedelta(hours=int(parts[1] or 0), minutes=int(parts[2] or 0))
    return moment_of(until or "")
