"""The key of footage as a credential of systemd: from a folder, and sealed to a TPM as systemd seals it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.vms.store.key_copies import Copies
from vms.config import load_settings
from vms.domain.ids import CameraId
from vms.errors import ConfigError, Conflict, Unavailable
from vms.store.key_credential import KeyCredential, footage_key
from vms.store.key_files import KeyFiles, the_only_rotation
from vms.store.keys import KeyStore

NAME = "node_kek.key"
KEK, NEXT = bytes(range(32)), bytes(range(32, 64))
CAMERA = CameraId(7)


@dataclass(frozen=True, slots=True)
class Unit:
    """What systemd hands to one start of a service."""

    folder: Path
    lock: Path

    def hand_over(self, key: bytes, name: str = NAME) -> None:
        path = self.folder / name
        path.unlink(missing_ok=True)
        path.write_bytes(key)
        path.chmod(0o400)

    def started(self) -> KeyCredential:
        return KeyCredential(NAME, self.folder, lock=self.lock)


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    for name in ("credentials", "secrets"):
        (tmp_path / name).mkdir(mode=0o700)
    return Unit(tmp_path / "credentials", tmp_path / "secrets")


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    return Copies.in_folder(tmp_path)


def _store(copies: Copies, unit: Unit) -> KeyStore:
    return KeyStore.open(copies.one, copies.two, unit.started())


def test_the_setting_says_where_the_key_of_footage_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert isinstance(footage_key(load_settings(tmp_path / "data")), KeyFiles)
    monkeypatch.setenv("VMS_FOOTAGE_KEY", "credential")
    (tmp_path / NAME).write_bytes(KEK)
    (tmp_path / NAME).chmod(0o440)  # as a grant by ACL looks
    assert footage_key(load_settings(tmp_path / "data")).fresh() == (KEK,)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    with pytest.raises(ConfigError, match=r"CREDENTIALS_DIRECTORY is not set\. Start this by a unit"):
        footage_key(load_settings(tmp_path / "data")).fresh()


def test_a_key_that_was_in_a_file_opens_the_same_store_as_a_credential(copies: Copies, unit: Unit, tmp_path: Path) -> None:
    files = KeyFiles(tmp_path / "kek")
    files.make_if_none()
    with closing(KeyStore.open(copies.one, copies.two, files)) as store:
        made = store.ensure(CAMERA, [1])
    unit.hand_over(files.path.read_bytes())
    with closing(_store(copies, unit)) as store:
        assert store.ensure(CAMERA, [1]) == made


def test_what_was_not_handed_over_or_is_no_key_is_refused_with_what_to_do(unit: Unit) -> None:
    with pytest.raises(ConfigError, match=f"handed over no credential {NAME}. Put LoadCredentialEncrypted={NAME} into the unit"):
        unit.started().make_if_none()
    assert not unit.started().is_rotating()
    for content in (KEK + b"\n", b"", KEK.hex().encode()):
        unit.hand_over(content)
        with pytest.raises(ConfigError, match=f"has {len(content)} bytes; a key has 32"):
            unit.started().fresh()
    unit.hand_over(KEK)
    (unit.folder / NAME).chmod(0o444)
    with pytest.raises(ConfigError, match="can be read by every account"):
        unit.started().fresh()
    (unit.folder / NAME).unlink()
    (unit.folder / NAME).mkdir()
    with pytest.raises(ConfigError, match="can't be read"):
        unit.started().fresh()


def test_a_process_keeps_the_key_that_it_has_when_the_folder_goes(unit: Unit) -> None:
    unit.hand_over(KEK)
    started = unit.started()
    assert started.held() == (KEK,)
    shutil.rmtree(unit.folder)
    assert started.held() == (KEK,)


def test_a_rotation_without_a_next_credential_says_how_to_make_one_and_one_is_made_at_a_time(unit: Unit) -> None:
    unit.hand_over(KEK)
    with pytest.raises(
        ConfigError, match=rf"Make the next one, load it in every unit beside this one \(LoadCredentialEncrypted={NAME}.next\)"
    ):
        unit.started().rotating().__enter__()
    unit.hand_over(NEXT, f"{NAME}.next")
    assert unit.started().is_rotating()
    with the_only_rotation(unit.lock), pytest.raises(Conflict, match="Another rotation"):
        unit.started().rotating().__enter__()
    with unit.started().rotating():
        pass


def test_a_process_that_was_not_given_the_new_key_makes_no_hour_s_key_under_the_old_one(copies: Copies, unit: Unit) -> None:
    """Its key goes as soon as the operator has put the new one in: what it made would be lost."""
    unit.hand_over(KEK)
    with closing(_store(copies, unit)) as late:
        late.ensure(CAMERA, [1])
        unit.hand_over(NEXT, f"{NAME}.next")
        with closing(_store(copies, unit)) as rotating:
            assert rotating.rewrap().wrapped == 1
            rotating.settle()
        for name in (f"{NAME}.next", NAME):
            (unit.folder / name).unlink()
        unit.hand_over(KEK)
        with pytest.raises(Unavailable, match=r"No key for a new hour: the key store was rotated\. Start this anew"):
            late.ensure(CAMERA, [2])
        with pytest.raises(Unavailable, match="rotated to a key that this process does not have"):
            late.hour_key(CAMERA, 1)
    unit.hand_over(NEXT)
    with closing(_store(copies, unit)) as again:
        assert again.hour_key(CAMERA, 1) is not None
        assert again.unopenable((NEXT,)) == set()


# Sealed to a TPM. Nothing here is systemd as a service manager: its own program seals and unseals, by the same code and the same TPM.


@dataclass(frozen=True, slots=True)
class Tpm:
    """A TPM in software, reached as systemd and the TPM's tools reach one."""

    port: int

    @property
    def tcti(self) -> str:
        return f"swtpm:host=127.0.0.1,port={self.port}"

    def measure(self, digest: int) -> None:
        """Have the firmware's register 7 say that something else was started."""
        self._tool("tpm2_pcrextend", f"7:sha256={digest:064x}")

    def creds(self, act: str, name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        argv = ["systemd-creds", act, f"--name={name}", f"--tpm2-device={self.tcti}", *words]
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        for left in ("--transient-object", "--loaded-session"):  # which a kernel's resource manager takes away with the process
            self._tool("tpm2_flushcontext", left)
        return done

    def _tool(self, *words: str) -> None:
        subprocess.run(words, env={**os.environ, "TPM2TOOLS_TCTI": self.tcti}, check=True, capture_output=True)

    def seal(self, name: str, key: Path, sealed: Path) -> None:
        assert self.creds("encrypt", name, "--with-key=tpm2", "--tpm2-pcrs=7", key, sealed).returncode == 0

    def start(self, unit: Unit, sealed: Path, name: str = NAME) -> bool:
        """Unseal into the unit's folder, as systemd does before it starts a service; False where it would start none."""
        (unit.folder / name).unlink(missing_ok=True)
        done = self.creds("decrypt", name, sealed, unit.folder / name).returncode == 0
        if done:
            (unit.folder / name).chmod(0o400)
        return done


_PROGRAMS = ("swtpm", "systemd-creds", "tpm2_pcrextend")
needs_tpm = pytest.mark.skipif(
    not all(map(shutil.which, _PROGRAMS)), reason=f"needs {', '.join(_PROGRAMS)}: run deploy/debian-test-packages.sh"
)


def _free_port() -> int:
    """Return a free port whose follower is free, too: there the TPM's library looks for its control channel."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as one, suppress(OSError):
            port: int = one.getsockname()[1]
            with socket.create_server(("127.0.0.1", port + 1)):
                return port


@pytest.fixture
def tpm(tmp_path: Path) -> Iterator[Tpm]:
    state, pid, made = tmp_path / "tpm", tmp_path / "tpm.pid", Tpm(_free_port())
    state.mkdir()
    words = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--flags", "not-need-init,startup-clear"]
    words += ["--server", f"type=tcp,port={made.port},disconnect", "--ctrl", f"type=tcp,port={made.port + 1}"]
    subprocess.run([*words, "--daemon", "--pid", f"file={pid}"], check=True, capture_output=True)  # returns when it listens
    try:
        made.measure(1)
        yield made
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


@needs_tpm
@pytest.mark.slow
def test_a_key_sealed_to_the_machine_s_tpm_opens_the_store_and_not_on_a_machine_that_was_changed(
    copies: Copies, unit: Unit, tpm: Tpm, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(KEK)
    tpm.seal(NAME, tmp_path / "key", tmp_path / "sealed")
    assert KEK not in (tmp_path / "sealed").read_bytes()
    assert tpm.start(unit, tmp_path / "sealed")
    with closing(_store(copies, unit)) as store:
        made = store.ensure(CAMERA, [1])
    tpm.measure(2)
    assert not tpm.start(unit, tmp_path / "sealed")
    with pytest.raises(ConfigError, match="where its TPM no longer opens it, seal the key anew from the copy that was kept elsewhere"):
        _store(copies, unit)
    tpm.seal(NAME, tmp_path / "key", tmp_path / "anew")
    assert tpm.start(unit, tmp_path / "anew")
    with closing(_store(copies, unit)) as store:
        assert store.ensure(CAMERA, [1]) == made


@needs_tpm
@pytest.mark.slow
def test_a_rotation_between_two_sealed_keys_goes_by_the_guide(copies: Copies, unit: Unit, tpm: Tpm, tmp_path: Path) -> None:
    for name, key in (("key", KEK), ("new", NEXT)):
        (tmp_path / name).write_bytes(key)
    tpm.seal(NAME, tmp_path / "key", tmp_path / "sealed")
    tpm.seal(f"{NAME}.next", tmp_path / "new", tmp_path / "sealed.next")
    tpm.seal(NAME, tmp_path / "new", tmp_path / "sealed.new")
    assert tpm.start(unit, tmp_path / "sealed")
    with closing(_store(copies, unit)) as store:
        made = store.ensure(CAMERA, [1])
    assert tpm.start(unit, tmp_path / "sealed.next", f"{NAME}.next")
    source = unit.started()
    with source.rotating(), closing(KeyStore.open(copies.one, copies.two, source)) as store:
        assert store.rewrap().wrapped == 1
        store.settle()
        assert f"Seal that key as {NAME}" in source.finish()
    (unit.folder / f"{NAME}.next").unlink()
    assert not tpm.start(unit, tmp_path / "sealed.next"), "a credential is bound to its name: the next one can't just be renamed"
    assert tpm.start(unit, tmp_path / "sealed.new")
    with closing(_store(copies, unit)) as store:
        assert store.ensure(CAMERA, [1]) == made
