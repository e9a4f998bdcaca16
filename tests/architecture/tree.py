"""The repository as data for these tests: its modules parsed once, its documents, its files as git sees them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("vms", "recorder", "retention", "web")


@dataclass(frozen=True, slots=True)
class Module:
    path: Path
    """Relative to the repository."""
    tree: ast.Module
    lines: int

    @property
    def name(self) -> str:
        return ".".join(self.path.with_suffix("").parts).removesuffix(".__init__")

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.Call))

    def imports(self) -> Iterator[tuple[str, int]]:
        """Yield each imported module's full name with its line, wherever in the file the import stands."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.module or ".", node.lineno

    def loads(self) -> Iterator[str]:
        """Yield what may be a module and is imported with this one: not in a function, and not for types alone."""
        for node in self.tree.body:
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))


@cache
def files() -> tuple[Path, ...]:
    """Return every file that is or would be committed, relative to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return tuple(path for name in sorted(set(listed.stdout.split("\0")) - {""}) if (ROOT / (path := Path(name))).is_file())


@cache
def modules() -> tuple[Module, ...]:
    """Return the modules of the four packages; migrations too."""
    return tuple(parse(path) for path in files() if path.suffix == ".py" and path.parts[0] in PACKAGES)


def parse(path: Path, source: str | None = None) -> Module:
    text = (ROOT / path).read_text(encoding="utf-8") if source is None else source
    return Module(path, ast.parse(text), text.count("\n"))


@cache
def documents() -> tuple[Path, ...]:
    return tuple(path for path in files() if path.suffix == ".md")
