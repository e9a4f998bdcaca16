"""`vms emergency …`: to whom the screen was shown under an emergency access, which is opened on the page alone."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.output import out, sentences
from vms.domain.emergency import Officer
from vms.domain.ids import EmergencyId
from vms.services import emergency

app = typer.Typer(help="What is written down about an emergency access.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep `shown` a command of its own, although there is one alone."""


@app.command("shown")
def shown(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="Of your emergency access: the log has it.", min=0)],
    officer: Annotated[str, typer.Option(help="To whom the screen was shown.")],
    badge: Annotated[str, typer.Option(help="The number of the badge, or: none shown.")],
    agency: Annotated[str, typer.Option(help="Of which agency.")],
) -> None:
    """Write down as the person of vms login to whom the screen was shown, with what was watched meanwhile, until it is reviewed."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.writing(settings) as session:
            answer = emergency.show_to(session, person, EmergencyId(number), Officer(officer, badge, agency), at=cli.clock.now())
        access = allowed(answer)
    out.print(f"Written down: shown to {access.shown_to}.")
