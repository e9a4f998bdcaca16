"""The hub's jobs child: checkpoints by the clock, at its end, and for somebody outside."""

from __future__ import annotations

import io
import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import text
from structlog.testing import capture_logs

from tests.bench.process_tree import tree
from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_hub_that_ran, a_node, a_person, an_account, done
from tests.fakes.mail_server import a_mail_server
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from tests.vms.services.requesting import a_request, an_approved, at_work, footage, in_order, staff
from tests.waiting import wait_until
from tests.web.world_clock import DrivenClock
from vms.clock import SystemClock
from vms.config import CONFIG_NAME, Settings, load_settings
from vms.crypto import new_signing_key
from vms.domain.access import Action, Purpose
from vms.domain.checkpoint import read_note
from vms.domain.deletion_certificate import PurgeMonth
from vms.domain.door import Deputy
from vms.domain.emergency import EmergencyAccess
from vms.domain.export_scope import Delivery
from vms.domain.hold import HoldKind
from vms.domain.ids import PersonId
from vms.domain.people import Proof, Role
from vms.domain.policy import DISTRICT as WHOLE
from vms.domain.policy import Days
from vms.domain.request import APPROVAL_LASTS, Requester
from vms.domain.second_person import ALONE_WAIT, Act
from vms.domain.showing import Viewer
from vms.domain.timespan import EPOCH, Timespan
from vms.errors import ConfigError
from vms.services.access_log import DISTRICT, record
from vms.services.approvals import approve
from vms.services.delegations import NewDelegation, confirm_delegation, propose_delegation
from vms.services.deletion_certificates import take_month
from vms.services.deputies import set_deputies
from vms.services.district import District, save_district
from vms.services.door import Warrant, take_in
from vms.services.emergency import open_emergency
from vms.services.footage import record_read
from vms.services.log_key import read_log_key
from vms.services.log_proof import sign_checkpoint
from vms.services.log_verify import verify_log
from vms.services.outbox import post
from vms.services.own_ca import SERVER_DAYS, make_authority
from vms.services.policies import NewPolicy, set_policy
from vms.services.second_person import propose
from vms.services.sessions import open_session
from vms.services.showings import begin_showing
from vms.store import access_log, access_tree, deletion_certificates, holds, people, reviews
from vms.store.database import Engines, make_engines
from web.jobs import Jobs, run
from web.jobs_process import jobs_beside

MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def hub(settings: Settings) -> Iterator[Engines]:
    """A migrated central database with one entry, and the log's key."""
    settings.secrets_dir.mkdir(exist_ok=True)
    settings.log_key_path.write_bytes(new_signing_key())
    engines = make_engines(settings.central_where)
    with engines.writing() as session:
        record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=NOW)
    yield engines
    engines.dispose()


def _sizes(engines: Engines) -> list[int]:
    with engines.reading() as session:
        return [stored.size for stored in access_tree.checkpoints(session, DISTRICT)]


def _jobs(settings: Settings, hub: Engines, clock: DrivenClock) -> Jobs:
    return Jobs(settings, hub, read_log_key(settings), clock)


def test_each_checkpoint_signs_more(settings: Settings, hub: Engines) -> None:
    jobs = _jobs(settings, hub, DrivenClock())
    jobs.checkpoint()
    jobs.checkpoint()
    assert _sizes(hub) == [16, 32]


def test_the_first_checkpoint_of_each_day_is_handed_out(settings: Settings, hub: Engines, tmp_path: Path) -> None:
    outside, clock = tmp_path / "outside", DrivenClock()
    outside.mkdir()
    jobs = _jobs(settings.model_copy(update={"checkpoint_dir": outside}), hub, clock)
    jobs.hand_out()
    for _ in range(2):
        jobs.checkpoint()
        jobs.hand_out()
    clock.step(timedelta(days=1))
    jobs.checkpoint()
    jobs.hand_out()
    sizes = {path.name: read_note(path.read_text(encoding="utf-8"))[0].size for path in outside.iterdir()}
    assert sizes == {"2026-03-14.checkpoint": 16, "2026-03-15.checkpoint": 48}
    assert (outside / "2026-03-14.checkpoint").stat().st_mode & 0o777 == 0o644


