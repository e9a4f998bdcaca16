from __future__ import annotations

import hashlib
import re

import pytest

from recorder.demo.auth import ALGORITHMS, REALM, DigestGuard, Verdict

URI = "rtsp://127.0.0.1/entrance/main"


def guard() -> DigestGuard:
    return DigestGuard("viewer", "secret", nonce_seconds=60)


def digest(algorithm: str, text: str) -> str:
    return hashlib.new("md5" if algorithm == "MD5" else "sha256", text.encode()).hexdigest()


def nonce_of(challenge: str) -> str:
    found = re.search(r'nonce="(\w+)"', challenge)
    assert found is not None
    return found[1]


def answer(
    nonce: str, *, algorithm: str = "SHA-256", password: str = "secret", user: str = "viewer", qop: bool = True, uri: str = URI
) -> str:
    secret = digest(algorithm, f"{user}:{REALM}:{password}")
    middle = f"{nonce}:00000001:abc:auth" if qop else nonce
    response = digest(algorithm, f"{secret}:{middle}:{digest(algorithm, f'DESCRIBE:{uri}')}")
    extra = ', qop=auth, nc=00000001, cnonce="abc"' if qop else ""
    return f'Digest username="{user}", realm="{REALM}", nonce="{nonce}", uri="{uri}", algorithm={algorithm}, response="{response}"{extra}'


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("qop", [True, False])
def test_right_password_opens(algorithm: str, qop: bool) -> None:  # noqa: FBT001
    door = guard()
    nonce = nonce_of(door.challenges(0, stale=False)[0])
    assert door.check(answer(nonce, algorithm=algorithm, qop=qop), "DESCRIBE", URI, 1) is Verdict.GRANTED


def test_both_algorithms_are_offered_the_stronger_first() -> None:
    assert [re.search(r"algorithm=([\w-]+)", each)[1] for each in guard().challenges(0, stale=False)] == ["SHA-256", "MD5"]  # type: ignore[index]


@pytest.mark.parametrize("changed", [{"password": "guess"}, {"user": "root"}, {"uri": "rtsp://127.0.0.1/other"}])
def test_wrong_credentials_are_refused(changed: dict[str, str]) -> None:
    door = guard()
    nonce = nonce_of(door.challenges(0, stale=False)[0])
    assert door.check(answer(nonce, **changed), "DESCRIBE", URI, 1) is Verdict.REFUSED  # type: ignore[arg-type]


def test_nonce_of_somebody_else_is_refused() -> None:
    assert guard().check(answer("0" * 32), "DESCRIBE", URI, 1) is Verdict.REFUSED


def test_answer_to_another_method_is_refused() -> None:
    door = guard()
    nonce = nonce_of(door.challenges(0, stale=False)[0])
    assert door.check(answer(nonce), "SETUP", URI, 1) is Verdict.REFUSED


def test_old_nonce_with_the_right_password_is_stale() -> None:
    door = guard()
    nonce = nonce_of(door.challenges(0, stale=False)[0])
    assert door.check(answer(nonce), "DESCRIBE", URI, 61) is Verdict.STALE
    assert "stale=TRUE" in door.challenges(61, stale=True)[0]


@pytest.mark.parametrize("header", [None, "", "Basic dmlld2VyOnNlY3JldA==", "Digest", "Digest ,,,=", 'Digest username="viewer"'])
def test_what_is_no_digest_is_refused(header: str | None) -> None:
    assert guard().check(header, "DESCRIBE", URI, 1) is Verdict.REFUSED


def test_camera_without_a_user_lets_everybody_in() -> None:
    assert DigestGuard("", "").check(None, "DESCRIBE", URI, 0) is Verdict.GRANTED
