"""Draw pages: Jinja2 templates, the files that the user interface's build names, and moments in a branch's time zone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader
from starlette.responses import HTMLResponse

from vms.domain.people import Person
from vms.domain.timespan import datetime_of_ms
from vms.errors import ConfigError, NotFound

PACKAGE = Path(__file__).parent
MANIFEST = "manifest.json"
_KILO = 1000

Extra = Callable[[Person | None], Mapping[str, object]]
"""Adds to the context of every page; the demo's bar is one."""


@dataclass(slots=True)
class Pages:
    """Loaded once at the start. `extras` may be added before the first request."""

    environment: Environment
    assets: Mapping[str, str]
    static: Path
    extras: list[Extra] = field(default_factory=list)

    @classmethod
    def load(cls, package: Path = PACKAGE) -> Pages:
        """Read the manifest and prepare the templates; ConfigError when the user interface isn't built."""
        static = package / "static"
        assets = _manifest(static / MANIFEST)
        environment = Environment(loader=FileSystemLoader(package / "templates"), autoescape=True, auto_reload=False)
        environment.filters |= {
            "clock": clock,
            "short_clock": short_clock,
            "day": day,
            "iso_day": iso_day,
            "when": when,
            "day_of_year": day_of_year,
            "moment": moment,
            "span": span,
            "short_span": short_span,
            "size": size,
            "last_day": last_day,
            "zone_abbr": zone_abbr,
            "zone_of": zone_of,
        }
        pages = cls(environment, assets, static)
        environment.globals["asset"] = pages.asset
        return pages

    def asset(self, name: str) -> str:
        """Return the address of a built file; its name carries a hash of what it holds."""
        return f"/static/{self.assets[name]}"

    def render(self, template: str, context: Mapping[str, object], *, person: Person | None, status: int = 200) -> HTMLResponse:
        added: dict[str, object] = {}
        for extra in self.extras:
            added |= extra(person)
        text = self.environment.get_template(template).render({**context, **added})
        return HTMLResponse(text, status)

    def file(self, path: str) -> Path:
        """Return a static file; NotFound for anything that the build did not put there."""
        found = self.static / path
        try:
            found = found.resolve()
            built = found.is_relative_to(self.static.resolve()) and found.is_file() and found.name != MANIFEST
        except (OSError, ValueError):  # a name that is too long, or with a NUL
            built = False
        if not built:
            raise NotFound("There is no such file.")
        return found


def clock(at: datetime, zone: str) -> str:
    return f"{_local(at, zone):%H:%M:%S}"


def short_clock(at: datetime, zone: str) -> str:
    return f"{_local(at, zone):%H:%M}"


def day(at: datetime, zone: str) -> str:
    local = _local(at, zone)
    return f"{local:%a} {local.day} {local:%b}"


def day_of_year(at: datetime, zone: str) -> str:
    return f"{day(at, zone)} {_local(at, zone).year}"


def last_day(at: datetime, zone: str) -> str:
    """Return the last whole day before `at`, with its year."""
    return day_of_year(at - timedelta(microseconds=1), zone)


def iso_day(at: datetime, zone: str) -> str:
    """Return the day as addresses have it: 2026-11-24."""
    return f"{_local(at, zone):%Y-%m-%d}"


def when(at: datetime, zone: str) -> str:
    return f"{day(at, zone)}, {clock(at, zone)}"


def moment(at: datetime, zone: str) -> str:
    """Return what can't be taken for any other moment, on paper and years later: Tue 24 Nov 2026, 14:31:07 PST."""
    return f"{day_of_year(at, zone)}, {clock(at, zone)} {zone_abbr(at, zone)}"


def span(start: datetime, end: datetime, zone: str) -> str:
    """Return both moments, and what they share once: Tue 24 Nov 2026, 14:31:07 to 14:40:00 PST."""
    if day_of_year(start, zone) != day_of_year(end, zone) or zone_abbr(start, zone) != zone_abbr(end, zone):
        return f"{moment(start, zone)} to {moment(end, zone)}"
    return f"{day_of_year(start, zone)}, {clock(start, zone)} to {clock(end, zone)} {zone_abbr(end, zone)}"


def short_span(start: datetime, end: datetime, zone: str) -> str:
    """Return from when to when, to the minute, where the zone stands beside it: Tue 24 Nov 2026, 14:31–14:40."""
    until = (
        short_clock(end, zone)
        if day_of_year(start, zone) == day_of_year(end, zone)
        else f"{day_of_year(end, zone)}, {short_clock(end, zone)}"
    )
    return f"{day_of_year(start, zone)}, {short_clock(start, zone)}–{until}"


def size(size_bytes: int) -> str:
    """Return how large a file is, in the unit that people say it in."""
    if size_bytes < _KILO:
        return f"{size_bytes} bytes"
    return f"{size_bytes / _KILO:,.0f} kB" if size_bytes < _KILO**2 else f"{size_bytes / _KILO**2:,.1f} MB"


def zone_abbr(at: datetime, zone: str) -> str:
    return _local(at, zone).tzname() or zone


def zone_of(ms: int, zone: str) -> str:
    """Return what people of the zone call their time at `ms` since the epoch: PST, CET."""
    return zone_abbr(datetime_of_ms(ms), zone)


def _local(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone) if zone else UTC)


def _manifest(path: Path) -> Mapping[str, str]:
    try:
        files = json.loads(path.read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError) as err:
        raise ConfigError("The user interface isn't built. Run: make ui") from err
    return {str(name): str(built) for name, built in files.items()}