def test_a_folder_that_is_not_there_keeps_nothing_from_being_signed(settings: Settings, hub: Engines, tmp_path: Path) -> None:
    jobs = _jobs(settings.model_copy(update={"checkpoint_dir": tmp_path / "unplugged"}), hub, DrivenClock())
    with capture_logs() as lines:
        jobs.checkpoint()
        jobs.hand_out()
    assert [line["event"] for line in lines] == ["checkpoint not handed out"]
    assert _sizes(hub) == [16]


def test_what_waited_alone_long_enough_is_done(settings: Settings, hub: Engines) -> None:
    clock = DrivenClock()
    with hub.writing() as session:
        account = an_account(session)
        session.execute(text("UPDATE person SET confirmed_at = NULL"))
        propose(session, CONSOLE, Act.PERSON_CONFIRM, account.id, at=clock.now())
    jobs = _jobs(settings, hub, clock)
    jobs.act_alone()  # tells everybody; from now on the wait counts
    assert not _confirmed(hub, account.id)
    clock.step(ALONE_WAIT)
    jobs.act_alone()
    assert _confirmed(hub, account.id)


def test_that_a_delegation_is_over_is_written_down_once(settings: Settings, hub: Engines) -> None:
    clock = DrivenClock()
    with hub.writing() as session:
        account, director = an_account(session), a_person(session, Role.DIRECTOR)
        done(propose_delegation(session, CONSOLE, NewDelegation(account.id, clock.now() + timedelta(hours=1)), at=clock.now()))
        done(confirm_delegation(session, director, account.id, at=clock.now()))
    jobs = _jobs(settings, hub, clock)
    jobs.write_down_ends()
    assert _delegations_over(hub) == []
    clock.step(timedelta(hours=1))
    for _ in range(2):
        jobs.write_down_ends()
    assert _delegations_over(hub) == [account.name]


def test_that_an_account_is_over_is_written_down(settings: Settings, hub: Engines) -> None:
    clock = DrivenClock()
    with hub.writing() as session:
        account = an_account(session, Role.DELEGATE)
    jobs = _jobs(settings, hub, clock)
    clock.step(timedelta(days=30))
    jobs.write_down_ends()
    with hub.writing() as session:
        assert people.over(session, clock.now()) == [account.id], "by a clock that may have leapt"
        a_hub_that_ran(session, at=clock.now())
    jobs.write_down_ends()
    with hub.reading() as session:
        ended = people.get(session, account.id)
    assert ended is not None
    assert ended.disabled_at == account.ends_at


@pytest.mark.usefixtures("hub")
def test_a_database_that_is_away_has_it_written_later(settings: Settings, tmp_path: Path) -> None:
    jobs = Jobs(settings, make_engines(tmp_path / "nowhere" / "central.db"), read_log_key(settings), DrivenClock())
    with capture_logs() as lines:
        jobs.write_down_ends()
        jobs.write_down_approvals()
        jobs.write_down_showings()
    assert [line["event"] for line in lines] == [
        "ends of delegations or accounts not written down",
        "approvals that ran out not written down",
        "ends of showings not written down",
    ]


def test_that_an_approval_ran_out_is_written_down_once(settings: Settings, hub: Engines) -> None:
    clock = DrivenClock()
    with hub.writing() as session:
        request = an_approved(session, settings, staff(session), at=clock.now())
    jobs = _jobs(settings, hub, clock)
    clock.step(APPROVAL_LASTS)
    for _ in range(2):
        jobs.write_down_approvals()
    with hub.reading() as session:
        told = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.EXPORT_VOID})), limit=9)
    assert [(one.actor, one.detail["number"], one.detail["state"]) for one in told] == [("system:requests", request.number, "expired")]


def test_that_a_showing_ran_out_is_written_down_once(settings: Settings, hub: Engines) -> None:
    clock = DrivenClock()
    with hub.writing() as session:
        people, at = staff(session), clock.now()
        request, director = a_request(session, settings, people.desk, delivery=Delivery.ON_SITE, at=at), at_work(people.director, at)
        in_order(session, settings, director, request, at=at)
        done(approve(session, settings, director, request.id, request.sha256, at=at))
        viewer = Viewer("R. Alvarez", "4711", "badge", "desk 2", "")
        done(begin_showing(session, settings, director, request.id, viewer, at=at))
    jobs = _jobs(settings, hub, clock)
    jobs.write_down_showings()
    clock.step(timedelta(minutes=settings.showing_minutes))
    for _ in range(2):
        jobs.write_down_showings()
    with hub.reading() as session:
        told = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.EXPORT_SHOW})), limit=9)
    assert [(one.actor, one.detail["act"]) for one in told] == [("system:requests", "shown"), *[(director.label, "show")] * 3]


