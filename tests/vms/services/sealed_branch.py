"""A branch server whose four keys wrap something, and ways to say what opens with which keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import pyotp
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap
from pysqlite3 import dbapi2

from tests.factories import CONSOLE, NOW, a_person, after, done
from vms.clock import SystemClock
from vms.config import Settings
from vms.crypto import KeySource, open_with, sealing_public_key
from vms.domain.camera import Address, CameraDetails, Device, password_aad
from vms.domain.complaint import About, Answer, Complaint, Way
from vms.domain.ids import BranchId, CameraId, ComplaintId, DeviceId, InquiryId, PersonId, SessionId, new_number
from vms.domain.inquiry import AskedBy, Inquiry
from vms.domain.people import Person, Role
from vms.errors import ConfigError, Corrupt
from vms.services.branches import add_branch
from vms.services.cameras import CameraEdit, NewCamera, add_camera, camera_for, edit_camera, list_cameras, remove_camera
from vms.services.key_rotation import (
    Rotated,
    RotatedKey,
    Rotation,
    carry_out,
    factor_rotation,
    footage_rotation,
    key_files,
    node_rotation,
    text_rotation,
)
from vms.services.nodes import register_node
from vms.services.second_factor import bound_to, enrol_totp, offer_totp
from vms.store import cameras, complaints, district_texts, factors, inquiries, stream_config
from vms.store.database import Engines
from vms.store.district_texts import SealedText
from vms.store.key_files import KeyFiles
from vms.store.keys import KeyStore
from vms.store.sealed_texts import OF_THE_DISTRICT

CLOCK = SystemClock()
DIRECTOR = Person(PersonId(1), "H. Marsh", Role.DIRECTOR, SessionId(1))


def _quiet(_done: int, _total: int) -> None:
    """Nobody looks at the progress."""


@dataclass(slots=True)
class SealedBranch:
    """What was put in, as it should come out again."""

    settings: Settings
    central: Engines
    index: Engines
    branch: BranchId
    passwords: dict[CameraId, str] = field(default_factory=dict)
    authenticators: dict[PersonId, str] = field(default_factory=dict)
    hours: dict[tuple[CameraId, int], bytes] = field(default_factory=dict)
    complaints: dict[ComplaintId, Complaint] = field(default_factory=dict)
    inquiries: dict[InquiryId, Inquiry] = field(default_factory=dict)

    def files(self, key: RotatedKey) -> KeyFiles:
        return key_files(self.settings)[key]

    def keys(self, key: RotatedKey) -> tuple[bytes, ...]:
        return self.files(key).fresh()

    def add_camera(self, name: str, password: str) -> CameraId:
        new = NewCamera(name=name, branch_id=self.branch, host="10.20.1.11", main_path="/main", username="viewer", password=password)
        with self.central.writing() as session:
            camera = done(add_camera(session, CONSOLE, new, at=NOW, allow_loopback=False)).camera.id
        self.passwords[camera] = password
        return camera

    def change_password(self, camera: CameraId, password: str) -> None:
        with self.central.writing() as session:
            version = done(camera_for(session, CONSOLE, camera)).camera.version
            edit = CameraEdit(version=version, password=password)
            done(edit_camera(session, CONSOLE, camera, edit, at=NOW, allow_loopback=False))
        self.passwords[camera] = password

    def remove_camera(self, camera: CameraId) -> None:
        with self.central.writing() as session:
            done(remove_camera(session, CONSOLE, camera, at=NOW))

    def enrol(self, name: str) -> PersonId:
        with self.central.writing() as session:
            person = a_person(session, name=name)
            offer = done(offer_totp(session, person, key=self.files(RotatedKey.FACTORS)))
            code = pyotp.TOTP(offer.secret).at(after(0))
            done(enrol_totp(session, person, code, key=self.files(RotatedKey.FACTORS), at=NOW))
        self.authenticators[person.id] = offer.secret
        return person.id

    def record(self, camera: CameraId, hours: Sequence[int]) -> None:
        with self.store() as store:
            self.hours |= {(camera, hour): key for hour, key in store.ensure(camera, hours).items()}

    def complain(self, said: str) -> ComplaintId:
        complaint = complaint_of(said)
        with self.central.writing() as session:
            complaints.add(session, complaint)
        self.complaints[complaint.id] = complaint
        return complaint.id

    def answer(self, number: ComplaintId, text: str) -> None:
        answer = Answer(text, DIRECTOR.label, DIRECTOR.name, NOW)
        with self.central.writing() as session:
            assert complaints.put_answer(session, number, answer)
        self.complaints[number] = replace(self.complaints[number], answer=answer)

    def ask(self, happened: str) -> InquiryId:
        inquiry = Inquiry(InquiryId(new_number()), AskedBy.OTHER, "canary who asks", "", "555-0100", happened, "", "", False, NOW)
        with self.central.writing() as session:
            inquiries.add(session, inquiry)
        self.inquiries[inquiry.id] = inquiry
        return inquiry.id

    def texts(self) -> list[SealedText]:
        with self.central.reading() as session:
            return [text for kind in OF_THE_DISTRICT for text in district_texts.page(session, kind, 0, 10_000)]

    @contextmanager
    def store(self, keks: KeySource | None = None) -> Iterator[KeyStore]:
        opened = KeyStore.open(self.settings.keys1_path, self.settings.keys2_path, keks or KeyFiles(self.settings.kek_path))
        try:
            yield opened
        finally:
            opened.close()

    @contextmanager
    def rotation(self, key: RotatedKey) -> Iterator[Rotation]:
        with self.store() as store:
            match key:
                case RotatedKey.NODE:
                    yield node_rotation(self.settings, self.central, self.index)
                case RotatedKey.FACTORS:
                    yield factor_rotation(self.settings, self.central, at=NOW)
                case RotatedKey.FOOTAGE:
                    yield footage_rotation(self.settings, store)
                case RotatedKey.TEXTS:
                    yield text_rotation(self.settings, self.central)

    def rotate(self, key: RotatedKey) -> Rotated:
        with self.rotation(key) as rotation:
            return carry_out(rotation, self.central, actor=CONSOLE, clock=CLOCK, tell=_quiet)

    def opened(self, key: RotatedKey, keys: KeySource) -> int:
        """Return how many of the secrets under `key` open with `keys`: stored ones, the node's own copies, both copies of a footage key."""
        match key:
            case RotatedKey.NODE:
                return sum(_opens(keys, sealed, password_aad(device, address)) for device, address, sealed in self._sealed_passwords())
            case RotatedKey.FACTORS:
                return sum(_opens(keys, sealed, bound_to(person)) for person, sealed in self._sealed_secrets())
            case RotatedKey.FOOTAGE:
                return sum(any(_unwraps(kek, cell) for kek in keys.fresh()) for cell in self._wrapped_keys())
            case RotatedKey.TEXTS:
                return sum(any(text.opens(secret) for secret in keys.fresh()) for text in self.texts())

    def stored(self, key: RotatedKey) -> int:
        """Return how many secrets are under `key`, counted as `opened` does."""
        match key:
            case RotatedKey.NODE:
                return sum(1 for _ in self._sealed_passwords())
            case RotatedKey.FACTORS:
                return sum(1 for _ in self._sealed_secrets())
            case RotatedKey.FOOTAGE:
                return len(self._wrapped_keys())
            case RotatedKey.TEXTS:
                return len(self.texts())

    def lost(self) -> list[str]:
        """Return what doesn't come out as it was put in, with the keys that are in the files now."""
        with self.central.reading() as session:
            known = {details.camera.id: details.device for details in list_cameras(session, CONSOLE)}
            secrets = {person: factors.totp(session, person) for person in self.authenticators}
        node, hub = self.files(RotatedKey.NODE), self.files(RotatedKey.FACTORS)
        wrong = [f"password of {camera}" for camera, password in self.passwords.items() if _password(node, known[camera]) != password]
        wrong += [
            f"authenticator of {person}"
            for person, stored in secrets.items()
            if stored is None or _plain(hub, stored.secret, bound_to(person)) != self.authenticators[person]
        ]
        with self.store() as store:
            wrong += [f"key of {name}" for name, key in self.hours.items() if store.hour_key(*name) != key]
        return wrong + self._lost_texts()

    def _lost_texts(self) -> list[str]:
        with self.central.reading() as session:
            told = {one.id: one for one in complaints.find(session, DIRECTOR, limit=None)}
            asked = {one.id: one for one in inquiries.find(session, limit=10_000)}
        wrong = [f"complaint {number}" for number, complaint in self.complaints.items() if told[number] != complaint]
        return wrong + [f"inquiry {number}" for number, inquiry in self.inquiries.items() if asked[number] != inquiry]

    def _sealed_passwords(self) -> Iterator[tuple[DeviceId, Address, bytes]]:
        with self.central.reading() as session:
            for details in cameras.find(session, None):
                if details.device.password_sealed:
                    yield details.device.id, details.device.address, details.device.password_sealed
        with self.index.read.begin() as connection:
            for stream in stream_config.load(connection).streams:
                if stream.password_sealed:
                    yield stream.device_id, stream.address, stream.password_sealed

    def _sealed_secrets(self) -> Iterator[tuple[PersonId, bytes]]:
        with self.central.reading() as session:
            for person in self.authenticators:
                stored = factors.totp(session, person)
                if stored is not None:
                    yield person, stored.secret

    def _wrapped_keys(self) -> list[bytes]:
        cells = []
        for path in (self.settings.keys1_path, self.settings.keys2_path):
            connection = dbapi2.connect(str(path))
            cells += [cell for (cell,) in connection.execute("SELECT wrapped FROM hour_key WHERE wrapped IS NOT NULL")]
            connection.close()
        return cells


