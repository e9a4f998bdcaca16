"""A package as one encrypted file: all of it comes back, and nothing of one that was changed passes for the whole."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import zipfile
from pathlib import Path
from typing import BinaryIO, cast

import pyrage
import pytest

from vms.errors import Corrupt, InvalidInput
from vms.services import package_sealing
from vms.services.package_sealing import for_recipient, open_into, opened, seal, under_passphrase, zipped

BIG = bytes(range(256)) * 4096
BIG_PART = len(BIG) // 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "EXPORT-2026-0001"
    (made / "video").mkdir(parents=True)
    (made / "video" / "001.mp4").write_bytes(BIG)
    (made / "README.txt").write_bytes(b"Read me first.")
    (made / "empty").write_bytes(b"")
    return made


def _opened(file: Path, identity: bytes) -> bytes:
    with opened(file, identity) as package:
        return b"".join(iter(lambda: package.read(7000), b""))


def test_what_was_sealed_comes_back_as_a_zip_of_the_folder(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "sealed"
    whole = _opened(file, seal(folder, file))
    assert whole == b"".join(zipped(folder))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert {one.filename: archive.read(one) for one in archive.infolist()} == {
            "EXPORT-2026-0001/README.txt": b"Read me first.",
            "EXPORT-2026-0001/empty": b"",
            "EXPORT-2026-0001/video/001.mp4": BIG,
        }
        assert archive.testzip() is None
    assert b"Read me" not in file.read_bytes()


@pytest.mark.parametrize("at", [10, 200, 70_000, -1])
def test_a_file_that_was_changed_opens_to_no_whole_package(folder: Path, tmp_path: Path, at: int) -> None:
    file = tmp_path / "sealed"
    identity = seal(folder, file)
    octets = bytearray(file.read_bytes())
    octets[at] ^= 1
    file.write_bytes(octets)
    with pytest.raises(Corrupt, match="was damaged"):
        _opened(file, identity)


def test_a_file_that_was_cut_off_opens_to_no_whole_package(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "sealed"
    identity = seal(folder, file)
    file.write_bytes(file.read_bytes()[:-70_000])
    with pytest.raises(Corrupt, match="was damaged"):
        _opened(file, identity)


def test_another_key_opens_nothing(folder: Path, tmp_path: Path) -> None:
    file, into = tmp_path / "sealed", io.BytesIO()
    seal(folder, file)
    with file.open("rb") as sealed, pytest.raises(Corrupt):
        open_into(sealed, str(pyrage.x25519.Identity.generate()).encode(), into)
    assert into.getvalue() == b""


def test_who_stops_reading_leaves_nothing_running(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "sealed"
    identity = seal(folder, file)
    with opened(file, identity) as package:
        assert package.read(4) == b"PK\x03\x04"


def test_a_file_that_is_gone_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), opened(tmp_path / "gone", b""):
        pytest.fail("nothing is there to be read")


def test_a_disk_that_fails_on_the_way_gives_no_whole_package(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "sealed"
    identity, real = seal(folder, file), package_sealing.open_into

    class Failing(io.BufferedReader):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > BIG_PART:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().read(size)

    def from_a_bad_disk(sealed: BinaryIO, identity: bytes, into: package_sealing.Sink) -> None:
        real(Failing(cast("io.FileIO", sealed)), identity, into)

    monkeypatch.setattr(package_sealing, "open_into", from_a_bad_disk)
    with pytest.raises(OSError, match="Input/output error"):
        _opened(file, identity)


@pytest.mark.slow
def test_the_free_program_age_opens_it_by_the_passphrase_of_its_key(folder: Path, tmp_path: Path) -> None:
    file, key = tmp_path / "a.zip.age", tmp_path / "a.key.age"
    identity = seal(folder, file)
    key.write_bytes(under_passphrase(identity, "abc-def"))
    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt(key.read_bytes(), "abc-deg")
    plain = tmp_path / "key.txt"
    plain.write_bytes(pyrage.passphrase.decrypt(key.read_bytes(), "abc-def"))
    subprocess.run(["age", "-d", "-i", plain, "-o", tmp_path / "a.zip", file], check=True)
    assert (tmp_path / "a.zip").read_bytes() == b"".join(zipped(folder))


def test_the_free_program_age_opens_it_by_the_recipient_s_own_key(folder: Path, tmp_path: Path) -> None:
    file, key, mine = tmp_path / "a.zip.age", tmp_path / "a.key.age", tmp_path / "mine.txt"
    identity = seal(folder, file)
    subprocess.run(["age-keygen", "-o", mine], check=True, capture_output=True)
    recipient = subprocess.run(["age-keygen", "-y", mine], check=True, capture_output=True, text=True).stdout
    key.write_bytes(for_recipient(identity, recipient))
    opened_key = subprocess.run(["age", "-d", "-i", mine, key], check=True, capture_output=True).stdout
    assert opened_key == identity
    with pytest.raises(InvalidInput, match="begins with age1"):
        for_recipient(identity, "age1nonsense")
