#!/usr/bin/env python3
"""Verify a package of footage, offline: Python 3.9 or newer, nothing else, no network.

    python3 verify.py                     from inside the package's folder
    python3 verify.py FOLDER --key KEY    KEY: the district's key, or its fingerprint, as the district publishes it

Each check says PASS, WARN or FAIL. The last line says VERIFIED only if every check passed. Without --key it can't: whoever changes
a package can change the key in it. A copy of this file from the district itself is better than the one in the package.

Exit code: 0 verified, 1 a check failed, 2 no package, 3 nothing failed, but not everything is confirmed.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

FORMAT = "custodian package 1"
APPROVAL = "custodian approval v1"
TICKS_PER_MS = 90
MANIFEST, NOTE, VKEY = "manifest.json", "manifest.note", "keys/district.vkey"
ENTRY, PROOF = "log/entry.json", "log/entry.tlog-proof"
UNSIGNED = {MANIFEST, NOTE, ENTRY, PROOF}
"""What the manifest can't list: itself, the signature over it, and what the log says of both."""
BLOCK = 1 << 20
MAX_TEXT = 64 << 20
MIN_FINGERPRINT = 32
TICKS = 90_000
PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
WORST = {PASS: 0, WARN: 3, FAIL: 1}

Point = tuple[int, int, int, int]
"""Extended coordinates."""
Flat = tuple[int, int]
"""Affine coordinates."""
Result = tuple[str, str, str]
"""Name, outcome and sentence of a check."""


class Failed(Exception):
    """A check that did not pass, with the sentence that says why."""


class Unconfirmed(Exception):
    """Nothing is wrong, but something is not known."""