def _delegations_over(engines: Engines) -> list[str]:
    wanted = access_log.Filter(actions=frozenset({Action.DELEGATION_END}))
    with engines.reading() as session:
        return [event.detail["name"] for event in access_log.find(session, DISTRICT, None, wanted, limit=9)]


def _confirmed(engines: Engines, number: PersonId) -> bool:
    with engines.reading() as session:
        account = people.get(session, number)
    return account is not None and account.confirmed_at is not None


def test_what_waits_is_mailed_once_to_each_address_outside(settings: Settings, hub: Engines) -> None:
    mailing = settings.model_copy(
        update={"smtp_host": "127.0.0.1", "outside_address": "clerk@county.example", "auditor_address": "auditor@county.example"}
    )
    with hub.writing() as session:
        account = an_account(session, name="new director")
        propose(session, CONSOLE, Act.PERSON_CONFIRM, account.id, at=NOW, reason="minutes of 2026-03-10")
    jobs = _jobs(mailing, hub, DrivenClock())
    for _ in range(2):
        jobs.act_alone()
    with hub.reading() as session:
        queued = session.execute(text("SELECT recipient, subject, body FROM mail ORDER BY recipient")).all()
    assert [(row[0], row[1]) for row in queued] == [
        ("auditor@county.example", "Custodian: the account new director is to work"),
        ("clerk@county.example", "Custodian: the account new director is to work"),
    ]
    assert "minutes of 2026-03-10" in queued[0][2]


def test_holds_that_have_lapsed_end_and_reviews_are_mailed(settings: Settings, hub: Engines) -> None:
    mailing = settings.model_copy(update={"smtp_host": "127.0.0.1", "director_address": "director@alder.example"})
    with hub.writing() as session:
        scope, director = of_cameras(a_camera(session).camera.id), a_person(session, Role.DIRECTOR)
        a_hold(session, director, a_new_hold(scope, review_at=NOW + timedelta(days=40)))
        provisional = a_new_hold(scope, kind=HoldKind.PROVISIONAL, expires_at=NOW + timedelta(days=1), review_at=NOW + timedelta(days=90))
        lapses = a_hold(session, director, provisional)
    clock = DrivenClock()
    jobs = _jobs(mailing, hub, clock)
    for days in (0, 15, 0):
        clock.step(timedelta(days=days))
        jobs.end_holds()
    with hub.reading() as session:  # a release can't be taken back, and a day ago this clock did not say so
        assert lapses.id in {hold.id for hold in holds.unreleased(session)}
    jobs.checkpoint()
    clock.step(timedelta(days=1, hours=1))
    jobs.end_holds()
    with hub.reading() as session:
        assert lapses.id not in {hold.id for hold in holds.unreleased(session)}
        told = session.execute(text("SELECT about FROM mail ORDER BY at")).all()
    assert [row.about.partition("/")[2].partition("/")[2] for row in told] == ["expiry/1", "review/30"]


@pytest.mark.usefixtures("hub")
def test_a_database_that_is_away_keeps_holds(settings: Settings, tmp_path: Path) -> None:
    jobs = Jobs(settings, make_engines(tmp_path / "nowhere" / "central.db"), read_log_key(settings), DrivenClock())
    with capture_logs() as lines:
        jobs.end_holds()
    assert [line["event"] for line in lines] == ["legal holds not looked after"]


@pytest.mark.usefixtures("hub")
def test_a_database_that_is_away_keeps_what_waits(settings: Settings, tmp_path: Path) -> None:
    jobs = Jobs(settings, make_engines(tmp_path / "nowhere" / "central.db"), read_log_key(settings), DrivenClock())
    with capture_logs() as lines:
        jobs.act_alone()
    assert [line["event"] for line in lines] == ["acts that waited not done"]


