"""`vms init`: what it asks, what it takes as said, and what it refuses before anything is made."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vms.cli import app
from vms.config import load_settings
from vms.domain.policy import DISTRICT
from vms.store import policies
from vms.store.database import make_engines

NAMED = ("--name", "Alder", "--timezone", "UTC", "--director", "H. Marsh")


def _init(data: Path, *said: str, answers: str = "") -> Result:
    return CliRunner().invoke(app, ["--data", str(data), "init", *NAMED, *said], input=answers)


def _days(data: Path) -> int | None:
    central = make_engines(load_settings(data).central_where)
    try:
        with central.reading() as session:
            return policies.said(session)[DISTRICT].target_days
    finally:
        central.dispose()


@pytest.mark.parametrize(
    ("said", "answers", "days", "mail", "outside"),
    [
        ((), "21\nmarsh@alder.example\nclerk@county.example\ny\n", 21, "marsh@alder.example", "clerk@county.example"),
        ((), "\n\n\ny\n", 14, None, None),
        (("--days", "7", "--mail", "", "--outside", "clerk@county.example"), "y\n", 7, None, "clerk@county.example"),
        (("--yes",), "", 14, None, None),
        (("--yes", "--mail", " marsh@alder.example "), "", 14, "marsh@alder.example", None),
    ],
    ids=["answered", "all by Enter", "said", "nothing asked", "one said"],
)
def test_it_asks_what_is_not_said(
    tmp_path: Path, said: tuple[str, ...], answers: str, days: int, mail: str | None, outside: str | None
) -> None:
    done = _init(tmp_path / "new", *said, answers=answers)
    assert done.exit_code == 0, done.output
    settings = load_settings(tmp_path / "new")
    assert (_days(tmp_path / "new"), settings.director_address, settings.outside_address) == (days, mail, outside)


@pytest.mark.parametrize(
    ("said", "answers", "sentence"),
    [
        (("--yes", "--mail", "Helen Marsh <marsh@alder.example>"), "", "is no mail address. Give one such as clerk@county.example"),
        ((), "14\n\nthe clerk\n", "‘the clerk’ is no mail address"),
        (("--yes", "--days", "0"), "", "days"),
    ],
)
def test_what_can_not_be_used_is_refused_and_nothing_is_made(tmp_path: Path, said: tuple[str, ...], answers: str, sentence: str) -> None:
    refused = _init(tmp_path / "new", *said, answers=answers)
    assert refused.exit_code == 2
    assert sentence in refused.stderr
    assert not (tmp_path / "new").exists()
