"""Statements that run for every request or every entry: compiled once for each kind of database, and handed to its driver.

SQLAlchemy's way of running a statement takes several times as long as the database does for these few. They are made of the tables
like any other, and their values pass the types of the columns; what is left out is what stands between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeAlias, TypeVar, TypeVarTuple

from sqlalchemy import Delete, Dialect, Update, insert
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import TypedReturnsRows
from sqlalchemy.types import TypeEngine

from vms.store.database import Driver, Engines, Values, driver_of

Cells = TypeVarTuple("Cells")
Made = TypeVar("Made")
Source: TypeAlias = Session | Driver | Engines
"""Where a SELECT is asked: in the transaction of a session, or by itself, where it sees one state of the database too."""
_Convert: TypeAlias = Callable[[Any], Any]


class Prepared(Generic[*Cells]):
    """A statement that answers with rows. Its values are named by `bindparam`, and none is a list."""

    def __init__(self, statement: TypedReturnsRows[*Cells]) -> None:
        self._statement = statement
        self._compiled: dict[str, Compiled] = {}

    def rows(self, source: Source, given: Mapping[str, object]) -> list[tuple[*Cells]]:
        """Run it with these values and return what it answers. Only a SELECT may be asked by itself."""
        compiled, found = self.answer(source, given)
        return compiled.converted(found)

    def answer(self, source: Source, given: Mapping[str, object]) -> tuple[Compiled, list[tuple[object, ...]]]:
        """Run it as `rows` does, and return the rows as the driver has them."""
        if isinstance(source, Engines):
            compiled = self._for(source.read.dialect)
            return compiled, source.ask(compiled.sql, compiled.values(given))
        if isinstance(source, Driver):
            compiled = self._for(source.dialect)
            return compiled, source.rows(compiled.sql, compiled.values(given))
        with driver_of(source) as driver:
            return self.answer(driver, given)

    def _for(self, dialect: Dialect) -> Compiled:
        found = self._compiled.get(dialect.name)
        if found is None:
            found = self._compiled[dialect.name] = _compile(self._statement, dialect)
        return found


class Making(Generic[Made]):
    """What is made of the rows that a SELECT answers with. The database is asked each time; the same rows are made into it once."""

    def __init__(self, prepared: Prepared[*tuple[Any, ...]], make: Callable[[Sequence[tuple[Any, ...]]], Made], *, remembered: int) -> None:
        """`remembered`: of how many answers what was made stays in memory."""
        self._prepared = prepared
        self._made = lru_cache(remembered)(lambda compiled, rows: make(compiled.converted(rows)))

    def of(self, source: Source, given: Mapping[str, object]) -> Made:
        compiled, rows = self._prepared.answer(source, given)
        return self._made(compiled, tuple(rows))


class PreparedChange:
    """An UPDATE or DELETE. Its values are named by `bindparam`, and none is a list."""

    def __init__(self, statement: Update | Delete) -> None:
        self._statement = statement
        self._compiled: dict[str, Compiled] = {}

    def run(self, driver: Driver, given: Mapping[str, object]) -> None:
        """Run it with these values, in the transaction of the driver's connection."""
        compiled = self._compiled.get(driver.dialect.name)
        if compiled is None:
            compiled = self._compiled[driver.dialect.name] = _compile(self._statement, driver.dialect)
        driver.run(compiled.sql, compiled.values(given))


class PreparedInsert:
    """An INSERT of some columns of a table, whose types pass values on as they are."""

    def __init__(self, table: type[DeclarativeBase], columns: Sequence[str]) -> None:
        self._table = table
        self._columns = columns
        self._sql: dict[str, tuple[str, str]] = {}

    def add(self, driver: Driver, rows: Sequence[Sequence[object]]) -> None:
        """Insert rows, their values in the order of the columns, in the transaction of the driver's session."""
        dialect = driver.dialect
        if dialect.name not in self._sql:
            self._sql[dialect.name] = self._texts(dialect)
        one, many = self._sql[dialect.name]
        if len(rows) == 1:
            driver.run(one, rows[0] if dialect.positional else dict(zip(self._columns, rows[0], strict=True)))
        else:
            driver.insert(many, rows)

    def _texts(self, dialect: Dialect) -> tuple[str, str]:
        """Return the statement for one row and that for many."""
        one = insert(self._table).compile(dialect=dialect, column_keys=list(self._columns)).string
        if dialect.name != "postgresql":
            return one, one
        quoted = dialect.identifier_preparer
        return one, f"COPY {quoted.quote(self._table.__tablename__)} ({', '.join(map(quoted.quote, self._columns))}) FROM STDIN"


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A statement for one kind of database."""

    sql: str
    constants: Mapping[str, object]
    """What stands in the statement itself, by the names of its parameters."""
    names: Sequence[str] | None
    """Of the parameters in order, for a driver that takes them so."""
    binds: Sequence[tuple[str, _Convert]]
    cells: Sequence[tuple[int, _Convert]]

    def values(self, given: Mapping[str, object]) -> Values:
        found = {**self.constants, **given}
        for name, convert in self.binds:
            found[name] = convert(found[name])
        return found if self.names is None else [found[name] for name in self.names]

    def converted(self, rows: Sequence[Any]) -> list[Any]:
        return [self._row(row) for row in rows] if self.cells else list(rows)

    def _row(self, row: Sequence[object]) -> tuple[object, ...]:
        cells = list(row)
        for at, convert in self.cells:
            if cells[at] is not None:  # which is None in every type of ours
                cells[at] = convert(cells[at])
        return tuple(cells)


def _compile(statement: TypedReturnsRows[*Cells] | Update | Delete, dialect: Dialect) -> Compiled:
    compiled: SQLCompiler = dialect.statement_compiler(dialect, statement)
    binds = [(name, _to_driver(bind.type, dialect)) for bind, name in compiled.bind_names.items()]
    cells = [(at, _from_driver(column.type, dialect)) for at, column in enumerate(statement.exported_columns)]
    return Compiled(
        sql=compiled.string,
        constants={name: bind.value for bind, name in compiled.bind_names.items() if not bind.required},
        names=compiled.positiontup,
        binds=[(name, convert) for name, convert in binds if convert is not None],
        cells=[(at, convert) for at, convert in cells if convert is not None],
    )


def _to_driver(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _from_driver(kind: TypeEngine[Any], dialect: Dialect) -> _Convert | None:
    return kind.dialect_impl(dialect).result_processor(dialect, None)
