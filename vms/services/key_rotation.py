"""Put a new key in the place of one that wraps others, so that a kill at any moment loses nothing and the next run goes on from there.

  R1 the access log says that it begins, or goes on         `rotate:a`  nothing changed
  R2 the next key is durable beside the current one         `rotate:b`  both open; what is new goes under the next one
  R3 node: the hub's row names the next key's public half;  `rotate:c`  passwords that come now are sealed to the next one
     texts: nobody is on the way who read the old key alone             and texts are encrypted under it
  R4 one page of secrets is under the next key, committed   `rotate:d`  some need the old key, some the next: both are there
  R5 node: its own copy is the hub's newest;                `rotate:e`  nothing comes under the old key
     footage: both copies' check values (`vms/store/keys.py`);
     texts: on PostgreSQL their tables' files are written anew
  R6 every secret was read; the access log says so          `rotate:f`  the same, proved
  R7 the next key's file took the current one's name        `rotate:g`  one key or both: the disk decides
  R8 folder synced                                          `rotate:h`  the new key alone

Whoever seals something holds a row until the commit that R3 (node) or R4 (the account, for authenticators) waits for, the lock that R3
waits for (texts), or the key store's lock: so nothing comes under the old key behind R4. Why both keys are tried:
vms/decisions/0030-rotation-tries-both-keys.md; of texts: vms/decisions/0065-the-key-of-complaints-is-replaced.md.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from sqlalchemy.orm import Session

from vms.clock import Clock
from vms.config import Settings
from vms.crypto import KeySource, derived_key, open_sealed, open_with, seal, sealing_public_key
from vms.domain.access import Action
from vms.domain.camera import password_aad
from vms.domain.ids import DeviceId, NodeId, PersonId
from vms.domain.people import AccountState, Actor
from vms.domain.timespan import MS_PER_HOUR, datetime_of_ms
from vms.errors import Conflict, Corrupt, Unavailable
from vms.services.access_log import record
from vms.services.hub_link import LocalHub
from vms.services.nodes import node_of
from vms.services.second_factor import bound_to
from vms.services.text_rotation import DistrictTexts
from vms.store import camera_passwords, district_texts, factors, nodes, people, stream_config
from vms.store.database import Engines
from vms.store.failpoints import failpoint
from vms.store.key_credential import KeyCredential, footage_key
from vms.store.key_files import KeyFiles
from vms.store.keys import KeyName, KeyStore

STEPS = ("rotate:a", "rotate:b1", "rotate:b", "rotate:c", "rotate:d", "rotate:e", "rotate:f", "rotate:g", "rotate:h")
PAGE = 50
"""Passwords in one transaction."""
NODE_TRIES = 300
NODE_PAUSE_SECONDS = 0.1
"""A recorder asks for its configuration every second; after 30 s it is ill."""
_FINGERPRINT_INFO = b"custodian key fingerprint v1"
_FINGERPRINT_DIGITS = 16

Keys = tuple[bytes, ...]
Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


class RotatedKey(StrEnum):
    """A key that wraps others."""

    NODE = "node"
    FACTORS = "factors"
    FOOTAGE = "footage"
    TEXTS = "texts"

    @property
    def wraps(self) -> str:
        """What is under it, in words."""
        wrapped = {"node": "cameras' passwords", "factors": "authenticators' secrets", "footage": "keys of footage"}
        return {**wrapped, "texts": "texts of complaints and inquiries"}[self]


_WAYS_OUT = {
    RotatedKey.NODE: "Enter it anew (vms camera edit)",
    RotatedKey.FACTORS: "Reset that account (vms user reset)",
    RotatedKey.FOOTAGE: "Let that footage stay unreadable (--leave-unopenable)",
    RotatedKey.TEXTS: "Let those texts stay unreadable (--leave-unopenable)",
}


@dataclass(frozen=True, slots=True)
class KeyShown:
    """What may be told of a key."""

    key: RotatedKey
    file: Path
    fingerprint: str
    since: datetime | None
    """None of a credential, which is made anew at each start."""
    next_fingerprint: str | None = None
    """None while no rotation is open."""
    next_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rotated:
    """A rotation that was carried out."""

    key: RotatedKey
    fingerprint: str
    sealed_anew: int
    """By this run: one that was cut short before it had done its part already."""
    resumed: bool
    left_to_do: str | None
    """By the operator, where the key is a credential; else the old key is removed."""
    left: str = ""
    """What no key opens and was left as it is, by name, the first of it."""


class Wrapped(Protocol):
    """What is under a key."""

    def seal_anew(self, new: bytes, tell: Progress) -> int:
        """Bring everything under the key `new`, R3 to R5, and return how many were brought; what nobody needs and no key opens stays."""
        ...

    def lost(self, keys: Keys) -> list[str]:
        """Return what none of `keys` opens though somebody needs it, by name."""
        ...

    def stops(self, keys: Keys) -> list[str]:
        """Return what of that keeps a rotation from beginning, all of it unless something else is said; the rest keeps it from ending."""
        return self.lost(keys)

    def left(self) -> list[str]:
        """Return what no key that is here opens and may stay so, by name: nothing, unless that was said."""
        return []


@dataclass(frozen=True, slots=True)
class Rotation:
    """One key's rotation, ready to be carried out."""

    key: RotatedKey
    files: KeyFiles | KeyCredential
    wrapped: Wrapped


