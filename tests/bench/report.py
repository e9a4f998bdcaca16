"""What every benchmark prints and writes: one table, one JSON file with the machine it ran on."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

RESULTS = Path(__file__).parents[2] / "bench"

Row = dict[str, str | int | float]


def machine() -> str:
    """Describe the machine in a line: processor, cores, system, Python."""
    model = "unknown processor"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = next((line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")), model)
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def percentile(figures: Sequence[float], share: float) -> float:
    """Return the figure below which `share` (0 to 1) of the figures lie, the nearest one above."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def publish(name: str, rows: Sequence[Row]) -> int:
    """Print the table and write bench/NAME.json; return the exit code, 1 when a row misses its limit."""
    heads = list(dict.fromkeys(head for row in rows for head in row))
    _print(machine(), [heads, *([_text(row.get(head, "")) for head in heads] for row in rows)])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps({"machine": machine(), "rows": list(rows)}, indent=2) + "\n", encoding="utf-8")
    missed = [row["what"] for row in rows if float(row.get("ratio_to_limit", 0)) > 1]
    for what in missed:
        sys.stderr.write(f"limit missed: {what}\n")
    return 1 if missed else 0


def _print(title: str, table: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in (title, *("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table)):
        sys.stdout.write(line + "\n")


def _text(figure: str | float) -> str:
    return f"{figure:.2f}" if isinstance(figure, float) else str(figure)
