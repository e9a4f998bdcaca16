"""`vms placement …` and `vms privacy-review …`: the camera register, and the yearly review with its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.options import CameraNamed
from vms.cli.output import Exit, out, print_table, sentences
from vms.domain.placement import Check, Registered
from vms.errors import Unavailable
from vms.services import placements, privacy_reviews, public_notice
from vms.services.cameras import camera_of_any_time
from vms.services.placements import NewPlacement
from vms.store.private_files import write_private

placement_app = typer.Typer(help="The camera register: what each is for, and who approved where it looks.", no_args_is_help=True)
privacy_review_app = typer.Typer(help="Yearly reviews of the cameras and their rules.", no_args_is_help=True)


@placement_app.command("list")
def list_placements(context: typer.Context) -> None:
    """List the cameras in use with their approval; exit code 1 when one lacks it."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with cli.writing(settings) as session:
            answer = placements.register(session, cli.person_if_any(session) or cli.actor)
        register = allowed(answer)
    rows = [
        (
            one.place,
            one.name,
            "" if one.placement is None else one.placement.purpose,
            _approved(one),
        )
        for one in register
    ]
    print_table(("Place", "Camera", "For", "Approved"), rows, empty="No camera yet.")
    raise SystemExit(Exit.DONE if all(one.is_approved for one in register) else Exit.WRONG)


@placement_app.command("approve")
def approve(
    context: typer.Context,
    camera: CameraNamed,
    purpose: Annotated[str, typer.Option(help="What it is for.")],
    must_not_see: Annotated[str, typer.Option(help="What it must not see.")],
    check: Annotated[list[Check], typer.Option(help="What was looked at on its picture; give each of them.")],
) -> None:
    """Approve where a camera looks, as the person of a fresh vms login."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.proved_person(settings)
        with cli.writing(settings) as session:
            number = camera_of_any_time(session, person, camera).camera.id
            answer = placements.approve(session, person, NewPlacement(number, purpose, must_not_see, check), at=cli.clock.now())
        placement = allowed(answer)
    out.print(f"Approved where it looks, at {placement.place}.", markup=False)


@privacy_review_app.command("list")
def list_reviews(context: typer.Context) -> None:
    """List the reviews that were held, and say when the next is due; exit code 1 when it is overdue."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.reading(settings) as session:
            answer = privacy_reviews.standing(session, person)
        standing = allowed(answer)
    print_table(("Day", "By", "Result"), [(f"{one.at:%Y-%m-%d}", one.by_name, one.result) for one in standing.reviews], empty="None yet.")
    overdue = standing.overdue(cli.clock.now())
    out.print(f"The next {'was' if overdue else 'is'} due {standing.due_at:%Y-%m-%d}.")
    raise SystemExit(Exit.WRONG if overdue else Exit.DONE)


@privacy_review_app.command("add")
def add(context: typer.Context, result: Annotated[str, typer.Option(help="What was found, and what follows.")]) -> None:
    """Enter what came of a review, as the person of a fresh vms login."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.proved_person(settings)
        with cli.writing(settings) as session:
            answer = privacy_reviews.review(session, settings, person, result, at=cli.clock.now())
        held = allowed(answer)
    out.print(f"Entered. SHA-256 of the evidence as it is now: {held.evidence}")


@privacy_review_app.command("evidence")
def evidence(context: typer.Context, file: Annotated[Path, typer.Option("--out", help="The archive to write.")]) -> None:
    """Write the evidence for a review into one archive."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.writing(settings) as session:
            answer = privacy_reviews.evidence(session, settings, person, at=cli.clock.now())
        files = allowed(answer)
        try:
            write_private(file, public_notice.zipped(files))
        except OSError as err:
            raise Unavailable(f"{file} can't be written ({err.strerror}). Give a file in a folder that you may write to.") from err
    out.print(f"{file} holds {len(files)} files.")


def _approved(one: Registered) -> str:
    if one.placement is None or not one.is_approved:
        return "not approved"
    return f"{one.placement.approved_at:%Y-%m-%d}, {one.placement.approved_by_name}"
