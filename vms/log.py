"""Log lines: an event and fields, as JSON or for a console, never with a credential in them."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Literal, TextIO

import structlog
from structlog.typing import FilteringBoundLogger, Processor

HIDDEN = "[hidden]"

# A user part ends at the last "@" before the path: cameras' passwords hold "@", ":" and "/" more often than one likes, so
# everything up to the last "@" of the word is taken.
_USER_PART = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)[^\s\"'<>]*@", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"(?P<name>\b(?:password|passwd|pwd|pass|secret|token|api[_-]?key|ticket)[\"']?\s*[=:]\s*)(?P<value>\"[^\"]*\"|'[^']*'|[^\s&,;\"'}\]]+)",
    re.IGNORECASE,
)
_AUTHORIZATION = re.compile(r"(?P<name>\b(?:proxy-)?(?:authorization|cookie)[\"']?\s*[=:]\s*).+", re.IGNORECASE)
_CHATTY = ("alembic", "uvicorn", "httpx", "httpcore", "websockets", "asyncio", "apscheduler", "fido2")
"""Libraries whose everyday lines say nothing to an operator."""
_TELLTALE = "apscheduler.scheduler"
"""Warns at every turn that a job still runs: of the making of a package under seal, too."""
_SECRET_FIELD = re.compile(r"password|passwd|secret|token|cookie|authorization|private_key", re.IGNORECASE)


def redact(text: str) -> str:
    """Return `text` without the user part of URLs and without the values of password, token and authorization fields."""
    text = _USER_PART.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _AUTHORIZATION.sub(rf"\g<name>{HIDDEN}", text)
    return _ASSIGNED.sub(rf"\g<name>{HIDDEN}", text)


def configure(log_format: Literal["console", "json"], level: str = "info", stream: TextIO | None = None) -> None:
    """Send this process's log lines, those of libraries included, to `stream` (standard error unless given).

    Called once, by the program's entry; tests may call it again.
    """
    renderer: Processor = structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _hide,
    ]
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    logging.getLogger(_TELLTALE).setLevel(max(logging.ERROR, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> FilteringBoundLogger:
    """Return the logger of module `name`; it does nothing at import time."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def _hide(_logger: object, _method: str, event: MutableMapping[str, object]) -> MutableMapping[str, object]:
    for name, value in event.items():
        event[name] = HIDDEN if _SECRET_FIELD.search(name) else _hidden(value)
    return event


def _hidden(value: object) -> object:
    match value:
        case str():
            return redact(value)
        case bool() | int() | float() | None:
            return value
        case Mapping():
            return {key: HIDDEN if _SECRET_FIELD.search(str(key)) else _hidden(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_hidden(item) for item in value]
        case _:
            return value if hasattr(value, "levelno") else redact(str(value))
