"""`vms screen …`: add, list, end the browsers that are enrolled as workstations and walls."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.options import AsJson
from vms.cli.output import err, out, print_json, print_table, sentences
from vms.domain.outcome import Refused
from vms.domain.screens import CODE_LASTS, Screen, ScreenKind
from vms.services import screens
from vms.services.branches import branch_named, list_branches

app = typer.Typer(help="Enrolled screens: workstations and walls.", no_args_is_help=True)


@app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="As people call the place, such as 'Central, desk 1'.")],
    branch: Annotated[str, typer.Option(help="Name or id of its branch.")],
    kind: Annotated[ScreenKind, typer.Option(help="A workstation at which people watch in shifts, or a wall of live pictures.")],
) -> None:
    """Add a screen and print the code that enrols its browser."""
    cli: Cli = context.obj
    with sentences():
        with cli.writing(cli.settings()) as session:
            where = branch_named(session, cli.actor, branch)
            answer = screens.add_screen(session, cli.actor, name=name, branch=where.id, kind=kind, at=cli.clock.now())
        added = allowed(answer)
    out.print(f"Code: {added.code}")
    minutes = int(CODE_LASTS.total_seconds()) // 60
    err.print(f"Type it on the page /screens/enrol in the browser of {added.screen.name}, once, within {minutes} minutes.", markup=False)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the screens in use."""
    cli: Cli = context.obj
    with sentences(), cli.reading(cli.settings()) as session:
        found = allowed(screens.list_screens(session, cli.actor))
        branches = {branch.id: branch.name for branch in list_branches(session, cli.actor)}
    if as_json:
        print_json({"screens": [_document(screen) for screen in found]})
        return
    rows = [(str(one.id), one.name, one.kind.value, branches[one.branch_id], "enrolled" if one.enrolled_at else "waits") for one in found]
    print_table(
        ("id", "screen", "kind", "branch", "browser"), rows, empty="No screens yet. Add one: vms screen add NAME --branch B --kind wall"
    )


@app.command("end")
def end(context: typer.Context, screen: Annotated[str, typer.Argument(help="Name or id; vms screen list shows them.")]) -> None:
    """End a screen; whoever is signed in at it is out within seconds."""
    cli: Cli = context.obj
    with sentences():
        with cli.writing(cli.settings()) as session:
            found = screens.screen_named(session, cli.actor, screen)
            answer = found if isinstance(found, Refused) else screens.end_screen(session, cli.actor, found.id, at=cli.clock.now())
            branches = {branch.id: branch.name for branch in list_branches(session, cli.actor)}
        ended = allowed(answer)
    out.print(f"{ended.name} at {branches[ended.branch_id]} is ended.", markup=False)


def _document(screen: Screen) -> dict[str, object]:
    return {
        "id": screen.id,
        "name": screen.name,
        "kind": screen.kind.value,
        "branch": screen.branch_id,
        "enrolled_at": screen.enrolled_at,
        "seen_at": screen.seen_at,
        "code_ends_at": screen.code_ends_at,
    }
