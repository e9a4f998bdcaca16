"""`verify.py` notices each way to tamper with a package, and says VERIFIED only of one that nobody touched."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from fido2 import cbor

from tests.fakes.authenticator import TRUTH, Authenticator
from tests.vms.services.packaging import AT, a_hub, a_package, a_sealed_package, a_source, an_order
from tests.vms.services.tampering import SEALED_TAMPERINGS, TAMPERINGS, Tampering, approve_by_passkey, five_gigabytes
from vms.crypto import sign, verifying_key
from vms.services.package_papers import FILES
from vms.services.packages import build_package
from vms.store.database import Engines
from vms.store.migrate import Which


@dataclass(frozen=True, slots=True)
class Released:
    folder: Path
    fingerprint: str

    def copied(self, to: Path) -> Path:
        shutil.copytree(self.folder, to / "package")
        return to / "package"


@pytest.fixture(scope="module")
def released(migrated_sqlite: Callable[[Which, Path], Engines], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    folder = tmp_path_factory.mktemp("released")
    central = migrated_sqlite(Which.CENTRAL, folder / "central.db")
    built = a_package(central, folder)
    yield Released(built.folder, built.fingerprint)
    central.dispose()


@pytest.fixture(scope="module")
def released_under_seal(migrated_sqlite: Callable[[Which, Path], Engines], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Released]:
    folder = tmp_path_factory.mktemp("sealed")
    central = migrated_sqlite(Which.CENTRAL, folder / "central.db")
    built = a_sealed_package(central, folder)
    yield Released(built.folder, built.fingerprint)
    central.dispose()


@pytest.fixture(scope="module")
def verify() -> ModuleType:
    """The verifier as a module, so that each case needs no process of its own; `test_packages` runs it as its reader does."""
    spec = importlib.util.spec_from_file_location("package_verifier", FILES / "verify.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _outcomes(verify: ModuleType, folder: Path, key: str | None) -> dict[str, tuple[str, str]]:
    return {name: (outcome, detail) for name, outcome, detail in verify.verified(folder, key)}


@pytest.mark.parametrize("tampering", TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_each_tampering_is_noticed(
    verify: ModuleType, released: Released, tmp_path: Path, tampering: Tampering, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = released.copied(tmp_path)
    tampering.act(folder)
    code = verify.main([str(folder), *(["--key", released.fingerprint] if tampering.told else [])])
    said = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"{tampering.outcome}  {tampering.check} ") for line in said), said
    assert code == {"FAIL": 1, "WARN": 3}[tampering.outcome]
    assert not said[-1].startswith("VERIFIED")


def test_an_approval_by_a_passkey_that_says_the_truth_passes(verify: ModuleType, released: Released, tmp_path: Path) -> None:
    """So that the lies above are what is noticed."""
    folder = released.copied(tmp_path)
    approve_by_passkey(TRUTH)(folder)
    assert _outcomes(verify, folder, None)["approval"][0] == "PASS"


@pytest.mark.parametrize("tampering", SEALED_TAMPERINGS.values(), ids=SEALED_TAMPERINGS.keys())
def test_tampering_with_a_sealed_entry_is_noticed(
    verify: ModuleType, released_under_seal: Released, tmp_path: Path, tampering: Tampering
) -> None:
    folder = released_under_seal.copied(tmp_path)
    outcome, detail = _outcomes(verify, folder, released_under_seal.fingerprint)["log"]
    assert (outcome, detail.endswith("/district, in the checkpoint of size 16; it is sealed in the log")) == ("PASS", True)
    tampering.act(folder)
    assert _outcomes(verify, folder, released_under_seal.fingerprint)[tampering.check][0] == tampering.outcome


def test_without_tampering_every_check_passes(verify: ModuleType, released: Released, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(released.folder), "--key", released.fingerprint.upper()]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in said[:-1]] == ["PASS"] * 10
    assert said[-1].startswith("VERIFIED")


def test_it_is_never_verified_without_the_districts_key(verify: ModuleType, released: Released, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify.main([str(released.folder)]) == 3
    said = capsys.readouterr().out.splitlines()
    assert said[-1].startswith("NOT CONFIRMED")
    assert any("key not confirmed" in line for line in said)


@pytest.mark.parametrize("digits", ["", "18c6", "f" * 64])
def test_a_fingerprint_that_is_short_or_another_fails(verify: ModuleType, released: Released, digits: str) -> None:
    assert _outcomes(verify, released.folder, digits)["key"][0] == "FAIL"


def test_the_whole_key_is_taken_too(verify: ModuleType, released: Released) -> None:
    line = (released.folder / "keys" / "district.vkey").read_text()
    assert _outcomes(verify, released.folder, line)["key"][0] == "PASS"


def test_any_octet_of_any_file_counts(verify: ModuleType, released: Released, tmp_path: Path) -> None:
    folder, chance = released.copied(tmp_path), random.Random(7)
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        content = path.read_bytes()
        changed = bytearray(content)
        changed[chance.randrange(len(content))] ^= 1 << chance.randrange(7)
        path.write_bytes(changed)
        try:
            outcomes = {outcome for outcome, _ in _outcomes(verify, folder, released.fingerprint).values()}
        except verify.Failed:
            outcomes = {"FAIL"}
        assert "FAIL" in outcomes, path
        path.write_bytes(content)


def test_a_link_in_the_place_of_a_file_is_none(verify: ModuleType, released: Released, tmp_path: Path) -> None:
    folder = released.copied(tmp_path)
    video = next((folder / "video").iterdir())
    video.rename(tmp_path / "elsewhere")
    video.symlink_to(tmp_path / "elsewhere")
    assert _outcomes(verify, folder, released.fingerprint)["digests"] == ("FAIL", f"video/{video.name} is missing")


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "video/a:b", "video\\a"])
def test_a_path_that_leads_elsewhere_fails(verify: ModuleType, released: Released, tmp_path: Path, path: str) -> None:
    folder = released.copied(tmp_path)
    told = json.loads((folder / "manifest.json").read_bytes())
    told["files"][path] = {"sha256": "", "size": 0}
    (folder / "manifest.json").write_text(json.dumps(told))
    assert _outcomes(verify, folder, None)["files"][0] == "FAIL"


@pytest.mark.parametrize("name", ["\x1b[2J\x1b[8m", "a\nVERIFIED: this is the package", "\u202egnp.exe", "\udcff"])
def test_a_name_can_not_write_a_verdict_of_its_own(
    verify: ModuleType, released: Released, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A terminal would clear its screen, or hide all that follows, FAILED among it."""
    folder = released.copied(tmp_path)
    (folder / name).touch()
    assert verify.main([str(folder), "--key", released.fingerprint]) == 1
    said = capsys.readouterr().out
    assert said.replace("\n", "").isprintable()
    assert [line[:6] for line in said.splitlines()][-1] == "FAILED"
    assert len(said.splitlines()) == 11