# Ed25519 (RFC 8032 section 5.1), for verifying alone: it handles no secret, so it need not be constant in time.

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def added(p: Point, q: Point) -> Point:
    """Return the sum of two points in extended coordinates."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = added(total, point)
        point, number = added(point, point), number >> 1
    return total


def point_of(octets: bytes) -> Point:
    """Return the point that 32 octets stand for; Failed when they stand for none."""
    y = int.from_bytes(octets, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    if v * x * x % P != u:
        x = x * ROOT % P
    if y >= P or v * x * x % P != u or (x == 0 and sign):
        raise Failed("a point that is not on the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(public: bytes, text: bytes, signature: bytes) -> bool:
    if len(public) != 32 or len(signature) != 64:
        return False
    s = int.from_bytes(signature[32:], "little")
    try:
        a, r = point_of(public), point_of(signature[:32])
    except Failed:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + text).digest(), "little") % L
    left, right = times(s, BASE), added(r, times(k, a))
    same = (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0
    return s < L and same


# What passkeys sign with: ES256 on P-256 (FIPS 186-5), EdDSA, RS256 (RFC 8017); for verifying alone.

Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def plus(p: Flat | None, q: Flat | None) -> Flat | None:
    """Return the sum of two points of P-256; None is the point at infinity."""
    if p is None or q is None:
        return q if p is None else p
    if p[0] == q[0] and (p[1] + q[1]) % Q == 0:
        return None
    rise, run = (3 * p[0] * p[0] - 3, 2 * p[1]) if p == q else (q[1] - p[1], q[0] - p[0])
    slope = rise * pow(run, Q - 2, Q) % Q
    x = (slope * slope - p[0] - q[0]) % Q
    return x, (slope * (p[0] - x) - p[1]) % Q


def many(number: int, point: Flat | None) -> Flat | None:
    total: Flat | None = None
    while number:
        if number & 1:
            total = plus(total, point)
        point, number = plus(point, point), number >> 1
    return total


def is_es256(x: bytes, y: bytes, text: bytes, signature: bytes) -> bool:
    key = int.from_bytes(x, "big"), int.from_bytes(y, "big")
    on_curve = max(key) < Q and (key[1] ** 2 - key[0] ** 3 + 3 * key[0] - B) % Q == 0
    r, s = der_pair(signature)
    if not on_curve or not (0 < r < N and 0 < s < N):
        return False
    digest, turned = int.from_bytes(hashlib.sha256(text).digest(), "big"), pow(s, N - 2, N)
    point = plus(many(digest * turned % N, G), many(r * turned % N, key))
    return point is not None and point[0] % N == r


def der_pair(octets: bytes) -> tuple[int, int]:
    """Return the two numbers of an ECDSA signature in DER, which has one form for each; Failed for any other."""
    numbers, at = [], 2
    while at < len(octets):
        size = octets[at + 1]
        numbers.append(int.from_bytes(octets[at + 2 : at + 2 + size], "big"))
        at += 2 + size
    parts = [number.to_bytes(number.bit_length() // 8 + 1, "big") for number in numbers]
    body = b"".join(b"\x02" + bytes([len(part)]) + part for part in parts)
    if len(numbers) != 2 or octets != b"\x30" + bytes([len(body)]) + body:
        raise Failed("the passkey's signature can't be read")
    return numbers[0], numbers[1]


def is_rs256(modulus: bytes, exponent: bytes, text: bytes, signature: bytes) -> bool:
    n, size = int.from_bytes(modulus, "big"), len(modulus)
    head = bytes.fromhex("3031300d060960864801650304020105000420")
    wanted = b"\x00\x01" + b"\xff" * (size - len(head) - 35) + b"\x00" + head + hashlib.sha256(text).digest()
    number = int.from_bytes(signature, "big")
    if size < 256 or len(signature) != size or number >= n:
        return False
    return pow(number, int.from_bytes(exponent, "big"), n).to_bytes(size, "big") == wanted


def cose_of(octets: bytes) -> dict[int, Any]:
    """Return a COSE_Key (RFC 9052 section 7): a CBOR map of small numbers to numbers and octets."""
    found, at = {}, 1

    def item(at: int) -> tuple[Any, int]:
        kind, value, size = octets[at] >> 5, octets[at] & 31, {24: 1, 25: 2}.get(octets[at] & 31, 0)
        if value > 25 or kind > 2:
            raise Failed("the passkey's key can't be read")
        at += 1 + size
        value = int.from_bytes(octets[at - size : at], "big") if size else value
        if kind == 2:
            return octets[at : at + value], at + value
        return (-1 - value if kind else value), at

    for _ in range(octets[0] & 31):
        name, at = item(at)
        found[name], at = item(at)
    if octets[0] >> 5 != 5 or at != len(octets):
        raise Failed("the passkey's key can't be read")
    return found


def is_signed_by_passkey(key: dict[int, Any], text: bytes, signature: bytes) -> bool:
    kind = key.get(1), key.get(3), key.get(-1) if key.get(1) != 3 else None
    if kind == (2, -7, 1):
        return is_es256(key[-2], key[-3], text, signature)
    if kind == (1, -8, 6):
        return is_signed(key[-2], text, signature)
    if kind == (3, -257, None):
        return is_rs256(key[-1], key[-2], text, signature)
    raise Failed("the passkey's key is of a kind that no passkey here has")


# The district's key, and what it signed (C2SP signed-note, tlog-checkpoint, tlog-proof).


class Key:
    def __init__(self, line: str) -> None:
        self.line = line.strip()
        try:
            self.name, self.id, encoded = self.line.split("+", 2)
            blob = base64.b64decode(encoded, validate=True)
        except ValueError:
            raise Failed("the district's key can't be read") from None
        self.public = blob[1:]
        wanted = hashlib.sha256(f"{self.name}\n".encode() + blob).digest()[:4]
        if blob[:1] != b"\x01" or len(self.public) != 32 or self.id != wanted.hex():
            raise Failed("the district's key can't be read")
        self.fingerprint = hashlib.sha256(self.line.encode()).hexdigest()

    def is_named_by(self, told: str) -> bool:
        """Say whether `told`, a key or a fingerprint in any spacing, is of this key; at least 32 of its 64 digits."""
        if "+" in told:
            return told.strip() == self.line
        digits = "".join(one for one in told.lower() if one in "0123456789abcdef")
        return len(digits) >= MIN_FINGERPRINT and self.fingerprint.startswith(digits)

    def signed(self, note: str) -> str:
        """Return the text of a signed note; Failed unless this key signed it."""
        text, gap, signatures = note.rpartition("\n\n")
        for line in signatures.splitlines() if gap else ():
            signer, _, encoded = line[2:].partition(" ")
            try:
                blob = base64.b64decode(encoded, validate=True)
            except ValueError:
                continue
            ours = line[:2] == "\u2014 " and signer == self.name and blob[:4].hex() == self.id
            if ours and is_signed(self.public, (text + "\n").encode(), blob[4:]):
                return text + "\n"
        raise Failed(f"it is not signed by the key {self.name}")


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def leaf_of(entry: dict[str, str]) -> bytes:
    """Return the hash of an entry in the log's tree; one that is sealed is opened alone, and of the rest a digest is given."""
    if "salt" in entry:
        return hashlib.sha256(b"\x00" + base64.b64decode(entry["salt"]) + entry["body"].encode()).digest()
    opening, rest = base64.b64decode(entry["opening"], validate=True), base64.b64decode(entry["rest"], validate=True)
    if (len(opening), len(rest)) != (32, 32):
        raise Failed("the log's entry can't be read")
    return hashlib.sha256(b"\x00" + hashlib.sha256(opening + entry["body"].encode()).digest() + rest).digest()


