"""`vms size`: how much room footage needs, by what this machine recorded or by figures that are given."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from typing import Annotated

import typer

from vms.cli.context import Cli
from vms.cli.options import AsJson
from vms.cli.output import Exit, out, print_json, sentences
from vms.config import Settings
from vms.domain.capacity import Room, bytes_a_day, bytes_needed, disks_needed
from vms.domain.policy import SHIPPED_TARGET
from vms.errors import InvalidInput, Unavailable
from vms.services.capacity import measure
from vms.services.district import load_district
from vms.store.files import Volume

_GB, _TB = 1e9, 1e12
_ON_TOP = "Whatever holds keep longer comes on top."
KEPT_FREE = 0.1
"""Of each disk: a file system that is fuller slows down, and holds take room that no window gives back."""


def size(
    context: typer.Context,
    cameras: Annotated[int | None, typer.Option(min=1, help="How many cameras; with --mbit, instead of what was measured.")] = None,
    mbit: Annotated[float | None, typer.Option(min=0.001, help="Mbit/s of one camera, its sub-stream included.")] = None,
    days: Annotated[float | None, typer.Option(min=0.1, help="Days footage is kept; the district's when left out.")] = None,
    disk: Annotated[float, typer.Option(min=0.001, help="TB of one disk.")] = 8.0,
    as_json: AsJson = False,
) -> None:
    """Say how much room footage needs, and when this machine's volumes are full."""
    cli: Cli = context.obj
    with sentences():
        if (cameras is None) != (mbit is None):
            raise InvalidInput("Give both --cameras and --mbit, or neither: then what this machine recorded is measured.")
        if cameras is not None and mbit is not None:
            kept = days if days is not None else float(days_kept(cli, cli.settings()))
            raise SystemExit(_planned(cameras, mbit, kept, disk * _TB, as_json=as_json))
        room = measured_room(cli, cli.settings())
        if room is None:
            raise Unavailable("Less than an hour was recorded here, which says nothing of a day. Give --cameras and --mbit.")
    if as_json:
        print_json(asdict(room) | {"needed": room.needed, "full_in_days": room.full_in_days, "enough": room.enough})
    else:
        out.print(f"Recorded: {room.a_day / _GB:,.1f} GB a day, measured over {room.measured_days * 24:.0f} hours.")
        out.print(f"Kept for {room.days:g} days that is {room.needed / _TB:,.2f} TB. The volumes take {room.total / _TB:,.2f} TB.")
        out.print(room_sentence(room))
    raise SystemExit(Exit.DONE if room.enough else Exit.WRONG)


def measured_room(cli: Cli, settings: Settings) -> Room | None:
    """Return what the volumes of this machine hold; None when too little was recorded. A volume that is not mounted holds nothing."""
    mounted = []
    for setting in settings.volumes:
        with suppress(Unavailable):
            mounted.append(Volume.open(setting.path, max_bytes=setting.max_bytes))
    with cli.index_reading(settings) as index:
        return measure(index, mounted, now=cli.clock.now(), days=days_kept(cli, settings))


def room_sentence(room: Room) -> str:
    """Say whether the volumes last for the window, and what to do if not."""
    if room.enough:
        return f"That is enough: a full window takes {room.needed / room.total:.0%} of the room. {_ON_TOP}"
    when = "and they are full" if room.full_in_days is None else f"and they are full in {room.full_in_days:.1f} days"
    return (
        f"A window of {room.days:g} days takes {room.needed / _GB:,.0f} GB and the volumes hold {room.total / _GB:,.0f}, {when}. "
        "Recording stops then: add a volume, shorten the window, or have the cameras send less."
    )


def _planned(cameras: int, mbit: float, days: float, disk_bytes: float, *, as_json: bool) -> int:
    a_day = bytes_a_day(cameras, mbit)
    needed = bytes_needed(a_day, days)
    disks = disks_needed(needed, disk_bytes, KEPT_FREE)
    if as_json:
        print_json({"a_day": a_day, "days": days, "needed": needed, "disks": disks, "disk_bytes": disk_bytes})
    else:
        out.print(f"{cameras:,} cameras of {mbit:g} Mbit/s: {a_day / _GB:,.1f} GB a day, {needed / _TB:,.2f} TB for {days:g} days.")
        out.print(f"Disks of {disk_bytes / _TB:g} TB, a tenth of each left free: {disks}, without a spare. {_ON_TOP}")
    return Exit.DONE


def days_kept(cli: Cli, settings: Settings) -> int:
    with cli.reading(settings) as session:
        district = load_district(session)
    return SHIPPED_TARGET if district is None else district.days
