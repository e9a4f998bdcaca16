"""Ways to tamper with a package, each with the check that has to notice it. Whoever tampers has no key of the district."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.fakes.authenticator import USER_PRESENT, Authenticator, Lie
from vms.crypto import sign
from vms.domain.checkpoint import signed_note, verifier_key
from vms.domain.package import canonical, signed_text
from vms.services import webauthn
from vms.services.log_key import LogKey

OTHER_KEY = LogKey(bytes(range(1, 33)))
Act = Callable[[Path], None]


@dataclass(frozen=True, slots=True)
class Tampering:
    act: Act
    check: str
    """Which says so."""
    outcome: str = "FAIL"
    told: bool = True
    """Whether the one who verifies gives the key's fingerprint."""


def _videos(folder: Path) -> list[Path]:
    return sorted((folder / "video").iterdir())


def _flip_a_bit(folder: Path) -> None:
    video = _videos(folder)[0]
    content = bytearray(video.read_bytes())
    content[-10] ^= 1
    video.write_bytes(content)


def _drop_a_segment(folder: Path) -> None:
    """Take the last segment out of a video, and its line out of the list."""
    told = _manifest(folder)
    video = told["videos"][0]
    last = video["segments"].pop()
    path = folder / video["path"]
    path.write_bytes(path.read_bytes()[: last["offset"]])
    _write_manifest(folder, told)


def _swap_two_files(folder: Path) -> None:
    first, second, *_ = _videos(folder)
    first.rename(folder / "between")
    second.rename(first)
    (folder / "between").rename(second)


def _edit_the_manifest(folder: Path) -> None:
    told = _manifest(folder)
    told["request"] = "2026-015"
    _write_manifest(folder, told)


def _edit_the_custody_report(folder: Path) -> None:
    path = folder / "custody.json"
    path.write_bytes(path.read_bytes().replace(b"Helen Marsh", b"Selma Marsh"))


def _sign_with_another_key(folder: Path) -> None:
    """Sign everything anew, with another key and a log of its own that holds just the entry: consistent in itself."""
    told = _manifest(folder)
    line = f"{verifier_key(told['log'], OTHER_KEY.public)}\n".encode()
    (folder / "keys" / "district.vkey").write_bytes(line)
    told["files"]["keys/district.vkey"] = {"sha256": sha256(line).hexdigest(), "size": len(line)}
    _sign_anew(folder, told)


def _truncate_the_logs_proof(folder: Path) -> None:
    path = folder / "log" / "entry.tlog-proof"
    head, _, note = path.read_text().partition("\n\n")
    path.write_text("\n".join(head.split("\n")[:-1]) + "\n\n" + note)


def _add_a_certificate(folder: Path) -> None:
    """What has a certificate fails when that has expired. A package has none: one that is there was added."""
    (folder / "keys" / "certificate.pem").write_text("-----BEGIN CERTIFICATE-----\nexpired\n-----END CERTIFICATE-----\n")


def _rename_a_file(folder: Path) -> None:
    video = _videos(folder)[0]
    video.rename(video.with_name("entrance.mp4"))


def _add_a_file(folder: Path) -> None:
    shutil.copy(_videos(folder)[0], folder / "video" / "004_what_else_happened.mp4")


def _remove_a_gap(folder: Path) -> None:
    """Take the line out of list and table, and sign it anew, as a forger in the house would."""
    told = _manifest(folder)
    told["missing"].clear()
    table = folder / "segments.csv"
    content = "".join(line for line in table.read_text().splitlines(keepends=True) if not line.startswith("missing")).encode()
    table.write_bytes(content)
    told["files"]["segments.csv"] = {"sha256": sha256(content).hexdigest(), "size": len(content)}
    _write_manifest(folder, told)
    _sign_with_another_key(folder)


def _replace_verifiers_and_keys(folder: Path) -> None:
    told = _manifest(folder)
    for name in ("verify.py", "verify.html"):
        content = b"print('VERIFIED')\n"
        (folder / name).write_bytes(content)
        told["files"][name] = {"sha256": sha256(content).hexdigest(), "size": len(content)}
    _write_manifest(folder, told)
    _sign_with_another_key(folder)


def _approve_another_scope(folder: Path) -> None:
    """Put another text in the place of what was approved: the same cameras and times, for somebody else."""
    told = _manifest(folder)
    told["approval"]["scope"] = told["approval"]["scope"].replace("Alvarez", "Olivarez")
    _write_manifest(folder, told)
    _sign_with_another_key(folder)


def _approve_by_another_passkey(folder: Path) -> None:
    told = _manifest(folder)
    told["approval"]["assertion"]["public_key"] = Authenticator("https://cameras.library.example").public_key.hex()
    _write_manifest(folder, told)
    _sign_with_another_key(folder)


def _flip_a_bit_of(name: str, at: int) -> Act:
    def act(folder: Path) -> None:
        told = _manifest(folder)
        signed = told["approval"]["assertion"]
        octets = bytearray.fromhex(signed[name])
        octets[at] ^= 1
        signed[name] = octets.hex()
        _write_manifest(folder, told)
        _sign_with_another_key(folder)

    return act