def complaint_of(said: str) -> Complaint:
    number, cameras = ComplaintId(new_number()), frozenset[CameraId]()
    told = (number, Way.PAPER, About.PRACTICE, None, "", "canary who complains", "", said, cameras, None)
    return Complaint(*told, NOW, NOW, DIRECTOR.label, DIRECTOR.name, NOW)


def sealed_branch(settings: Settings, central: Engines, index: Engines) -> SealedBranch:
    """Make keys, a node and a branch in empty databases."""
    for folder in (settings.secrets_dir, settings.run_dir, settings.keys1_path.parent, settings.keys2_path.parent):
        folder.mkdir(parents=True, exist_ok=True)
    for files in key_files(settings).values():
        files.make_if_none()
    with central.writing() as session:
        public = sealing_public_key(KeyFiles(settings.node_key_path).fresh()[-1])
        register_node(session, name="branch-server", public_key=public, at=NOW)
        branch = done(add_branch(session, CONSOLE, name="Main Street", timezone="UTC", at=NOW))
    return SealedBranch(settings, central, index, branch.id)


def fill(made: SealedBranch, *, cameras: int = 2, people: int = 2, hours: int = 3, texts: int = 2) -> None:
    """Put so many secrets in."""
    for number in range(cameras):
        camera = made.add_camera(f"Camera {number}", f"canary password {number}")
        made.record(camera, range(hours))
    for number in range(people):
        made.enrol(f"person {number}")
    for number in range(texts):
        made.answer(made.complain(f"canary complaint {number}"), f"canary answer {number}")
        made.ask(f"canary inquiry {number}")


def password_of(details: CameraDetails, keys: KeySource) -> str | None:
    return _password(keys, details.device)


def _password(keys: KeySource, device: Device) -> str | None:
    return _plain(keys, device.password_sealed, password_aad(device.id, device.address)) if device.password_sealed else ""


def _plain(keys: KeySource, sealed: bytes, aad: bytes) -> str | None:
    with suppress(Corrupt, ConfigError):
        return open_with(keys, sealed, aad).decode()
    return None


def _opens(keys: KeySource, sealed: bytes, aad: bytes) -> bool:
    return _plain(keys, sealed, aad) is not None


def _unwraps(kek: bytes, wrapped: bytes) -> bool:
    try:
        aes_key_unwrap(kek, wrapped)
    except InvalidUnwrap:
        return False
    return True
