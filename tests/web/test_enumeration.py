"""T21: who tries names learns none: the same answer, as many hashes and the same questions to the database, whoever is asked for.

Hashes and statements are what a try takes its time for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import httpx
import pytest
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy.orm import Session

from tests.factories import NOW, PASSWORD, done, quick_hash
from tests.web import text_fields
from tests.web.conftest import Migrated
from tests.web.statements import statements
from tests.web.test_permissions import _bare
from tests.web.world import OWN_PAGE, World, a_world
from vms.config import Settings
from vms.domain.ids import PersonId, new_number
from vms.domain.people import Account, Proof, Role
from vms.domain.sign_in_pace import OF_PERSON_HERE
from vms.services import passwords
from vms.services.passwords import NO_PASSWORD
from vms.services.sessions import open_session
from vms.store import factors, identities, passkeys, people
from vms.store.migrate import Which
from vms.store.passkeys import Passkey
from web.permissions import declared_permissions

WRONG = "not the password of anybody"
WAYS = {
    "POST /login": {"password": WRONG},
    "POST /login with a code": {"password": WRONG, "code": "123456"},
    "POST /api/v1/session": {"password": WRONG},
    "POST /join": {"password": PASSWORD, "invitation": "00000-00000-00000-00000"},
}
"""Every address at which somebody who is not signed in gives a name, and what else is typed there."""
OF_NO_ACCOUNT = {"POST /inquiry", "POST /api/v1/inquiries"}
"""The name of whoever asks, which is looked up nowhere."""
A_WHILE = timedelta(hours=2)
"""After it nobody has to wait for the tries before."""
NOBODY = "nobody here"
KINDS = ("with a password", "with an authenticator", "with a passkey", "disabled", "over", "waiting", "invited", "of the provider")
"""Of accounts; each stands here under this name."""


@dataclass(frozen=True)
class Tried:
    """What one try is answered, and what it cost."""

    status: int
    headers: tuple[tuple[str, str], ...]
    text: str
    hashes: int
    statements: tuple[str, ...]


class CountingHasher(PasswordHasher):
    """argon2id with quick parameters; counts how often it was really worked out."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.count = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.count += 1
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's own name
        self.count += 1
        try:
            return super().verify(hash, password)
        except InvalidHashError:
            self.count -= 1
            raise


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Migrated) -> Iterator[World]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("names"))
    migrated_sqlite(Which.CENTRAL, settings.central_path).dispose()
    with a_world(settings, looks=False) as world:
        with world.site.central.writing() as session:
            ids = {kind: _account(session, kind) for kind in KINDS}
            opened = done(open_session(session, person_id=ids["with an authenticator"], proof=Proof.PASSWORD, at=NOW)).person
            factors.offer_totp(session, opened.id, opened.session_id, b"sealed")
            factors.confirm_totp(session, ids["with an authenticator"], NOW)
            key = Passkey(1, ids["with a passkey"], bytes(32), b"key", "localhost", 0, "Phone", NOW)
            passkeys.add(session, key)
            people.disable(session, ids["disabled"], NOW)
            people.invite(session, ids["invited"], bytes(32), NOW + timedelta(days=3))
            identities.add(session, ids["of the provider"], issuer="https://id.example", subject="s", at=NOW)
        yield world


@pytest.fixture(scope="module")
def stranger(world: World) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=world.address, headers=OWN_PAGE | {"accept": "text/html"}, timeout=20) as stranger:
        yield stranger


def _account(session: Session, kind: str) -> PersonId:
    number = PersonId(new_number())
    confirmed = None if kind == "waiting" else NOW
    ends = NOW if kind == "over" else None
    account = Account(number, kind, Role.DESK, None, NOW, confirmed_at=confirmed, ends_at=ends)
    people.add(session, account, password_hash=NO_PASSWORD if kind in ("invited", "of the provider") else quick_hash())
    return number


def _try(world: World, stranger: httpx.Client, way: str, name: str, monkeypatch: pytest.MonkeyPatch) -> Tried:
    method, path = way.split()[:2]
    entries = WAYS[way] | {"name": name}
    as_json = path.startswith("/api/")
    hasher = CountingHasher()
    with monkeypatch.context() as patched, statements(world.site.central) as said:
        patched.setattr(passwords, "_HASHER", hasher)
        answer = stranger.request(method, path, json=entries if as_json else None, data=None if as_json else entries)
    headers = {key: value for key, value in answer.headers.items() if key not in ("date", "content-length")}
    return Tried(answer.status_code, tuple(headers.items()), answer.text.replace(name, "NAME"), hasher.count, tuple(said))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_is_there_is_answered_like_one_that_is_not(
    world: World, stranger: httpx.Client, way: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clock.step(A_WHILE)
    there, missing = _try(world, stranger, way, kind, monkeypatch), _try(world, stranger, way, NOBODY, monkeypatch)
    assert there == missing
    assert (there.status, there.hashes) == (401, 1)


@pytest.mark.parametrize("way", WAYS)
def test_a_name_that_has_to_wait_is_answered_like_one_that_is_not_there(
    world: World, stranger: httpx.Client, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clock.step(A_WHILE)
    tried = {name: [_try(world, stranger, way, name, monkeypatch) for _ in range(OF_PERSON_HERE.free + 1)] for name in (KINDS[0], NOBODY)}
    assert tried[KINDS[0]] == tried[NOBODY]
    assert (tried[NOBODY][-1].status, tried[NOBODY][-1].hashes) == (429, 0)


def test_the_first_try_of_all_tells_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a name that is missing is compared with takes no hash to make."""
    hasher = CountingHasher()
    monkeypatch.setattr(passwords, "_HASHER", hasher)
    assert not passwords.fits(NO_PASSWORD, WRONG)
    assert hasher.count == 1


@pytest.mark.slow
def test_what_a_missing_name_is_compared_with_takes_as_long_as_any_hash() -> None:
    compared = passwords._nobodys_hash()
    assert not passwords._HASHER.check_needs_rehash(compared)
    with pytest.raises(VerifyMismatchError):
        passwords._HASHER.verify(compared, WRONG)


def test_every_address_that_takes_a_name_of_a_stranger_is_tried() -> None:
    public = {
        f"{method} {route.path}" for route in declared_permissions(_bare()) for method in route.methods if route.permission == "public"
    }
    taking = {operation for operation in public if "name" in text_fields.REQUESTS.get(operation, ()) and operation.startswith("POST")}
    assert taking - OF_NO_ACCOUNT == {" ".join(way.split()[:2]) for way in WAYS}
