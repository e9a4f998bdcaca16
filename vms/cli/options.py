"""Options and arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
PasswordStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
CameraNamed = Annotated[str, typer.Argument(help="The camera's name or id.")]
AccountNamed = Annotated[str, typer.Argument(help="Sign-in name, or id.")]
