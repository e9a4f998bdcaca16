"""Rules on the source that no linter knows: each takes one module and yields the places that break it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator

from tests.architecture.tree import Module

Rule = Callable[[Module], Iterator[str]]

MAX_MODULE_LINES = 500
ONE_FILE = frozenset({"vms.services.package_files.verify"})
"""Whoever is handed a package takes one file to another machine: what it checks can't lie in several."""
MAX_FUNCTION_LINES = 80

ERASERS = frozenset({"unlink", "remove", "rmtree", "removedirs", "rmdir"})
MAY_ERASE = {
    "vms.services.derivatives": "its own .part names",
    "vms.store.ballast": "the room that a volume set aside",
    "vms.store.erase": "the one deleter of published footage",
    "vms.store.files": "its own .part and .tmp names",
    "vms.store.matter_keys": "the key of a sealed matter that ended",
    "vms.services.package_jobs": "packages that nobody may have any more",
    "vms.services.package_copies": "what is redacted, within an unfinished package",
    "vms.services.packages": "its own unfinished package",
    "vms.store.private_files": "its own .tmp names",
    "vms.store.protected_files": "its own .part names",
    "vms.store.review_files": "what was asked about entries that are erased",
}
CLOCK = "vms.clock"
CLOCK_READS = frozenset(
    {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
    | {("time", name) for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "clock_gettime")}
)
REFUSERS = frozenset({"Refused", "no_such", "not_allowed", "not_from"})
WRITES_IT = frozenset({"refuse", "refuse_about"})
BARE_REFUSALS = {
    "vms.services.approval_proofs.signed": "approve writes it",
    "vms.services.approvals.approved": "for the job that makes packages: what it refuses is written with the package",
    "vms.services.approvals.ask_passkey": "no person: the console has no passkey to ask",
    "vms.services.approvals.may_let_go": "whoever lets it go writes it",
    "vms.services.approvals.not_as_file": "whoever asks writes it",
    "vms.services.door.to_call": "as what does not exist",
    "vms.services.inquiries.read_inquiry": "of an inquiry, which no seal hides",
    "vms.services.inquiries.set_aside": "of an inquiry, which no seal hides",
    "vms.services.package_tickets._over": "begin writes it",
    "vms.services.redactions._for_who_decides": "as what does not exist",
    "vms.services.redactions.plan_of": "ask_package writes it, and the job with the package",
    "vms.services.redactions.redaction_for": "as what does not exist",
    "vms.services.request_papers.read_advice": "as what does not exist",
    "vms.services.request_papers.read_paper": "as what does not exist",
    "vms.services.request_steps.beyond": "whoever asks writes it",
    "vms.services.request_steps.locked": "as what does not exist",
    "vms.services.request_steps.not_from": "whoever asks writes it",
    "vms.services.requests._too_many": "enter writes it; sealed requests count in neither",
    "vms.services.requests.list_requests": "of no request",
    "vms.services.requests.request_called": "as what does not exist",
    "vms.services.requests.request_for": "as what does not exist",
}
HTTP = frozenset({"fastapi", "starlette"})
ENVIRONMENT_READERS = ("vms.config", "vms.cli")


def erases_elsewhere(module: Module) -> Iterator[str]:
    """Only the deleter unlinks footage; a list's own .remove(item) is told apart by its receiver."""
    if module.name in MAY_ERASE:
        return
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ERASERS
            and not _of_a_collection(node.func)
        ):
            yield _at(module, node, ast.unparse(node.func))
        elif isinstance(node, ast.ImportFrom) and node.module in ("os", "shutil"):
            yield from (_at(module, node, f"from {node.module} import {alias.name}") for alias in node.names if alias.name in ERASERS)


def _of_a_collection(function: ast.Attribute) -> bool:
    """Lists and sets have remove; of what deletes files only os has it."""
    return function.attr == "remove" and ast.unparse(function.value) != "os"


