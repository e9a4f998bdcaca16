"""Make a data directory usable: configuration, secrets, key store, databases, the first volume, this machine as a node."""

from __future__ import annotations

import json
import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage

from vms.clock import Clock
from vms.config import Settings, load_settings
from vms.crypto import new_signing_key, sealing_public_key
from vms.domain.people import Actor
from vms.errors import ConfigError, Conflict
from vms.log import get_logger
from vms.services.access_log import DISTRICT
from vms.services.district import District, require_possible, save_district
from vms.services.nodes import register_node
from vms.store.access_tree import newest_checkpoint
from vms.store.database import Engines, make_engines
from vms.store.files import Volume
from vms.store.key_credential import footage_key
from vms.store.key_files import KeyFiles
from vms.store.keys import KeyStore
from vms.store.migrate import Which, migrate, require_room
from vms.store.plain_texts import encrypt_plain, forget_dead_rows
from vms.store.private_files import write_private
from vms.store.volumes import register
from vms.store.web_role import grant_to_web

FOLDER_MODE = 0o700
_OTHERS = 0o077
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Installation:
    """What a person decides at the first start."""

    district: District
    max_bytes: int | None = None
    """Cap of the first volume; None: the whole file system down to its low watermark."""
    extra_settings: tuple[tuple[str, str | int | bool], ...] = ()


def install(data_dir: Path, installation: Installation, *, actor: Actor, clock: Clock) -> Settings:
    """Make `data_dir` an installation and return its settings.

    The configuration file is written last but for the rows that need it: a start that was cut short is done again whole.
    Raises Conflict when `data_dir` holds an installation already; nothing in it is touched then.
    """
    config = data_dir / "config.toml"
    if config.exists():
        raise Conflict(f"{data_dir} is set up already. Start it with: vms --data {data_dir} up")
    require_possible(installation.district)
    make_private(data_dir)
    settings = load_settings(data_dir)
    _make_secrets(settings)
    _make_index(settings, installation.max_bytes)
    _make_central(settings, installation.district, actor=actor, clock=clock)
    _write_config(config, installation)
    return load_settings(data_dir)


def migrate_all(settings: Settings) -> None:
    """Bring both databases to this version's schema, give the web server's role its rights, and make the access log's key if there is none.

    Unavailable when the index's disk lacks the room; ConfigError when that role is missing or could change the log, or when the key is
    gone of a log that was signed.
    """
    _require_room(settings)  # before the central database is touched: one that is newer than the index is of no use
    for where, which in ((settings.central_where, Which.CENTRAL), (settings.index_path, Which.INDEX)):
        engines = make_engines(where, secrets=settings.secrets_dir)
        try:
            with engines.answering():
                migrate(engines, which)
                if which is Which.CENTRAL:
                    _after_migration(settings, engines)
        finally:
            engines.dispose()


def _require_room(settings: Settings) -> None:
    if not settings.index_path.exists():
        return
    index = make_engines(settings.index_path)
    try:
        with index.answering():
            require_room(index, disk_usage(settings.index_path.parent).free)
    finally:
        index.dispose()


def _after_migration(settings: Settings, central: Engines) -> None:
    if settings.web_role:
        grant_to_web(central, settings.web_role)
    if not settings.log_key_path.exists():
        _make_log_key(settings, central)
    _encrypt_plain(central)


def _encrypt_plain(central: Engines) -> None:
    """Encrypt what an earlier version kept in plain text; what can't be encrypted is told and stays readable."""
    with central.writing() as session:
        swept = encrypt_plain(session)
    if swept.rows:
        forget_dead_rows(central)
    for reason in swept.left:
        log.warning("texts not encrypted", reason=reason)


def _make_log_key(settings: Settings, central: Engines) -> None:
    """Make the key of a log that was never signed; another key for one that was would make all of it look forged."""
    with central.reading() as session:
        if newest_checkpoint(session, DISTRICT) is not None:
            raise ConfigError(
                f"{settings.log_key_path} is gone, and the access log was signed with it. Put it back from the backup of secrets/."
            )
    write_private(settings.log_key_path, new_signing_key())


def make_private(data_dir: Path) -> None:
    """Make the data directory, which belongs to one account alone.

    An empty one that others may read is tightened; ConfigError for one that holds something, which they may be reading.
    """
    try:
        data_dir.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        found = data_dir.stat()
        if not stat.S_IMODE(found.st_mode) & _OTHERS:
            return
        if found.st_uid == os.geteuid() and not any(data_dir.iterdir()):
            data_dir.chmod(FOLDER_MODE)
            return
    except OSError as err:
        raise ConfigError(
            f"{data_dir} can't be a data directory ({err.strerror}). Name another, or make one for the account that runs vms."
        ) from err
    raise ConfigError(
        f"{data_dir} can be read by other accounts (mode {stat.S_IMODE(found.st_mode):04o}) and is not an empty one of yours. "
        f"Close it first, chmod 700 {data_dir}, or name another."
    )


def _make_secrets(settings: Settings) -> None:
    settings.secrets_dir.mkdir(mode=FOLDER_MODE, exist_ok=True)
    for path, make in (
        (settings.grant_key_path, new_signing_key),
        (settings.log_key_path, new_signing_key),
    ):
        if not path.exists():
            write_private(path, make())
    kek = footage_key(settings)
    for key in (KeyFiles(settings.node_key_path), kek):
        key.make_if_none()
    for folder in (settings.keys1_path.parent, settings.keys2_path.parent, settings.run_dir):
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    KeyStore.open(settings.keys1_path, settings.keys2_path, kek).close()


def _make_index(settings: Settings, max_bytes: int | None) -> None:
    settings.index_path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    engines = make_engines(settings.index_path)
    try:
        with engines.answering():
            migrate(engines, Which.INDEX)
            for setting in settings.volumes:
                volume = _first_volume(setting.path, max_bytes)
                with engines.write.begin() as connection:
                    register(connection, volume.id, setting.path)
    finally:
        engines.dispose()


def _first_volume(path: Path, max_bytes: int | None) -> Volume:
    """Open the volume of an installation that was cut short, or make it."""
    if (path / "vms-volume.json").exists():
        return Volume.open(path, max_bytes=max_bytes)
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    return Volume.create(path, max_bytes=max_bytes)


def _make_central(settings: Settings, district: District, *, actor: Actor, clock: Clock) -> None:
    engines = make_engines(settings.central_where, secrets=settings.secrets_dir)
    try:
        with engines.answering():
            migrate(engines, Which.CENTRAL)
            _after_migration(settings, engines)
            with engines.writing() as session:
                public_key = sealing_public_key(KeyFiles(settings.node_key_path).fresh()[-1])
                register_node(session, name=socket.gethostname(), public_key=public_key, at=clock.now())
                save_district(session, actor, district, at=clock.now())
    finally:
        engines.dispose()


def _write_config(path: Path, installation: Installation) -> None:
    lines = [
        "# Custodian's settings. Each is explained in deploy/README.md; a VMS_… environment variable wins over this file.",
        f"district = {json.dumps(installation.district.name, ensure_ascii=False)}",
        *(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in installation.extra_settings),
    ]
    if installation.max_bytes:
        lines += ["", "[[volumes]]", 'path = "volumes/default"', f"max_bytes = {installation.max_bytes}"]
    write_private(path, ("\n".join(lines) + "\n").encode())
