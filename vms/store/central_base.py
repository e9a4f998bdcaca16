"""What every table of the central database stands on: its metadata, the names of its constraints, the length of a name."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

NAME_CHARS = 120


class Central(DeclarativeBase):
    """Base of every table of the central database."""

    metadata = MetaData(naming_convention=NAMING)