def reads_the_clock(module: Module) -> Iterator[str]:
    if module.name == CLOCK:
        return
    for call in module.calls():
        if isinstance(call.func, ast.Attribute) and (ast.unparse(call.func.value).split(".")[-1], call.func.attr) in CLOCK_READS:
            yield _at(module, call, ast.unparse(call.func))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            yield from (_at(module, node, f"from time import {a.name}") for a in node.names if ("time", a.name) in CLOCK_READS)


def speaks_http(module: Module) -> Iterator[str]:
    if module.name == "web" or module.name.startswith("web.") or module.name.startswith("recorder.node_api"):
        return
    for name, line in module.imports():
        if name.split(".")[0] in HTTP:
            yield f"{module.path}:{line} imports {name}"


def domain_leaves_the_standard_library(module: Module) -> Iterator[str]:
    if not module.name.startswith("vms.domain"):
        return
    for name, line in module.imports():
        if not name.startswith("vms.") and name.split(".")[0] not in sys.stdlib_module_names:
            yield f"{module.path}:{line} imports {name}"


def reads_the_environment(module: Module) -> Iterator[str]:
    """Configuration is parsed once and handed down."""
    if module.name.startswith(ENVIRONMENT_READERS):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv"):
            yield _at(module, node, ast.unparse(node))


def refuses_about_a_request_in_the_open(module: Module) -> Iterator[str]:
    """A refusal that no service has written is written by the web server as any other, with the request's address: of a sealed one too."""
    if not module.name.startswith("vms.services.") or not _knows_requests(module):
        return
    for function in ast.walk(module.tree):
        if isinstance(function, ast.FunctionDef) and f"{module.name}.{function.name}" not in BARE_REFUSALS:
            for node in ast.walk(function):
                if isinstance(node, ast.Return) and node.value is not None and (bare := _bare_refusal(node.value)):
                    yield _at(module, node, f"{function.name} returns {bare}(…) that refuse_about has not written")


def _knows_requests(module: Module) -> bool:
    known = {"ExportRequest", "RequestId"}
    return any(isinstance(node, ast.ImportFrom) and known & {alias.name for alias in node.names} for node in ast.walk(module.tree))


def _bare_refusal(value: ast.expr) -> str:
    """Return the maker of a refusal in an expression, outside of what writes one."""
    if isinstance(value, ast.Call):
        called = ast.unparse(value.func).rpartition(".")[2]
        if called in REFUSERS | WRITES_IT:
            return called if called in REFUSERS else ""
    return next((bare for part in ast.iter_child_nodes(value) if isinstance(part, ast.expr) and (bare := _bare_refusal(part))), "")


def logs_what_is_for_who_acts(module: Module) -> Iterator[str]:
    """A failure's sentence may name what is under seal; the service's log has `reason_of`."""
    if module.name.partition(".")[0] != "web" and not module.name.startswith("vms.services."):
        return
    for handler in ast.walk(module.tree):
        if isinstance(handler, ast.ExceptHandler) and handler.type is not None and ast.unparse(handler.type) != "OSError":
            for call in ast.walk(handler):
                if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("log.") and f"str({handler.name})" in ast.unparse(call):
                    yield _at(module, call, "logs str() of a failure: reason_of says what a log may say")


def grows_too_long(module: Module) -> Iterator[str]:
    if module.lines > MAX_MODULE_LINES and module.name not in ONE_FILE:
        yield f"{module.path} has {module.lines} lines: look for a second concept in it"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield _at(module, node, f"{node.name} has {lines} lines")


def has_no_duty(module: Module) -> Iterator[str]:
    """A module opens with a sentence that says its duty; an empty __init__ has none."""
    if module.tree.body and not ast.get_docstring(module.tree):
        yield f"{module.path} has no docstring"


ALL: tuple[Rule, ...] = (
    erases_elsewhere,
    reads_the_clock,
    speaks_http,
    domain_leaves_the_standard_library,
    reads_the_environment,
    refuses_about_a_request_in_the_open,
    logs_what_is_for_who_acts,
    grows_too_long,
    has_no_duty,
)


def _at(module: Module, node: ast.stmt | ast.expr, what: str) -> str:
    return f"{module.path}:{node.lineno} {what}"
