from __future__ import annotations

from recorder.rtsp.errors import CameraError, FailureKind


def every_class(base: type[CameraError] = CameraError) -> list[type[CameraError]]:
    return [found for child in base.__subclasses__() for found in [child, *every_class(child)]]


def test_every_failure_has_its_class_its_gap_reason_and_its_state() -> None:
    assert {found.kind for found in every_class()} == set(FailureKind)
    assert all(found.gap_reason and found.state for found in every_class())
