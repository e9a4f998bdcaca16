"""`vms records …`: which records are kept for how long, and the deleting of those whose day is over."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from vms.cli.context import Cli
from vms.cli.options import AsJson
from vms.cli.output import Exit, err, out, print_json, print_table, sentences, working
from vms.config import Settings
from vms.domain.records import RECORDS, kept_for
from vms.services import records
from vms.store.database import Engines

app = typer.Typer(help="Records other than footage, and how long each is kept.", no_args_is_help=True)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List every table and file, how long it is kept, why, and what takes it away."""
    cli: Cli = context.obj
    with sentences():
        days = records.days_kept(cli.settings())
    rows = [(one, place, kept_for(one, days)) for place, kinds in RECORDS.items() for one in kinds]
    if as_json:
        told = [
            {
                "record": one.name,
                "where": place,
                "what": one.what,
                "kept": kept,
                "why": one.why,
                "purged_by": one.purged_by,
                "held": one.held,
            }
            for one, place, kept in rows
        ]
        print_json({"records": told})
        return
    print_table(
        ("record", "where", "kept", "taken away by"), [(one.name, place, kept, one.purged_by) for one, place, kept in rows], empty=""
    )


@app.command("purge")
def purge(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing: say how many are past their day.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete the sessions, mail and other records whose day is over, as vms serve does by itself each six hours."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with cli.central(settings) as central:
            with central.reading() as session:
                paused = records.why_paused(session, at=cli.clock.now())
                counts = records.due(session, settings, at=cli.clock.now()) if dry_run or paused is None else {}
            if not dry_run and counts:
                with working("Deleting records whose day is over …"):
                    counts = _purge(cli, settings, central)
    _tell(counts, paused, dry_run=dry_run, as_json=as_json)
    raise SystemExit(Exit.DONE if paused is None else Exit.WRONG)


def _purge(cli: Cli, settings: Settings, central: Engines) -> dict[str, int]:
    """Delete some at a time until nothing is due."""
    done: Counter[str] = Counter()
    while True:
        with central.writing() as session:
            some = records.purge_some(session, settings, cli.actor, at=cli.clock.now())
        if not some:
            return dict(done)
        done.update(some)


def _tell(counts: dict[str, int], paused: str | None, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        print_json({"due" if dry_run else "purged": counts, "paused": paused})
        return
    verb = "are past their day" if dry_run else "deleted"
    out.print(f"{records.in_words(counts)} {verb}." if counts else f"No records {verb}.")
    if paused is not None:
        err.print(f"Nothing goes now: {paused}.")
