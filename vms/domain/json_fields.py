"""The fields of JSON that somebody hands in: each taken once, of the kind it has to be, and none passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import TypeVar

from vms.errors import InvalidInput

Word = TypeVar("Word", bound=StrEnum)


class Fields:
    """Takes the fields of one JSON object, each once; `end` refuses what is left. `where` begins its sentences. All raise InvalidInput."""

    def __init__(self, where: str, value: object) -> None:
        if not isinstance(value, dict):
            raise InvalidInput(f"{where} is not an object of JSON.")
        self.where = where
        self._left: dict[str, object] = dict(value)

    def number(self, name: str, *, least: int, most: int) -> int:
        value = self._take(name)
        if type(value) is not int or not least <= value <= most:
            raise InvalidInput(f"{self.where}: “{name}” is a whole number from {least} to {most}.")
        return value

    def text(self, name: str) -> str:
        value = self._take(name)
        if not isinstance(value, str):
            raise InvalidInput(f"{self.where}: “{name}” is a text.")
        return value

    def yes_or_no(self, name: str) -> bool:
        value = self._take(name)
        if not isinstance(value, bool):
            raise InvalidInput(f"{self.where}: “{name}” is true or false.")
        return value

    def word(self, name: str, words: type[Word]) -> Word:
        value = self.text(name)
        try:
            return words(value)
        except ValueError as err:
            raise InvalidInput(f"{self.where}: “{name}” is one of: {', '.join(words)}.") from err

    def words(self, name: str, words: type[Word]) -> tuple[Word, ...]:
        """Take a list of words, each at most once, in the order of the words themselves."""
        value = self._take(name)
        known = [word.value for word in words]
        if not isinstance(value, list) or any(one not in known or value.count(one) > 1 for one in value):
            raise InvalidInput(f"{self.where}: “{name}” is a list of these words, each at most once: {', '.join(known)}.")
        return tuple(word for word in words if word.value in value)

    def fields(self, name: str, where: str) -> Fields:
        return Fields(where, self._take(name))

    def has(self, name: str) -> bool:
        """Say whether a field is there and was not taken."""
        return name in self._left

    def each(self, name: str, *, most: int) -> Iterator[Fields]:
        value = self._take(name)
        if not isinstance(value, list) or not 1 <= len(value) <= most:
            raise InvalidInput(f"{self.where}: “{name}” is a list of 1 to {most:,}.")
        return (Fields(f"{self.where}, {name.removesuffix('s')} {number}", one) for number, one in enumerate(value, 1))

    def end(self, of_what: str) -> None:
        """Refuse what was not taken, as what `of_what` has: “no plan”."""
        if self._left:
            raise InvalidInput(f"{self.where} has what {of_what} has: {', '.join(map(repr, self._left))}.")

    def _take(self, name: str) -> object:
        if name not in self._left:
            raise InvalidInput(f"{self.where} has no “{name}”.")
        return self._left.pop(name)


def fields_once(pairs: list[tuple[str, object]]) -> Mapping[str, object]:
    """Read an object for `json.loads`; ValueError when it names a field twice."""
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("an object names a field twice")
    return fields
