"""The command line and composition root: the only place that imports every package, each inside the command that needs it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from vms.cli import (
    access_log,
    cameras,
    complaints,
    delegations,
    door,
    emergencies,
    exports,
    holds,
    inquiries,
    inspect,
    inventory,
    keys,
    mail,
    notice,
    people,
    policies,
    records,
    redactions,
    releases,
    requests,
    retain,
    reviews,
    rules,
    run,
    screens,
    setup,
    showings,
    size,
    stills,
    tls,
    trainings,
)
from vms.cli.context import DEFAULT_DATA, DEMO_DATA, Cli
from vms.cli.output import Exit, err


class _Commands(TyperGroup):
    """The commands, with the exit code of one that was not done for a question that got no yes."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except typer.Abort:
            err.print("vms: Nothing was done.")
            raise SystemExit(Exit.NOT_DONE) from None


_OWNER_ONLY = 0o077
"""Whatever this and its child processes make, SQLite's files too, is its user's alone, even in a data directory that others may enter."""

app = typer.Typer(
    name="vms",
    cls=_Commands,
    help="Custodian: video management for a public library district.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
app.add_typer(setup.branch_app, name="branch")
app.add_typer(people.user_app, name="user")
app.add_typer(delegations.app, name="delegation")
app.add_typer(cameras.app, name="camera")
app.add_typer(inspect.segment_app, name="segment")
app.add_typer(access_log.app, name="log")
app.add_typer(keys.app, name="keys")
app.add_typer(screens.app, name="screen")
app.add_typer(holds.app, name="hold")
requests.app.command("door")(door.take_in)
requests.app.command("call")(door.note_call)
requests.app.command("look-over")(door.look_over)
requests.app.command("redaction")(redactions.redaction)
requests.app.command("release")(releases.release)
requests.app.command("stills")(stills.stills)
requests.app.command("receipt")(releases.receipt)
requests.app.command("ticket")(releases.ticket)
requests.app.command("take-back")(releases.take_back)
requests.app.command("show-on-site")(showings.show_on_site)
requests.app.command("end-showing")(showings.end_showing)
app.add_typer(requests.app, name="request")
app.add_typer(door.deputy_app, name="deputy")
app.add_typer(emergencies.app, name="emergency")
app.add_typer(complaints.app, name="complaint")
app.add_typer(inquiries.app, name="inquiry")
app.add_typer(notice.app, name="notice")
app.add_typer(trainings.app, name="training")
app.add_typer(reviews.placement_app, name="placement")
app.add_typer(reviews.privacy_review_app, name="privacy-review")
app.add_typer(policies.app, name="policy")
app.add_typer(rules.app, name="rules")
app.add_typer(retain.app, name="retention")
app.add_typer(records.app, name="records")
app.add_typer(tls.app, name="tls")
app.add_typer(mail.app, name="mail")
app.add_typer(exports.app, name="export")
for _command in (
    setup.init,
    setup.migrate,
    people.login,
    people.logout,
    run.up,
    run.serve,
    run.record,
    retain.retain,
    inspect.status,
    size.size,
    inspect.check,
    inspect.doctor,
):
    app.command(_command.__name__)(_command)


app.command("inventory")(inventory.inventory_sheet)


@app.callback()
def _global_options(
    context: typer.Context,
    data: Annotated[
        Path | None, typer.Option(help="Data directory; $VMS_DATA, or ./vms-data (demo: ./vms-demo-data) when left out.")
    ] = None,
) -> None:
    context.obj = Cli.of(data, otherwise=DEMO_DATA if context.invoked_subcommand == "demo" else DEFAULT_DATA)


@app.command("demo")
def _demo(
    context: typer.Context,
    cameras: Annotated[int, typer.Option(min=1, max=4, help="How many demo cameras; those of an earlier start stay.")] = 4,
    listen: Annotated[str, typer.Option(help="HOST:PORT; the next free port when it is taken.")] = "127.0.0.1:8080",
    forgettable: Annotated[
        bool, typer.Option("--forgettable", help="Only say, by the exit code, whether the demo's data may be removed.")
    ] = False,
) -> None:
    """Show the product with demo cameras, two sample branches and sample people, in a directory that the demo itself sets up."""
    from vms.cli import demo, demo_data  # noqa: PLC0415 - nothing of the demo is loaded by any other command

    raise SystemExit(demo_data.forgettable(context.obj) if forgettable else demo.demo(context.obj, cameras=cameras, listen=listen))


@app.command("demo-serve", hidden=True)
def _demo_serve(context: typer.Context, listen_fd: Annotated[int, typer.Option()], code_file: Annotated[Path, typer.Option()]) -> None:
    from vms.cli import demo  # noqa: PLC0415

    raise SystemExit(demo.serve(context.obj, listen_fd=listen_fd, code_file=code_file))


def main() -> None:
    """Entry point of the script `vms`."""
    os.umask(_OWNER_ONLY)
    app()
