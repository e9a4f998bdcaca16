"""Commands about the access log's proof: verify, prove. They show no event: reading the log is an act of a person."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from vms.cli.cameras import AsJson
from vms.cli.context import Cli
from vms.cli.output import Exit, err, out, print_json, sentences, working
from vms.domain.checkpoint import MAX_NOTE_CHARS, read_verifier_key
from vms.errors import InvalidInput
from vms.services.log_export import ExportReport, verify_export
from vms.services.log_key import read_log_key
from vms.services.log_proof import prove_entry
from vms.services.log_verify import MAX_FINDINGS, LogReport, verify_log
from vms.services.signed_notes import SignedNotes

app = typer.Typer(help="The access log's proof.", no_args_is_help=True)


@app.command("verify")
def verify(
    context: typer.Context,
    against: Annotated[Path | None, typer.Option(help="A checkpoint that somebody else kept, to compare with.")] = None,
    export: Annotated[Path | None, typer.Option(help="Verify this export instead; no data directory is needed, but --key is.")] = None,
    key: Annotated[str | None, typer.Option(help="The log's key, as vms log verify prints it, from somebody you trust.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare every entry with the tree and the tree with every signed checkpoint; name what was changed."""
    if export is not None:
        _verify_export(export, key, as_json=as_json)
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        note = None if against is None else _note(against)
        with working("Verifying entry") as work, cli.reading(settings) as session:
            report = verify_log(session, read_log_key(settings), against=note, notes=SignedNotes(settings), progress=work.tell)
    if as_json:
        print_json({"ok": report.ok, **asdict(report)})
    else:
        _print(report)
    raise SystemExit(Exit.DONE if report.ok else Exit.WRONG)


@app.command("prove")
def prove(context: typer.Context, number: Annotated[int, typer.Argument(help="Of the entry, as the log shows it.")]) -> None:
    """Print the proof that an entry is in the newest checkpoint (C2SP tlog-proof): save it as ENTRY.tlog-proof."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with cli.reading(settings) as session:
            proof = prove_entry(session, number)
    out.print(proof.text, markup=False, end="")


def _verify_export(path: Path, key: str | None, *, as_json: bool) -> NoReturn:
    with sentences():
        report = _export_report(path, key)
    if as_json:
        print_json({"ok": report.ok, **asdict(report)})
    else:
        out.print(f"{report.entries:,} entries of {report.name}, {report.erased:,} of them erased, signed up to {report.signed_to:,}.")
        for finding in report.findings[:MAX_FINDINGS]:
            err.print(f"!! {finding}", markup=False)
        if report.ok:
            out.print("Each is as it was signed. Whether some were left out can't be seen from an export.")
    raise SystemExit(Exit.DONE if report.ok else Exit.WRONG)


def _export_report(path: Path, key: str | None) -> ExportReport:
    if key is None:
        raise InvalidInput("An export is verified by the log's key. Give it as --key, from somebody you trust: vms log verify prints it.")
    try:
        trusted = read_verifier_key(key)
    except ValueError as error:
        raise InvalidInput(f"--key is {error}.") from error
    try:
        with path.open(encoding="utf-8") as lines:
            return verify_export(lines, trusted)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} can't be read as an export ({error}).") from error


def _note(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_NOTE_CHARS + 1).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} can't be read as a checkpoint ({error}).") from error


def _print(report: LogReport) -> None:
    out.print(f"{report.entries:,} entries of {report.name}, {report.checkpoints:,} checkpoints, signed up to {report.signed_to:,}.")
    if report.erased:
        out.print(f"{report.erased:,} of the entries were erased by the district's rule; their hashes are there.")
    out.print(f"Key: {report.key}", markup=False)
    for finding in report.findings:
        err.print(f"!! {finding.sentence}", markup=False)
    if report.found > len(report.findings):
        err.print(f"!! and {report.found - len(report.findings):,} more.")
    if report.ok:
        out.print("Nothing was changed.")
