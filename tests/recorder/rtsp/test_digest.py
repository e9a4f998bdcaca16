"""Digest answers against the examples of the RFCs, and challenges of every sort."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.rtsp.digest import Digest, best_challenge
from recorder.rtsp.errors import CameraError, ProtocolViolation, Unsupported, WrongPassword

RFC_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def field(header: str | None, name: str) -> str:
    match = re.search(rf'{name}="?([^",]*)', header or "")
    assert match
    return match[1]


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616_come_out(algorithm: str, response: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recorder.rtsp.digest.secrets.token_hex", lambda _size: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ")
    credentials = Digest("Mufasa", "Circle of Life")
    credentials.take([RFC_7616.format(algorithm)])
    header = credentials.authorization("GET", "/dir/index.html")
    assert field(header, "response") == response
    assert field(header, "opaque") == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"
    assert field(header, "nc") == "00000001"


def test_a_challenge_without_qop_is_answered_as_rfc_2069() -> None:
    credentials = Digest("admin", "secret")
    credentials.take(['Digest realm="cam", nonce="abc"'])
    header = credentials.authorization("DESCRIBE", "rtsp://cam/")
    assert field(header, "response") == md5(f"{md5('admin:cam:secret')}:abc:{md5('DESCRIBE:rtsp://cam/')}")
    assert "qop" not in (header or "")
    assert "algorithm" not in (header or "")


def test_a_session_algorithm_hashes_the_nonces_in() -> None:
    credentials = Digest("admin", "secret")
    credentials.take(['Digest realm="cam", nonce="abc", algorithm=MD5-sess, qop="auth"'])
    header = credentials.authorization("PLAY", "rtsp://cam/")
    cnonce = field(header, "cnonce")
    first, second = md5(f"{md5('admin:cam:secret')}:abc:{cnonce}"), md5("PLAY:rtsp://cam/")
    assert field(header, "response") == md5(f"{first}:abc:00000001:{cnonce}:auth:{second}")


def test_the_count_rises_with_each_request_and_starts_again_with_a_nonce() -> None:
    credentials = Digest("admin", "secret")
    credentials.take(['Digest realm="cam", nonce="abc", qop="auth"'])
    counts = [field(credentials.authorization("PLAY", "rtsp://cam/"), "nc") for _ in range(2)]
    credentials.take(['Digest realm="cam", nonce="def", qop="auth"'])
    assert [*counts, field(credentials.authorization("PLAY", "rtsp://cam/"), "nc")] == ["00000001", "00000002", "00000001"]


def test_nothing_is_sent_before_the_camera_asks() -> None:
    assert Digest("admin", "secret").authorization("OPTIONS", "rtsp://cam/") is None


@pytest.mark.parametrize(
    "headers",
    [
        ['Basic realm="cam"', 'Digest realm="cam", nonce="weak"', 'Digest realm="cam", nonce="strong", algorithm=SHA-256'],
        ['Digest realm="cam", nonce="weak", algorithm="MD5", Digest realm="cam", nonce="strong", algorithm="SHA-256", Basic realm="x"'],
        ['digest REALM="cam",nonce="strong",stale=FALSE,algorithm=sha-256', 'Digest realm="cam", nonce="x", algorithm=SHA-512-256'],
    ],
    ids=["three headers", "one header", "odd case"],
)
def test_the_strongest_offer_is_taken(headers: list[str]) -> None:
    assert best_challenge(headers).nonce == "strong"


@pytest.mark.parametrize(
    "headers", [['Basic realm="cam"'], ['Digest realm="a", nonce="b", algorithm=SHA-512-256'], ['Bearer realm="a"'], []]
)
def test_other_schemes_are_unsupported(headers: list[str]) -> None:
    with pytest.raises(Unsupported):
        best_challenge(headers)


def test_a_challenge_without_nonce_is_refused() -> None:
    with pytest.raises(ProtocolViolation):
        best_challenge(['Digest realm="cam"'])


def test_quotes_in_names_are_escaped() -> None:
    credentials = Digest('ad"min\\', "secret")
    credentials.take([r'Digest realm="a\"b", nonce="n"'])
    header = credentials.authorization("PLAY", "rtsp://cam/") or ""
    assert r'username="ad\"min\\"' in header
    assert r'realm="a\"b"' in header


def test_a_user_name_with_a_line_break_is_refused() -> None:
    with pytest.raises(WrongPassword):
        Digest("admin\n", "secret")


def test_the_password_does_not_print() -> None:
    assert "secret" not in repr(Digest("admin", "secret"))


@given(st.lists(st.text(max_size=80), max_size=3), st.sampled_from(["", "Digest ", 'Digest nonce="n", ']))
def test_random_challenges_raise_nothing_but_camera_errors(texts: list[str], start: str) -> None:
    credentials = Digest("admin", "secret")
    try:
        credentials.take([start + text for text in texts])
    except CameraError:
        return
    header = credentials.authorization("PLAY", "rtsp://cam/") or ""
    assert not re.search(r"[\r\n\0]", header)
