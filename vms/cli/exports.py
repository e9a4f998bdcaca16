"""Commands about footage that leaves: `vms export verify` looks at a package, `redact` and `watermark` make copies of a recording."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vms.cli.context import Cli
from vms.cli.moments import moment_of
from vms.cli.options import AsJson
from vms.cli.output import Exit, out, print_json, print_table, sentences, working
from vms.domain.ids import CameraId
from vms.domain.timespan import datetime_of_ms
from vms.services import derivatives
from vms.services.package_gate import verify_package

app = typer.Typer(help="Packages of footage that were made for a request, and copies of recordings.", no_args_is_help=True)
Original = Annotated[Path, typer.Argument(metavar="IN.mp4", help="The recording. It is read and never written.")]
Copy = Annotated[Path, typer.Argument(metavar="OUT.mp4", help="The copy, which is not there yet; its record is beside it as OUT.json.")]
Starts = Annotated[
    str | None,
    typer.Option(help="When the recording's first picture was taken, such as 2026-11-25T18:00:00.000-08:00, if it does not say."),
]


@app.command("verify")
def verify(
    package: Annotated[Path, typer.Argument(help="The package's folder.")],
    key: Annotated[str | None, typer.Option(help="The district's key or its fingerprint, from somebody you trust.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check that a package is the one that was released, with this program's own verifier; no data directory is needed."""
    with sentences(), working("Reading every file of the package"):
        checks = verify_package(package, key)
    passed = all(one.outcome == "PASS" for one in checks)
    if as_json:
        print_json({"ok": passed, "checks": [asdict(one) for one in checks]})
    else:
        print_table(("", "check", "found"), [(one.outcome, one.check, one.detail) for one in checks], empty="")
        out.print("It is the package that was released." if passed else "It is not confirmed that this is the package that was released.")
    raise SystemExit(Exit.DONE if passed else Exit.WRONG)


@app.command("redact")
def redact(
    plan: Annotated[Path, typer.Argument(metavar="PLAN.json", help="What is covered when; vms/FORMATS.md has the format.")],
    original: Original,
    copy: Copy,
    camera: Annotated[int | None, typer.Option(help="The camera's number, when the plan is for several.")] = None,
    starts: Starts = None,
) -> None:
    """Make a copy of a recording in which regions of the picture are covered. No sound, and nothing of the original but its pictures."""
    with sentences():
        starts_at = None if starts is None else moment_of(starts)
        with working(f"Making {copy.name}"):
            made = derivatives.redact(plan, original, copy, camera=None if camera is None else CameraId(camera), starts_at=starts_at)
    out.print(f"{made.copy}: {made.pictures:,} pictures. Its record: {made.record}")
    for number, pictures in enumerate(made.derived.covered, 1):
        out.print(f"Region {number} covers {f'{pictures:,} of them' if pictures else 'none of them: look at its times'}.")
    for number, start_ms, end_ms in made.derived.unsure:
        times = f"{datetime_of_ms(start_ms):%H:%M:%S.%f} to {datetime_of_ms(end_ms):%H:%M:%S.%f} UTC"
        out.print(f"Region {number + 1} was lost from {times}: all that both drawn boxes span is covered. Draw a keyframe in between.")
    out.print(f"Sheets to look over: {', '.join(path.name for path in made.sheets)}")
    out.print("Look through the whole copy before anybody gets it: what no region covers is seen.")


@app.command("watermark")
def watermark(
    context: typer.Context,
    original: Original,
    copy: Copy,
    recipient: Annotated[str, typer.Option("--for", help="Who gets the copy.")],
    number: Annotated[str, typer.Option(help="The request's number.")],
) -> None:
    """Make a courtesy copy with recipient, number and today's date over each picture. The recording itself stays as it is."""
    cli: Cli = context.obj
    with sentences(), working(f"Making {copy.name}"):
        made = derivatives.watermark(original, copy, recipient=recipient, number=number, at=cli.clock.now().astimezone())
    out.print(f"{made.copy}: {made.pictures:,} pictures. Its record: {made.record}")