def test_a_damaged_log_is_not_signed_and_the_next_job_comes_all_the_same(settings: Settings, hub: Engines) -> None:
    with hub.write.begin() as connection:
        connection.execute(text("DROP TRIGGER access_event_no_delete"))
        connection.execute(text("DELETE FROM access_event"))
    with capture_logs() as lines:
        _jobs(settings, hub, DrivenClock()).checkpoint()
    assert [(line["event"], line["log_level"]) for line in lines] == [("access log damaged", "error")]
    assert _sizes(hub) == []


def test_a_disk_that_takes_no_more_signs_nothing_and_is_survived(settings: Settings, hub: Engines) -> None:
    """What was signed is written down before the commit: where that fails, nothing is committed."""
    jobs, part = _jobs(settings, hub, DrivenClock()), settings.log_signed_path.with_suffix(".txt.tmp")
    part.mkdir()
    with capture_logs() as lines:
        jobs.checkpoint()
    assert [line["event"] for line in lines] == ["checkpoint not made"]
    assert _sizes(hub) == []
    part.rmdir()
    jobs.checkpoint()
    assert _sizes(hub) == [16]


def test_a_log_cut_back_is_not_signed_again(settings: Settings, hub: Engines) -> None:
    jobs = _jobs(settings, hub, DrivenClock())
    jobs.checkpoint()
    with hub.write.begin() as connection:
        connection.execute(text("DROP TRIGGER access_checkpoint_no_delete"))
        for statement in ("DELETE FROM access_checkpoint", "DELETE FROM access_tile", "UPDATE access_log SET last_number = 1"):
            connection.execute(text(statement))
    with capture_logs() as lines:
        jobs.checkpoint()
    assert [line["event"] for line in lines] == ["access log damaged"]
    assert _sizes(hub) == []


def test_records_past_their_day_are_deleted_and_those_of_today_are_not(settings: Settings, hub: Engines) -> None:
    clock = DrivenClock()
    with hub.writing() as session:
        account = an_account(session)
        done(open_session(session, person_id=account.id, at=NOW, proof=Proof.TOTP))
    jobs = _jobs(settings, hub, clock)
    jobs.purge_records()
    clock.step(timedelta(days=98))
    jobs.checkpoint()
    clock.step(timedelta(days=2))
    with hub.writing() as session:
        done(open_session(session, person_id=account.id, at=clock.now(), proof=Proof.TOTP))
    jobs.purge_records()
    jobs.purge_records()
    with hub.reading() as session:
        opened = session.scalars(text("SELECT opened_at FROM session")).all()
        told = session.scalars(text("SELECT body FROM access_event WHERE action = 'record:purge'")).all()
    assert len(opened) == 1
    assert ["1 sessions" in body for body in told] == [True]


def test_records_wait_while_the_central_database_does_not_answer(settings: Settings, hub: Engines) -> None:
    with hub.write.begin() as connection:
        connection.execute(text("ALTER TABLE session RENAME TO elsewhere"))
    with capture_logs() as lines:
        jobs = _jobs(settings, hub, DrivenClock())
        with hub.writing() as session:
            sign_checkpoint(session, read_log_key(settings), at=NOW - timedelta(days=2))
        jobs.purge_records()
    assert [line["event"] for line in lines] == ["old records not deleted"]


def test_a_month_that_every_machine_told_is_certified_once(settings: Settings, hub: Engines) -> None:
    clock = DrivenClock(NOW.replace(month=4, day=1, hour=1))
    with hub.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        node = a_node(session)
        sign_checkpoint(session, read_log_key(settings), at=clock.now() - timedelta(days=2))
    jobs = _jobs(settings, hub, clock)
    jobs.certify()
    with hub.writing() as session:
        assert deletion_certificates.list_months(session, limit=9) == []
        take_month(session, node.id, PurgeMonth("2026-03", clock.now(), (), (), None, 0, "00" * 32, None))
    jobs.certify()
    jobs.certify()
    with hub.reading() as session:
        assert deletion_certificates.list_months(session, limit=9) == ["2026-03"]
        made = session.scalars(text("SELECT actor FROM access_event WHERE action = 'deletion:certify'")).all()
    assert made == ["system:certificates"]


def test_a_certificate_waits_while_the_central_database_does_not_answer(settings: Settings, hub: Engines) -> None:
    with hub.write.begin() as connection:
        connection.execute(text("ALTER TABLE deletion_certificate RENAME TO elsewhere"))
    with capture_logs() as lines:
        _jobs(settings, hub, DrivenClock()).certify()
    assert [line["event"] for line in lines] == ["certificate of deletion not made"]


