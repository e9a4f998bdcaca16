"""`vms retain`: delete what is past its window and under no hold, for ever or once; or say what would go."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from vms.cli.context import Cli
from vms.cli.options import AsJson
from vms.cli.output import Exit, err, out, print_json, print_table, sentences, working
from vms.config import Settings
from vms.domain.camera import CameraDetails
from vms.errors import InvalidInput
from vms.services.cameras import list_cameras
from vms.store.cameras import Removed

if TYPE_CHECKING:
    from retention.deletion import Due


def retain(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Make one pass now and end.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing: say what a pass would delete.")] = False,
    trust_clock: Annotated[
        bool, typer.Option("--trust-clock", help="Say that this machine's clock is right, after deletion paused because of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete footage past its window that no hold keeps, every five minutes until stopped."""
    from retention import process  # noqa: PLC0415 - only this command loads what deletes

    cli: Cli = context.obj
    with sentences():
        if once + dry_run + trust_clock > 1:
            raise InvalidInput("Give one of --once, --dry-run and --trust-clock.")
        if as_json and not (once or dry_run):
            raise InvalidInput("--json says what one pass did or would do: give --once or --dry-run with it.")
        if not (once or dry_run or trust_clock):
            raise SystemExit(process.run(cli.service_settings(), cli.clock))
        settings = cli.settings()
        if trust_clock:
            process.trust_clock(settings, cli.clock, cli.actor)
            out.print("Footage is deleted by this machine's clock again, from the next pass on.")
        elif once:
            with working("Deleting what is past its window …"):
                passed = process.once(settings, cli.clock)
            if as_json:
                print_json(asdict(passed))
            else:
                out.print(f"{passed.purged:,} segments deleted; holds keep {passed.kept:,} that are past their window.")
            _end(passed.paused)
        else:
            found, paused = process.dry_run(settings, cli.clock)
            _show(cli, settings, found, paused, as_json=as_json)
            _end(paused)


def _show(cli: Cli, settings: Settings, found: list[Due], paused: str | None, *, as_json: bool) -> None:
    with cli.reading(settings) as session:
        known = {one.camera.id: one for one in list_cameras(session, cli.actor, removed=Removed.INCLUDED)}
    if as_json:
        print_json({"cameras": [asdict(one) | {"name": _name(known.get(one.camera_id))} for one in found], "paused": paused})
        return
    rows = [(_name(known.get(one.camera_id)), f"{one.segments:,}", f"{one.size_bytes:,}", f"{one.kept:,}") for one in found]
    print_table(("camera", "would go", "bytes", "kept by holds"), rows, empty="Nothing is past its window.")


def _name(known: CameraDetails | None) -> str:
    return "a camera that is not known any more" if known is None else f"{known.branch.name}/{known.camera.name}"


def _end(paused: str | None) -> None:
    if paused is not None:
        err.print(f"Deletion is paused: {paused}")
    raise SystemExit(Exit.DONE if paused is None else Exit.WRONG)
