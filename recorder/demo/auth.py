"""Digest authentication as a camera asks for it: RFC 7616 (MD5 and SHA-256, qop=auth) and the older form without qop."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

REALM = "demo camera"
SHA256 = "SHA-256"
MD5 = "MD5"
ALGORITHMS = (SHA256, MD5)
"""Offered in this order: a client takes the first it knows, libav the last."""

_HASHES: dict[str, Callable[[bytes], str]] = {
    MD5: lambda text: hashlib.md5(text, usedforsecurity=False).hexdigest(),
    SHA256: lambda text: hashlib.sha256(text).hexdigest(),
}
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


class Verdict(Enum):
    GRANTED = auto()
    REFUSED = auto()
    STALE = auto()
    """The credentials are right, the nonce is too old."""


@dataclass(slots=True)
class DigestGuard:
    """Checks Authorization headers. Without a user name everybody may come in."""

    username: str
    password: str
    algorithms: tuple[str, ...] = ALGORITHMS
    nonce_seconds: float = 3_600
    _nonces: dict[str, float] = field(default_factory=dict)

    def challenges(self, now: float, *, stale: bool) -> list[str]:
        """Return the values of the WWW-Authenticate headers, with a new nonce; `now` is monotonic."""
        self._nonces = {nonce: born for nonce, born in self._nonces.items() if now - born < 2 * self.nonce_seconds}
        nonce = secrets.token_hex(16)
        self._nonces[nonce] = now
        suffix = ", stale=TRUE" if stale else ""
        return [f'Digest realm="{REALM}", nonce="{nonce}", algorithm={name}, qop="auth"{suffix}' for name in self.algorithms]

    def check(self, authorization: str | None, method: str, uri: str, now: float) -> Verdict:
        """Judge the header sent with a request for `uri`; `now` is monotonic."""
        if not self.username:
            return Verdict.GRANTED
        scheme, _, rest = (authorization or "").partition(" ")
        given = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(rest)}
        born = self._nonces.get(given.get("nonce", ""))
        if scheme.lower() != "digest" or born is None or given.get("uri") != uri or not self._is_right(given, method):
            return Verdict.REFUSED
        return Verdict.GRANTED if now - born < self.nonce_seconds else Verdict.STALE

    def _is_right(self, given: dict[str, str], method: str) -> bool:
        algorithm = given.get("algorithm", MD5)
        if algorithm not in self.algorithms or given.get("username") != self.username or given.get("realm") != REALM:
            return False
        digest = _HASHES[algorithm]
        secret = digest(f"{self.username}:{REALM}:{self.password}".encode())
        request = digest(f"{method}:{given['uri']}".encode())
        middle = f"{given['nonce']}:{given.get('nc', '')}:{given.get('cnonce', '')}:auth" if given.get("qop") == "auth" else given["nonce"]
        return hmac.compare_digest(digest(f"{secret}:{middle}:{request}".encode()), given.get("response", ""))