def test_old_entries_are_erased_when_a_rule_says_so_and_never_otherwise(settings: Settings, hub: Engines) -> None:
    clock = DrivenClock()
    _jobs(settings, hub, clock).checkpoint()
    for ahead in (timedelta(days=800), timedelta(days=2)):
        clock.step(ahead)
        _jobs(settings, hub, clock).checkpoint()
    _jobs(settings, hub, clock).erase()
    assert _erased(hub) == 0
    jobs = _jobs(settings.model_copy(update={"log_days": 760}), hub, clock)
    jobs.erase()
    jobs.erase()
    assert _erased(hub) == 1
    with hub.reading() as session:
        assert verify_log(session, read_log_key(settings)).ok


def test_the_file_of_a_review_goes_with_it_and_other_files_stay(settings: Settings, hub: Engines) -> None:
    _looked(hub)
    clock = DrivenClock()
    jobs = _jobs(settings.model_copy(update={"log_days": 760}), hub, clock)
    jobs.review()
    (found,) = settings.reviews_dir.iterdir()
    (settings.reviews_dir / "notes.txt").write_text("of the auditor's own", encoding="utf-8")
    jobs.erase()
    assert found.exists()
    for ahead in (timedelta(days=800), timedelta(days=2)):
        clock.step(ahead)
        jobs.checkpoint()
    jobs.erase()
    assert [path.name for path in settings.reviews_dir.iterdir()] == ["notes.txt"]


def test_a_file_that_can_not_be_deleted_is_said(settings: Settings, hub: Engines) -> None:
    (settings.reviews_dir / "2024-01.txt").mkdir(parents=True)
    with capture_logs() as lines:
        _jobs(settings.model_copy(update={"log_days": 760}), hub, DrivenClock()).erase()
    assert [line["event"] for line in lines] == ["old entries not erased"]


def _erased(hub: Engines) -> int:
    with hub.read.begin() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM access_event WHERE erased_by IS NOT NULL").scalar_one())


def test_a_changed_entry_is_not_erased_and_said(settings: Settings, hub: Engines) -> None:
    clock = DrivenClock()
    jobs = _jobs(settings.model_copy(update={"log_days": 760}), hub, clock)
    jobs.checkpoint()
    for ahead in (timedelta(days=800), timedelta(days=2)):
        clock.step(ahead)
        jobs.checkpoint()
    with hub.write.begin() as connection:
        connection.execute(text("DROP TRIGGER access_event_no_update"))
        connection.execute(text("UPDATE access_event SET body = replace(body, 'pat', 'sam')"))
    with capture_logs() as lines:
        jobs.erase()
    assert [line["event"] for line in lines] == ["access log damaged"]
    assert _erased(hub) == 0


@pytest.mark.usefixtures("hub")
def test_a_database_that_is_away_erases_nothing(settings: Settings, tmp_path: Path) -> None:
    away = make_engines(tmp_path / "no" / "central.db")
    with capture_logs() as lines:
        _jobs(settings.model_copy(update={"log_days": 760}), away, DrivenClock()).erase()
    assert [line["event"] for line in lines] == ["old entries not erased"]


@pytest.mark.usefixtures("hub")
def test_a_database_that_is_away_is_said_and_survived(settings: Settings, tmp_path: Path) -> None:
    away = make_engines(tmp_path / "no" / "central.db")
    with capture_logs() as lines:
        Jobs(settings, away, read_log_key(settings), DrivenClock()).checkpoint()
    assert [line["event"] for line in lines] == ["checkpoint not made"]


@pytest.mark.usefixtures("hub")
def test_every_job_is_scheduled_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    scheduled: list[str] = []

    class Scheduler(BackgroundScheduler):  # type: ignore[misc]  # its library has no types
        def shutdown(self, wait: bool = True) -> None:  # noqa: FBT001, FBT002 - as the library names it
            scheduled.extend(job.func.__name__ for job in self.get_jobs())
            super().shutdown(wait=wait)

    monkeypatch.setattr("web.jobs.BackgroundScheduler", Scheduler)
    assert run(settings, SystemClock(), lambda: None) == 0
    methods = {name for name in vars(Jobs) if not name.startswith("_")}
    assert sorted(scheduled) == sorted(methods - {"stop"})


