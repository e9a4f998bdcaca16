"""What every command starts from: the parsed settings, the clock, who acts, and the databases it asks for."""

from __future__ import annotations

import getpass
import hashlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.orm import Session

from vms import log
from vms.clock import Clock, SystemClock
from vms.config import Settings, load_settings
from vms.domain.outcome import Refused
from vms.domain.people import OsUser, Person
from vms.errors import ConfigError, InvalidInput, VmsError
from vms.services.sessions import session_for_token, touch_session
from vms.store.database import Engines, make_engines
from vms.store.migrate import Which, require_current
from vms.store.private_files import write_private

DEFAULT_DATA = "vms-data"
DEMO_DATA = "vms-demo-data"
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Cli:
    """One invocation of `vms`."""

    data_dir: Path
    clock: Clock

    @classmethod
    def of(cls, data: Path | None, *, otherwise: str = DEFAULT_DATA) -> Cli:
        """`otherwise`: the directory when neither the command nor VMS_DATA names one."""
        return cls((data or Path(os.environ.get("VMS_DATA", otherwise))).absolute(), SystemClock())

    @property
    def actor(self) -> OsUser:
        return OsUser(getpass.getuser(), socket.gethostname())

    def settings(self) -> Settings:
        """Read the configuration for a command that does one thing: what it has to say it prints, so only warnings are logged."""
        settings = self._installed()
        log.configure(settings.log_format, "warning")
        return settings

    def service_settings(self) -> Settings:
        """Read the configuration for a process that runs until stopped, and log as it says."""
        settings = self._installed()
        log.configure(settings.log_format, settings.log_level)
        return settings

    def _installed(self) -> Settings:
        """ConfigError tells how to make an installation."""
        settings = load_settings(self.data_dir)
        if settings.database_url is None and not settings.central_path.exists():
            raise ConfigError(f"{self.data_dir} holds no Custodian data. Run: vms --data {self.data_dir} init --name NAME --timezone ZONE")
        return settings

    def person(self, settings: Settings) -> Person:
        """Return who acts by `vms login`; NotAllowed when nobody does."""
        with self.writing(settings) as session:
            found = self.person_if_any(session)
        if found is None:
            raise NotAllowed("Only a person may do this: sign in first. Run: vms login NAME --password-stdin")
        return found

    def proved_person(self, settings: Settings) -> Person:
        """Return who acts by a `vms login` of the last minutes, for acts that ask for a fresh proof."""
        person = self.person(settings)
        if not person.proved_lately(self.clock.now()):
            raise NotAllowed("For this your sign-in may be at most five minutes old. Run again: vms login NAME --password-stdin")
        return person

    def person_if_any(self, session: Session) -> Person | None:
        """Return who is signed in on this command line, and count this as use of the session."""
        found = session_for_token(session, self._token(), at=self.clock.now())
        if isinstance(found, Refused):
            return None
        touch_session(session, found.person.session_id, at=self.clock.now())
        return found.person

    def keep_token(self, token: str) -> None:
        """Remember a session for the commands that follow, where the person who runs them alone reads it."""
        self._token_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self._token_path, token.encode())

    def forget_token(self) -> None:
        if self._token_path.exists():
            write_private(self._token_path, b"")

    def _token(self) -> str:
        try:
            return self._token_path.read_text(encoding="ascii")
        except (OSError, ValueError):
            return ""

    @property
    def _token_path(self) -> Path:
        """The file of this person and this data directory."""
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
        return state / "custodian" / f"{hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:16]}.session"

    @contextmanager
    def central(self, settings: Settings) -> Iterator[Engines]:
        with _engines(lambda: make_engines(settings.central_where, secrets=settings.secrets_dir), Which.CENTRAL) as engines:
            yield engines

    @contextmanager
    def index(self, settings: Settings) -> Iterator[Engines]:
        with _engines(lambda: make_engines(settings.index_path), Which.INDEX) as engines:
            yield engines

    @contextmanager
    def writing(self, settings: Settings) -> Iterator[Session]:
        """One transaction on the central database: committed when the block ends well, undone when it raises."""
        with self.central(settings) as central, central.writing() as session:
            yield session

    @contextmanager
    def reading(self, settings: Settings) -> Iterator[Session]:
        with self.central(settings) as central, central.reading() as session:
            yield session

    @contextmanager
    def index_reading(self, settings: Settings) -> Iterator[Connection]:
        with self.index(settings) as index, index.read.begin() as connection:
            yield connection


@contextmanager
def _engines(make: Callable[[], Engines], which: Which) -> Iterator[Engines]:
    engines = make()
    try:
        with engines.answering():
            require_current(engines, which)
            yield engines
    finally:
        engines.dispose()


class NotAllowed(VmsError):
    """A refusal of a service, said on the command line after its access event was committed."""


def allowed(answer: Answer | Refused) -> Answer:
    """Return the service's answer, or raise its refusal. Call it after the transaction that holds the refusal's event."""
    if isinstance(answer, Refused):
        raise NotAllowed(answer.sentence)
    return answer


def password_from_stdin() -> str:
    """Read one line without its end; a password never stands on a command line, where every process sees it."""
    if not (line := line_from_stdin()):
        raise InvalidInput("No password came on standard input. Pipe it in: printf '%s\\n' \"$PASSWORD\" | vms … --password-stdin")
    return line


def line_from_stdin() -> str:
    """Read one line without its end; "" when there is none."""
    try:
        return sys.stdin.buffer.readline().decode().rstrip("\r\n")
    except UnicodeDecodeError as err:
        raise InvalidInput("What came on standard input is not UTF-8. Set the terminal or the file it comes from to UTF-8.") from err
