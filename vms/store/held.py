"""Whether a hold that was not released covers the camera that a row names."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, exists
from sqlalchemy.orm import InstrumentedAttribute

from vms.store.hold_tables import HoldCameraRow


def held(camera: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    return exists().where(HoldCameraRow.camera_id == camera, HoldCameraRow.released_seq.is_(None))