def approve_by_passkey(lie: Lie) -> Act:
    """Have another passkey sign the approval, which says in its answer what `lie` says; with the truth alone the approval is a good one."""

    def act(folder: Path) -> None:
        told = _manifest(folder)
        approval, device = told["approval"], Authenticator("https://cameras.library.example")
        signed, scope = approval["assertion"], sha256(approval["scope"].encode()).hexdigest()
        challenge = sha256(f"custodian approval v1\n{approval['id']}\n{scope}\n{signed['nonce']}\n".encode()).digest()
        asked = {"rpId": signed["rp_id"], "challenge": base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()}
        answer = webauthn.parts_of(device.get(json.dumps({"publicKey": asked}), lie))
        signed["authenticator_data"], signed["client_data"] = answer.authenticator_data.hex(), answer.client_data.hex()
        signed["signature"], signed["public_key"] = answer.signature.hex(), device.public_key.hex()
        _write_manifest(folder, told)
        _sign_with_another_key(folder)

    return act


def _add_octets_to_a_video(folder: Path) -> None:
    _with_video(folder, lambda video, content: (video, content + b"more"))


def _leave_a_hole_between_pieces(folder: Path) -> None:
    def change(video: dict, content: bytes) -> tuple[dict, bytes]:  # type: ignore[type-arg]
        one = video["segments"][1]
        one["offset"], one["size"], one["whole"] = one["offset"] + 4, one["size"] - 4, False
        one["sha256"] = sha256(content[one["offset"] :][: one["size"]]).hexdigest()
        return video, content

    _with_video(folder, change)


def _say_that_it_was_recorded_otherwise(folder: Path) -> None:
    def change(video: dict, content: bytes) -> tuple[dict, bytes]:  # type: ignore[type-arg]
        video["segments"][0]["recorded_sha256"] = "0" * 64
        return video, content

    _with_video(folder, change)


def _with_video(folder: Path, change: Callable[[dict, bytes], tuple[dict, bytes]]) -> None:  # type: ignore[type-arg]
    """Change the first video and what the manifest says of it, and sign that anew."""
    told = _manifest(folder)
    path = folder / told["videos"][0]["path"]
    told["videos"][0], content = change(told["videos"][0], path.read_bytes())
    path.write_bytes(content)
    told["files"][told["videos"][0]["path"]] = {"sha256": sha256(content).hexdigest(), "size": len(content)}
    _write_manifest(folder, told)
    _sign_with_another_key(folder)


def _name_another_request_in_the_log(folder: Path) -> None:
    _sign_with_another_key(folder)
    _log_anew(folder, _manifest(folder), request="2026-015")


def _number_the_entry_otherwise(folder: Path) -> None:
    _sign_with_another_key(folder)
    _log_anew(folder, _manifest(folder), number=2)


def _write_the_manifest_otherwise(folder: Path) -> None:
    """The same list in other octets, signed: of two that say the same one would have two digests."""
    _sign_with_another_key(folder)
    told = _manifest(folder)
    _sign_octets(folder, told, json.dumps(told, indent=1).encode())


def _approve_less(folder: Path) -> None:
    """Let the package be of a minute more than what was approved, in words that a forger would choose."""
    told = _manifest(folder)
    told["cameras"][0]["spans"][0][0] -= 60 * 90_000
    _write_manifest(folder, told)
    _sign_with_another_key(folder)


TAMPERINGS: dict[str, Tampering] = {
    "bit flip": Tampering(_flip_a_bit, "digests"),
    "dropped segment": Tampering(_drop_a_segment, "signature"),
    "swapped file": Tampering(_swap_two_files, "digests"),
    "edited manifest": Tampering(_edit_the_manifest, "signature"),
    "edited custody": Tampering(_edit_the_custody_report, "digests"),
    "wrong key": Tampering(_sign_with_another_key, "key"),
    "truncated log proof": Tampering(_truncate_the_logs_proof, "log"),
    "expired certificate": Tampering(_add_a_certificate, "files"),
    "renamed file": Tampering(_rename_a_file, "files"),
    "added file": Tampering(_add_a_file, "files"),
    "removed gap line": Tampering(_remove_a_gap, "time"),
    "approval of another scope": Tampering(_approve_another_scope, "approval"),
    "approval by another passkey": Tampering(_approve_by_another_passkey, "approval"),
    "flipped bit in the passkey's signature": Tampering(_flip_a_bit_of("signature", -1), "approval"),
    "flipped bit in what the authenticator said": Tampering(_flip_a_bit_of("authenticator_data", 36), "approval"),
    "flipped bit in the approval's nonce": Tampering(_flip_a_bit_of("nonce", 0), "approval"),
    "more than was approved": Tampering(_approve_less, "approval"),
    "passkey that did not look whose it is": Tampering(approve_by_passkey(Lie(flags=USER_PRESENT)), "approval"),
    "passkey of other pages": Tampering(approve_by_passkey(Lie(rp_id="elsewhere.example")), "approval"),
    "passkey that was enrolled and approved nothing": Tampering(approve_by_passkey(Lie(kind="webauthn.create")), "approval"),
    "octets after the last piece": Tampering(_add_octets_to_a_video, "recordings"),
    "hole between two pieces": Tampering(_leave_a_hole_between_pieces, "recordings"),
    "piece that was recorded otherwise": Tampering(_say_that_it_was_recorded_otherwise, "recordings"),
    "entry of another request": Tampering(_name_another_request_in_the_log, "log"),
    "entry of another number": Tampering(_number_the_entry_otherwise, "log"),
    "manifest in other octets": Tampering(_write_the_manifest_otherwise, "manifest"),
    "replaced verifiers and keys": Tampering(_replace_verifiers_and_keys, "key", "WARN", told=False),
}


