"""What a file of a package shows, and what was made of it: said by a process and its deriving child to each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clip:
    """When the pictures of a file of a package were taken: 90 kHz ticks since 1970."""

    start_ticks: int
    shown_from_ticks: int
    """What is before is only there for what follows it to be decoded."""
    end_ticks: int


@dataclass(frozen=True, slots=True)
class Copied:
    pictures: int
    keyframes: tuple[int, ...]
    """When each begins, in ticks of the copy."""
