"""`vms retain`: delete what is past its window and under no hold, or say what would go. `vms retention attest`: show that it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vms.cli.context import Cli
from vms.cli.options import AsJson, trusted_key
from vms.cli.output import Exit, err, out, print_json, print_table, sentences, working
from vms.config import Settings
from vms.domain.camera import CameraDetails
from vms.domain.ids import PolicyVersion
from vms.domain.purge import PurgeReason
from vms.domain.timespan import Timespan, datetime_of_ms, day_of
from vms.errors import InvalidInput
from vms.services.cameras import camera_of_any_time, list_cameras
from vms.services.certificate_verify import CertificateReport, verify_certificate
from vms.services.deletion_certificates import make, month_named
from vms.services.log_key import read_log_key
from vms.services.policy_standing import versions_for
from vms.store.cameras import Removed

if TYPE_CHECKING:
    from retention.deletion import Due
    from retention.proof import Standing
    from vms.domain.day_proof import DayProof
    from vms.domain.purge import Purge

app = typer.Typer(help="Proof of what was deleted, and of what may be there.", no_args_is_help=True)
Versions = Mapping[int, PolicyVersion | None]
"""Of the retention policy, by the number of the holds' clock that a purge was made under."""
_CERTIFICATE = "Give the .json that vms retention certificate wrote; the .note lies in the same folder."