def _with_entry(change: Callable[[dict[str, str]], dict[str, str]]) -> Act:
    def act(folder: Path) -> None:
        path = folder / "log" / "entry.json"
        before = json.loads(path.read_bytes())
        after = change(dict(before))
        assert after != before
        path.write_text(json.dumps(after))

    return act


def _other(text: str) -> str:
    """Another text of base64 that is as long."""
    return text[:3] + ("B" if text[3] == "A" else "A") + text[4:]


SEALED_TAMPERINGS = {
    "another-opening": Tampering(_with_entry(lambda told: told | {"opening": _other(told["opening"])}), "log"),
    "a-short-opening": Tampering(_with_entry(lambda told: told | {"opening": told["opening"][:4]}), "log"),
    "another-rest": Tampering(_with_entry(lambda told: told | {"rest": _other(told["rest"])}), "log"),
    "no-rest": Tampering(_with_entry(lambda told: told | {"rest": ""}), "log"),
    "text-moved-into-the-rest": Tampering(_with_entry(lambda told: told | {"body": told["body"] + " "}), "log"),
    "other-words": Tampering(_with_entry(lambda told: told | {"body": told["body"].replace("packages", "package")}), "log"),
    "told-as-an-ordinary-entry": Tampering(_with_entry(lambda told: {"salt": told["opening"], "body": told["body"]}), "log"),
}
"""Of the package of a sealed request, whose entry in the log is opened alone."""


def five_gigabytes(folder: Path) -> str:
    """Make the first two videos sparse files of 2.5 GiB, sign that, and return the key: offsets like those of long recordings."""
    told, size, empty = _manifest(folder), 5 << 29, sha256()
    for _ in range(size >> 20):
        empty.update(bytes(1 << 20))
    for video in told["videos"][:2]:
        (folder / video["path"]).write_bytes(b"")
        with (folder / video["path"]).open("r+b") as file:
            file.truncate(size)
        segment = {"offset": 0, "size": size, "sha256": empty.hexdigest(), "whole": False}
        video["segments"] = [video["segments"][0] | segment]
        told["files"][video["path"]] = {"sha256": empty.hexdigest(), "size": size}
    _write_manifest(folder, told)
    _sign_with_another_key(folder)
    return verifier_key(str(told["log"]), OTHER_KEY.public)


def _manifest(folder: Path) -> dict:  # type: ignore[type-arg] # a tamperer's JSON is of any shape
    told = json.loads((folder / "manifest.json").read_bytes())
    assert isinstance(told, dict)
    return told


def _write_manifest(folder: Path, told: dict) -> None:  # type: ignore[type-arg]
    (folder / "manifest.json").write_bytes(canonical(told))


def _sign_anew(folder: Path, told: dict) -> None:  # type: ignore[type-arg]
    """Sign with the other key, and make a log of one entry that says so."""
    _sign_octets(folder, told, canonical(told))


def _sign_octets(folder: Path, told: dict, manifest: bytes) -> None:  # type: ignore[type-arg]
    (folder / "manifest.json").write_bytes(manifest)
    log = str(told["log"])
    (folder / "manifest.note").write_text(_signed(log, signed_text(log, str(told["request"]), manifest)))
    _log_anew(folder, told)


def _log_anew(folder: Path, told: dict, *, number: int = 1, request: str = "") -> None:  # type: ignore[type-arg]
    """Make a log of one entry that names the manifest that is there, and sign it with the other key."""
    log, manifest = str(told["log"]), (folder / "manifest.json").read_bytes()
    detail = {"manifest": sha256(manifest).hexdigest(), "request": request or told["request"]}
    body = json.dumps({"action": "export:package", "detail": detail, "number": number})
    entry = {"salt": base64.b64encode(bytes(16)).decode(), "body": body}
    root = base64.b64encode(sha256(b"\x00" + bytes(16) + entry["body"].encode()).digest()).decode()
    checkpoint = f"{log}\n1\n{root}\n"
    (folder / "log" / "entry.json").write_text(json.dumps(entry))
    (folder / "log" / "entry.tlog-proof").write_text(f"c2sp.org/tlog-proof@v1\nindex 0\n\n{_signed(log, checkpoint)}")


def _signed(log: str, text: str) -> str:
    return signed_note(text, log, OTHER_KEY.public, sign(OTHER_KEY.private, text.encode()))