def key_files(settings: Settings) -> dict[RotatedKey, KeyFiles]:
    paths = {RotatedKey.NODE: settings.node_key_path, RotatedKey.FACTORS: settings.factor_key_path, RotatedKey.FOOTAGE: settings.kek_path}
    paths[RotatedKey.TEXTS] = settings.texts_key_path
    return {key: KeyFiles(path) for key, path in paths.items()}


def key_sources(settings: Settings) -> dict[RotatedKey, KeyFiles | KeyCredential]:
    """Return where each key comes from: its files, but for that of footage where it is a credential."""
    return {**key_files(settings), RotatedKey.FOOTAGE: footage_key(settings)}


def show_keys(settings: Settings) -> list[KeyShown]:
    """Return the keys that there are; ConfigError when one can't be read."""
    return [_shown(key, source) for key, source in key_sources(settings).items() if source.is_there()]


def half_done(settings: Settings) -> list[RotatedKey]:
    """Return the keys whose rotation was begun and not ended."""
    return [key for key, source in key_sources(settings).items() if source.is_rotating()]


def node_rotation(settings: Settings, central: Engines, index: Engines) -> Rotation:
    files = key_files(settings)[RotatedKey.NODE]
    return Rotation(RotatedKey.NODE, files, _CameraPasswords(central, index, settings.recorder_lock_path, files))


def factor_rotation(settings: Settings, central: Engines, *, at: datetime) -> Rotation:
    """Return the rotation of the hub's key, which is made here when there is no authenticator yet."""
    files = key_files(settings)[RotatedKey.FACTORS]
    with central.reading() as session:
        count = factors.count_totp(session)
    _make_unless_needed(files, count)
    return Rotation(RotatedKey.FACTORS, files, _AuthenticatorSecrets(central, files, at))


def text_rotation(settings: Settings, central: Engines, *, leave_unopenable: bool = False) -> Rotation:
    """Return the rotation of the key of complaints and inquiries, which is made here when there is none of them yet.

    `leave_unopenable`: texts that nothing here opens don't keep it from ending, and stay as they are.
    """
    files = key_files(settings)[RotatedKey.TEXTS]
    with central.reading() as session:
        count = district_texts.count(session)
    _make_unless_needed(files, count)
    return Rotation(RotatedKey.TEXTS, files, DistrictTexts(central, files, leave_unopenable=leave_unopenable))


def _make_unless_needed(files: KeyFiles, count: int) -> None:
    """Make the first key where none of what it opens, which there is `count` of, would be lost by a new one."""
    if count == 0:
        files.refuse_another_account()
        files.make_if_none()


def footage_rotation(settings: Settings, keys: KeyStore, *, leave_unopenable: bool = False) -> Rotation:
    """Return the rotation of the key store's key. `leave_unopenable`: keys of footage that nothing here opens don't stop it and stay."""
    files = footage_key(settings)
    return Rotation(RotatedKey.FOOTAGE, files, _HourKeys(keys, files, leave_unopenable=leave_unopenable))


def carry_out(rotation: Rotation, central: Engines, *, actor: Actor, clock: Clock, tell: Progress) -> Rotated:
    """Begin a rotation, or go on with the one that was cut short, and end it.

    Conflict when something opens with no key, or another rotation is at work; ConfigError and Unavailable say what is missing.
    Both keys stay then, and nothing is lost.
    """
    files = rotation.files
    with files.rotating():
        resumed = files.is_rotating()
        _refuse_to_lose(rotation, rotation.wrapped.stops(files.fresh()))
        with central.writing() as session:
            old_key = _fingerprint(rotation.key, files.fresh()[0])
            _log(session, rotation, "resumed" if resumed else "begun", actor=actor, at=clock.now(), old_key=old_key)
        failpoint("rotate:a")
        files.begin()
        new = files.fresh()[-1]
        count = rotation.wrapped.seal_anew(new, tell)
        failpoint("rotate:e")
        _refuse_to_end(rotation, new)
        finger, left = _fingerprint(rotation.key, new), rotation.wrapped.left()
        more = {"left": str(len(left))} if left else {}
        with central.writing() as session:
            _log(session, rotation, "all sealed anew", actor=actor, at=clock.now(), new_key=finger, sealed=str(count), **more)
        failpoint("rotate:f")
        left_to_do = files.finish()
    return Rotated(rotation.key, finger, count, resumed, left_to_do, _few(left))


