"""Commands that run the product's processes: record, serve, retain, and up, which starts them all on one machine."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from typing import Annotated

import typer

from vms.cli import platforms
from vms.cli.children import Child, Children, vms_child
from vms.cli.context import Cli
from vms.cli.output import err, sentences
from vms.config import Settings, is_loopback, split_listen
from vms.errors import ConfigError, InvalidInput, Unavailable
from vms.services.own_ca import served_certificate

Listen = Annotated[str | None, typer.Option(help="HOST:PORT of the web pages; the configuration's when left out.")]
ListenFd = Annotated[int | None, typer.Option(hidden=True, help="An already bound socket, handed down by vms up.")]


class PortTaken(ConfigError):
    """Somebody else listens there; the next port may be free."""


def record(context: typer.Context) -> None:
    """Record this machine's cameras until stopped."""
    from recorder import supervisor  # noqa: PLC0415 - a recorder loads no web server

    cli: Cli = context.obj
    with sentences():
        # `vms up` and `vms demo` start this command, so it is said once in these as well.
        for sentence in platforms.left_out(platforms.this_machine(cli.data_dir)):
            say(sentence)
        raise SystemExit(supervisor.run(cli.service_settings(), cli.clock))


def serve(context: typer.Context, listen: Listen = None, listen_fd: ListenFd = None) -> None:
    """Serve the pages until stopped."""
    import web  # noqa: PLC0415 - only this process loads the web server

    cli: Cli = context.obj
    with sentences():
        settings = cli.service_settings()
        sock = socket.socket(fileno=listen_fd) if listen_fd is not None else bind(settings, *where(listen or settings.listen))
        raise SystemExit(web.run(settings, cli.clock, sock))


def up(context: typer.Context, listen: Listen = None) -> None:
    """Run recorder, retention and pages together until stopped; each starts again when it ends, unless it can't start at all."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        _look_first(cli, settings)
        sock = bind(settings, *where(listen or settings.listen))
        children = Children(cli.clock, say)
        children.stop_on_signals()
        children.start(processes(cli, sock))
        say(f"Custodian runs at {url(settings, sock)}. Stop it with Ctrl-C.")
        raise SystemExit(children.run())


def _look_first(cli: Cli, settings: Settings) -> None:
    """Raise what starting the processes again would never mend; a database that is away may come back."""
    with suppress(Unavailable), cli.central(settings), cli.index(settings):
        pass


def processes(cli: Cli, sock: socket.socket, *, serve_with: tuple[str, ...] = ("serve",)) -> list[Child]:
    """Return the processes of one machine, in the order they start."""
    data = ("--data", str(cli.data_dir))
    return [
        vms_child("the recorder", *data, "record"),
        vms_child("retention", *data, "retain"),
        vms_child("the web server", *data, *serve_with, "--listen-fd", str(sock.fileno()), keep_fds=(sock.fileno(),)),
    ]


def bind(settings: Settings, host: str, port: int) -> socket.socket:
    """Return a listening socket; PortTaken, or ConfigError when it can't be had or would show footage without encryption."""
    if not is_loopback(host) and served_certificate(settings) is None:
        raise ConfigError(
            f"{host} can be reached from other machines, but there is no certificate. Make one with vms tls init HOST, "
            "set tls_cert and tls_key, or listen on 127.0.0.1 behind a proxy."
        )
    try:
        sock = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, reuse_port=False)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(f"{host}:{port} is taken. End what listens there, or give another: --listen {host}:{port + 1}") from error
        raise ConfigError(f"Can't listen on {host}:{port} ({error.strerror}). Give another address: --listen 127.0.0.1:8080") from error
    sock.set_inheritable(True)
    return sock


def url(settings: Settings, sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    name = "localhost" if host in ("127.0.0.1", "::1") else f"[{host}]" if ":" in host else host
    return f"{'https' if served_certificate(settings) else 'http'}://{name}:{port}/"


def where(listen: str) -> tuple[str, int]:
    try:
        return split_listen(listen)
    except ValueError as error:
        raise InvalidInput(f"{listen!r}: {error}.") from error


def say(sentence: str) -> None:
    err.print(sentence, markup=False)