def test_it_signs_once_more_when_its_parent_ends(settings: Settings, hub: Engines) -> None:
    assert run(settings, SystemClock(), lambda: None) == 0
    assert _sizes(hub) == [16]


def test_without_the_key_it_does_not_start(settings: Settings, hub: Engines) -> None:
    settings.log_key_path.rename(settings.log_key_path.with_suffix(".away"))
    with pytest.raises(ConfigError, match="secrets"):
        run(settings, SystemClock(), lambda: None)
    assert _sizes(hub) == []


@pytest.mark.slow
def test_the_child_is_started_again_when_it_is_killed_and_signs_when_the_server_ends(
    settings: Settings, hub: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.jobs_process.PAUSE_SECONDS", 0.05)
    with jobs_beside(settings.data_dir, SystemClock()):
        (first,) = _children(settings)
        os.kill(first, signal.SIGKILL)
        # One that is stopped while it is still being loaded has signed nothing; the next start does.
        wait_until(lambda: any(_is_up(pid, settings) for pid in _children(settings) if pid != first), seconds=60)
    assert _children(settings) == []
    assert _sizes(hub) == [16]


def _children(settings: Settings) -> list[int]:
    """Return the jobs children of this process for that data directory; none when a process of the tree ends meanwhile."""
    with suppress(OSError):
        return [pid for pid in tree(os.getpid()) if _is_for(pid, settings)]
    return []


def _is_up(pid: int, settings: Settings) -> bool:
    """Say whether a child has opened the database."""
    with suppress(OSError):
        return any(handle.readlink() == settings.central_path for handle in Path(f"/proc/{pid}/fd").iterdir())
    return False


def _is_for(pid: int, settings: Settings) -> bool:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    return b"web.jobs" in words and str(settings.data_dir).encode() in words


def test_mail_is_sent_by_a_job_of_its_own(settings: Settings, hub: Engines) -> None:
    with a_mail_server() as box:
        mailing = settings.model_copy(
            update={"smtp_host": "127.0.0.1", "smtp_port": box.port, "smtp_security": "off", "mail_from": "custodian@library.example"}
        )
        with hub.writing() as session:
            post(session, mailing, "clerk@county.example", about="test", subject="Hello", body="Hello", at=NOW)
        _jobs(mailing, hub, DrivenClock()).send_mail()
    assert [mail["to"] for mail in box.taken] == ["clerk@county.example"]


@pytest.mark.slow
def test_of_an_emergency_access_others_are_told_within_ten_seconds(settings: Settings, hub: Engines) -> None:
    """By the child itself and a real mail server, measured from the commit."""
    with a_mail_server() as box:
        told = {"smtp_host": "127.0.0.1", "smtp_port": box.port, "smtp_security": "off", "mail_from": "custodian@library.example"}
        told |= {f"{whose}_address": f"{whose}@library.example" for whose in ("director", "auditor", "outside")}
        lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
        (settings.data_dir / CONFIG_NAME).write_text("\n".join(lines), encoding="utf-8")
        with jobs_beside(settings.data_dir, SystemClock()):
            wait_until(lambda: any(_is_up(pid, settings) for pid in _children(settings)), seconds=60)
            _open_emergency(hub, load_settings(settings.data_dir))
            began = SystemClock().monotonic()
            wait_until(lambda: len(box.taken) == 3)
            took = SystemClock().monotonic() - began
    assert {mail["to"] for mail in box.taken} == {f"{whose}@library.example" for whose in ("director", "auditor", "outside")}
    assert "fight" not in "".join(f"{mail['subject']} {mail.get_content()}" for mail in box.taken)
    assert took <= 10


def _open_emergency(hub: Engines, settings: Settings) -> EmergencyAccess:
    at = SystemClock().now()
    with hub.writing() as session:
        here = a_camera(session).branch
        a_branch(session, "Harbor")
        person = a_person(session, branches=frozenset({here.id}), at=at)
    with hub.writing() as session:
        return done(open_emergency(session, settings, person, reason="a fight", at=at))


def test_a_review_that_is_overdue_is_mailed_by_a_job(settings: Settings, hub: Engines) -> None:
    mailing = settings.model_copy(update={"smtp_host": "127.0.0.1", "director_address": "director@library.example"})
    access, clock = _open_emergency(hub, settings), DrivenClock()
    jobs = _jobs(mailing, hub, clock)
    for at in (access.review_due_at - timedelta(seconds=1), access.review_due_at, access.review_due_at):
        clock.at = at
        jobs.remind()
    with hub.reading() as session:
        queued = session.execute(text("SELECT recipient, subject FROM mail")).all()
    assert [tuple(row) for row in queued] == [("director@library.example", "Custodian: an emergency access was not reviewed")]


def test_the_next_deputy_is_mailed_by_a_job(settings: Settings, hub: Engines) -> None:
    mailing, clock = settings.model_copy(update={"smtp_host": "127.0.0.1"}), DrivenClock()
    with hub.writing() as session:
        all_, camera = staff(session), a_camera(session).camera.id
        told = [Deputy(one.id, "", f"{name}@library.example") for name, one in (("first", all_.delegate), ("second", all_.director))]
        done(set_deputies(session, at_work(all_.director, NOW), told, at=NOW))
        warrant = Warrant(Requester("Det. R. Alvarez", "", "", ""), "Circuit Court", "26-SW-12", footage(camera))
        done(take_in(session, mailing, all_.desk, warrant, at=NOW))
    jobs = _jobs(mailing, hub, clock)
    for minutes in (0, mailing.deputy_minutes, mailing.deputy_minutes):
        clock.at = NOW + timedelta(minutes=minutes)
        jobs.remind()
    with hub.reading() as session:
        queued = session.execute(text("SELECT recipient FROM mail WHERE subject LIKE '%at the door%' ORDER BY at")).scalars().all()
    assert queued == ["first@library.example", "second@library.example"]


@pytest.mark.usefixtures("hub")
def test_a_database_that_is_away_reminds_later_and_new_mail_says_nothing(settings: Settings, tmp_path: Path) -> None:
    mailing = settings.model_copy(update={"smtp_host": "127.0.0.1"})
    jobs = Jobs(mailing, make_engines(tmp_path / "no" / "central.db"), read_log_key(settings), DrivenClock())
    with capture_logs() as lines:
        jobs.send_new_mail()
        jobs.remind()
    assert [line["event"] for line in lines] == ["overdue reviews and warrants not told"]


@pytest.mark.usefixtures("hub")
def test_mail_waits_for_a_database_that_is_away(settings: Settings, tmp_path: Path) -> None:
    away = make_engines(tmp_path / "no" / "central.db")
    with capture_logs() as lines:
        Jobs(settings, away, read_log_key(settings), DrivenClock()).send_mail()
    assert [line["event"] for line in lines] == ["mail waits: the central database does not answer"]


def test_a_stop_signs_and_begins_no_mail(settings: Settings, hub: Engines) -> None:
    with a_mail_server() as box:
        mailing = settings.model_copy(
            update={"smtp_host": "127.0.0.1", "smtp_port": box.port, "smtp_security": "off", "mail_from": "custodian@library.example"}
        )
        with hub.writing() as session:
            post(session, mailing, "clerk@county.example", about="test", subject="Hello", body="Hello", at=NOW)
        jobs = _jobs(mailing, hub, DrivenClock())
        jobs.stop()
        jobs.send_mail()
    assert (_sizes(hub), box.taken) == ([16], [])


def _looked(engines: Engines) -> None:
    """Write that somebody looked at new footage of one camera on five days in a row, up to `NOW`."""
    with engines.writing() as session:
        person, camera = a_person(session, Role.DESK, name="d.nakamura"), a_camera(session, name="Children's room").camera.id
        for day in range(5):
            at = NOW - timedelta(days=4 - day)
            span = Timespan(at - timedelta(hours=1), at - timedelta(minutes=59))
            record_read(session, person, camera_id=camera, span=span, purpose=Purpose.INCIDENT, at=at, detail={"segment": "5"})


def test_what_the_log_asks_about_is_told_within_the_hour_and_put_down(settings: Settings, hub: Engines) -> None:
    _looked(hub)
    jobs = _jobs(settings, hub, DrivenClock())
    for _ in range(2):
        jobs.review()
    (path,) = settings.reviews_dir.iterdir()
    assert path.name.startswith("2026-03-14-")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text(encoding="utf-8").startswith("d.nakamura looked at recordings of ‘Children's room’")


def test_the_review_of_a_policy_is_mailed_once_before_and_once_when_it_is_over(settings: Settings, hub: Engines) -> None:
    """Though the outbox forgets after 30 days what was told."""
    mailing = settings.model_copy(update={"smtp_host": "127.0.0.1", "director_address": "director@alder.example"})
    with hub.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        director = a_person(session, Role.DIRECTOR)
        new = NewPolicy(WHOLE, Days(0, 20, 30), "the Board asked", review_at=NOW + timedelta(days=20))
        done(set_policy(session, director, new, at=NOW))
    clock, told = DrivenClock(), dict[int, list[str]]()
    jobs = _jobs(mailing, hub, clock)
    for day in range(90):
        jobs.end_holds()
        with hub.writing() as session:
            mails = session.execute(text("SELECT about, body FROM mail WHERE about LIKE 'policy/%'")).all()
            session.execute(
                text("DELETE FROM mail WHERE at <= :before"), {"before": (clock.now() - timedelta(days=30) - EPOCH) // MICROSECOND}
            )
        for about, body in mails:
            told.setdefault(day, []).append(about)
            assert "of the district, " in body
        clock.step(timedelta(days=1))
    first = {about: min(day for day, abouts in told.items() if about in abouts) for abouts in told.values() for about in abouts}
    assert first == {"policy/2/review/near": 6, "policy/2/review/over": 20}
    assert max(told) == 50, "the outbox forgot it then, and nothing was mailed anew"


def test_the_first_look_of_a_month_makes_the_digest_of_the_last(settings: Settings, hub: Engines) -> None:
    _looked(hub)
    clock = DrivenClock()
    jobs = _jobs(settings, hub, clock)
    clock.step(timedelta(days=18))
    for _ in range(2):
        jobs.review()
    assert [path.name for path in settings.reviews_dir.glob("2026-03.txt")] == ["2026-03.txt"]
    assert "Who watched in March 2026" in (settings.reviews_dir / "2026-03.txt").read_text(encoding="utf-8")


def test_a_folder_that_takes_no_file_keeps_no_review_from_being_told(settings: Settings, hub: Engines) -> None:
    _looked(hub)
    settings.reviews_dir.write_text("in the way", encoding="utf-8")
    with capture_logs() as lines:
        _jobs(settings, hub, DrivenClock()).review()
    assert [line["event"] for line in lines] == ["review not put down"]
    with hub.reading() as session:
        assert len(reviews.find(session, skip=0, limit=9)) == 1


@pytest.mark.usefixtures("hub")
def test_a_review_waits_for_a_database_that_is_away(settings: Settings, tmp_path: Path) -> None:
    away = make_engines(tmp_path / "no" / "central.db")
    with capture_logs() as lines:
        Jobs(settings, away, read_log_key(settings), DrivenClock()).review()
    assert [line["event"] for line in lines] == ["review not made"]


def test_the_pages_certificate_is_issued_again_before_it_ends(settings: Settings, hub: Engines) -> None:
    clock = DrivenClock()
    make_authority(settings, ["cameras.lan"], district="Alder", at=clock.now())
    jobs, before = _jobs(settings, hub, clock), settings.tls_server_path.read_bytes()
    jobs.renew_certificate()
    assert settings.tls_server_path.read_bytes() == before
    clock.step(timedelta(days=SERVER_DAYS - 30))
    jobs.renew_certificate()
    assert settings.tls_server_path.read_bytes() != before
    settings.tls_ca_path.write_bytes(b"torn")
    with capture_logs() as lines:
        jobs.renew_certificate()
    assert [line["event"] for line in lines] == ["certificate not renewed"]


def test_the_log_of_the_service_tells_of_no_job_that_takes_long(log_lines: io.StringIO) -> None:
    """Every ten seconds it would say for how long a package is being made that nobody but the named knows of."""
    begun, skipped, over = (threading.Event() for _ in range(3))

    def long() -> None:
        begun.set()
        over.wait(20)

    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_listener(lambda _: skipped.set(), EVENT_JOB_MAX_INSTANCES)
    scheduler.add_job(long, "interval", seconds=0.05)
    scheduler.start()
    try:
        assert begun.wait(20)
        assert skipped.wait(20)
    finally:
        over.set()
        scheduler.shutdown()
    assert log_lines.getvalue() == ""
