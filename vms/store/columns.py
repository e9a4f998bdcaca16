"""Column types that mean the same in SQLite and PostgreSQL."""

# ruff: noqa: ARG002 - SQLAlchemy hands every type the dialect
from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import TypeVar

from sqlalchemy import BigInteger, CheckConstraint, Dialect, Integer, String
from sqlalchemy.types import TypeDecorator

from vms.domain.timespan import EPOCH

Number = BigInteger().with_variant(Integer(), "sqlite")
"""64 bits. On SQLite an INTEGER PRIMARY KEY is the row id itself and costs no second tree."""

_MICROSECOND = timedelta(microseconds=1)


class Moment(TypeDecorator[datetime]):
    """An aware UTC moment, kept as whole microseconds since 1970: same order, same value, no time zone in either database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // _MICROSECOND

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[int | None], datetime | None]:
        return _moment  # at once: each request makes some ten of them


def _moment(value: int | None) -> datetime | None:
    return None if value is None else EPOCH + value * _MICROSECOND  # half the time of a new timedelta


class Unsigned64(TypeDecorator[int]):
    """A number below 2**64 in a signed 64-bit column, as two's complement."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> int | None:
        return value - (1 << 64) if value is not None and value >= 1 << 63 else value

    def process_result_value(self, value: int | None, dialect: Dialect) -> int | None:
        return value % (1 << 64) if value is not None else None


W = TypeVar("W", bound=StrEnum)


class Word(TypeDecorator[W]):
    """A `StrEnum`, kept as its text; the database refuses others where the table says so (`one_of`)."""

    impl = String
    cache_ok = True

    def __init__(self, kind: type[W]) -> None:
        super().__init__(32)
        self.kind = kind

    def process_bind_param(self, value: W | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value.value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> W | None:
        return None if value is None else self.kind(value)


def one_of(column: str, kind: type[W], name: str, *, but: Collection[W] = ()) -> CheckConstraint:
    """Return the CHECK that `column` holds a word of `kind`, `but` none of those that are never stored."""
    return CheckConstraint(f"{column} IN ({_listed(repr(str(word.value)) for word in kind if word not in but)})", name=name)


def one_of_numbers(column: str, kind: type[IntEnum], name: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({_listed(str(number.value) for number in kind)})", name=name)


def _listed(items: Iterable[str]) -> str:
    return ", ".join(items)
