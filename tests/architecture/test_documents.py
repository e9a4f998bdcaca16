"""The documents tell the truth that a machine can check: links lead somewhere, each alarming log line is explained."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.tree import PACKAGES, ROOT, Module, documents, modules, parse
from vms.config import Settings

GUIDE = Path("deploy/README.md")
ALARMING = frozenset({"warning", "error", "exception", "critical"})
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _prose(path: Path) -> str:
    return _FENCE.sub("", _text(path))


def _headings(path: Path) -> list[str]:
    return _HEADING.findall(_prose(path))


def _anchors(path: Path) -> set[str]:
    """Return the anchors a forge gives to the headings: lower case, punctuation dropped, a dash for each space."""
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in _headings(path)}


def _dead_links(document: Path) -> Iterator[str]:
    for target in _LINK.findall(_prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (ROOT / document).parent / name if name else ROOT / document
        if not there.exists():
            yield f"{document}: {target} does not exist"
        elif anchor and there.suffix == ".md" and anchor not in _anchors(there.resolve().relative_to(ROOT)):
            yield f"{document}: {target} has no such heading"


def alarms(module: Module) -> Iterator[tuple[str, int]]:
    """Yield the event of each log call at warning or above, with its line; the receiver's name ends in "log"."""
    for call in module.calls():
        function = call.func
        if (
            isinstance(function, ast.Attribute)
            and function.attr in ALARMING
            and ast.unparse(function.value).removesuffix("ger").endswith("log")
        ):
            event = call.args[0] if call.args else None
            yield (event.value if isinstance(event, ast.Constant) and isinstance(event.value, str) else "(not a plain string)"), call.lineno


@pytest.mark.parametrize("document", documents(), ids=str)
def test_links_lead_somewhere(document: Path) -> None:
    assert list(_dead_links(document)) == []


def test_each_alarming_log_line_has_a_heading_in_the_operators_guide() -> None:
    explained = {heading.strip("`") for heading in _headings(GUIDE)}
    missing = [f"{module.path}:{line} “{event}”" for module in modules() for event, line in alarms(module) if event not in explained]
    assert missing == []


def test_the_operators_guide_explains_no_log_line_that_is_gone() -> None:
    explained = set(re.findall(r"^### (.+)$", _text(GUIDE).partition("## Log lines")[2], re.MULTILINE))
    assert sorted(explained - {event for module in modules() for event, _ in alarms(module)}) == []


def test_each_setting_is_in_the_operators_guide() -> None:
    settings = set(re.findall(r"`([a-z_]+)`", _text(GUIDE).partition("## Settings")[2].partition("## Log lines")[0]))
    assert sorted(Settings.model_fields.keys() - settings) == []


def test_an_alarming_log_line_is_found_wherever_it_is_written() -> None:
    source = (
        'log.warning("disk slow")\nself._log.error("volume quarantined", volume=1)\nlogger.exception("worker failed")\nlog.info("fine")\n'
    )
    assert [event for event, _ in alarms(parse(Path("web/app.py"), source))] == ["disk slow", "volume quarantined", "worker failed"]


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_states_its_duty_in_a_readme(package: str) -> None:
    assert _text(Path(package, "README.md")).startswith("# ")


def test_each_service_stands_in_the_table_of_its_readme() -> None:
    readme = (ROOT / "vms/services/README.md").read_text(encoding="utf-8")
    rows = "".join(line for line in readme.splitlines() if line.startswith("|"))
    modules = {path.stem for path in (ROOT / "vms/services").glob("*.py")} - {"__init__"}
    assert {module for module in modules if f"`{module}`" not in rows} == set()


def test_each_test_that_stands_beside_a_clause_of_the_policy_is_there() -> None:
    table = _text(Path("web/README.md")).partition("## What the policy asks")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| policy")]
    named = [re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row) for row in rows]
    assert [row for row, tests in zip(rows, named, strict=True) if not tests] == []
    there = {
        (path, name) for tests in named for path, name in tests if f"def {name}(" in (_text(Path(path)) if (ROOT / path).exists() else "")
    }
    assert sorted({one for tests in named for one in tests} - there) == []


def test_the_changelog_has_a_place_for_the_next_entry() -> None:
    assert "## [Unreleased]" in _text(Path("CHANGELOG.md"))


def test_decisions_are_numbered_without_holes() -> None:
    numbers = sorted(int(path.name[:4]) for path in (ROOT / "vms/decisions").glob("[0-9]*.md"))
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("decision", sorted((ROOT / "vms/decisions").glob("[0-9]*.md")), ids=lambda path: path.stem)
def test_a_decision_says_what_why_and_what_else_was_weighed(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")
    assert [part for part in ("## Context", "## Decision", "## Consequences", "## Alternatives") if part not in text] == []
