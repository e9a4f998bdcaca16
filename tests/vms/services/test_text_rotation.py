"""The key of complaints and inquiries is replaced while pages read and add; a row that no key opens is named and holds nothing else up."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, func, select, update

from tests.databases import Cluster
from tests.factories import CONSOLE, NOW, FixedKeys
from tests.vms.services.sealed_branch import CLOCK, DIRECTOR, SealedBranch, complaint_of, fill, sealed_branch
from tests.waiting import is_somebody_locked_out, wait_until
from vms.config import load_settings
from vms.crypto import KEY_BYTES, random_bytes
from vms.domain.access import Action
from vms.domain.complaint import Answer
from vms.domain.ids import ComplaintId
from vms.errors import ConfigError, Conflict, Unavailable
from vms.services.access_log import DISTRICT
from vms.services.key_rotation import Rotated, RotatedKey, carry_out, half_done, text_rotation
from vms.store import access_log, complaints, district_texts, inquiries
from vms.store.complaint_tables import ComplaintRow
from vms.store.database import Engines, make_engines
from vms.store.failpoints import armed
from vms.store.inquiry_tables import InquiryRow
from vms.store.people_tables import PersonRow
from vms.store.web_role import grant_to_web

pytestmark = pytest.mark.slow
TEXTS = RotatedKey.TEXTS


class Stopped(Exception):
    pass


def _stop() -> None:
    raise Stopped


def _quiet(_done: int, _total: int) -> None:
    """Nobody looks at the progress."""


def _branch(central: Engines, index: Engines, folder: Path) -> SealedBranch:
    made = sealed_branch(load_settings(folder), central, index)
    fill(made, cameras=0, people=0)
    return made


@pytest.fixture
def branch(central: Engines, index: Engines, tmp_path: Path) -> SealedBranch:
    return _branch(central, index, tmp_path)


@pytest.fixture
def on_postgresql(central_postgresql: Engines, index: Engines, tmp_path: Path) -> SealedBranch:
    return _branch(central_postgresql, index, tmp_path)


def _stopped_at(branch: SealedBranch, step: str) -> None:
    with armed(step, _stop), pytest.raises(Stopped):
        branch.rotate(TEXTS)


def _rotate_leaving(branch: SealedBranch) -> Rotated:
    rotation = text_rotation(branch.settings, branch.central, leave_unopenable=True)
    return carry_out(rotation, branch.central, actor=CONSOLE, clock=CLOCK, tell=_quiet)


def _put_answer_under(branch: SealedBranch, number: ComplaintId, secret: bytes) -> None:
    """Have one answer lie under another key than it should."""
    (text,) = (one for one in branch.texts() if one.number == number and one.kind.column == "answer_texts")
    plaintext = next(filter(None, map(text.opened, branch.keys(TEXTS))))
    with branch.central.writing() as session:
        district_texts.put(session, text, text.under(secret, plaintext))


def test_a_row_that_no_key_opens_is_named_by_table_and_number_and_everything_else_comes_under_the_new_key(branch: SealedBranch) -> None:
    old, (broken, whole), asked = branch.keys(TEXTS), branch.complaints, next(iter(branch.inquiries))
    with branch.central.writing() as session:
        session.execute(update(ComplaintRow).where(ComplaintRow.id == broken).values(texts=bytes(1052)))
        session.execute(update(InquiryRow).where(InquiryRow.id == asked).values(texts=b"torn"))
    said = rf"No key that is here opens complaint {broken}, inquiry {asked}\. Everything else is under the new key, and the old one stays\."
    for _ in range(2):
        with pytest.raises(Conflict, match=said) as refused:
            branch.rotate(TEXTS)
        assert "canary" not in str(refused.value)
    assert half_done(branch.settings) == [TEXTS]
    assert branch.keys(TEXTS)[0] == old[0]
    assert (branch.opened(TEXTS, FixedKeys(old)), branch.opened(TEXTS, FixedKeys(branch.keys(TEXTS)[1:]))) == (0, 4)
    branch.answer(branch.complain("entered meanwhile"), "answered meanwhile")
    assert branch.lost() == [f"complaint {broken}", f"inquiry {asked}"]
    rotated = _rotate_leaving(branch)
    assert (rotated.resumed, rotated.left) == (True, f"complaint {broken}, inquiry {asked}")
    with branch.central.reading() as session:
        (ended, *_) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.KEY_ROTATE})), limit=9)
    told = {"key": "texts", "step": "all sealed anew", "new_key": rotated.fingerprint, "sealed": "0", "left": "2"}
    assert ended.detail == told
    assert (half_done(branch.settings), branch.opened(TEXTS, branch.files(TEXTS)), branch.stored(TEXTS)) == ([], 6, 8)
    with branch.central.reading() as session:
        assert complaints.get(session, DIRECTOR, whole) == branch.complaints[whole]


def test_an_answer_that_no_key_opens_is_told_from_its_complaint(branch: SealedBranch) -> None:
    number = next(iter(branch.complaints))
    _put_answer_under(branch, number, random_bytes(KEY_BYTES))
    with pytest.raises(Conflict, match=rf"opens complaint {number} \(the answer\)\. Everything else"):
        branch.rotate(TEXTS)


def test_what_an_old_key_opens_is_never_left(branch: SealedBranch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(district_texts, "put", lambda *_: None)
    with pytest.raises(Unavailable, match=r"The new key does not open complaint .* and 1 more yet\. Both keys stay\. Run again"):
        _rotate_leaving(branch)
    assert branch.lost() == []


def test_a_key_that_is_found_again_takes_the_old_ones_place_and_opens_what_nothing_opened(branch: SealedBranch, tmp_path: Path) -> None:
    files, found = branch.files(TEXTS), random_bytes(KEY_BYTES)
    _put_answer_under(branch, next(iter(branch.complaints)), found)
    with pytest.raises(
        Conflict, match=rf"move {files.path} away, and put that key in its place\. Without: Let those texts stay unreadable"
    ):
        branch.rotate(TEXTS)
    _, following = files.fresh()
    files.path.rename(tmp_path / "away")
    files.path.write_bytes(found)
    files.path.chmod(0o600)
    assert branch.lost() == []
    assert branch.rotate(TEXTS).resumed
    assert (branch.lost(), branch.keys(TEXTS)) == ([], (following,))


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(33)])
def test_a_key_file_of_another_size_is_refused_and_nothing_is_begun(branch: SealedBranch, content: bytes) -> None:
    path = branch.files(TEXTS).path
    right = path.read_bytes()
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"complaint_texts\.key is not a key of 32 bytes\. Put it back from the backup of secrets/"):
        branch.rotate(TEXTS)
    path.write_bytes(right)
    assert (half_done(branch.settings), branch.lost()) == ([], [])


def test_a_next_key_of_another_size_is_refused_and_writes_nothing_under_the_old_one(branch: SealedBranch) -> None:
    _stopped_at(branch, "rotate:d")
    following = branch.files(TEXTS).next_path
    right = following.read_bytes()
    following.write_bytes(b"short")
    with pytest.raises(ConfigError, match=r"complaint_texts\.key\.next is not a key of 32 bytes"):
        branch.rotate(TEXTS)
    with pytest.raises(Unavailable, match=r"complaint_texts\.key\.next is not a key of 32 bytes"):
        branch.complain("under which key?")
    following.write_bytes(right)
    branch.rotate(TEXTS)
    assert branch.lost() == []


def test_both_keys_gone_are_not_made_anew_while_something_lies_under_them(branch: SealedBranch, tmp_path: Path) -> None:
    _stopped_at(branch, "rotate:d")
    files = branch.files(TEXTS)
    away = [path.rename(tmp_path / path.name) for path in (files.path, files.next_path)]
    with pytest.raises(ConfigError, match=r"complaint_texts\.key is gone\. Put it back"):
        branch.rotate(TEXTS)
    with pytest.raises(Unavailable, match=r"complaint_texts\.key is gone\. Put it back"):
        branch.complain("under which key?")
    assert not files.is_there()
    for path in away:
        path.rename(files.path.with_name(path.name))
    branch.rotate(TEXTS)
    assert branch.lost() == []


def test_before_the_first_complaint_a_rotation_makes_the_key_that_that_one_uses(central: Engines, index: Engines, tmp_path: Path) -> None:
    branch = sealed_branch(load_settings(tmp_path), central, index)
    branch.files(TEXTS).path.unlink()
    assert branch.rotate(TEXTS).sealed_anew == 0
    (key,) = branch.keys(TEXTS)
    branch.complain("the first")
    assert (branch.lost(), branch.opened(TEXTS, FixedKeys((key,)))) == ([], 1)


def test_what_is_written_while_both_keys_are_there_is_under_the_new_one(branch: SealedBranch) -> None:
    _stopped_at(branch, "rotate:b")
    old, new = branch.keys(TEXTS)
    branch.answer(branch.complain("entered meanwhile"), "answered meanwhile")
    branch.ask("asked meanwhile")
    assert (branch.opened(TEXTS, FixedKeys((old,))), branch.opened(TEXTS, FixedKeys((new,)))) == (6, 3)


def test_the_web_servers_own_role_reads_and_adds_while_both_keys_are_there(
    on_postgresql: SealedBranch, cluster: Cluster, migrated_postgresql: str, new_role: Callable[..., str]
) -> None:
    role = new_role()
    grant_to_web(on_postgresql.central, role)
    _stopped_at(on_postgresql, "rotate:d@2")
    web = make_engines(cluster.url(migrated_postgresql, role=role), secrets=on_postgresql.settings.secrets_dir)
    beside = replace(on_postgresql, central=web)
    beside.answer(beside.complain("entered meanwhile"), "answered meanwhile")
    beside.ask("asked meanwhile")
    assert beside.lost() == []
    on_postgresql.rotate(TEXTS)
    assert beside.lost() == []
    web.dispose()


def test_a_transaction_that_began_before_a_rotation_reads_after_its_end(branch: SealedBranch) -> None:
    """It sees the rows as they lay, and of the keys the new one alone."""
    with branch.central.reading() as session:
        session.scalar(select(func.count()).select_from(PersonRow))
        branch.rotate(TEXTS)
        assert {one.id: one for one in complaints.find(session, DIRECTOR, limit=None)} == branch.complaints
        assert {one.id: one for one in inquiries.find(session, limit=9)} == branch.inquiries


def test_a_transaction_that_read_the_keys_before_a_rotation_reads_what_that_wrote(on_postgresql: SealedBranch) -> None:
    first, second = on_postgresql.complaints
    with on_postgresql.central.writing() as session:
        assert complaints.get(session, DIRECTOR, first) == on_postgresql.complaints[first]
        _stopped_at(on_postgresql, "rotate:d@2")
        assert complaints.get(session, DIRECTOR, second) == on_postgresql.complaints[second]


def test_who_read_a_complaint_before_a_rotation_answers_it_under_the_new_key(on_postgresql: SealedBranch) -> None:
    """The whole rotation but its end, which waits for who has the table open, takes place between the reading and the answer."""
    number, old = on_postgresql.complain("answered late"), on_postgresql.keys(TEXTS)
    answer = Answer("late", DIRECTOR.label, DIRECTOR.name, NOW)
    with on_postgresql.central.writing() as session:
        assert complaints.get(session, DIRECTOR, number) == on_postgresql.complaints[number]
        _stopped_at(on_postgresql, "rotate:d@3")
        assert complaints.put_answer(session, number, answer)
    on_postgresql.complaints[number] = replace(on_postgresql.complaints[number], answer=answer)
    assert (on_postgresql.lost(), on_postgresql.opened(TEXTS, FixedKeys(old))) == ([], 0)


def test_a_rotation_waits_for_a_text_that_is_on_its_way(on_postgresql: SealedBranch) -> None:
    """It lies under the old key, in a transaction that commits after the rotation began."""
    old, ended, begun, go_on = on_postgresql.keys(TEXTS), list[Rotated](), threading.Event(), threading.Event()

    def pause() -> None:
        begun.set()
        go_on.wait(30)

    late = complaint_of("canary late")
    thread = threading.Thread(target=lambda: ended.append(on_postgresql.rotate(TEXTS)))
    with armed("rotate:a", pause):
        thread.start()
        assert begun.wait(30)
        with on_postgresql.central.writing() as session:
            complaints.add(session, late)
            go_on.set()
            wait_until(lambda: is_somebody_locked_out(on_postgresql.central))
        thread.join(30)
    on_postgresql.complaints[late.id] = late
    assert [one.sealed_anew for one in ended] == [7]
    assert (on_postgresql.lost(), on_postgresql.opened(TEXTS, FixedKeys(old))) == ([], 0)


def test_while_a_report_has_the_tables_open_the_old_key_stays(on_postgresql: SealedBranch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their files could not be written anew; whoever comes meanwhile would wait behind that."""
    monkeypatch.setattr(district_texts, "_VACUUM_SECONDS", 1)
    with on_postgresql.central.reading() as session:
        assert len(complaints.find(session, DIRECTOR, limit=None)) == 2
        with pytest.raises(Unavailable, match=r"The tables complaint, inquiry can't be written anew .* Both keys stay\. Wait until"):
            on_postgresql.rotate(TEXTS)
        assert half_done(on_postgresql.settings) == [TEXTS]
    assert on_postgresql.lost() == []
    assert on_postgresql.rotate(TEXTS).sealed_anew == 0
    assert (on_postgresql.lost(), half_done(on_postgresql.settings)) == ([], [])


@pytest.mark.long
def test_many_read_and_write_through_rotation_after_rotation_and_nobody_is_told_of_a_fault(branch: SealedBranch) -> None:
    """What may come between two particular steps is tried above, one by one; here whatever happens to."""
    over, olds = threading.Event(), list[bytes]()

    def write() -> int:
        written = 0
        while not over.is_set():
            branch.answer(branch.complain(f"canary {written}"), "canary answered")
            branch.ask(f"canary {written}")
            written += 1
        return written

    def read() -> int:
        seen = 0
        while not over.is_set():
            with branch.central.reading() as session:
                faults = [one.fault for one in complaints.find(session, DIRECTOR, limit=20)]
                faults += [one.fault for one in inquiries.find(session, limit=20)]
            assert [fault for fault in faults if fault is not None] == []
            seen += 1
        return seen

    with ThreadPoolExecutor(max_workers=4) as workers:
        at_work = [workers.submit(one) for one in (write, write, read, read)]
        try:
            for _ in range(5):
                olds.extend(branch.keys(TEXTS))
                branch.rotate(TEXTS)
        finally:
            over.set()
        done_by_each = [one.result() for one in at_work]
    assert min(done_by_each) > 0
    assert (branch.lost(), branch.opened(TEXTS, FixedKeys(tuple(olds)))) == ([], 0)


def test_nothing_that_the_old_key_opens_is_left_in_the_files(branch: SealedBranch, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    before = [text.value for text in branch.texts()]

    def octets() -> bytes:
        if branch.central.write.dialect.name == "sqlite":
            branch.central.dispose()  # SQLite takes its log of writes away with the last connection
            return b"".join(path.read_bytes() for path in tmp_path.glob("central.db*"))
        cluster: Cluster = request.getfixturevalue("cluster")
        cluster.run("postgres", "CHECKPOINT")
        return b"".join(path.read_bytes() for path in (cluster.folder / "data" / "base").rglob("*") if path.is_file())

    held = octets()
    assert [value[:64] in held for value in before] == [True] * 6
    branch.rotate(TEXTS)
    held = octets()
    assert [value[:64] in held for value in before] == [False] * 6


def test_one_rotation_waits_for_no_other(branch: SealedBranch) -> None:
    with (
        armed("rotate:d", lambda: _refused(branch)),
        pytest.raises(Conflict, match=r"Another rotation of keys in .* is at work\. Wait until it has ended"),
    ):
        branch.rotate(TEXTS)
    branch.rotate(TEXTS)
    assert branch.lost() == []


def _refused(branch: SealedBranch) -> None:
    branch.rotate(RotatedKey.FACTORS)


def test_a_disk_without_room_for_the_next_key_is_told_and_leaves_nothing(branch: SealedBranch) -> None:
    before = branch.keys(TEXTS)
    with (
        armed("rotate:b1", _no_room),
        pytest.raises(Unavailable, match=r"complaint_texts\.key\.next can't be written .*No key was changed"),
    ):
        branch.rotate(TEXTS)
    assert (branch.keys(TEXTS), branch.lost()) == (before, [])


def test_a_first_key_that_its_disk_does_not_take_is_told_and_the_complaint_is_not_kept(branch: SealedBranch) -> None:
    with branch.central.writing() as session:
        session.execute(delete(ComplaintRow))
        session.execute(delete(InquiryRow))
    branch.complaints.clear()
    branch.inquiries.clear()
    branch.files(TEXTS).path.unlink()
    for refused in (lambda: branch.complain("where to?"), lambda: branch.rotate(TEXTS)):
        with armed("rotate:b1", _no_room), pytest.raises(Unavailable, match=r"complaint_texts\.key can't be made \(No space left"):
            refused()
    assert (branch.texts(), branch.files(TEXTS).is_there()) == ([], False)


def _no_room() -> None:
    raise OSError(28, os.strerror(28))
