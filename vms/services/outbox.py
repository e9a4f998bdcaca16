"""The outbox: mail is queued in the transaction that causes it, and sent until the server takes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from vms.clock import Clock
from vms.config import Settings
from vms.domain.ids import new_number
from vms.errors import ConfigError, Unavailable, reason_of
from vms.log import get_logger
from vms.services.smtp import Disconnected, MailServer, mail_server
from vms.store import mails
from vms.store.database import Engines
from vms.store.failpoints import failpoint
from vms.store.mails import Attachment, Letter

FIRST_PAUSE = timedelta(minutes=1)
"""Before a mail is tried again, twice as long each time, up to `LONGEST_PAUSE`."""
LONGEST_PAUSE = timedelta(hours=4)
GIVE_UP_AFTER = timedelta(days=3)
AT_ONCE = 50

log = get_logger(__name__)


def post(  # noqa: PLR0913 - a mail has so many parts
    session: Session,
    settings: Settings,
    to: str | None,
    *,
    about: str,
    subject: str,
    body: str,
    at: datetime,
    attachment: Attachment | None = None,
) -> None:
    """Queue a mail to `to`; nothing when no server or no address is set, or that address was told `about` it before."""
    if settings.smtp_host is not None and to is not None:
        mails.add(session, Letter(new_number(), about, to, subject, body, at, attachment=attachment))


def send_due(central: Engines, settings: Settings, clock: Clock, *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Try every mail that is due, give up what is too old.

    A try is committed before it is made and the taking after it, so no database waits for the server: a process that is killed in
    between sends that mail a second time.
    """
    tidy(central, clock.now())
    send_waiting(central, settings, clock, stopping=stopping)


def send_waiting(central: Engines, settings: Settings, clock: Clock, *, stopping: Callable[[], bool] = lambda: False) -> None:
    """Try every mail that is due, and nothing else: often enough that who is to be told at once is."""
    if settings.smtp_host is None:
        return
    with central.reading() as session:
        letters = mails.due(session, clock.now(), limit=AT_ONCE)
    if letters:
        _send(central, settings, clock, letters, stopping)


def tidy(central: Engines, at: datetime) -> None:
    """Give up what could not be sent for `GIVE_UP_AFTER`."""
    with central.writing() as session:
        given_up = mails.give_up(session, older_than=at - GIVE_UP_AFTER, at=at)
    for about in given_up:
        log.warning("mail given up", about=about, after_days=GIVE_UP_AFTER.days)


def _send(central: Engines, settings: Settings, clock: Clock, letters: Sequence[Letter], stopping: Callable[[], bool]) -> None:
    try:
        with mail_server(settings) as server:
            for letter in letters:
                if stopping():
                    return
                _try(central, server, letter, clock)
    except (Unavailable, ConfigError) as err:
        # Before the first, or after the server hung up: those that were not begun wait as long as their tries say.
        _put_off(central, letters, clock.now())
        log.warning("mail not sent", reason=reason_of(err))


def _try(central: Engines, server: MailServer, letter: Letter, clock: Clock) -> None:
    if not _begun(central, letter, clock.now()):
        return
    try:
        server.hand_over(letter)
    except Disconnected:
        raise
    except Unavailable as err:
        log.warning("mail not sent", about=letter.about, tries=letter.tries + 1, reason=reason_of(err))
        return
    failpoint("mail:accepted")
    with central.writing() as session:
        mails.sent(session, letter, clock.now())


def _put_off(central: Engines, letters: Sequence[Letter], at: datetime) -> None:
    for letter in letters:
        _begun(central, letter, at)


def _begun(central: Engines, letter: Letter, at: datetime) -> bool:
    pause = min(FIRST_PAUSE * 2 ** min(letter.tries, 16), LONGEST_PAUSE)
    with central.writing() as session:
        return mails.begin_try(session, letter, next_try_at=at + pause)
