"""What the product logs while a test runs: whatever ran before in this process, the lines go to the test alone."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from vms.log import configure


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """Every line as JSON, those at debug level too."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("json", "debug", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
