"""Digest access authentication as a client (RFC 7616, RFC 2617 for older cameras); Basic is refused: it sends the password readable."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from recorder.rtsp.errors import ProtocolViolation, Unsupported, WrongPassword

_HASHES: dict[str, Callable[[bytes], str]] = {
    "sha-256": lambda text: hashlib.sha256(text).hexdigest(),
    "md5": lambda text: hashlib.md5(text, usedforsecurity=False).hexdigest(),
}
"""Best first. MD5 is what most cameras know; the choice is theirs."""
_MAX_PARAMETER_CHARS = 1024
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)\s+(?=[A-Za-z][A-Za-z0-9_-]*\s*=)")
_PARAMETER = re.compile(r'(?<![A-Za-z0-9_-])([A-Za-z][A-Za-z0-9_-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """One Digest challenge that this client can answer."""

    realm: str
    nonce: str
    algorithm: str
    """Lower case, "-sess" included; empty when the camera names none, which means MD5 (RFC 2617)."""
    opaque: str | None
    qop_auth: bool
    stale: bool

    @property
    def hash_name(self) -> str:
        return self.algorithm.removesuffix("-sess") or "md5"


class Digest:
    """The credentials of one camera and the challenge it last sent; makes an Authorization header for each request."""

    def __init__(self, username: str, password: str) -> None:
        if _CONTROL.search(username):
            raise WrongPassword("The user name holds a control character, a line break perhaps. Enter it again.")
        self._username = username
        self._password = password
        self._challenge: Challenge | None = None
        self._uses = 0

    def __repr__(self) -> str:
        return "Digest(…)"

    def take(self, www_authenticate: Sequence[str]) -> Challenge:
        """Keep the best challenge of a 401 answer; Unsupported when none is Digest with MD5 or SHA-256."""
        self._challenge = best_challenge(www_authenticate)
        self._uses = 0
        return self._challenge

    def authorization(self, method: str, uri: str) -> str | None:
        """Return the header's value for the next request, or None while the camera has not asked."""
        if self._challenge is None:
            return None
        self._uses += 1
        return _answer(self._challenge, self._username, self._password, method=method, uri=uri, uses=self._uses)


def best_challenge(www_authenticate: Sequence[str]) -> Challenge:
    """Choose SHA-256 before MD5 among the challenges of one answer."""
    offers = [offer for value in www_authenticate for offer in _split(value)]
    challenges = [_challenge(parameters) for scheme, parameters in offers if scheme == "digest"]
    known = [challenge for challenge in challenges if challenge.hash_name in _HASHES]
    if known:
        return min(known, key=lambda challenge: list(_HASHES).index(challenge.hash_name))
    if any(scheme == "basic" for scheme, _ in offers):
        raise Unsupported(
            "The camera offers only Basic sign-in, which would send its password readable. Switch RTSP sign-in to Digest on the camera."
        )
    raise Unsupported(
        "The camera asks for a kind of sign-in that is not known here. Switch RTSP sign-in to Digest (MD5 or SHA-256) on the camera."
    )


def _split(value: str) -> list[tuple[str, dict[str, str]]]:
    """Split one WWW-Authenticate value, which may carry several challenges, into (scheme, parameters)."""
    marks = list(_SCHEME.finditer(value))
    ends = [mark.start() for mark in marks[1:]] + [len(value)]
    return [(mark[1].lower(), _parameters(value[mark.end() : end])) for mark, end in zip(marks, ends, strict=False)]


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(text):
        found.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) if quoted else bare)
    return found


def _challenge(parameters: dict[str, str]) -> Challenge:
    if not parameters.get("nonce") or any(len(value) > _MAX_PARAMETER_CHARS or _CONTROL.search(value) for value in parameters.values()):
        raise ProtocolViolation("The camera's Digest challenge has no nonce, is too long or holds control characters.")
    return Challenge(
        realm=parameters.get("realm", ""),
        nonce=parameters["nonce"],
        algorithm=parameters.get("algorithm", "").lower(),
        opaque=parameters.get("opaque"),
        qop_auth="auth" in (word.strip().lower() for word in parameters.get("qop", "").split(",")),
        stale=parameters.get("stale", "").lower() == "true",
    )


def _answer(challenge: Challenge, username: str, password: str, *, method: str, uri: str, uses: int) -> str:
    hashed = _HASHES[challenge.hash_name]
    count, cnonce = f"{uses:08x}", secrets.token_hex(8)
    secret = hashed(f"{username}:{challenge.realm}:{password}".encode())
    if challenge.algorithm.endswith("-sess"):
        secret = hashed(f"{secret}:{challenge.nonce}:{cnonce}".encode())
    request = hashed(f"{method}:{uri}".encode())
    middle = f"{challenge.nonce}:{count}:{cnonce}:auth" if challenge.qop_auth else challenge.nonce
    fields = [("username", username), ("realm", challenge.realm), ("nonce", challenge.nonce), ("uri", uri)]
    fields.append(("response", hashed(f"{secret}:{middle}:{request}".encode())))
    if challenge.opaque is not None:
        fields.append(("opaque", challenge.opaque))
    if challenge.qop_auth or challenge.algorithm.endswith("-sess"):
        fields.append(("cnonce", cnonce))
    words = [f"{name}={_quoted(value)}" for name, value in fields]
    if challenge.algorithm:
        words.append(f"algorithm={challenge.algorithm.upper()}".replace("-SESS", "-sess"))
    if challenge.qop_auth:
        words += ["qop=auth", f"nc={count}"]
    return "Digest " + ", ".join(words)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
