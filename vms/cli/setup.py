"""Commands that prepare an installation: init, migrate, branch."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.output import err, out, sentences, working
from vms.config import is_mail_address
from vms.domain.policy import SHIPPED_TARGET
from vms.errors import InvalidInput
from vms.services.branches import add_branch
from vms.services.district import MOST_DAYS_KEPT, District, checked_timezone
from vms.services.installation import Installation, install, migrate_all

branch_app = typer.Typer(help="Branches of the district.", no_args_is_help=True)


def init(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="The district's name, as on the public notice.", prompt="The district's name")],
    timezone: Annotated[str, typer.Option(help="IANA name, such as America/Los_Angeles.", prompt="Time zone, such as America/Los_Angeles")],
    director: Annotated[str, typer.Option(help="The Library Director's name.", prompt="The Library Director's name")],
    days: Annotated[int | None, typer.Option(help=f"Days footage is kept, 1 to {MOST_DAYS_KEPT}; else {SHIPPED_TARGET}.")] = None,
    mail: Annotated[str | None, typer.Option(help="Where the Director is told what can't wait; may be left empty.")] = None,
    outside: Annotated[
        str | None,
        typer.Option(help="Somebody outside who gets checkpoints, such as the county clerk; may be left empty."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
) -> None:
    """Set up a data directory: no account and no default password comes with it."""
    cli: Cli = context.obj
    with sentences():
        zone = checked_timezone(timezone)
        if days is None:
            days = SHIPPED_TARGET if yes else typer.prompt("Days footage is kept", default=SHIPPED_TARGET, err=True)
        district = District(name=name.strip(), timezone=zone, days=days, director=director.strip())
        told = {
            "director_address": _address("A mail address for the Director, or nothing", mail, yes=yes),
            "outside_address": _address("One outside, such as the county clerk's, or nothing", outside, yes=yes),
        }
        if not yes:
            typer.confirm(f"Set up {cli.data_dir} for {name}, {timezone}, footage kept {days} days?", abort=True, err=True)
        with working(f"Setting up {cli.data_dir}"):
            extra = tuple((setting, address) for setting, address in told.items() if address)
            install(cli.data_dir, Installation(district, extra_settings=extra), actor=cli.actor, clock=cli.clock)
    err.print(f"{cli.data_dir} is ready. Next: vms branch add NAME, vms user add NAME --role it, vms user add NAME --role director, vms up")
    err.print("The Director then signs how long footage is kept, on a page or with: vms policy approve 1")


def _address(question: str, given: str | None, *, yes: bool) -> str:
    """Return a mail address, asked for unless one was given; empty when there is none."""
    if given is None:
        given = "" if yes else typer.prompt(question, default="", show_default=False, err=True)
    address = given.strip()
    if address and not is_mail_address(address):
        raise InvalidInput(f"‘{address}’ is no mail address. Give one such as clerk@county.example, or leave it empty.")
    return address


def migrate(context: typer.Context) -> None:
    """Bring both databases to this version."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with working("Bringing both databases to this version"):
            migrate_all(settings)
    err.print("Both databases are current.")


@branch_app.command("add")
def branch_add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="As people call it, such as Central.")],
    timezone: Annotated[str | None, typer.Option(help="IANA name; the district's when left out.")] = None,
) -> None:
    """Add a branch."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with cli.writing(settings) as session:
            answer = add_branch(session, cli.actor, name=name, timezone=timezone, at=cli.clock.now())
        branch = allowed(answer)
    out.print(f"{branch.name} ({branch.timezone}), id {branch.id}")
