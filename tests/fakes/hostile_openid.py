"""An OpenID provider that lies: a thread on loopback whose every answer a test may put another in the place of."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from joserfc import jwt
from joserfc.jwk import Key, RSAKey

CLIENT = "custodian"
SECRET = "the client's secret"
Claims = dict[str, object]


@dataclass
class Answer:
    """Status, headers and body; the pieces of a body are sent one by one, each after `wait` returned."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: int = 1
    wait: Callable[[], object] = lambda: None


@cache
def _key() -> RSAKey:
    """Return one for all: making it takes longer than any test here."""
    return RSAKey.generate_key(2048, {"kid": "k", "use": "sig"})


@dataclass
class HostileProvider:
    issuer: str
    key: RSAKey = field(default_factory=_key)
    answers: dict[str, Answer] = field(default_factory=dict)
    """Path → what is answered instead of the truth."""
    asked: list[str] = field(default_factory=list)
    """Paths, in order."""
    forms: list[str] = field(default_factory=list)
    """Authorization header and body of each token request."""
    token: str = ""

    def document(self, **changes: object) -> Answer:
        truth: Claims = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
        }
        return Answer(json.dumps(truth | changes).encode())

    def keys(self, *keys: Key) -> Answer:
        return Answer(json.dumps({"keys": [key.as_dict(private=False) for key in keys or (self.key,)]}).encode())

    def claims(self, at: datetime, nonce: str, **changes: object) -> Claims:
        now = int(at.timestamp())
        truth: Claims = {"iss": self.issuer, "sub": "ana", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce, "auth_time": now}
        return {name: value for name, value in (truth | changes).items() if value is not None}

    def sign(self, claims: Claims, *, key: Key | None = None, alg: str = "RS256", kid: str = "k") -> None:
        """Answer the next code with this token."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joserfc warns of what is tried here
            self.token = jwt.encode({"alg": alg, "kid": kid}, claims, key or self.key, algorithms=[alg])

    def answer(self, path: str) -> Answer:
        self.asked.append(path)
        match path:
            case "/.well-known/openid-configuration":
                truth = self.document()
            case "/jwks":
                truth = self.keys()
            case "/token":
                truth = Answer(json.dumps({"access_token": "a", "token_type": "Bearer", "id_token": self.token}).encode())
            case _:
                truth = Answer(status=404)
        return self.answers.get(path, truth)


@contextmanager
def hostile_provider() -> Iterator[HostileProvider]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.provider = HostileProvider(f"http://127.0.0.1:{server.server_address[1]}")  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.provider  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._send(self._provider.answer(self.path))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self._provider.forms.append(f"{self.headers.get('authorization', '')} {body}")
        self._send(self._provider.answer(self.path))

    def log_message(self, *_arguments: object) -> None: ...

    @property
    def _provider(self) -> HostileProvider:
        provider: HostileProvider = self.server.provider  # type: ignore[attr-defined]
        return provider

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in ({"content-length": str(len(answer.body) * answer.pieces)} | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for _ in range(answer.pieces):
                answer.wait()
                self.wfile.write(answer.body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
