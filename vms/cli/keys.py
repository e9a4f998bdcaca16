"""Commands about the keys that wrap others: what there is, and a new one in the place of an old."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer

from vms.cli.context import Cli
from vms.cli.options import AsJson
from vms.cli.output import err, out, print_json, print_table, sentences, working
from vms.config import Settings
from vms.services.key_rotation import (
    Rotated,
    RotatedKey,
    Rotation,
    carry_out,
    factor_rotation,
    footage_rotation,
    node_rotation,
    show_keys,
    text_rotation,
)
from vms.store.database import Engines
from vms.store.failpoints import arm
from vms.store.key_credential import footage_key
from vms.store.keys import KeyStore

app = typer.Typer(help="The keys that open passwords, authenticators, footage and texts.", no_args_is_help=True)


@app.command("show")
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Tell which keys there are, since when, and whether a rotation is half done."""
    cli: Cli = context.obj
    with sentences():
        keys = show_keys(cli.settings())
    if as_json:
        print_json({"keys": [asdict(key) for key in keys]})
        return
    rows = [(key.key.value, key.key.wraps, key.fingerprint, "a credential" if key.since is None else _minute(key.since)) for key in keys]
    print_table(("key", "opens", "fingerprint", "since"), rows, empty="There is no key yet.")
    for key in keys:
        if key.next_fingerprint is not None:
            since = "" if key.next_since is None else f" since {_minute(key.next_since)}"
            err.print(f"A rotation of {key.key} is half done{since}. Go on: vms keys rotate {key.key}")


@app.command("rotate")
def rotate(
    context: typer.Context,
    keys: Annotated[
        list[RotatedKey],
        typer.Argument(
            help="node: cameras' passwords; factors: authenticators; footage: keys of footage; texts: what complaints and inquiries say."
        ),
    ],
    leave_unopenable: Annotated[
        bool, typer.Option("--leave-unopenable", help="Go on past texts and keys of footage that no key here opens: they stay unreadable.")
    ] = False,
) -> None:
    """Put a new key in the place of an old one while everything goes on; run again, it goes on where it was cut short.

    Who had the old key and a copy of the data knows what was under it: change the passwords in the cameras themselves, too.
    """
    cli: Cli = context.obj
    removed = False
    for key in dict.fromkeys(keys):
        with sentences():
            rotated = _rotated(cli, key, leave_unopenable=leave_unopenable)
        _print(rotated)
        removed |= rotated.left_to_do is None
    if removed:
        err.print("The old keys are removed. Copies of them, as in a backup of secrets/, still open copies of the data from before.")


def _rotated(cli: Cli, key: RotatedKey, *, leave_unopenable: bool) -> Rotated:
    settings = cli.settings()
    arm(settings.failpoint)
    with (
        cli.central(settings) as central,
        _rotation_of(cli, key, settings, central, leave_unopenable=leave_unopenable) as rotation,
        working(f"Rotating {key}:") as work,
    ):
        return carry_out(rotation, central, actor=cli.actor, clock=cli.clock, tell=work.tell)


@contextmanager
def _rotation_of(cli: Cli, key: RotatedKey, settings: Settings, central: Engines, *, leave_unopenable: bool) -> Iterator[Rotation]:
    match key:
        case RotatedKey.NODE:
            with cli.index(settings) as index:
                yield node_rotation(settings, central, index)
        case RotatedKey.FACTORS:
            yield factor_rotation(settings, central, at=cli.clock.now())
        case RotatedKey.TEXTS:
            yield text_rotation(settings, central, leave_unopenable=leave_unopenable)
        case RotatedKey.FOOTAGE:
            store = KeyStore.open(settings.keys1_path, settings.keys2_path, footage_key(settings))
            try:
                yield footage_rotation(settings, store, leave_unopenable=leave_unopenable)
            finally:
                store.close()


def _print(rotated: Rotated) -> None:
    if rotated.resumed:
        err.print(f"Went on with the rotation of {rotated.key} that was cut short.")
    out.print(f"{rotated.key}: {rotated.key.wraps} sealed anew: {rotated.sealed_anew}; key {rotated.fingerprint}")
    if rotated.left:
        err.print(f"No key that is here opens these, which stay as they are: {rotated.left}")
    if rotated.left_to_do is not None:
        err.print(rotated.left_to_do)


def _minute(at: datetime) -> str:
    return f"{at.astimezone():%Y-%m-%d %H:%M}"
