"""Numbers that come from an address or a body: an id that can't be one is no question for the database."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import Field

ID_LIMIT = 1 << 53
"""Ids are exact in JavaScript; SQLite and PostgreSQL refuse what goes beyond 63 bits with an error."""

PathId = Annotated[int, Path(ge=0, lt=ID_LIMIT)]
BodyId = Annotated[int, Field(ge=0, lt=ID_LIMIT)]
QueryId = Annotated[int | None, Query(ge=0, lt=ID_LIMIT)]


def id_of(text: str) -> int | None:
    """Return the id that `text` spells; None when it spells none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 17 and int(text) < ID_LIMIT else None