class _CameraPasswords(Wrapped):
    """Sealed to the node's key: in the central database, and in the node's own copy of what it records."""

    def __init__(self, central: Engines, index: Engines, recorder_lock: Path, keys: KeyFiles) -> None:
        self._central = central
        self._index = index
        self._recorder_lock = recorder_lock
        self._keys = keys

    def seal_anew(self, new: bytes, tell: Progress) -> int:
        public = sealing_public_key(new)
        with self._central.writing() as session:
            node = node_of(session, self._keys)
            if node.public_key != public:
                nodes.set_public_key(session, node.id, public)  # R3
            total = camera_passwords.count(session, node.id)
        failpoint("rotate:c")
        after, seen, count = DeviceId(0), 0, 0
        while True:
            with self._central.writing() as session:
                found = camera_passwords.page(session, node.id, after, PAGE)
                changed = [self._brought(session, one, new, public) for one in found].count(True)
            if not found:
                break
            failpoint("rotate:d")
            after, seen, count = found[-1].device, seen + len(found), count + changed
            tell(seen, total)
        with self._central.writing() as session:
            nodes.bump(session, node.id)
        self._bring_to_the_node(node.id)
        self._refuse_old_copy(new)
        return count

    def lost(self, keys: Keys) -> list[str]:
        names, after = set[str](), DeviceId(0)
        with self._central.writing() as session:
            node = node_of(session, self._keys)
            while found := camera_passwords.page(session, node.id, after, PAGE):
                after = found[-1].device
                for one in found:
                    if not _opens(keys, one.sealed, password_aad(one.device, one.address)):
                        names.update(camera_passwords.cameras_of(session, one.device))
        return [f"the password of ‘{name}’" for name in sorted(names)]

    def _brought(self, session: Session, one: camera_passwords.SealedPassword, new: bytes, public: bytes) -> bool:
        aad = password_aad(one.device, one.address)
        if _opens((new,), one.sealed, aad):
            return False
        try:
            plaintext = open_with(self._keys, one.sealed, aad)
        except Corrupt:
            return False
        camera_passwords.put(session, one.device, seal(public, plaintext, aad))
        return True

    def _bring_to_the_node(self, node: NodeId) -> None:
        """Wait until the recorder has stored the hub's newest configuration; where none runs, store it in its place."""
        for _ in range(NODE_TRIES):
            if self._is_current(node) or self._stored_for(node):
                return
            time.sleep(NODE_PAUSE_SECONDS)
        raise Unavailable("The recorder runs and has not taken the passwords that were sealed anew. Look at its log, then run this again.")

    def _refuse_old_copy(self, new: bytes) -> None:
        with self._index.read.begin() as connection:
            streams = stream_config.load(connection).streams
        for stream in streams:
            if stream.password_sealed and not _opens((new,), stream.password_sealed, password_aad(stream.device_id, stream.address)):
                raise Unavailable(
                    f"The recorder's own copy of the password of ‘{stream.camera_name}’ is not under the new key. Run this again."
                )

    def _is_current(self, node: NodeId) -> bool:
        with self._central.reading() as session:
            newest = nodes.config_version(session, node)
        with self._index.read.begin() as connection:
            return stream_config.version(connection) == newest

    def _stored_for(self, node: NodeId) -> bool:
        """Store the newest configuration unless a recorder runs, which alone may then; none starts meanwhile."""
        try:
            self._recorder_lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._recorder_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as err:
            raise Unavailable(
                f"{self._recorder_lock} can't be opened ({err.strerror}). Both keys stay. Mend that, then run again."
            ) from err
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with self._index.read.begin() as connection:
                known = stream_config.version(connection)
            newer = LocalHub(self._central).configuration(node, known)
            if newer is not None:
                with self._index.write.begin() as connection:
                    stream_config.replace(connection, newer)
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return True


