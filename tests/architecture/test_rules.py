"""The rules hold for the tree, and each would notice a breach."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture import rules
from tests.architecture.tree import modules, parse

PLANTED: dict[rules.Rule, tuple[str, str]] = {
    rules.erases_elsewhere: ("retention/purge.py", "import os\nos.unlink('footage')\n"),
    rules.reads_the_clock: ("recorder/clock.py", "from datetime import datetime\nnow = datetime.now()\n"),
    rules.speaks_http: ("recorder/worker.py", "def serve():\n    from starlette.responses import Response\n"),
    rules.domain_leaves_the_standard_library: ("vms/domain/hold.py", "import numpy as np\n"),
    rules.reads_the_environment: ("web/app.py", "import os\ndebug = os.environ.get('DEBUG')\n"),
    rules.refuses_about_a_request_in_the_open: (
        "vms/services/approvals.py",
        "from vms.domain.ids import RequestId\ndef f(request: RequestId):\n    return a or not_from(request, 'x')\n",
    ),
    rules.logs_what_is_for_who_acts: (
        "web/jobs.py",
        "try:\n    x()\nexcept (VmsError, OSError) as err:\n    log.warning('not made', reason=str(err))\n",
    ),
    rules.grows_too_long: ("web/app.py", "def f():\n" + "    x = 1\n" * 80),
    rules.has_no_duty: ("web/app.py", "x = 1\n"),
}


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.__name__)
def test_the_tree_keeps_the_rule(rule: rules.Rule) -> None:
    assert [place for module in modules() for place in rule(module)] == []


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: rule.__name__)
def test_a_planted_breach_is_noticed(rule: rules.Rule) -> None:
    path, source = PLANTED[rule]
    assert list(rule(parse(Path(path), source)))


@pytest.mark.parametrize(
    "source",
    [
        "from pathlib import Path\nPath('x').unlink()\n",
        "import shutil\nshutil.rmtree('x')\n",
        "from os import remove\nremove('x')\n",
        "import os\nos.remove('x')\n",
        "import os\nos.rmdir('x')\n",
    ],
)
def test_every_way_to_delete_is_noticed(source: str) -> None:
    assert list(rules.erases_elsewhere(parse(Path("web/app.py"), source)))


def test_taking_an_item_out_of_a_list_is_no_deletion() -> None:
    assert not list(rules.erases_elsewhere(parse(Path("web/app.py"), "waiting.remove(client)\n")))


def test_a_written_refusal_is_no_bare_one_and_each_reason_is_of_a_function_that_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    source = "from vms.domain.ids import RequestId\ndef f(request: RequestId):\n    return refuse_about(request, no_such('x'))\n"
    assert not list(rules.refuses_about_a_request_in_the_open(parse(Path("vms/services/approvals.py"), source)))
    reasons = set(rules.BARE_REFUSALS)
    monkeypatch.setattr(rules, "BARE_REFUSALS", {})
    breaches = " ".join(place for module in modules() for place in rules.refuses_about_a_request_in_the_open(module))
    assert [one for one in reasons if f"{one.rpartition('.')[2]} returns" not in breaches] == []


def test_an_overlong_module_is_noticed() -> None:
    assert list(rules.grows_too_long(parse(Path("web/app.py"), '"""Duty."""\n' + "x = 1\n" * 500)))


def test_no_command_loads_what_draws_pages_before_it_draws_one() -> None:
    """Each process of `vms up` loads the command line: it would cost each of them 7 MB, and half a second of a processor."""
    known, loaded, waiting = {module.name: module for module in modules()}, set[str](), ["vms.cli"]
    while waiting:
        name = waiting.pop()
        if name in known and name not in loaded:
            loaded.add(name)
            waiting += known[name].loads()
    assert "vms.services.certificate_verify" in loaded
    assert "vms.services.paper" not in loaded
