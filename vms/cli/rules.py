"""`vms rules …`: what is asked of each instrument, a version that somebody proposes, and the Director's yes to it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.options import AsJson
from vms.cli.output import out, print_json, print_table, sentences
from vms.cli.requests import content_of, write_new
from vms.domain.instrument_rules import MAX_DOCUMENT_BYTES, RulesVersion, spoken_rule
from vms.domain.instruments import Instrument
from vms.services import instrument_rules
from vms.services.instrument_rules import RulesLook, RulesStanding
from vms.services.rules_documents import look_document, standing_document, version_document

app = typer.Typer(help="Rules per instrument: what is asked before footage may leave.", no_args_is_help=True)
VersionGiven = Annotated[int, typer.Argument(metavar="VERSION", help="Its number; vms rules show lists them.")]


@app.command("show")
def show(
    context: typer.Context,
    version: Annotated[int | None, typer.Option(help="A version that was proposed: what it changes.")] = None,
    file: Annotated[Path | None, typer.Option("--out", help="Write the document in force into this file, to be edited.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the rules in force and every version; or one version beside that it was made from."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.reading(settings) as session:
            standing = instrument_rules.standing(session)
            answer = None if version is None else instrument_rules.look_at(session, person, version)
        look = None if answer is None else allowed(answer)
        if file is not None:
            write_new(file, standing.text.encode())
    if as_json:
        print_json(standing_document(standing) if look is None else look_document(look))
    elif look is not None:
        _show_changes(look)
    else:
        _show(standing)


@app.command("propose")
def propose(
    context: typer.Context,
    document: Annotated[Path, typer.Argument(help="The document, edited; vms rules show --out FILE writes the one in force.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    as_json: AsJson = False,
) -> None:
    """Propose a version as the person of vms login. It counts when the Director has approved it."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        content = content_of(document, MAX_DOCUMENT_BYTES)
        with cli.writing(settings) as session:
            answer = instrument_rules.propose(session, person, content, reason, at=cli.clock.now())
        version = allowed(answer)
    _print(version, "waits for the Director", as_json=as_json)


@app.command("approve")
def approve(
    context: typer.Context,
    version: VersionGiven,
    sha256: Annotated[str, typer.Option(help="Of the document that you looked at: vms rules show --version VERSION.")],
    as_json: AsJson = False,
) -> None:
    """Put a version in force, as the Director of a fresh vms login who did not propose it."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.proved_person(settings)
        with cli.writing(settings) as session:
            answer = instrument_rules.approve(session, person, version, sha256, at=cli.clock.now())
        approved = allowed(answer)
    _print(approved, "is in force", as_json=as_json)


def _print(version: RulesVersion, stands: str, *, as_json: bool) -> None:
    if as_json:
        print_json(version_document(version))
    else:
        out.print(f"Version {version.version} {stands}. Its SHA-256 is {version.sha256}", soft_wrap=True)


def _show(standing: RulesStanding) -> None:
    out.print(f"Version {standing.rules.version} is in force.")
    told = {one: spoken_rule(standing.rules.of[one]) for one in Instrument}
    heads = ("Instrument", "May be approved", "Counsel", "Form", "Exemption", "Court", "Days")
    fields = ("may_be_approved", "counsel", "form", "cites_exemption", "of_a_court", "working_days")
    print_table(heads, [(one.value, *(rule[field] for field in fields)) for one, rule in told.items()], empty="")
    rows = [(str(one.version), one.by_name, f"{one.at:%Y-%m-%d}", _state(one, standing), one.reason) for one in standing.versions]
    print_table(("Version", "Proposed by", "On", "State", "Why"), rows, empty="No version but the product's own.")


def _show_changes(look: RulesLook) -> None:
    out.print(f"Version {look.version.version}, by {look.version.by_name}: {look.version.reason}", markup=False)
    out.print(f"SHA-256 {look.version.sha256}", soft_wrap=True)
    rows = [(one.instrument.value, one.field, one.before, one.after) for one in look.changes]
    print_table(("Instrument", "What", f"Version {look.version.based_on}", f"Version {look.version.version}"), rows, empty="")


def _state(one: RulesVersion, standing: RulesStanding) -> str:
    if one.approval is not None:
        return f"in force since {one.approval.at:%Y-%m-%d}, {one.approval.by_name}"
    return "waits" if standing.waiting is not None and standing.waiting.version == one.version else "never in force"
