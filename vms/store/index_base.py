"""What every table of the node index stands on."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from vms.store.central_base import NAMING

CLUSTERED = {"sqlite_with_rowid": False}
"""For tables that grow: their rows lie in the order of the key."""


class NodeIndex(DeclarativeBase):
    """Base of every table of the node index."""

    metadata = MetaData(naming_convention=NAMING)
