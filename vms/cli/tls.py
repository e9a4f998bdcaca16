"""Commands about HTTPS: a certificate authority of one's own as the start."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.cli.context import Cli
from vms.cli.output import err, out, sentences
from vms.domain.access import Action
from vms.errors import Conflict, NotFound
from vms.services.access_log import record
from vms.services.own_ca import Authority, make_authority, read_authority

app = typer.Typer(help="HTTPS with a certificate authority of one's own.", no_args_is_help=True)


@app.command("init")
def init(
    context: typer.Context,
    hosts: Annotated[list[str], typer.Argument(help="What people type between https:// and the port: names and addresses.")],
    replace: Annotated[bool, typer.Option("--replace", help="Make another; every device has to install it again.")] = False,
) -> None:
    """Make a certificate authority that can vouch for these hosts alone, and the certificate that the pages are served with."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        if read_authority(settings) is not None and not replace:
            raise Conflict(
                "There is an authority already; vms tls show tells it. For another, which every device has to install: --replace"
            )
        at = cli.clock.now()
        with cli.writing(settings) as session:  # before the act: nothing that every device is to trust comes without its entry
            record(session, actor=cli.actor, action=Action.TLS_INIT, at=at, detail={"hosts": ", ".join(hosts)})
        authority = make_authority(settings, hosts, district=settings.district, at=at)
    _print(authority)
    if settings.tls_cert is not None:
        err.print("tls_cert is set and goes first: take tls_cert and tls_key out of config.toml for this one.")
    err.print("Start the web server again. Other machines reach it with, for instance: vms up --listen 0.0.0.0:8443")
    err.print("On each device open https://HOST:PORT/ca once, compare the fingerprint, and install the certificate.")


@app.command("show")
def show(
    context: typer.Context,
    pem: Annotated[bool, typer.Option("--pem", help="Print the authority's certificate, to hand it out as a file.")] = False,
) -> None:
    """Tell the fingerprint that people compare before they trust the authority, and what it vouches for."""
    cli: Cli = context.obj
    with sentences():
        authority = read_authority(cli.settings())
        if authority is None:
            raise NotFound("There is no authority of this installation's own. Make one: vms tls init HOST")
    if pem:
        out.print(authority.pem.decode(), markup=False, end="")
    else:
        _print(authority)


def _print(authority: Authority) -> None:
    out.print(f"SHA-256 {authority.fingerprint}", markup=False)
    out.print(f"Vouches for {', '.join(authority.names)}, until {authority.not_after:%Y-%m-%d}.", markup=False)