def test_a_console_without_the_letters_is_told_all_the_same(released: Released, tmp_path: Path) -> None:
    folder = released.copied(tmp_path)
    (folder / "Łódź.mp4").touch()
    command = [sys.executable, str(FILES / "verify.py"), str(folder), "--key", released.fingerprint]  # -I would not heed the encoding
    done = subprocess.run(command, env={"PYTHONIOENCODING": "cp1252"}, check=False, capture_output=True, text=True, encoding="cp1252")
    assert (done.returncode, done.stderr) == (1, "")
    assert "\\u0141" in done.stdout


def test_an_empty_folder_was_added(verify: ModuleType, released: Released, tmp_path: Path) -> None:
    folder = released.copied(tmp_path)
    (folder / "video" / "more").mkdir()
    assert _outcomes(verify, folder, released.fingerprint)["files"] == ("FAIL", "video/more was added: it is not part of the package")


def test_a_folder_that_can_not_be_looked_into_fails(
    verify: ModuleType, released: Released, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = released.copied(tmp_path)
    (folder / "shut").mkdir()
    look = os.scandir

    def refuses(path: str) -> object:
        if path.endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return look(path)

    monkeypatch.setattr(os, "scandir", refuses)
    assert _outcomes(verify, folder, released.fingerprint)["files"][0] == "FAIL"


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": "another"}', b"[" * 100_000, b"\xff"])
def test_what_is_no_package_is_told_in_a_sentence(
    verify: ModuleType, tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    assert verify.main([str(tmp_path)]) == 2
    assert "is no package that can be verified" in capsys.readouterr().err


def test_its_ed25519_agrees_with_ours(verify: ModuleType) -> None:
    """Against the library, and RFC 8032 section 7.1, test 2; a changed octet anywhere fails."""
    public = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert verify.is_signed(public, b"\x72", signature)
    chance = random.Random(3)
    for _ in range(5):
        private, text = chance.randbytes(32), chance.randbytes(chance.randrange(300))
        made, key = bytearray(sign(private, text)), verifying_key(private, file="test")
        assert verify.is_signed(key, text, bytes(made))
        made[chance.randrange(64)] ^= 1
        assert not verify.is_signed(key, text, bytes(made))
    order = 2**252 + 27742317777372353535851937790883648493
    malleable = signature[:32] + (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert not verify.is_signed(public, b"\x72", malleable)


@pytest.mark.long
def test_five_gigabytes_verify_and_one_bit_in_them_counts(verify: ModuleType, released: Released, tmp_path: Path) -> None:
    folder = released.copied(tmp_path)
    key = five_gigabytes(folder)
    assert {outcome for outcome, _ in _outcomes(verify, folder, key).values()} == {"PASS"}
    with sorted((folder / "video").iterdir())[1].open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\1")
    outcomes = _outcomes(verify, folder, key)
    assert [name for name, (outcome, _) in outcomes.items() if outcome == "FAIL"] == ["digests", "recordings"]


def _cose(kind: int, algorithm: int, curve: int, *octets: bytes) -> dict[int, object]:
    return {1: kind, 3: algorithm, -1: curve} | {-2 - at: one for at, one in enumerate(octets)}


def test_its_es256_agrees_with_the_library_and_a_published_vector(verify: ModuleType) -> None:
    """RFC 6979 section A.2.5, P-256 with SHA-256, message "sample"; then keys and texts by chance, and a changed octet anywhere."""
    x = bytes.fromhex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6")
    y = bytes.fromhex("7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")
    r = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
    s = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
    assert verify.is_es256(x, y, b"sample", encode_dss_signature(r, s))
    assert not verify.is_es256(x, y, b"samples", encode_dss_signature(r, s))
    assert not verify.is_es256(x, y[:-1] + b"\x98", b"sample", encode_dss_signature(r, s))
    chance = random.Random(11)
    for _ in range(12):
        key, text = ec.generate_private_key(ec.SECP256R1()), chance.randbytes(chance.randrange(200))
        point = key.public_key().public_numbers()
        cose = _cose(2, -7, 1, point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big"))
        signature = key.sign(text, ec.ECDSA(hashes.SHA256()))
        assert verify.is_signed_by_passkey(cose, text, signature)
        changed = bytearray(signature)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        try:
            taken = verify.is_signed_by_passkey(cose, text, bytes(changed))
        except (verify.Failed, IndexError):
            taken = False
        assert not taken


def test_its_rs256_and_eddsa_agree_with_the_library(verify: ModuleType) -> None:
    rsa_key, text = rsa.generate_private_key(65537, 2048), b"what an older TPM signs"
    numbers = rsa_key.public_key().public_numbers()
    cose = {1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: b"\x01\x00\x01"}
    signature = rsa_key.sign(text, padding.PKCS1v15(), hashes.SHA256())
    assert verify.is_signed_by_passkey(cose, text, signature)
    assert not verify.is_signed_by_passkey(cose, text + b".", signature)
    assert not verify.is_signed_by_passkey(cose, text, rsa_key.sign(text, padding.PKCS1v15(), hashes.SHA512()))
    key = ed25519.Ed25519PrivateKey.generate()
    cose = _cose(1, -8, 6, key.public_key().public_bytes_raw())
    assert verify.is_signed_by_passkey(cose, text, key.sign(text))
    assert not verify.is_signed_by_passkey(cose, text + b".", key.sign(text))
    with pytest.raises(verify.Failed, match="of a kind"):
        verify.is_signed_by_passkey(_cose(1, -7, 1, b"", b""), text, signature)


def test_a_cose_key_is_read_as_the_library_writes_it(verify: ModuleType) -> None:
    device = Authenticator("https://cameras.library.example")
    assert verify.cose_of(device.public_key) == cbor.decode(device.public_key)
    for broken in (b"", device.public_key[:-1], device.public_key + b"\x00", b"\x85" + device.public_key[1:]):
        with pytest.raises((verify.Failed, IndexError)):
            verify.cose_of(broken)


def test_without_a_passkey_it_says_so(verify: ModuleType, migrated_sqlite: Callable[[Which, Path], Engines], tmp_path: Path) -> None:
    central = migrated_sqlite(Which.CENTRAL, tmp_path / "central.db")
    order = an_order(central)
    assert order.approval is not None
    order = replace(order, approval=replace(order.approval, assertion=None, proof="totp"))
    built = build_package(order, a_source(order), tmp_path, hub=a_hub(central), at=AT)
    assert _outcomes(verify, built.folder, built.fingerprint)["approval"] == (
        "PASS",
        "Helen Marsh approved it, and showed by totp who that was; no passkey signed it",
    )
    central.dispose()
