"""What `vms doctor` tries of the settings: each returns what it found, or raises with what to do."""

from __future__ import annotations

import os
import ssl
from datetime import datetime, timedelta
from pathlib import Path

from vms.config import Settings, is_loopback, split_listen
from vms.domain.timespan import datetime_of_ms
from vms.errors import ConfigError, Unavailable
from vms.services.own_ca import certificate_end, certificate_names, served_certificate
from vms.store.database import make_engines
from vms.store.reconciliations import Reconciliation
from vms.store.web_role import require_append_only

LATE = timedelta(days=2)
"""Without a comparison of index and files: one night was left out."""


def pages(settings: Settings, at: datetime) -> str:
    """Say how the pages are served, after trying the certificate as a server would; ConfigError for one that browsers won't take."""
    files = served_certificate(settings)
    if files is None:
        if not is_loopback(split_listen(settings.listen)[0]):
            raise ConfigError(f"{settings.listen} needs a certificate. Make one: vms tls init HOST, or set tls_cert and tls_key.")
        proxies = ", ".join(map(str, settings.trusted_proxies)) or "none"
        return f"http://{settings.listen}, for this machine alone; trusted proxies: {proxies}"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(files.certificate, files.key)
    except OSError as error:
        raise ConfigError(f"{files.certificate} and {files.key} can't be served ({error}). Give a certificate and its own key.") from error
    end = certificate_end(files.certificate)
    if end <= at:
        raise ConfigError(f"The certificate {files.certificate} ended on {end:%Y-%m-%d}. Renew it; it is taken over without a restart.")
    uncovered = _uncovered(settings, certificate_names(files.certificate))
    if uncovered:
        raise ConfigError(f"The certificate {files.certificate} is not for {', '.join(uncovered)}, which allowed_hosts names.")
    return f"https://{settings.listen}, until {end:%Y-%m-%d}, for {', '.join(sorted(certificate_names(files.certificate)))}"


def takes_files(folder: Path) -> str:
    """Return the folder's name; ConfigError when no file can be put there."""
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{folder} is not there or takes no file. Mount it, or let the account that runs Custodian write there.")
    return str(folder)


def no_key_on_the_disk(settings: Settings) -> str:
    """Say where the key of footage comes from; Unavailable while it lies on the disk as well, from before it was a credential."""
    if settings.kek_path.exists():
        raise Unavailable(
            f"{settings.kek_path} is still there beside the credential: whoever copies the disk has the key. "
            "Keep it elsewhere, then remove it."
        )
    return f"{settings.kek_path.name}, a credential of systemd"


def web_role(settings: Settings) -> str:
    """Say as whom the web server reaches the central database; ConfigError when that role could change the access log."""
    engines = make_engines(settings.web_where)
    try:
        with engines.answering():
            require_append_only(engines)
    finally:
        engines.dispose()
    return f"{settings.web_role} adds to the access log and reads it"


def reconciled(found: Reconciliation | None, lost: int, at: datetime) -> str:
    """Say what the newest comparison of index and files found, and how much is lost; Unavailable when anything is wrong."""
    if lost:
        raise Unavailable(f"{lost:,} segments were recorded and their file is gone. Find out who or what removed them: vms check")
    if found is None:
        return "vms retain has not compared index and files yet: it does two minutes after its start, and each night"
    when = datetime_of_ms(found.ended_ms)
    if not found.ok:
        told = f"{found.missing:,} files are missing, {found.damaged:,} damaged, {found.other:,} other things do not agree"
        raise Unavailable(f"On {when:%Y-%m-%d %H:%M} UTC {told}. Run: vms check --deep")
    if at - when > LATE:
        raise Unavailable(f"Index and files were last compared on {when:%Y-%m-%d %H:%M} UTC. Is vms retain running?")
    return f"{found.compared:,} segments are there, {found.read:,} of them read, on {when:%Y-%m-%d %H:%M} UTC"


def _uncovered(settings: Settings, names: frozenset[str]) -> list[str]:
    """Return the hosts that people are to type and the certificate is not for; wildcards stand for one label."""
    hosts = [host.strip("[]").lower() for host in settings.allowed_hosts]
    return [host for host in hosts if not is_loopback(host) and not {host, f"*.{host.partition('.')[2]}"} & names]
