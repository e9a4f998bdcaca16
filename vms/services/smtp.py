"""Hand mail to the server that is set: the only place that speaks SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from typing import Protocol

from vms.config import Settings
from vms.errors import ConfigError, Unavailable
from vms.store.mails import Letter

TIMEOUT_SECONDS = 10.0
"""For each answer of the server."""
MAX_REASON_CHARS = 200


class MailServer(Protocol):
    """A connection to the server."""

    def hand_over(self, letter: Letter) -> None:
        """Return once the server has taken the mail; Unavailable says why it did not."""


class Disconnected(Unavailable):
    """The server is gone: the mails that follow need another connection."""


@contextmanager
def mail_server(settings: Settings) -> Iterator[MailServer]:
    """Connect, encrypt, sign in. Unavailable says what the server did not do, ConfigError what is missing here."""
    try:
        smtp = _connected(settings)
    except (OSError, smtplib.SMTPException) as err:
        raise Unavailable(f"The mail server {settings.smtp_host}:{settings.smtp_port} can't be used: {_reason(err)}.") from err
    try:
        yield _Connection(smtp, settings.mail_from or "")
    finally:
        with suppress(OSError, smtplib.SMTPException):
            smtp.quit()
        smtp.close()


def greet(settings: Settings) -> str:
    """Connect and sign in, send nothing; returns what was found."""
    with mail_server(settings):
        return f"{settings.smtp_host}:{settings.smtp_port} takes mail" + (" and the password" if settings.smtp_user else "")


def message_of(letter: Letter, sender: str) -> EmailMessage:
    """Return `letter` as RFC 5322 text. Each try of it has the same Message-ID, so a mail that comes twice is seen to be one.

    ValueError for a subject or an address that would begin another header.
    """
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"], message["Date"] = sender, letter.recipient, letter.subject, letter.at
    message["Message-ID"] = f"<{letter.id:x}@{_domain(sender)}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.body, cte="quoted-printable")
    if letter.attachment is not None:
        # As octets: a text would have its lines ended another way, and a signature would not fit any more.
        octets = letter.attachment.text.encode()
        message.add_attachment(octets, maintype="application", subtype="octet-stream", filename=letter.attachment.name)
    return message


class _Connection:
    def __init__(self, smtp: smtplib.SMTP, sender: str) -> None:
        self._smtp = smtp
        self._sender = sender

    def hand_over(self, letter: Letter) -> None:
        try:
            octets = message_of(letter, self._sender).as_bytes()
        except ValueError as err:
            raise Unavailable(f"It can't be written as a mail: {err}.") from err
        try:
            self._smtp.sendmail(self._sender, letter.recipient, octets)
        except (smtplib.SMTPServerDisconnected, OSError) as err:
            # An answer of the server is an OSError too, but leaves the connection as it was.
            answered = isinstance(err, smtplib.SMTPException) and not isinstance(err, smtplib.SMTPServerDisconnected)
            raise (Unavailable if answered else Disconnected)(f"The mail server did not take it: {_reason(err)}.") from err


def _connected(settings: Settings) -> smtplib.SMTP:
    host, port, me = settings.smtp_host or "", settings.smtp_port, _domain(settings.mail_from or "")
    if settings.smtp_security == "tls":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, port, me, timeout=TIMEOUT_SECONDS, context=_trusting(settings))
    else:
        smtp = smtplib.SMTP(host, port, me, timeout=TIMEOUT_SECONDS)
    with ExitStack() as unless_done:
        unless_done.callback(smtp.close)
        if settings.smtp_security == "starttls":
            smtp.starttls(context=_trusting(settings))
        if settings.smtp_user is not None:
            smtp.login(settings.smtp_user, _password(settings))
        unless_done.pop_all()
    return smtp


def _trusting(settings: Settings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.smtp_ca)
    except OSError as err:
        raise ConfigError(f"smtp_ca, {settings.smtp_ca}, can't be read as PEM ({err.strerror or err}).") from err


def _password(settings: Settings) -> str:
    try:
        return settings.smtp_password_path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(f"smtp_user needs its password in {settings.smtp_password_path}, readable by this account alone.") from err


def _domain(address: str) -> str:
    return address.rpartition("@")[2] or "localhost"


def _reason(err: Exception) -> str:
    """Return what the server answered, or what went wrong before it could, on one line."""
    match err:
        case smtplib.SMTPRecipientsRefused():
            told = "; ".join(f"{code} {_text(answer)}" for code, answer in err.recipients.values())
        case smtplib.SMTPResponseException():
            told = f"{err.smtp_code} {_text(err.smtp_error)}"
        case ssl.SSLCertVerificationError():
            told = f"its certificate is not trusted ({err.verify_message})"
        case OSError() if err.strerror:
            told = err.strerror
        case _:
            told = str(err) or type(err).__name__
    return "".join(letter if letter.isprintable() else " " for letter in told)[:MAX_REASON_CHARS].rstrip(" .")


def _text(answer: bytes | str) -> str:
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer
