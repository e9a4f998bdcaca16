"""Secrets at rest: a copy of everything but the key files gives nothing away, and nothing that is moved about opens."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pysqlite3 import dbapi2

from tests.factories import FixedKeys
from tests.vms.media.segment_samples import CAMERA, HOUR, SALT, SEGMENT, joined
from tests.vms.services.sealed_branch import SealedBranch, fill, sealed_branch
from vms.config import Settings, load_settings
from vms.crypto import KEY_BYTES, random_bytes
from vms.domain.camera import NodeConfiguration
from vms.errors import ConfigError, Corrupt, VmsError
from vms.media.segment_file import SegmentEncoder, SegmentReader
from vms.services.key_rotation import RotatedKey
from vms.store import stream_config
from vms.store.database import Engines
from vms.store.migrate import Which

Migrated = Callable[[Which, Path], Engines]
pytestmark = pytest.mark.slow
FOOTAGE = b"canary footage, what the camera at the entrance saw"


@pytest.fixture
def branch(migrated_sqlite: Migrated, tmp_path: Path) -> Iterator[SealedBranch]:
    """A data directory with secrets of every kind, and a segment of footage on its volume."""
    settings = load_settings(tmp_path / "data")
    settings.index_path.parent.mkdir(parents=True)
    central, index = migrated_sqlite(Which.CENTRAL, settings.central_path), migrated_sqlite(Which.INDEX, settings.index_path)
    branch = sealed_branch(settings, central, index)
    fill(branch, cameras=4, people=4, hours=4)
    branch.record(CAMERA, [HOUR, HOUR + 1])
    encoder = SegmentEncoder(SEGMENT, CAMERA, branch.hours[CAMERA, HOUR], SALT)
    _segment(branch.settings).parent.mkdir(parents=True)
    _segment(branch.settings).write_bytes(encoder.header + joined(encoder.encode_record(FOOTAGE, ())))
    for key in RotatedKey:
        branch.rotate(key)
    yield branch
    central.dispose()
    index.dispose()


def test_a_copy_of_everything_but_the_key_files_gives_no_secret_away(branch: SealedBranch, tmp_path: Path) -> None:
    shutil.copytree(branch.settings.data_dir, tmp_path / "copy", ignore=shutil.ignore_patterns("secrets"))
    octets = {path.relative_to(tmp_path): path.read_bytes() for path in (tmp_path / "copy").rglob("*") if path.is_file()}
    assert {"central.db", "index.db", "keys.db"} <= {path.name for path in octets}
    assert [(spelled, path) for spelled in _spelled(branch) for path, held in octets.items() if spelled in held] == []


def test_the_search_for_secrets_finds_one_that_lies_open(branch: SealedBranch) -> None:
    written = branch.settings.data_dir / "note"
    for secret in (*branch.passwords.values(), *branch.authenticators.values()):
        written.write_text(secret)
        assert any(spelled in written.read_bytes() for spelled in _spelled(branch))


def test_a_copy_without_the_key_files_opens_nothing_with_keys_made_for_it(branch: SealedBranch) -> None:
    guessed = FixedKeys((random_bytes(KEY_BYTES), random_bytes(KEY_BYTES)))
    assert [branch.opened(key, guessed) for key in RotatedKey] == [0] * len(RotatedKey)
    with pytest.raises(ConfigError, match=r"node_kek\.key"), branch.store(guessed):
        pass


def test_everything_opens_with_the_key_files(branch: SealedBranch) -> None:
    assert [branch.opened(key, branch.files(key)) for key in RotatedKey] == [branch.stored(key) for key in RotatedKey]
    assert branch.lost() == []
    assert _footage(branch) == FOOTAGE


def test_passwords_that_changed_places_open_nothing(branch: SealedBranch) -> None:
    _rotate_column(branch.settings.central_path, "device", "id", "password_sealed")
    assert _opened_centrally(branch, RotatedKey.NODE) == 0


@pytest.mark.parametrize("change", ["host = '10.66.6.6'", "port = 5541", "scheme = 'rtsps'"], ids=["host", "port", "scheme"])
def test_passwords_opened_for_another_address_open_nothing(branch: SealedBranch, change: str) -> None:
    with closing(dbapi2.connect(str(branch.settings.central_path))) as connection, connection:
        connection.execute(f"UPDATE device SET {change}")  # noqa: S608 - words of this test
    assert _opened_centrally(branch, RotatedKey.NODE) == 0


def test_authenticators_that_changed_places_open_nothing(branch: SealedBranch) -> None:
    _rotate_column(branch.settings.central_path, "totp", "person_id", "secret")
    assert branch.opened(RotatedKey.FACTORS, branch.files(RotatedKey.FACTORS)) == 0


@pytest.mark.parametrize(("table", "column"), [("complaint", "texts"), ("complaint", "answer_texts"), ("inquiry", "texts")])
def test_texts_that_changed_places_open_nothing(branch: SealedBranch, table: str, column: str) -> None:
    before = branch.opened(RotatedKey.TEXTS, branch.files(RotatedKey.TEXTS))
    _rotate_column(branch.settings.central_path, table, "id", column)
    assert (before, branch.opened(RotatedKey.TEXTS, branch.files(RotatedKey.TEXTS))) == (6, 4)


def test_footage_whose_keys_changed_places_does_not_open(branch: SealedBranch) -> None:
    for path in (branch.settings.keys1_path, branch.settings.keys2_path):
        _rotate_column(path, "hour_key", "camera, hour", "wrapped")
    with pytest.raises(Corrupt):
        _footage(branch)


def test_keys_that_changed_places_open_nothing(branch: SealedBranch) -> None:
    files = [branch.files(key) for key in RotatedKey]
    held = [one.path.read_bytes() for one in files]
    for one, content in zip(files, held[1:] + held[:1], strict=True):
        one.path.write_bytes(content)
    assert [branch.opened(key, branch.files(key)) for key in RotatedKey] == [0] * len(RotatedKey)
    with pytest.raises(VmsError), branch.store():
        pass


def test_a_copy_of_the_key_store_from_before_a_rotation_is_refused_and_made_again_from_the_other(branch: SealedBranch) -> None:
    path = branch.settings.keys2_path
    before = path.read_bytes()
    branch.rotate(RotatedKey.FOOTAGE)
    path.write_bytes(before)
    with pytest.raises(ConfigError, match="needs another key than"), branch.store():
        pass
    path.unlink()
    assert branch.lost() == []


def _segment(settings: Settings) -> Path:
    return settings.data_dir / "volumes" / "default" / f"{SEGMENT}.cseg"


def _footage(branch: SealedBranch) -> bytes:
    with branch.store() as store, _segment(branch.settings).open("rb") as file:
        return b"".join(SegmentReader(file, store).records())


def _spelled(branch: SealedBranch) -> set[bytes]:
    """Return every secret as it might lie about: as it is, in hexadecimal digits, in Base64."""
    secrets = {password.encode() for password in branch.passwords.values()}
    secrets |= {secret.encode() for secret in branch.authenticators.values()}
    secrets |= {base64.b32decode(secret) for secret in branch.authenticators.values()}
    secrets |= {*branch.hours.values(), FOOTAGE}
    for complaint in branch.complaints.values():
        secrets |= {complaint.text.encode(), complaint.from_name.encode(), *([complaint.answer.text.encode()] if complaint.answer else [])}
    secrets |= {text.encode() for inquiry in branch.inquiries.values() for text in (inquiry.happened, inquiry.name, inquiry.contact)}
    secrets |= {key for name in RotatedKey for key in branch.keys(name)}
    return {
        spelled
        for secret in secrets
        for spelled in (secret, secret.hex().encode(), base64.b64encode(secret), base64.urlsafe_b64encode(secret))
    }


def _opened_centrally(branch: SealedBranch, key: RotatedKey) -> int:
    """Return how many of the hub's own secrets open; the node's copies stay where they were."""
    with branch.index.write.begin() as connection:
        stream_config.replace(connection, NodeConfiguration(1, ()))
    return branch.opened(key, branch.files(key))


def _rotate_column(path: Path, table: str, key: str, column: str) -> None:
    """Give each row the value of the next one, and the last that of the first."""
    with closing(dbapi2.connect(str(path))) as connection, connection:
        rows = list(connection.execute(f"SELECT {key}, {column} FROM {table} ORDER BY {key}"))  # noqa: S608 - names of this file
        values = [row[-1] for row in rows]
        for row, value in zip(rows, values[1:] + values[:1], strict=True):
            marks = ", ".join("?" * (len(row) - 1))
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE ({key}) = ({marks})", (value, *row[:-1]))  # noqa: S608 - as above
