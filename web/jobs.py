"""The hub's jobs child: what happens by the clock, not because somebody asked. Nothing else here knows APScheduler.

It holds the key that signs the access log, which the web server must not have. It ends when its parent ends, after a last checkpoint.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from vms import log as logging
from vms.clock import Clock, SystemClock
from vms.config import Settings, load_settings
from vms.domain.second_person import Proposal
from vms.errors import ConfigError, Conflict, Corrupt, Unavailable, VmsError, reason_of
from vms.log import get_logger
from vms.services import (
    approvals,
    delegations,
    deletion_certificates,
    door,
    emergency,
    hold_release,
    package_jobs,
    package_tickets,
    people,
    policy_review,
    records,
    request_reminders,
    sealed_holds,
    showings,
    stills,
)
from vms.services.checkpoint_mail import checkpoint_name, post_checkpoint
from vms.services.due_acts import announce, carry_out_due
from vms.services.log_erase import due, erase_texts, has_run_a_day
from vms.services.log_key import LogKey, read_log_key
from vms.services.log_proof import Signed, sign_checkpoint
from vms.services.log_witness import configured_witness
from vms.services.outbox import send_due, send_waiting
from vms.services.own_ca import renew_if_due
from vms.services.package_footage import footage_here
from vms.services.packages import Hub
from vms.services.reviews import Known, add_digest, catch_up, count_month, file_name, gone, month_due, tell, text_of
from vms.services.second_person import to_announce
from vms.services.signed_notes import SignedNotes
from vms.store import review_files
from vms.store.database import Engines, make_engines
from vms.store.migrate import Which, require_current
from vms.store.private_files import write_private
from vms.store.reviews import Review
from web.witness_client import Countersigning, countersign

CHECKPOINT_MINUTES = 5
"""Between two checkpoints, whatever was done: a cadence that followed the work would tell of it."""
NEW_MAIL_SECONDS = 5
"""Of an emergency access others are told within 10 s."""
REVIEW_MINUTE = 7
"""Of every hour: what is asked about is told within the hour."""
COUNTERSIGN_MINUTE = 1
"""Of every hour, whatever was done."""
ERASE_HOURS = 6
CERTIFY_MINUTE = 23
"""Of every hour: on the first of a month soon after the machines have told the last one."""
HOLD_MINUTES = 5
"""Between two looks at what legal holds have come to."""
PACKAGE_SECONDS = 10
"""Between two looks for packages of footage that were asked for."""
LAST_SECONDS = 8.0
"""How long the end may take: a database or a share that hangs must not leave a process behind."""
CANT_START = 2

log = get_logger(__name__)


class Jobs:
    """Each method is one job."""

    def __init__(self, settings: Settings, central: Engines, key: LogKey, clock: Clock) -> None:
        self._settings = settings
        self._central = central
        self._key = key
        self._clock = clock
        self._notes = SignedNotes(settings)
        self._newest: str | None = None
        """What this process signed last."""
        self._known = Known()
        self._signing = threading.Lock()
        self._stopping = threading.Event()

    def checkpoint(self) -> None:
        """Sign all of the access log."""
        try:
            self._sign_all()
        except (Unavailable, OSError) as err:
            log.warning("checkpoint not made", reason=reason_of(err))
        except Corrupt as err:
            log.error("access log damaged", reason=reason_of(err))

    def _sign_all(self) -> None:
        with self._signing, self._central.answering():
            while not self._sign().complete:
                pass

    def make_packages(self) -> None:
        """Make the packages that were asked for, delete those that nobody may have any more, and end downloads whose process is gone."""
        self._end_downloads()
        try:
            with self._central.answering():
                with self._central.reading() as session:
                    wanted = package_jobs.anything_to_do(self._settings, session, at=self._clock.now())
                if wanted:
                    hub = Hub(self._central, self._key, self._sign_all)
                    source = partial(footage_here, self._settings, self._central)
                    package_jobs.make_packages(self._settings, hub, source, self._clock)
        except (VmsError, OSError) as err:
            log.warning("packages not made or deleted", reason=reason_of(err))

    def _end_downloads(self) -> None:
        try:
            with self._central.answering():
                with self._central.reading() as session:
                    cut_off = package_tickets.any_cut_off(session, self._settings)
                if cut_off:
                    with self._central.writing() as session:
                        package_tickets.write_down_cut_off(session, self._settings, at=self._clock.now())
        except (VmsError, OSError) as err:
            log.warning("ends of downloads not written down", reason=reason_of(err))

    def hand_out(self) -> None:
        """Put the newest checkpoint where somebody outside keeps it, once a day."""
        folder, note = self._settings.checkpoint_dir, self._newest
        if folder is None or note is None:
            return
        path = folder / checkpoint_name(self._clock.now())
        try:
            if not path.exists():
                _write(path, note.encode())
        except OSError as err:
            log.warning("checkpoint not handed out", folder=str(folder), reason=err.strerror)

    def renew_certificate(self) -> None:
        """Issue the pages' certificate again before it ends, where it is the own authority's; the web server takes it over by itself."""
        try:
            renew_if_due(self._settings, at=self._clock.now())
        except (ConfigError, OSError) as err:
            log.error("certificate not renewed", reason=reason_of(err))

    def countersign(self) -> None:
        """Have the witness outside countersign the newest checkpoint."""
        url = self._settings.witness_url
        try:
            witness = configured_witness(self._settings)
            if witness is None or url is None:
                return
            with self._central.answering():
                refused = countersign(self._central, witness, url, self._clock) is Countersigning.REFUSED
        except (Unavailable, ConfigError) as err:
            log.warning("checkpoint not countersigned", reason=reason_of(err))
        except Corrupt as err:
            log.error("witness refused the log", reason=reason_of(err))
        else:
            if refused:
                log.error("witness refused the log", reason="What it knows of this log is not its beginning.")

    def erase(self) -> None:
        """Erase the texts of the access log that the district's rule keeps no longer."""
        days = self._settings.log_days
        if days is None:
            return
        try:
            with self._central.answering():
                while self._erase_some(days):
                    pass
                self._delete_files()
        except (Unavailable, OSError) as err:
            log.warning("old entries not erased", reason=reason_of(err))
        except Corrupt as err:
            log.error("access log damaged", reason=reason_of(err))

    def _erase_some(self, days: int) -> bool:
        """Look without holding the log, then erase; False when nothing was due."""
        at = self._clock.now()
        with self._central.reading() as session:
            found = due(session, days=days, at=at)
        if found is None:
            return False
        with self._central.writing() as session:
            erase_texts(session, self._key, found, days=days, at=at)
        return True

    def _delete_files(self) -> None:
        """Delete the files of reviews that went with the entries they were about; whatever else lies there stays."""
        folder = self._settings.reviews_dir
        names = review_files.names(folder)  # before the rows: a review that is being stored has its row before its file
        with self._central.reading() as session:
            old = gone(session, names)
        review_files.delete(folder, old)

    def purge_records(self) -> None:
        """Delete the sessions, mail and so on whose day is over."""
        try:
            with self._central.answering():
                while self._purge_some() and not self._stopping.is_set():
                    pass
        except (Unavailable, Corrupt) as err:
            log.warning("old records not deleted", reason=reason_of(err))

    def _purge_some(self) -> bool:
        """Look without holding up a writer, then delete; False when nothing was due."""
        at = self._clock.now()
        with self._central.reading() as session:
            if records.why_paused(session, at=at) or not records.due(session, self._settings, at=at):
                return False
        with self._central.writing() as session:
            return bool(records.purge_some(session, self._settings, records.JOB, at=at))

    def certify(self) -> None:
        """Sign the certificate of what was deleted in the month that ended, once every machine has told it."""
        at = self._clock.now()
        try:
            with self._central.answering():
                with self._central.reading() as session:
                    month = deletion_certificates.month_due(session, at=at)
                if month is not None:
                    with self._central.writing() as session:
                        deletion_certificates.make(session, self._key, deletion_certificates.JOB, month, at=at)
        except (Unavailable, Corrupt, Conflict) as err:
            log.warning("certificate of deletion not made", reason=reason_of(err))

    def act_alone(self) -> None:
        """Mail what waits to the addresses outside, and do what nobody else could approve and nobody stopped in its time."""
        at = self._clock.now()
        try:
            with self._central.answering():
                done = self._act_alone(at)
        except (Unavailable, Corrupt) as err:
            log.warning("acts that waited not done", reason=reason_of(err))
            return
        for proposal in done:
            log.info("act done alone", act=proposal.act.value, proposal=proposal.id)

    def _act_alone(self, at: datetime) -> list[Proposal]:
        """Look without holding up a writer, then act."""
        with self._central.reading() as session:
            if not to_announce(session):
                return []
        with self._central.writing() as session:
            announce(session, self._settings, at=at)
        with self._central.writing() as session:  # apart: what can't be done keeps nobody from being told
            return carry_out_due(session, at=at)

    def write_down_ends(self) -> None:
        """Write into the log which delegations and accounts are over on their day: they gave nothing since, whether this runs or not."""
        at = self._clock.now()
        try:
            with self._central.answering():
                self._write_down_ends(at)
        except (Unavailable, Corrupt) as err:
            log.warning("ends of delegations or accounts not written down", reason=reason_of(err))

    def _write_down_ends(self, at: datetime) -> None:
        """Look without holding up a writer, then write."""
        with self._central.reading() as session:
            if not (delegations.any_over(session, at=at) or people.any_over(session, at=at)):
                return
        with self._central.writing() as session:
            delegations.write_down_ends(session, at=at)
            people.write_down_ends(session, at=at)

    def write_down_approvals(self) -> None:
        """Write into the log which approvals ran out unused: they counted no more since, whether this runs or not."""
        at = self._clock.now()
        try:
            with self._central.answering():
                with self._central.reading() as session:
                    over = approvals.any_run_out(session, at=at)
                if over:
                    with self._central.writing() as session:
                        approvals.write_down_run_out(session, self._settings, at=at)
        except (Unavailable, Corrupt, Conflict) as err:
            log.warning("approvals that ran out not written down", reason=reason_of(err))

    def write_down_showings(self) -> None:
        """Write down the end of each showing that ran out: nothing opened in it since, whether this runs or not."""
        at = self._clock.now()
        try:
            with self._central.answering():
                with self._central.reading() as session:
                    over = showings.any_over(session, at=at)
                if over:
                    with self._central.writing() as session:
                        showings.write_down_over(session, self._settings, at=at)
        except (Unavailable, Corrupt, Conflict) as err:
            log.warning("ends of showings not written down", reason=reason_of(err))

    def review(self) -> None:
        """Tell what the log asks questions about, and the digest of a month that ended."""
        try:
            with self._central.answering():
                told = [*self._questions(), *self._digest()]
        except (Unavailable, Corrupt) as err:
            log.warning("review not made", reason=reason_of(err))
            return
        try:
            for review in told:
                self._put_down(review)
        except OSError as err:
            log.warning("review not put down", folder=str(self._settings.reviews_dir), reason=err.strerror)

    def _questions(self) -> list[Review]:
        at = self._clock.now()
        with self._central.reading() as session:
            findings = catch_up(session, self._known, at)
        if not findings:
            return []
        with self._central.writing() as session:
            return tell(session, self._settings, findings, at=at)

    def _digest(self) -> list[Review]:
        at = self._clock.now()
        with self._central.reading() as session:
            month = month_due(session, at)
            rows = count_month(session, month) if month else []
        if month is None:
            return []
        with self._central.writing() as session:
            return [add_digest(session, self._settings, month, rows, at=at)]

    def _put_down(self, review: Review) -> None:
        """Keep a review as a file too, for whoever keeps copies of the data directory."""
        folder = self._settings.reviews_dir
        folder.mkdir(mode=0o700, exist_ok=True)
        write_private(folder / file_name(review), text_of(review).encode())

    def send_mail(self) -> None:
        """Hand the mail that is due to its server, if one is set."""
        try:
            with self._central.answering():
                send_due(self._central, self._settings, self._clock, stopping=self._stopping.is_set)
        except (Unavailable, Corrupt) as err:
            log.warning("mail waits: the central database does not answer", reason=reason_of(err))

    def send_new_mail(self) -> None:
        """Hand over what was just queued: who is to be told at once does not wait for the minute's turn, which tells what is wrong."""
        with suppress(Unavailable, Corrupt), self._central.answering():
            send_waiting(self._central, self._settings, self._clock, stopping=self._stopping.is_set)

    def remind(self) -> None:
        """Mail once that the review of an emergency access is overdue, and the next deputy where a warrant is at the door."""
        at = self._clock.now()
        try:
            with self._central.answering():
                self._remind(at)
        except (Unavailable, Corrupt) as err:
            log.warning("overdue reviews and warrants not told", reason=reason_of(err))

    def _remind(self, at: datetime) -> None:
        """Look without holding up a writer, then write."""
        with self._central.reading() as session:
            reminding = emergency.to_remind(session, at=at)
            calling = door.anybody_to_mail(session, self._settings, at=at)
        if reminding:
            with self._central.writing() as session:
                emergency.remind(session, self._settings, at=at)
        if calling:
            with self._central.writing() as session:
                door.mail_next(session, self._settings, at=at)

    def end_holds(self) -> None:
        """Write the releases of legal holds that have cooled off, and mail what is soon to be reviewed, lapses or is due."""
        at = self._clock.now()
        try:
            with self._central.answering():
                self._end_holds(at)
        except (Unavailable, Corrupt) as err:
            log.warning("legal holds not looked after", reason=reason_of(err))

    def _end_holds(self, at: datetime) -> None:
        """Look without holding up a writer, then write."""
        with self._central.reading() as session:
            # A release can't be taken back, so none is written by a clock that has only just leapt there.
            sure = has_run_a_day(session, at=at)
            ending = sure and hold_release.releases_due(session, at=at)
            secret = sealed_holds.to_look_after(session, at=at)
            telling = any(of.notices_due(session, at=at) for of in (hold_release, policy_review, stills))
            telling = telling or bool(request_reminders.notices_due(session, self._settings, at=at))
        if ending:
            with self._central.writing() as session:
                hold_release.end_due(session, at=at)
        if secret:
            with self._central.writing() as session:
                sealed_holds.look_after(session, self._settings, at=at, sure=sure)
        if telling and self._settings.smtp_host is not None:
            with self._central.writing() as session:
                hold_release.notify(session, self._settings, at=at)
                policy_review.notify(session, self._settings, at=at)
                request_reminders.notify(session, self._settings, at=at)
                stills.notify(session, self._settings, at=at)

    def stop(self) -> None:
        """Sign once more, and begin nothing else."""
        self._stopping.set()
        self.checkpoint()

    def _sign(self) -> Signed:
        at = self._clock.now()
        with self._notes.alone():
            with self._central.writing() as session:
                signed = sign_checkpoint(session, self._key, at=at, notes=self._notes)
                post_checkpoint(session, self._settings, signed.note, at=at)
            self._notes.committed(signed.note)
        self._newest = signed.note
        return signed


