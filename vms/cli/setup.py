"""Commands that prepare an installation: init, migrate, branch, user."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.cli.context import Cli, allowed, password_from_stdin
from vms.cli.output import err, out, sentences, working
from vms.domain.people import Role
from vms.services.branches import add_branch, branch_named
from vms.services.district import MOST_DAYS_KEPT, District, checked_timezone
from vms.services.installation import Installation, install, migrate_all
from vms.services.people import add_person, hash_password

DAYS_KEPT = 14

branch_app = typer.Typer(help="Branches of the district.", no_args_is_help=True)
user_app = typer.Typer(help="People with an account.", no_args_is_help=True)


def init(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="The district's name, as on the public notice.", prompt="The district's name")],
    timezone: Annotated[str, typer.Option(help="IANA name, such as America/Los_Angeles.", prompt="Time zone, such as America/Los_Angeles")],
    director: Annotated[str, typer.Option(help="The Library Director's name.", prompt="The Library Director's name")],
    days: Annotated[int, typer.Option(help=f"Days footage is kept, 1 to {MOST_DAYS_KEPT}.")] = DAYS_KEPT,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
) -> None:
    """Set up a data directory: no account and no default password comes with it."""
    cli: Cli = context.obj
    with sentences():
        district = District(name=name.strip(), timezone=checked_timezone(timezone), days=days, director=director.strip())
        if not yes:
            typer.confirm(f"Set up {cli.data_dir} for {name}, {timezone}, footage kept {days} days?", abort=True, err=True)
        with working(f"Setting up {cli.data_dir}"):
            install(cli.data_dir, Installation(district), actor=cli.actor, clock=cli.clock)
    err.print(f"{cli.data_dir} is ready. Next: vms branch add NAME, vms user add NAME --role it --password-stdin, vms up")


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


@user_app.command("add")
def user_add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Sign-in name, such as d.nakamura.")],
    role: Annotated[Role, typer.Option(help="What the account may do; the table is in web/README.md.")],
    branch: Annotated[list[str] | None, typer.Option(help="A branch the account is limited to; repeat for several.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")] = False,
) -> None:
    """Add an account. After the Director has signed in once it waits for the Director's confirmation."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        password = (
            password_from_stdin() if password_stdin else typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        )
        hashed = hash_password(password)
        with cli.writing(settings) as session:
            branches = frozenset(branch_named(session, cli.actor, text).id for text in branch) if branch else None
            answer = add_person(session, cli.actor, name=name, role=role, branches=branches, password_hash=hashed, at=cli.clock.now())
        account = allowed(answer)
    waiting = "" if account.confirmed_at else "; it waits for the Director's confirmation"
    out.print(f"{account.name}, {account.role}{waiting}")
