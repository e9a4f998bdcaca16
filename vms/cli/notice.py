"""`vms notice build`: the public notice as files for the district's own website."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.options import AsJson
from vms.cli.output import err, out, print_json, sentences
from vms.errors import Unavailable
from vms.services import public_notice
from vms.services.public_notice import BuiltNotice
from vms.store.private_files import write_public

app = typer.Typer(help="The public notice about the cameras.", no_args_is_help=True)
_EVERYBODY = 0o755
"""What only its owner opens publishes nothing, and `vms` makes nothing else by itself."""


@app.command("build")
def build(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--out", help="Where the pages go; made if it is not there.")],
    as_json: AsJson = False,
) -> None:
    """Write the pages, in English and Spanish, and the sign for the door; the same octets while nothing changes."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with cli.writing(settings) as session:
            answer = public_notice.build(session, settings, cli.person_if_any(session) or cli.actor, at=cli.clock.now())
        built = allowed(answer)
        _write(built, folder)
    if as_json:
        print_json({"folder": str(folder), "files": sorted(built.files), "sha256": built.sha256})
        return
    out.print(f"{', '.join(sorted(built.files))} are in {folder}. SHA-256 {built.sha256}")
    if settings.notice_url is None:
        err.print("There is no sign for the door: set notice_url to the address under which the pages will be.")


def _write(built: BuiltNotice, folder: Path) -> None:
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(_EVERYBODY)
        for name, content in built.files.items():
            write_public(folder / name, content)
    except OSError as err:
        raise Unavailable(f"The pages can't be written to {folder} ({err.strerror}). Give a folder that you may write to.") from err
