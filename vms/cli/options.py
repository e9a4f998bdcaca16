"""Options and arguments that several commands share, and how they are read."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.domain.checkpoint import VerifierKey, read_verifier_key
from vms.errors import InvalidInput

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
CameraNamed = Annotated[str, typer.Argument(help="The camera's name or id.")]
AccountNamed = Annotated[str, typer.Argument(help="Sign-in name, or id.")]


def trusted_key(line: str) -> VerifierKey:
    """Return the log's key that --key gives; InvalidInput when it is none."""
    try:
        return read_verifier_key(line)
    except ValueError as err:
        raise InvalidInput("--key is no key of a log: it looks like NAME+ID+BASE64, as vms log verify prints it.") from err
