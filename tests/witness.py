"""A witness of C2SP tlog-witness as a process of its own, which shares no code with the product: `python -m tests.witness LOG_KEY`.

It prints its address and its verifier key, then serves until it is ended. The consistency proof is checked by the recursion of
RFC 6962 §2.1.2, where the product verifies by the loop of RFC 9162.
"""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

NAME = "witness.example/w1"


@dataclass
class Seen:
    size: int
    root: bytes


class Witnessing:
    """What it knows, and its answer to one request: status, body."""

    def __init__(self, log_key: str) -> None:
        self.log, self.log_id, encoded = log_key.split("+", 2)
        self.public = Ed25519PublicKey.from_public_bytes(base64.b64decode(encoded)[1:])
        self.private = Ed25519PrivateKey.generate()
        self.seen = Seen(0, b"")

    @property
    def key(self) -> str:
        public = b"\x04" + self.private.public_key().public_bytes_raw()
        return f"{NAME}+{self._id().hex()}+{base64.b64encode(public).decode()}"

    def answer(self, body: str) -> tuple[int, str]:
        head, _, note = body.partition("\n\n")
        old_line, *proof = head.split("\n")
        old, hashes = int(old_line.removeprefix("old ")), [base64.b64decode(line) for line in proof]
        text, _, signatures = note.partition("\n\n")
        origin, size_line, root_line = f"{text}\n".split("\n")[:3]
        size, root = int(size_line), base64.b64decode(root_line)
        if origin != self.log:
            return 404, "unknown log\n"
        if not self._is_signed(f"{text}\n", signatures):
            return 403, "no signature by a known key\n"
        if old > size:
            return 400, "old size beyond the checkpoint\n"
        if old != self.seen.size or (old == size and root != self.seen.root):
            return 409, f"{self.seen.size}\n"
        if old and (old != size or hashes) and not consistent(old, self.seen.root, size, root, hashes):
            return 422, "not consistent\n"
        if not old and hashes:
            return 422, "a proof from nothing\n"
        self.seen = Seen(size, root)
        return 200, self._cosigned(f"{text}\n")

    def _is_signed(self, text: str, signatures: str) -> bool:
        for line in signatures.splitlines():
            _, name, encoded = line.split(" ")
            blob = base64.b64decode(encoded)
            if name == self.log and blob[:4].hex() == self.log_id:
                try:
                    self.public.verify(blob[4:], text.encode())
                except InvalidSignature:
                    continue
                return True
        return False

    def _cosigned(self, text: str) -> str:
        seconds = int(time.time())
        signature = self.private.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
        return f"— {NAME} {base64.b64encode(self._id() + seconds.to_bytes(8, 'big') + signature).decode()}\n"

    def _id(self) -> bytes:
        return hashlib.sha256(NAME.encode() + b"\n\x04" + self.private.public_key().public_bytes_raw()).digest()[:4]


def consistent(old: int, old_root: bytes, size: int, root: bytes, proof: list[bytes]) -> bool:
    """Rebuild both roots from the proof, as RFC 6962 §2.1.2 takes it apart."""
    left = list(proof)

    def both(m: int, n: int, *, whole: bool) -> tuple[bytes, bytes]:
        if m == n:
            same = old_root if whole else left.pop(0)
            return same, same
        k = 1 << (n - 1).bit_length() - 1
        if m <= k:
            before, after = both(m, k, whole=whole)
            return before, _node(after, left.pop(0))
        before, after = both(m - k, n - k, whole=False)
        other = left.pop(0)
        return _node(other, before), _node(other, after)

    try:
        return both(old, size, whole=True) == (old_root, root) and not left
    except IndexError:
        return False


def _node(one: bytes, other: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + one + other).digest()


@dataclass(frozen=True)
class Running:
    url: str
    key: str


@contextmanager
def witnessing(log_key: str) -> Iterator[Running]:
    """Run a witness that knows this log until the block ends."""
    command = [sys.executable, "-m", "tests.witness", log_key]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            url, key = process.stdout.readline().strip(), process.stdout.readline().strip()
            yield Running(url, key)
        finally:
            process.kill()


def main(log_key: str) -> None:
    witness = Witnessing(log_key)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            status, text = witness.answer(body) if self.path == "/w/add-checkpoint" else (404, "no such page\n")
            self.send_response(status)
            self.send_header("content-type", "text/x.tlog.size" if status == 409 else "text/plain")
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        sys.stdout.write(f"http://127.0.0.1:{server.server_port}/w/\n{witness.key}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
