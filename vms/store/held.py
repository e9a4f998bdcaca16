"""Whether a hold that was not released covers the camera that a row names; sealed ones don't count.

A row that outlives its day would tell of them: they keep footage, and what is written about the matter is in its own sealed entries.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, exists
from sqlalchemy.orm import InstrumentedAttribute

from vms.store.hold_tables import HoldCameraRow, SealedHoldRow


def held(camera: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    sealed = exists().where(SealedHoldRow.hold_id == HoldCameraRow.hold_id)
    return exists().where(HoldCameraRow.camera_id == camera, HoldCameraRow.released_seq.is_(None), ~sealed)
