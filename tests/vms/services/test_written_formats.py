"""What stands in packages, and beside copies that are in none, is what vms/FORMATS.md says of them: no field more, and none less."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import vms
from tests.vms.media.made_files import START_MS, a_file, noise
from tests.vms.media.recorded import LENGTH
from tests.vms.services.packaging import AT, Sources, a_hub, a_source, an_order
from tests.vms.services.test_package_copies import black, in_hevc
from tests.vms.services.test_package_stills import moments
from vms.domain.ids import CameraId
from vms.domain.redaction import Between, Box, CameraPlan, Cover, Keyframe, RedactionPlan, Region, canonical
from vms.domain.timespan import datetime_of_ms
from vms.services.derivatives import redact, watermark
from vms.services.packages import build_package
from vms.store.database import Engines

pytestmark = pytest.mark.slow
PAGE = (Path(vms.__file__).parent / "FORMATS.md").read_text(encoding="utf-8")
_LISTS = {"cameras": "camera", "videos": "video", "copies": "copy", "missing": "gap", "segments": "segment", "recorded": "recorded"}
"""Which row of the page tells of the objects in a list."""


def _section(number: int) -> str:
    found = re.search(rf"^## {number}\. .*?(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[0]


def _fields(section: str) -> dict[str, set[str]]:
    """Return what the tables of fields name, by where it stands."""
    fields: dict[str, set[str]] = defaultdict(set)
    where = ""
    for first, names in re.findall(r"^\| (\w*) ?\| ((?:`\w+` ?)+)\|", section, re.MULTILINE):
        where = first or where
        fields[where] |= set(re.findall(r"`(\w+)`", names))
    return fields


def _met(where: str, told: dict[str, object]) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield the keys of an object and of those in its lists, with the name that the page has for it."""
    yield where, frozenset(told)
    for key, name in _LISTS.items():
        for one in told.get(key) or ():  # type: ignore[attr-defined] # a list of objects, or the test fails
            yield from _met(name, one)
    for one in dict(told.get("files") or {}).values():  # type: ignore[call-overload] # likewise
        yield "file", frozenset(one)


def test_every_file_and_field_of_a_package_stands_on_the_page(central_sqlite: Engines, tmp_path: Path) -> None:
    hub, hevc = a_hub(central_sqlite), in_hevc()
    order = an_order(central_sqlite)
    mixed = replace(order, redaction=black(order.cameras[1], until=LENGTH))
    source = Sources({scope.stream_id: hevc for scope in order.cameras})
    both = build_package(mixed, source, tmp_path, hub=hub, at=AT, keep_sheet=lambda _scope, _sheet: None)
    stills = moments(replace(order, request="2026-015"))
    still = build_package(stills, a_source(stills), tmp_path, hub=hub, at=AT)

    page, paths = _section(13), set[str]()
    fields, met = _fields(page), defaultdict[str, set[str]](set)
    for folder in (both.folder, still.folder):
        paths |= {re.sub(r"(?<=/)\d{3}_[^.]+", "NNN_BRANCH_CAMERA_START", _path(folder, one)) for one in folder.rglob("*") if one.is_file()}
        for where, keys in _met("manifest", json.loads((folder / "manifest.json").read_bytes())):
            optional = {"recorded"} if where == "copy" else set()
            assert keys | optional == fields[where] | optional, where
            met[where] |= keys
    assert met == fields
    listed = page.partition("### `manifest.json`")[0]
    assert {name for row in re.findall(r"^\| (`.*?`) \|", listed, re.MULTILINE) for name in re.findall(r"`(.+?)`", row)} == paths
    assert (both.folder / "segments.csv").read_text().splitlines()[0] in page
    (video,) = [one for one in both.videos if one.part.samples][:1]
    for name, wanted in ((video.path, ["ftyp", "moov", "free"]), (both.copies[0].path, ["ftyp", "free", "mdat", "moov"])):
        assert _boxes(both.folder / name)[: len(wanted)] == wanted


def test_every_field_of_the_record_of_a_copy_stands_on_the_page(tmp_path: Path) -> None:
    """What moves in noise can't be followed, so that there is something nobody is sure of."""
    (original, plan) = tmp_path / "in.mp4", tmp_path / "plan.json"
    original.write_bytes(a_file([noise(seed=number) for number in range(10)]))
    keyframes = (Keyframe(START_MS, Box(0, 0, 3_000, 3_000)), Keyframe(START_MS + 360, Box(6_000, 6_000, 3_000, 3_000)))
    region = Region(Cover.FILL, Between.FOLLOW, keyframes, START_MS + 400)
    plan.write_text(canonical(RedactionPlan((CameraPlan(CameraId(7), START_MS, START_MS + 60_000, (region,)),))))
    redacted = redact(plan, original, tmp_path / "redacted.mp4", camera=None, starts_at=datetime_of_ms(START_MS))
    marked = watermark(original, tmp_path / "marked.mp4", recipient="Alder County", number="2026-014", at=AT)
    fields = _fields(_section(14))
    for kind, record in (("redacted", redacted.record), ("watermarked", marked.record)):
        told = json.loads(record.read_bytes())
        assert told["kind"] == kind
        assert set(told) == fields["record"] | fields[kind]
        assert [set(one) for one in told.get("unsure", ())] == [fields["unsure"]] * (kind == "redacted")


def _path(folder: Path, file: Path) -> str:
    return file.relative_to(folder).as_posix()


def _boxes(path: Path) -> list[str]:
    """Return the kinds of a file's boxes, as far as their lengths are of 32 bits."""
    content, kinds, at = path.read_bytes(), [], 0
    while at + 8 <= len(content) and (size := int.from_bytes(content[at : at + 4])) >= 8:
        kinds.append(content[at + 4 : at + 8].decode())
        at += size
    return kinds