def run(settings: Settings, clock: Clock, wait: Callable[[], object]) -> int:
    """Do the jobs until `wait` returns, and sign once more; returns the exit code."""
    key, central = read_log_key(settings), make_engines(settings.central_where, secrets=settings.secrets_dir)
    try:
        with central.answering():
            require_current(central, Which.CENTRAL)
        jobs = Jobs(settings, central, key, clock)
        scheduler = BackgroundScheduler(timezone=UTC, job_defaults={"coalesce": True, "misfire_grace_time": None})
        scheduler.add_job(jobs.checkpoint, CronTrigger(minute=f"*/{CHECKPOINT_MINUTES}", timezone=UTC))
        # A job of its own: a share that hangs keeps nothing from being signed.
        scheduler.add_job(jobs.hand_out, CronTrigger(minute=f"*/{CHECKPOINT_MINUTES}", second=30, timezone=UTC))
        scheduler.add_job(jobs.make_packages, CronTrigger(second=f"*/{PACKAGE_SECONDS}", timezone=UTC))
        scheduler.add_job(jobs.act_alone, CronTrigger(minute="*", second=15, timezone=UTC))
        scheduler.add_job(jobs.write_down_ends, CronTrigger(minute="*", second=30, timezone=UTC))
        scheduler.add_job(jobs.write_down_approvals, CronTrigger(minute="*", second=35, timezone=UTC))
        scheduler.add_job(jobs.write_down_showings, CronTrigger(minute="*", second=38, timezone=UTC))
        scheduler.add_job(jobs.review, CronTrigger(minute=REVIEW_MINUTE, timezone=UTC))
        scheduler.add_job(jobs.send_mail, CronTrigger(minute="*", second=15, timezone=UTC))
        scheduler.add_job(jobs.send_new_mail, CronTrigger(second=f"*/{NEW_MAIL_SECONDS}", timezone=UTC))
        scheduler.add_job(jobs.remind, CronTrigger(minute="*", second=45, timezone=UTC))
        scheduler.add_job(jobs.end_holds, CronTrigger(minute=f"*/{HOLD_MINUTES}", second=50, timezone=UTC))
        scheduler.add_job(jobs.countersign, CronTrigger(minute=COUNTERSIGN_MINUTE, timezone=UTC))
        scheduler.add_job(jobs.erase, CronTrigger(hour=f"*/{ERASE_HOURS}", minute=2, timezone=UTC))
        scheduler.add_job(jobs.purge_records, CronTrigger(hour=f"*/{ERASE_HOURS}", minute=12, timezone=UTC))
        scheduler.add_job(jobs.certify, CronTrigger(minute=CERTIFY_MINUTE, timezone=UTC))
        scheduler.add_job(jobs.renew_certificate, CronTrigger(hour=3, minute=17, timezone=UTC))
        scheduler.start()
        wait()
        # A mail server or a share that hangs must not keep the last entries from being signed.
        scheduler.shutdown(wait=False)
        jobs.stop()
    finally:
        central.dispose()
    return 0


def main(arguments: Sequence[str]) -> int:
    """Entry of the child; `arguments`: the data directory."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they reach the whole group; the parent ends this child in order
        signal.signal(number, signal.SIG_IGN)
    logging.configure("console")
    try:
        settings = load_settings(Path(arguments[0]))
        logging.configure(settings.log_format, settings.log_level)
        return run(settings, SystemClock(), _wait_for_the_parent)
    except VmsError as err:
        log.error("jobs can't start", reason=reason_of(err))
        return CANT_START


def _wait_for_the_parent() -> None:
    """Return when the parent ends, which closes the pipe; this process has a moment left then."""
    sys.stdin.buffer.read()
    end = threading.Timer(LAST_SECONDS, os._exit, (1,))
    end.daemon = True
    end.start()


def _write(path: Path, content: bytes) -> None:
    """Write a file that others may read, whole or not at all."""
    part = path.with_suffix(".tmp")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.chmod(0o644)
    part.rename(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