def root_of(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the tree's root by RFC 9162 section 2.1.3.2; Failed when the path has the wrong length."""
    if not 0 <= index < size:
        raise Failed("the log's proof is of an entry behind its end")
    at, last, result = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise Failed("the log's proof is too long")
        if at & 1 or at == last:
            result = node(step, result)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            result = node(result, step)
        at, last = at >> 1, last >> 1
    if last:
        raise Failed("the log's proof is cut short")
    return result


# The folder.


def octets_in(folder: Path, path: str) -> bytes:
    there = folder / path
    if there.is_symlink() or not there.is_file():
        raise Failed(f"{path} is missing")
    if there.stat().st_size > MAX_TEXT:
        raise Failed(f"{path} is larger than any")
    return there.read_bytes()


def text_in(folder: Path, path: str) -> str:
    try:
        return octets_in(folder, path).decode("utf-8")
    except UnicodeDecodeError:
        raise Failed(f"{path} is no text") from None


def names_in(folder: Path) -> list[str]:
    """Return the paths of all files, and of folders in which nothing is, with / on every system."""
    found = []
    for at, folders, files in os.walk(str(folder), onerror=refused):
        here = Path(at)
        linked = [name for name in folders if (here / name).is_symlink()]
        empty = [] if folders or files else [""]
        found += [(here / name).relative_to(folder).as_posix() for name in files + linked + empty]
    return found


def refused(err: OSError) -> None:
    """Fail on a folder that can't be looked into: what was added may be in it."""
    raise err


def digest_of(path: Path, start: int = 0, size: int | None = None) -> str:
    """Return SHA-256 of a file, or of `size` octets of it from `start`."""
    digest, left = hashlib.sha256(), size
    with path.open("rb") as file:
        file.seek(start)
        while left is None or left > 0:
            block = file.read(BLOCK if left is None else min(BLOCK, left))
            if not block:
                break
            digest.update(block)
            left = None if left is None else left - len(block)
    return digest.hexdigest()


class Package:
    """What is verified. Each method of `CHECKS` returns a sentence when it passes and raises Failed, or Unconfirmed, when not."""

    def __init__(self, folder: Path, key: str | None) -> None:
        self.folder = folder
        self.told = key
        self.octets = octets_in(folder, MANIFEST)
        self.manifest = json.loads(self.octets.decode("utf-8"))
        if self.manifest["format"] != FORMAT:
            raise Failed(f"this verifier does not know the format {self.manifest['format']}")
        self.sha256 = hashlib.sha256(self.octets).hexdigest()

    def key(self) -> Key:
        return Key(text_in(self.folder, VKEY))

    def check_manifest(self) -> str:
        again = json.dumps(self.manifest, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        if again != self.octets:
            raise Failed("manifest.json is not in its canonical form")
        return f"request {self.manifest['request']} of {self.manifest['district']}, SHA-256 {self.sha256}"

    def check_signature(self) -> str:
        text = self.key().signed(text_in(self.folder, NOTE))
        if text != f"{self.manifest['log']}\npackage {self.manifest['request']}\n{self.sha256}\n":
            raise Failed("the signature is over another manifest")
        return f"the manifest is signed by {self.key().name}"

    def check_key(self) -> str:
        key = self.key()
        if self.told is None:
            raise Unconfirmed(
                "key not confirmed. Compare this fingerprint with what the district publishes, and give it with --key: "
                + spaced(key.fingerprint)
            )
        if not key.is_named_by(self.told):
            raise Failed(f"the package is signed by another key than the one you gave: {spaced(key.fingerprint)}")
        return "it is the key that you gave"

    def check_files(self) -> str:
        """Compare what is in the folder with what the manifest lists, by name."""
        there, listed = set(names_in(self.folder)), set(self.manifest["files"])
        for path in sorted(listed - there):
            raise Failed(f"{path} is missing, or has another name")
        for path in sorted(there - listed - UNSIGNED):
            raise Failed(f"{path} was added: it is not part of the package")
        for path in sorted(listed):
            parts = path.split("/")
            if "\\" in path or ":" in path or not path.isascii() or any(part in ("", ".", "..") for part in parts):
                raise Failed(f"the manifest lists a path that is none: {path!r}")
        return f"{len(listed)} files, none missing, none added"

    def check_digests(self) -> str:
        """Read every listed file and compare its size and SHA-256."""
        listed = self.manifest["files"]
        for path, wanted in sorted(listed.items()):
            there = self.folder / path
            if there.is_symlink() or not there.is_file():
                raise Failed(f"{path} is missing")
            if there.stat().st_size != wanted["size"]:
                raise Failed(f"{path} has {there.stat().st_size} bytes; {wanted['size']} were released")
            if digest_of(there) != wanted["sha256"]:
                raise Failed(f"{path} was changed")
        return f"{len(listed)} files are bit for bit those that were released"

    def check_recordings(self) -> str:
        """Read the recorded pictures of each whole segment and compare them with the digest of the day when they were recorded.

        Of a part of one that digest says nothing: it is compared with what was released.
        """
        whole = parts = 0
        for video in self.manifest["videos"]:
            there, at = self.folder / video["path"], None
            for segment in video["segments"]:
                if at not in (None, segment["offset"]):
                    raise Failed(f"{video['path']} has octets that belong to no segment")
                at = segment["offset"] + segment["size"]
                if segment["whole"] and segment["sha256"] != segment["recorded_sha256"]:
                    raise Failed(f"segment {segment['id']} is not as it was recorded")
                if not there.is_file() or digest_of(there, segment["offset"], segment["size"]) != segment["sha256"]:
                    raise Failed(f"segment {segment['id']} in {video['path']} was changed")
                whole, parts = whole + bool(segment["whole"]), parts + (not segment["whole"])
            if there.stat().st_size != at:
                raise Failed(f"{video['path']} has octets that belong to no segment")
        more = f"; parts of {parts} more are those that were released" if parts else ""
        return f"the pictures of {whole} whole segments are those that were recorded{more}"

    def check_copies(self) -> str:
        """Say which files are no recordings but copies that were encoded anew; a viewing copy stands beside what it is a copy of."""
        listed, counts = self.manifest["files"], {"viewing": 0, "redacted": 0, "still": 0}
        recorded = {video["path"]: listed[video["path"]]["sha256"] for video in self.manifest["videos"]}
        for copy in self.manifest["copies"]:
            if copy["path"] not in listed or copy["path"] in recorded:
                raise Failed(f"{copy['path']} is declared as a copy and is none")
            if copy["kind"] == "viewing" and recorded.get(copy["of"]) != copy["of_sha256"]:
                raise Failed(f"{copy['path']} is a viewing copy of a recording that is not here")
            counts[copy["kind"]] += 1
        told = [f"{counts['viewing']} viewing copies of recordings that are here, for watching alone"] if counts["viewing"] else []
        if counts["redacted"]:
            told.append(f"{counts['redacted']} redacted copies of recordings that are not here")
        if counts["still"]:
            told.append(f"{counts['still']} stills with a mark over them, of recordings that are not here")
        return "; ".join(told) + ": encoded anew, not what the cameras sent" if told else "there are none: all video is as it was recorded"

    def check_time(self) -> str:
        """Compare the time that was asked for with what is in the files and what is declared missing."""
        for camera in self.manifest["cameras"]:
            told = [(v["shown_from"], v["end"]) for v in self.manifest["videos"] if v["camera"] == camera["id"]]
            told += [(c["start"], c["end"]) for c in self.manifest["copies"] if (c["camera"], c["kind"]) == (camera["id"], "redacted")]
            told += [(gap["start"], gap["end"]) for gap in self.manifest["missing"] if gap["camera"] == camera["id"]]
            stills = [c["start"] for c in self.manifest["copies"] if (c["camera"], c["kind"]) == (camera["id"], "still")]
            for start, end in camera["spans"]:
                if any(start <= one < end for one in stills):
                    continue
                at = start
                for first, last in sorted(told):
                    if first > at:
                        break
                    at = max(at, last)
                if at < end:
                    raise Failed(f"of {camera['name']} {(end - at) / TICKS:.3f} s are neither there nor declared missing")
        gaps = self.manifest["missing"]
        seconds = sum(gap["end"] - gap["start"] for gap in gaps) / TICKS
        what = "time has its still or is" if self.has_stills() else "moment is in a file or"
        return f"every {what} declared missing: {len(gaps)} gap{'' if len(gaps) == 1 else 's'}, {seconds:.3f} s"

    def has_stills(self) -> bool:
        return any(copy["kind"] == "still" for copy in self.manifest["copies"])

    def check_approval(self) -> str:
        """Compare what was asked for with the text that was approved, and verify what the passkey of who approved signed."""
        told = self.manifest["approval"]
        if told is None:
            return "the package tells of no approval"
        here = [
            {"camera": camera["id"], "start_ms": start // TICKS_PER_MS, "end_ms": end // TICKS_PER_MS}
            for camera in self.manifest["cameras"]
            for start, end in camera["spans"]
        ]
        footage = json.loads(told["scope"])["footage"]
        if sorted(map(str, map(sorted_items, footage))) != sorted(map(str, map(sorted_items, here))):
            raise Failed("what is in the package is not what was approved")
        signed = told["assertion"]
        if signed is None:
            return f"{told['by']} approved it, and showed by {told['proof']} who that was; no passkey signed it"
        scope = hashlib.sha256(told["scope"].encode()).hexdigest()
        challenge = hashlib.sha256(f"{APPROVAL}\n{told['id']}\n{scope}\n{signed['nonce']}\n".encode()).digest()
        data, client = bytes.fromhex(signed["authenticator_data"]), bytes.fromhex(signed["client_data"])
        said = json.loads(client.decode("utf-8"))
        if (said["type"], said["challenge"]) != ("webauthn.get", base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()):
            raise Failed("the passkey signed another approval")
        if data[:32] != hashlib.sha256(signed["rp_id"].encode()).digest() or len(data) < 37 or data[32] & 5 != 5:
            raise Failed("the passkey signed for other pages, or did not check whose it is")
        public, signature = bytes.fromhex(signed["public_key"]), bytes.fromhex(signed["signature"])
        if not is_signed_by_passkey(cose_of(public), data + hashlib.sha256(client).digest(), signature):
            raise Failed("the passkey's signature under the approval is wrong")
        return f"signed by a passkey of {told['by']}, whose key has the SHA-256 {hashlib.sha256(public).hexdigest()}"

    def check_log(self) -> str:
        """Follow the district's log: an entry names this manifest, and a signed checkpoint holds the entry."""
        entry = json.loads(text_in(self.folder, ENTRY))
        body = json.loads(entry["body"])
        head, lines = "c2sp.org/tlog-proof@v1", text_in(self.folder, PROOF)
        proof, _, note = lines.partition("\n\n")
        first, index, *path = proof.split("\n")
        if first != head or not index.startswith("index "):
            raise Failed("the log's proof can't be read")
        name, size, root = self.key().signed(note).split("\n")[:3]
        told = body["action"], body["detail"]["manifest"], body["detail"]["request"]
        if told != ("export:package", self.sha256, self.manifest["request"]):
            raise Failed("the log's entry is of another package")
        at, steps = int(index[6:]), [base64.b64decode(one, validate=True) for one in path]
        if name != self.manifest["log"] or ("salt" in entry and body["number"] != at + 1):
            raise Failed("the log's proof is of another log or entry")
        if root_of(leaf_of(entry), at, int(size), steps) != base64.b64decode(root, validate=True):
            raise Failed("the log's entry is not in the tree that was signed")
        return f"entry {at + 1} of {name}, in the checkpoint of size {size}" + ("" if "salt" in entry else "; it is sealed in the log")

    CHECKS = (
        ("manifest", check_manifest),
        ("signature", check_signature),
        ("key", check_key),
        ("files", check_files),
        ("digests", check_digests),
        ("recordings", check_recordings),
        ("copies", check_copies),
        ("time", check_time),
        ("approval", check_approval),
        ("log", check_log),
    )

    def results(self) -> list[Result]:
        """Do every check, those that read much beside each other, and return name, outcome and sentence of each."""
        with ThreadPoolExecutor(len(self.CHECKS)) as pool:
            return list(pool.map(self._result, self.CHECKS))

    def _result(self, check: tuple[str, Callable[[Package], str]]) -> Result:
        name, act = check
        try:
            return name, PASS, printable(act(self))
        except Unconfirmed as err:
            return name, WARN, printable(str(err))
        except Failed as err:
            return name, FAIL, printable(str(err))
        except (ValueError, LookupError, TypeError, AttributeError, OSError, RecursionError) as err:
            return name, FAIL, printable(f"it can't be read ({type(err).__name__}: {err})")


def sorted_items(told: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(told.items())


def printable(text: str) -> str:
    """Return what of a package may stand on a terminal: a file's name could move the cursor, hide what follows, or be a line of its own."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def spaced(digits: str) -> str:
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def verified(folder: Path, key: str | None) -> list[Result]:
    """Return the results of all checks; Failed when there is no package."""
    try:
        return Package(folder, key).results()
    except (ValueError, LookupError, TypeError, OSError, RecursionError) as err:
        raise Failed(f"manifest.json can't be read ({err})") from err


def conclusion(results: Sequence[Result]) -> str:
    outcomes = {outcome for _, outcome, _ in results}
    if FAIL in outcomes:
        return "FAILED: this is not the package that the district released, or it was damaged on the way."
    if WARN in outcomes:
        return "NOT CONFIRMED: nothing is wrong with it, but not everything could be checked. See WARN above."
    return "VERIFIED: this is the package that the district released."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Verify a package of footage, offline.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--key", help="the district's key or its fingerprint, from the district itself")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the console of an old Windows lacks most letters
    try:
        results = verified(options.folder, options.key)
    except Failed as err:
        sys.stderr.write(f"{options.folder} is no package that can be verified: {printable(str(err))}\n")
        return 2
    if options.json:
        checks = [{"check": name, "outcome": outcome, "detail": detail} for name, outcome, detail in results]
        print(json.dumps({"ok": all(one["outcome"] == PASS for one in checks), "checks": checks}))
    else:
        for name, outcome, detail in results:
            print(f"{outcome}  {name:10} {detail}")
        print(conclusion(results))
    outcomes = [outcome for _, outcome, _ in results]
    return WORST[FAIL] if FAIL in outcomes else max(WORST[outcome] for outcome in outcomes)


if __name__ == "__main__":
    sys.exit(main())
