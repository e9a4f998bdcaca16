"""Commands about mail: try whether the server that is set takes one."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.cli.context import Cli
from vms.cli.output import err, sentences, working
from vms.config import is_mail_address
from vms.domain.ids import new_number
from vms.errors import ConfigError, InvalidInput
from vms.services.smtp import mail_server
from vms.store.mails import Letter

app = typer.Typer(help="Mail to the Director, the auditor and somebody outside.", no_args_is_help=True)


@app.callback()
def _of_mail() -> None:
    """Keep `test` a command of its own: typer makes a group of one command that command."""


@app.command("test")
def test(context: typer.Context, address: Annotated[str, typer.Argument(help="Where to send it.")]) -> None:
    """Send one mail now, past the outbox, and say whether the server took it."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        if settings.smtp_host is None:
            raise ConfigError("No mail server is set. Set smtp_host and mail_from; see deploy/README.md, Mail.")
        if not is_mail_address(address):
            raise InvalidInput(f"{address!r} is no mail address. Give one as NAME@DOMAIN.")
        body = f"This is a test that somebody asked for on the machine of {settings.district}.\n\nMail from Custodian arrives here."
        letter = Letter(new_number(), "test", address, "Custodian: test", body, cli.clock.now())
        with working(f"Sending to {address}"), mail_server(settings) as server:
            server.hand_over(letter)
    err.print(f"{settings.smtp_host} took a mail for {address}.", markup=False)
