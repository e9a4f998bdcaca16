"""Passwords: which are refused, and that hashing them exhausts no machine."""

from __future__ import annotations

import threading

import pytest

from tests.factories import PASSWORD
from vms.errors import InvalidInput
from vms.services import passwords
from vms.services.passwords import common_passwords, fits, hash_password, is_common


def test_no_more_than_two_passwords_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Counting:
        """A hasher that waits until it is released and counts how many wait beside it."""

        def __init__(self) -> None:
            self.inside, self.most = 0, 0
            self.lock, self.release = threading.Lock(), threading.Event()

        def hash(self, password: str) -> str:
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
                if self.inside == 2:
                    self.release.set()
            self.release.wait(10)
            with self.lock:
                self.inside -= 1
            return password

    counting = Counting()
    monkeypatch.setattr(passwords, "_HASHER", counting)
    threads = [threading.Thread(target=hash_password, args=(PASSWORD,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert counting.most == 2


@pytest.mark.parametrize("password", ["", "fourteen chars", "x" * 257])
def test_a_password_of_the_wrong_length_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput, match="characters"):
        hash_password(password)


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "Password-Password!",
        "qwertyuiop123456",
        "1234567890123456",
        "123123123123123123",
        "Sunshine2026Football!",
        "aaaaaaaaaaaaaaaa",
        "abababababababab",
        "                    ",
    ],
)
def test_what_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput, match="first that are tried"):
        hash_password(password)


@pytest.mark.parametrize(
    "password", [PASSWORD, "correct horse battery staple", "fifteen letters", "Straße nach Köln 1987", "9f8c2b71aa04e6d5"]
)
def test_a_sentence_and_a_random_one_are_taken(password: str) -> None:
    assert not is_common(password)


def test_the_list_is_there_whole() -> None:
    assert len(common_passwords()) == 5000
    assert {"password", "qwerty", "123456"} <= common_passwords()


@pytest.mark.slow
def test_an_account_without_a_password_is_opened_by_none() -> None:
    assert not any(fits(passwords.NO_PASSWORD, password) for password in ("", PASSWORD))
