"""`vms training …`: who was trained to refer inquiries to the Director."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.options import AsJson
from vms.cli.output import Exit, err, out, print_json, print_table, sentences
from vms.domain.training import REFERRAL
from vms.services import trainings

app = typer.Typer(help="The training register of staff and volunteers.", no_args_is_help=True)


@app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Who was trained: the sign-in name, or a volunteer's own.")],
    what: Annotated[str, typer.Option(help="What about.")] = REFERRAL,
    refers: Annotated[bool, typer.Option("--refers", help="It taught to refer inquiries, in the words of --what.")] = False,
    day: Annotated[str, typer.Option(help="On which day, 2026-11-25; today when left out.")] = "",
) -> None:
    """Enter a training as the person of vms login."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.writing(settings) as session:
            told = refers or what == REFERRAL
            answer = trainings.enter(session, person, name=name, what=what, refers=told, day=day, at=cli.clock.now())
        training = allowed(answer)
    out.print(f"{training.name} was trained on {training.day}{'' if training.refers else ', in something else than to refer inquiries'}.")


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List who was trained, and say which accounts were not trained to refer inquiries within a year; exit code 1 when there are any."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.reading(settings) as session:
            answer = trainings.register(session, settings, person, at=cli.clock.now())
        register = allowed(answer)
    if as_json:
        print_json(asdict(register))
    else:
        rows = [(one.name, one.what, "yes" if one.refers else "no", one.day.isoformat(), one.entered_by_name) for one in register.trainings]
        print_table(("Who", "What", "Refers", "Day", "Entered by"), rows, empty="Nobody yet.")
        if register.untrained:
            err.print(f"Not trained to refer inquiries within a year: {', '.join(register.untrained)}")
    raise SystemExit(Exit.WRONG if register.untrained else Exit.DONE)
