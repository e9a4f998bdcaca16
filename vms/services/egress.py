"""What would connect to other machines: the one list that `vms doctor --egress` prints. Whatever calls out adds itself here."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from urllib.parse import parse_qs, urlsplit

from vms.config import Settings, is_loopback
from vms.domain.camera import CameraDetails
from vms.services.oidc_provider import hosts_contacted
from vms.store.mounts import MOUNTINFO, NETWORK_FILE_SYSTEMS, file_system_of

Source = Callable[[Settings], Iterable[str]]
"""Returns a line for each connection that these settings would make beyond this machine; no line holds a credential."""


def central_database(settings: Settings) -> Iterator[str]:
    for name, secret in (("database_url", settings.database_url), ("web_database_url", settings.web_database_url)):
        if secret is None:
            continue
        url = urlsplit(secret.get_secret_value())
        host = url.hostname or next(iter(parse_qs(url.query).get("host", [])), "localhost")
        if not host.startswith("/") and not is_loopback(host):
            yield f"{name}: the PostgreSQL server {host}, port {url.port or 5432}"


def checkpoint_folder(settings: Settings) -> Iterator[str]:
    folder = settings.checkpoint_dir
    mounts = MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape") if MOUNTINFO.exists() else ""
    if folder is not None and (kind := file_system_of(folder.resolve(), mounts)) in NETWORK_FILE_SYSTEMS:
        yield f"checkpoint_dir: {folder}, which this machine's system has mounted by {kind}"


def mail_server(settings: Settings) -> Iterator[str]:
    if settings.smtp_host is not None and not is_loopback(settings.smtp_host):
        yield f"smtp_host: the mail server {settings.smtp_host}, port {settings.smtp_port}"


def log_witness(settings: Settings) -> Iterator[str]:
    if settings.witness_url is not None:
        url = urlsplit(settings.witness_url)
        if url.hostname is not None and not is_loopback(url.hostname):
            yield f"witness_url: the witness {url.hostname}, for the access log's checkpoints"


SOURCES: tuple[Source, ...] = (central_database, checkpoint_folder, mail_server, log_witness, hosts_contacted)


def outward(settings: Settings) -> list[str]:
    """Return a line for each connection that the settings would make to another machine, cameras apart."""
    return [line for source in SOURCES for line in source(settings)]


def outward_cameras(cameras: Sequence[CameraDetails]) -> list[str]:
    """Return a line for each camera whose recording leaves private networks or asks a name server."""
    return [line for details in cameras if (line := _camera(details))]


def _camera(details: CameraDetails) -> str:
    host = details.device.address.host
    where = f"camera ‘{details.camera.name}’ of {details.branch.name}: {host}, port {details.device.address.port}"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "" if is_loopback(host) else f"{where}; the system's name servers are asked for its address"
    return f"{where}, on the public internet" if address.is_global else ""