class _AuthenticatorSecrets(Wrapped):
    """Sealed to the hub's key, each bound to its account."""

    def __init__(self, central: Engines, keys: KeySource, at: datetime) -> None:
        self._central = central
        self._keys = keys
        self._at = at

    def seal_anew(self, new: bytes, tell: Progress) -> int:
        public = sealing_public_key(new)
        with self._central.reading() as session:
            accounts = [account.id for account in people.find(session)]
        count = 0
        for done, person in enumerate(accounts, start=1):
            with self._central.writing() as session:
                # Also where there is none yet: whoever enrols now holds the account, and may have read the key before.
                people.lock(session, person)
                count += self._brought(session, person, new, public)
            failpoint("rotate:d")
            tell(done, len(accounts))
        return count

    def lost(self, keys: Keys) -> list[str]:
        with self._central.reading() as session:
            working = (account for account in people.find(session) if account.state(self._at) is not AccountState.ENDED)
            return [f"the authenticator of {account.name}" for account in working if self._is_lost(session, account.id, keys)]

    def _is_lost(self, session: Session, person: PersonId, keys: Keys) -> bool:
        stored = factors.totp(session, person)
        # One that waits for its first code opens nothing yet and is asked for again.
        return stored is not None and stored.confirmed_at is not None and not _opens(keys, stored.secret, bound_to(person))

    def _brought(self, session: Session, person: PersonId, new: bytes, public: bytes) -> bool:
        stored = factors.totp(session, person)
        if stored is None or _opens((new,), stored.secret, bound_to(person)):
            return False
        try:
            secret = open_with(self._keys, stored.secret, bound_to(person))
        except Corrupt:
            return False
        factors.put_secret(session, person, seal(public, secret, bound_to(person)))
        return True


class _HourKeys(Wrapped):
    """Wrapped under the node's key-encryption key, in both copies of the key store."""

    def __init__(self, store: KeyStore, files: KeySource, *, leave_unopenable: bool) -> None:
        self._store = store
        self._files = files
        self._leave_unopenable = leave_unopenable

    def seal_anew(self, _new: bytes, tell: Progress) -> int:
        total, count, after = self._store.count(), 0, None
        while True:
            page = self._store.rewrap(after)
            if page.last is None:
                break
            failpoint("rotate:d")
            after, count = page.last, count + page.wrapped
            tell(min(count, total), total)
        self._store.settle()
        return count

    def lost(self, keys: Keys) -> list[str]:
        lost = self._store.unopenable(keys)
        if lost and self._leave_unopenable:
            lost -= self._store.unopenable(self._files.fresh())
        return _hours(lost)

    def left(self) -> list[str]:
        return _hours(self._store.unopenable(self._files.fresh()) if self._leave_unopenable else set())


def _refuse_to_lose(rotation: Rotation, left: list[str]) -> None:
    if not left:
        return
    files = rotation.files
    by_key = (
        ""
        if files.is_rotating()
        else f"With the key that it was made with: rename {files.path} to {files.next_path.name}, and put that key in its place. Without: "
    )
    raise Conflict(
        f"No key that is here opens {_few(left)}. Nothing was taken away. {by_key}{_WAYS_OUT[rotation.key]}. "
        f"Then run again: vms keys rotate {rotation.key}"
    )


def _refuse_to_end(rotation: Rotation, new: bytes) -> None:
    left = rotation.wrapped.lost((new,))
    if not left:
        return
    if left == rotation.wrapped.lost(rotation.files.fresh()):
        raise Conflict(
            f"No key that is here opens {_few(left)}. Everything else is under the new key, and the old one stays. With the key that this "
            f"was made with: move {rotation.files.path} away, and put that key in its place. Without: {_WAYS_OUT[rotation.key]}. "
            f"Then run again: vms keys rotate {rotation.key}"
        )
    raise Unavailable(f"The new key does not open {_few(left)} yet. Both keys stay. Run again: vms keys rotate {rotation.key}")


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _hours(names: set[KeyName]) -> list[str]:
    return [f"the footage key of camera {camera}, {_hour(hour)}" for camera, hour in sorted(names)]


def _hour(since_epoch: int) -> str:
    return f"{datetime_of_ms(since_epoch * MS_PER_HOUR):%Y-%m-%d %H:00} UTC"


def _opens(keys: Keys, sealed: bytes, aad: bytes) -> bool:
    for key in keys:
        with suppress(Corrupt):
            open_sealed(key, sealed, aad)
            return True
    return False


def _log(session: Session, rotation: Rotation, step: str, *, actor: Actor, at: datetime, **more: str) -> None:
    record(session, actor=actor, action=Action.KEY_ROTATE, at=at, detail={"key": rotation.key.value, "step": step, **more})


def _shown(key: RotatedKey, source: KeyFiles | KeyCredential) -> KeyShown:
    prints, since = [_fingerprint(key, one) for one in source.fresh()], [*source.since(), None, None]
    return KeyShown(key, source.path, prints[0], since[0], *((prints[1], since[1]) if len(prints) > 1 else ()))


def _fingerprint(key: RotatedKey, secret: bytes) -> str:
    """Return what tells a key from others and opens nothing: of one that is half of a pair the public half's beginning."""
    is_half_of_a_pair = key in (RotatedKey.NODE, RotatedKey.FACTORS)
    public = sealing_public_key(secret) if is_half_of_a_pair else derived_key(secret, _FINGERPRINT_INFO)
    return public.hex()[:_FINGERPRINT_DIGITS]
