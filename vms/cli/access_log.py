"""Commands about the access log: verify and prove show no event; show and export do, to whoever signed in by `vms login`.

What is sealed is shown and unsealed by the account that can read its matter's key.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from sqlalchemy.orm import Session

from vms.cli.context import Cli, allowed
from vms.cli.moments import span_between
from vms.cli.options import AsJson, trusted_key
from vms.cli.output import Exit, err, out, print_json, print_table, sentences, working
from vms.domain.access import AccessEvent, ErasedEntry, LogLine, UnreadableEntry
from vms.domain.checkpoint import MAX_NOTE_CHARS
from vms.domain.ids import CameraId, MatterId
from vms.domain.outcome import Refused
from vms.domain.people import Person
from vms.errors import InvalidInput
from vms.services.access_log import LIST_LIMIT, list_events
from vms.services.cameras import camera_named
from vms.services.log_export import ExportReport, export_log, verify_export
from vms.services.log_key import read_log_key
from vms.services.log_proof import prove_entry
from vms.services.log_verify import MAX_FINDINGS, LogReport, verify_log
from vms.services.sealed_log import open_matter, read_sealed
from vms.services.sealed_requests import require_ended
from vms.services.signed_notes import SignedNotes
from vms.services.unsealing import Unsealing
from vms.store.access_log import Filter
from vms.store.private_files import write_private

_COLUMNS = ("Entry", "When", "Who", "Action", "Camera", "Purpose", "Detail")
app = typer.Typer(help="The access log and its proof.", no_args_is_help=True)
Since = Annotated[str | None, typer.Option(help="ISO 8601 with offset, as 2026-11-25T18:00-08:00.")]
Camera = Annotated[str | None, typer.Option(help="The camera's name or id.")]


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


@app.command("show")
def show(
    context: typer.Context,
    camera: Camera = None,
    since: Since = None,
    until: Since = None,
    limit: Annotated[int, typer.Option(min=1, max=LIST_LIMIT, help="How many, the newest first.")] = 100,
    sealed: Annotated[
        str | None, typer.Option(help="A sealed matter's id: its entries, for the account that can read its key. Sealed into it.")
    ] = None,
    before: Annotated[int | None, typer.Option(min=1, help="With --sealed: its older entries, as the page before says.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print entries of the access log, the newest first; needs vms login, but with --sealed, and is an entry itself."""
    cli: Cli = context.obj
    if sealed is not None:
        with sentences():
            if (camera, since, until) != (None, None, None):
                raise InvalidInput("A sealed matter is shown page by page: leave --camera, --since and --until out.")
            _show_sealed(cli, sealed, before=before, limit=limit, as_json=as_json)
        return
    with sentences():
        if before is not None:
            raise InvalidInput("--before goes on in a sealed matter: name it by --sealed.")
        settings, at = cli.settings(), cli.clock.now()
        person, during = cli.person(settings), span_between(since, until, at=at)
        with cli.writing(settings) as session:
            found = _camera(session, person, camera)
            answer = (
                found if isinstance(found, Refused) else list_events(session, person, at=at, camera_id=found, during=during, limit=limit)
            )
        page = allowed(answer)
    if as_json:
        print_json({"entries": [_document(line) for line in page.lines], "own": page.own_number})
        return
    print_table(_COLUMNS, [_row(line) for line in page.lines], empty="No entries.")


@app.command("unseal")
def unseal_matter(context: typer.Context, matter: Annotated[str, typer.Argument(help="Its id.")]) -> None:
    """Write what a sealed matter's entries say into the ordinary log, once its seal is lifted, and destroy its key then."""
    cli: Cli = context.obj
    with sentences():
        settings, at = cli.settings(), cli.clock.now()
        unsealing = Unsealing(open_matter(settings, matter), actor=cli.actor, at=at)
        with cli.central(settings) as central:
            with central.reading() as session:
                require_ended(session, MatterId(matter))
            follows = True
            while follows:
                with central.writing() as session:
                    follows = unsealing.publish_page(session)
            with central.writing() as session:
                done = unsealing.end(session, settings)
    out.print(f"{done.published:,} sealed entries were written into the access log.")
    if done.waiting:
        out.print(f"{done.waiting:,} wait for the next checkpoint, and the key stays. Run this again in five minutes.")
    if done.unreadable:
        err.print(f"!! The key does not open {_numbers(done.unreadable)}, so it stays. Run: vms log verify", markup=False)
    if done.over:
        out.print("Nothing of the matter is secret any more: its key is destroyed.")
    raise SystemExit(Exit.WRONG if done.unreadable else Exit.DONE)


