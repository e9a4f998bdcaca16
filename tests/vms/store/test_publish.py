from __future__ import annotations

from pathlib import Path

import pytest

from tests.vms.store.killed import killed_at
from tests.vms.store.publishing_child import CONTENT
from vms.domain.ids import StreamId, segment_id
from vms.store.files import PUBLISH_STEPS, OpenPart, Volume, iter_parts, iter_published, iter_strays

SEGMENT = segment_id(StreamId(3), 1_767_268_800_000)
AFTER_RENAME = PUBLISH_STEPS[2:]


@pytest.mark.slow
@pytest.mark.parametrize("step", ["part:create", *PUBLISH_STEPS])
def test_a_kill_at_any_step_leaves_the_segment_under_exactly_one_name(tmp_path: Path, step: str) -> None:
    volume = Volume.create(tmp_path / "volume", max_bytes=10_000_000)
    killed_at(step, "tests.vms.store.publishing_child", volume.path, SEGMENT)
    published, parts = list(iter_published(volume)), list(iter_parts(volume))
    assert list(iter_strays(volume)) == []
    if step in AFTER_RENAME:
        assert parts == []
        assert [(file.segment, file.path.read_bytes()) for file in published] == [(SEGMENT, CONTENT)]
    else:
        assert published == []
        assert [(file.segment, file.size_bytes) for file in parts] == [(SEGMENT, 0 if step == "part:create" else len(CONTENT))]


@pytest.mark.slow
@pytest.mark.parametrize("step", PUBLISH_STEPS[:2])
def test_what_a_kill_before_the_rename_left_is_published_by_recovery(tmp_path: Path, step: str) -> None:
    volume = Volume.create(tmp_path / "volume", max_bytes=10_000_000)
    killed_at(step, "tests.vms.store.publishing_child", volume.path, SEGMENT)
    assert OpenPart.reopen(volume, SEGMENT, whole_bytes=len(CONTENT)).publish().read_bytes() == CONTENT
    assert list(iter_parts(volume)) == []