def retain(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Make one pass now and end.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing: say what a pass would delete.")] = False,
    trust_clock: Annotated[
        bool, typer.Option("--trust-clock", help="Say that this machine's clock is right, after deletion paused because of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Delete footage past its window that no hold keeps, every hour until stopped."""
    from retention import process  # noqa: PLC0415 - only this command loads what deletes

    cli: Cli = context.obj
    with sentences():
        if once + dry_run + trust_clock > 1:
            raise InvalidInput("Give one of --once, --dry-run and --trust-clock.")
        if as_json and not (once or dry_run):
            raise InvalidInput("--json says what one pass did or would do: give --once or --dry-run with it.")
        if not (once or dry_run or trust_clock):
            raise SystemExit(process.run(cli.service_settings(), cli.clock))
        settings = cli.settings()
        if trust_clock:
            process.trust_clock(settings, cli.clock, cli.actor)
            out.print("Footage is deleted by this machine's clock again, from the next pass on.")
        elif once:
            with working("Deleting what is past its window …"):
                passed = process.once(settings, cli.clock)
            if as_json:
                print_json(asdict(passed))
            else:
                out.print(f"{passed.purged:,} segments deleted; holds keep {passed.kept:,} that are past their window.")
                if passed.early:
                    out.print(f"{passed.early:,} of them went before their day: the disks are full, and the retention policy lets them go.")
            _end(passed.paused)
        else:
            found, paused = process.dry_run(settings, cli.clock)
            _show(cli, settings, found, paused, as_json=as_json)
            _end(paused)


@app.command("attest")
def attest(
    context: typer.Context,
    camera: Annotated[str | None, typer.Option(help="Name or id of a camera, also of a removed one: of one day, with --day.")] = None,
    day: Annotated[str | None, typer.Option(help="A day in the branch's time, 2026-11-02.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show that what is past its window is gone: of every camera, or all that there is of a camera's day."""
    from retention import process  # noqa: PLC0415 - only these commands load what deletes

    cli: Cli = context.obj
    with sentences():
        if (camera is None) != (day is None):
            raise InvalidInput("Give both --camera and --day, or neither for all cameras.")
        settings = cli.settings()
        if camera is not None and day is not None:
            with cli.reading(settings) as session:
                found = camera_of_any_time(session, cli.actor, camera)
            span = _day(day, found.branch.timezone)
            with working("Looking for what is left …"):
                proof = process.prove_day(settings, cli.clock, found.camera.id, span)
            with cli.reading(settings) as session:
                versions = versions_for(session, found, {one.batch.hold_seq for one in proof.purges})
            _show_day(_name(found), day, proof, versions, as_json=as_json)
            raise SystemExit(Exit.WRONG if proof.verdict.is_wrong else Exit.DONE)
        standings = process.standings(settings, cli.clock)
        with cli.reading(settings) as session:
            known = {one.camera.id: one for one in list_cameras(session, cli.actor, removed=Removed.INCLUDED)}
    overdue = any(one.overdue for one in standings)
    if as_json:
        print_json({"cameras": [asdict(one) | {"name": _name(known.get(one.camera_id))} for one in standings], "overdue": overdue})
    else:
        heads = ("camera", "kept for", "oldest footage", "kept by holds", "should be gone", "gone early, up to")
        rows = [(_name(known.get(one.camera_id)), *_standing_cells(one)) for one in standings]
        print_table(heads, rows, empty="No camera has a window yet: the first pass of vms retain asks for it.")
    raise SystemExit(Exit.WRONG if overdue else Exit.DONE)


@app.command("certificate")
def certificate(
    context: typer.Context,
    month: Annotated[str, typer.Option(help="A month that is over, 2026-11.")],
    folder: Annotated[Path, typer.Option("--out", help="Where the files go: JSON, PDF and signature.")],
) -> None:
    """Write the certificate of what was deleted in a month; it is signed now where the jobs of vms serve have not done so."""
    from vms.services.certificate_pdf import certificate_pdf  # noqa: PLC0415 - only this command loads what draws

    cli: Cli = context.obj
    with sentences():
        settings, named = cli.settings(), month_named(month)
        with cli.writing(settings) as session:
            made = make(session, read_log_key(settings), cli.actor, named, at=cli.clock.now())
        files = {"json": made.document.encode(), "note": made.note.encode(), "pdf": certificate_pdf(made)}
        for kind, content in files.items():
            path = folder / f"deletion-{made.month}.{kind}"
            _write(path, content)
            out.print(str(path), highlight=False, soft_wrap=True)


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(help="The certificate's .json; its .note lies beside it.")],
    key: Annotated[str, typer.Option(help="The log's key, as vms log verify prints it, from somebody you trust.")],
    log: Annotated[Path | None, typer.Option(help="An export of the access log, to compare with.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a month's certificate with its signature, and with the access log; no data directory is needed."""
    with sentences():
        report = _verified(file, key, log)
    certificate = report.certificate
    if as_json:
        told = asdict(report) | {"certificate": certificate and {"log": certificate.log, "month": certificate.month}}
        print_json({"ok": report.ok, **told})
        raise SystemExit(Exit.DONE if report.ok else Exit.WRONG)
    if certificate is not None:
        segments = sum(one.segments for one in certificate.branches)
        out.print(f"Certificate of deletion {certificate.month} of {certificate.district}: {segments:,} segments.", markup=False)
    for sentence in report.compared:
        out.print(sentence, markup=False)
    for sentence in report.findings:
        err.print(f"!! {sentence}", markup=False)
    if report.ok:
        out.print("It is as it was signed.")
    for sentence in report.unseen:
        out.print(f"Not checked: {sentence}", markup=False)
    raise SystemExit(Exit.DONE if report.ok else Exit.WRONG)


def _verified(file: Path, key: str, log: Path | None) -> CertificateReport:
    trusted, (document, note) = trusted_key(key), (_text_of(one, _CERTIFICATE) for one in (file, file.with_suffix(".note")))
    export = None if log is None else _text_of(log, "Give what vms log export wrote.").rstrip("\n").split("\n")
    return verify_certificate(document, note, trusted, export)


def _text_of(path: Path, give: str) -> str:
    try:
        return path.read_bytes().decode()  # as it was signed: no line's end becomes another
    except OSError as error:
        raise InvalidInput(f"{path} can't be read ({error.strerror}). {give}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no text. {give}") from error


def _standing_cells(one: Standing) -> tuple[str, ...]:
    kept = f"{one.keeps_days:g} days", _moment(one.oldest_at), f"{one.held:,}"
    return *kept, f"{one.overdue:,}", _moment(one.early_until)


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as err:
        raise InvalidInput(f"{path} can't be written ({err.strerror}). Give a folder that is there, with --out.") from err


def _show_day(name: str, day: str, proof: DayProof, versions: Versions, *, as_json: bool) -> None:
    if as_json:
        print_json(_day_document(name, proof, versions))
        return
    out.print(f"{name}, {day} ({_moment(proof.day.start)} to {_moment(proof.day.end)})")
    out.print(proof.verdict.sentence)
    kept = "no window was ever said" if proof.keeps_days is None else f"{proof.keeps_days:g} days, over on {_moment(proof.over_at)}"
    out.print(f"Window: {kept}. Holds that protect some of it: {', '.join(map(str, proof.held)) or 'none'}.")
    out.print(f"In the index: {proof.rows:,} segments. On the volumes: {proof.files:,} files.")
    for path in proof.left:
        out.print(f"Left over, and the index knows nothing of it: {path}", markup=False)
    out.print(f"Keys of its hours: {proof.keys_there} there, {proof.keys_destroyed} destroyed.")
    for sentence in proof.unmounted:
        out.print(f"Not looked through: {sentence}")
    rows = [(*_purge_cells(one), str(versions.get(one.batch.hold_seq) or "")) for one in proof.purges]
    print_table(
        ("position", "from", "to", "segments", "bytes", "deleted", "why", "root", "policy"),
        rows,
        empty="The purge log has nothing of this day.",
    )
    if proof.broken_at is None:
        out.print(f"The purge log holds: {proof.entries:,} entries, compared with {proof.heads:,} notes in the access log.")
    else:
        out.print(f"The purge log is not as it was written, from position {proof.broken_at} on.")


def _purge_cells(one: Purge) -> tuple[str, ...]:
    batch, root = one.batch, f"{one.root.hex()[:16]}…"
    gone = f"{batch.segments:,}", f"{batch.size_bytes:,}"
    why = "disks full" if batch.reason is PurgeReason.DISK_FULL else "its day"
    return str(one.position), _ms(batch.first_ms), _ms(batch.end_ms), *gone, _ms(one.erased_ms), why, root


def _day_document(name: str, proof: DayProof, versions: Versions) -> dict[str, object]:
    purges = [
        _batch(one)
        | {"position": one.position, "erased_ms": one.erased_ms, "root": one.root.hex(), "policy_version": versions.get(one.batch.hold_seq)}
        for one in proof.purges
    ]
    told = {field: value for field, value in asdict(proof).items() if field not in ("day", "purges", "verdict")}
    return {"name": name, "verdict": proof.verdict.value, "from": proof.day.start, "to": proof.day.end, **told, "purges": purges}


def _batch(purge: Purge) -> dict[str, object]:
    """Return a batch without the number of the newest hold: it goes on with holds that nobody is to learn of."""
    return {field: value for field, value in asdict(purge.batch).items() if field != "hold_seq"}


def _day(text: str, zone: str) -> Timespan:
    try:
        return day_of(date.fromisoformat(text), zone)
    except (ValueError, OverflowError) as err:
        raise InvalidInput(f"{text!r} is no day. Give one as 2026-11-02.") from err


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _ms(ms: int) -> str:
    return _moment(datetime_of_ms(ms))


def _show(cli: Cli, settings: Settings, found: list[Due], paused: str | None, *, as_json: bool) -> None:
    with cli.reading(settings) as session:
        known = {one.camera.id: one for one in list_cameras(session, cli.actor, removed=Removed.INCLUDED)}
    if as_json:
        print_json({"cameras": [asdict(one) | {"name": _name(known.get(one.camera_id))} for one in found], "paused": paused})
        return
    rows = [
        (_name(known.get(one.camera_id)), f"{one.segments:,}", f"{one.size_bytes:,}", f"{one.kept:,}", f"{one.early:,}") for one in found
    ]
    print_table(("camera", "would go", "bytes", "kept by holds", "might go early on full disks"), rows, empty="Nothing is past its window.")


def _name(known: CameraDetails | None) -> str:
    return "a camera that is not known any more" if known is None else f"{known.branch.name}/{known.camera.name}"


def _end(paused: str | None) -> None:
    if paused is not None:
        err.print(f"Deletion is paused: {paused}")
    raise SystemExit(Exit.DONE if paused is None else Exit.WRONG)