@app.command("export")
def export_entries(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where to write; one that is there is not touched.")],
    camera: Camera = None,
    since: Since = None,
    until: Since = None,
) -> None:
    """Write signed entries with their proofs, at most 10,000; needs vms login. vms log verify --export checks the file anywhere."""
    cli: Cli = context.obj
    with sentences():
        settings, at = cli.settings(), cli.clock.now()
        if file.exists():
            raise InvalidInput(f"{file} is there already. Name another file.")
        person, during = cli.proved_person(settings), span_between(since, until, at=at)
        with cli.writing(settings) as session:
            found = _camera(session, person, camera)
            wanted = Filter(camera_id=None if isinstance(found, Refused) else found, during=during)
            answer = found if isinstance(found, Refused) else export_log(session, person, wanted, at=at)
        export = allowed(answer)
        write_private(file, ("\n".join(export.lines) + "\n").encode())
    out.print(f"{len(export.lines) - 1:,} entries are in {file}. Check it: vms log verify --export {file} --key KEY", markup=False)


def _numbers(numbers: tuple[int, ...]) -> str:
    more = f" and {len(numbers) - MAX_FINDINGS:,} more" if len(numbers) > MAX_FINDINGS else ""
    return f"{'entry' if len(numbers) == 1 else 'entries'} {', '.join(f'{one:,}' for one in numbers[:MAX_FINDINGS])}{more}"


def _show_sealed(cli: Cli, matter: str, *, before: int | None, limit: int, as_json: bool) -> None:
    settings, at = cli.settings(), cli.clock.now()
    opened = open_matter(settings, matter)
    with cli.writing(settings) as session:
        page = read_sealed(session, opened, actor=cli.actor, at=at, before=before, limit=limit)
    if as_json:
        print_json({"matter": matter, "entries": [_document(line) for line in page.lines], "older": page.older})
        return
    print_table(_COLUMNS, [_row(line) for line in page.lines], empty="No entries.")
    if page.older is not None:
        out.print(f"Older ones: vms log show --sealed {matter} --before {page.older}", markup=False)


def _camera(session: Session, person: Person, named: str | None) -> CameraId | Refused | None:
    if named is None:
        return None
    found = camera_named(session, person, named)
    return found if isinstance(found, Refused) else found.camera.id


def _row(line: LogLine) -> tuple[str, ...]:
    match line:
        case AccessEvent():
            told = ", ".join(f"{name}: {value}" for name, value in line.detail.items())
            span = f"{line.span.start.isoformat()}/{line.span.end.isoformat()}" if line.span else ""
            camera = "" if line.camera_id is None else str(line.camera_id)
            shown = " ".join(part for part in (span, told) if part)
            return (
                _number(line),
                f"{line.at.astimezone():%Y-%m-%d %H:%M:%S}",
                line.actor_name,
                line.action,
                camera,
                line.purpose or "",
                shown,
            )
        case ErasedEntry():
            return str(line.number), "", "", "", "", "", f"erased by the rule of {line.days} days"
        case UnreadableEntry():
            return _number(line), "", "", "", "", "", "can't be read; run: vms log verify"


def _number(line: AccessEvent | UnreadableEntry) -> str:
    return str(line.number) if line.number else "waits"


def _document(line: LogLine) -> dict[str, object]:
    match line:
        case AccessEvent():
            told = asdict(line) | {
                "number": line.number or None,
                "span": None if line.span is None else [line.span.start.isoformat(), line.span.end.isoformat()],
            }
            return told | {"at": line.at.isoformat()}
        case ErasedEntry():
            return {"number": line.number, "erased_at": None if line.at is None else line.at.isoformat(), "days": line.days}
        case UnreadableEntry():
            return {"number": line.number or None, "unreadable": True}


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
    trusted = trusted_key(key)
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
