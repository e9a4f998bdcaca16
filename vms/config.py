"""The settings of one installation: `<data_dir>/config.toml`, overridden by the environment, parsed once and then frozen."""

# ruff: noqa: ARG003 - pydantic-settings offers every source
from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from vms.errors import ConfigError

CONFIG_NAME = "config.toml"
ENVIRONMENT_PREFIX = "VMS_"
CREDENTIALS_FOLDER = "CREDENTIALS_DIRECTORY"
"""A variable that systemd sets."""
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
"""Of mail: the plain form of RFC 5321, which no server has trouble with."""
LEAST_LOG_DAYS = 30 + 2 * 365
"""The longest that footage is kept, and two years: who watched it can be asked as long as somebody may go to law over it."""
MOST_RECORD_DAYS = 3_660
"""Ten years: longer than any schedule asks for what the access log says, too."""
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(text: object) -> Network:
    try:
        return ipaddress.ip_network(str(text))
    except ValueError as err:
        raise ValueError(f"{text!r} is no range of addresses such as 10.20.0.5/32 or fd00::/64") from err


class VolumeSetting(BaseModel):
    """A directory that takes footage."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path
    max_bytes: int | None = Field(default=None, gt=0)
    """Recording stops here; None means the disk itself is the limit."""


_LEAST_RECORD_DAYS = {
    "sessions": (7, "an open session and its screen are asked for it"),
    "views": (7, "what somebody watches is ended by it"),
    "invitations": (3, "whoever could not use one asks about it"),
    "proposals": (90, "who approved what has to be found at the next look"),
    "accounts": (400, "whoever asks who somebody was asks within the year"),
    "screens": (7, "sessions there are asked for it"),
    "mails": (30, "as long as it is there nobody is told the same twice"),
    "coverage": (1, "a day's figures are read on the next"),
    "spot_checks": (30, "whoever asked files what was found"),
    "states": (1, "they are shown as long as somebody may ask why a camera is gone"),
    "requests": (550, "the public notice counts those of two half-years"),
    "complaints": (550, "the public notice counts those of two half-years"),
    "inquiries": (30, "whoever asked brings the paper within the month"),
    "training": (400, "each counts for a year"),
    "holds": (400, "proposals to release them are kept as long, and a matter comes back"),
}


class RecordDays(BaseModel):
    """How many days records other than footage are kept. What each is, and why so long: `vms.domain.records`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions: int = 90
    views: int = 30
    invitations: int = 30
    proposals: int = 400
    accounts: int = LEAST_LOG_DAYS
    screens: int = 90
    mails: int = 30
    coverage: int = 30
    states: int = 30
    spot_checks: int = 400
    requests: int = 2557
    complaints: int = 1096
    inquiries: int = 180
    training: int = 1461
    holds: int = 2557

    @field_validator("*")
    @classmethod
    def _neither_too_few_nor_endless(cls, days: int, info: ValidationInfo) -> int:
        least, why = _LEAST_RECORD_DAYS[info.field_name or ""]
        if not least <= days <= MOST_RECORD_DAYS:
            raise ValueError(f"{info.field_name} are kept from {least} to {MOST_RECORD_DAYS:,} days, not {days:,}: {why}")
        return days


class Settings(BaseSettings):
    """One field per setting. Secrets are `SecretStr`: they don't appear in a repr, a log line or an error."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    data_dir: Path
    database_url: SecretStr | None = None
    """A postgresql:// address for the central database; None keeps it in the data directory (SQLite)."""
    web_database_url: SecretStr | None = None
    """The same database for the web server, by a role that can only add to the access log and read it; None means `database_url`."""
    listen: str = "127.0.0.1:8080"
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    """Names under which browsers reach the pages; others are refused."""
    volumes: tuple[VolumeSetting, ...] = ()
    """Empty means one volume, volumes/default. A relative path begins at the data directory."""
    segment_seconds: int = Field(default=60, ge=1, le=60)
    """Without a keyframe a segment lasts twice as long: `vms.domain.timeline.OPEN_SEGMENT_ALLOWANCE` counts on the bound."""
    sync_seconds: int = Field(default=15, ge=1, le=60)
    """A power cut loses at most so much of the open segment."""
    metrics_listen: str | None = None
    """Where `GET /metrics` is answered for a monitoring system on this machine; None means nowhere. They need no sign-in: loopback only."""
    capture_workers: int | None = Field(default=None, ge=1, le=256)
    """None means one per processor core."""
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    allow_loopback_cameras: bool = False
    """Only the demo and the tests record from this machine itself."""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    """Without both the pages are served over the certificate of `vms tls init`, where that was run."""
    trusted_proxies: tuple[Annotated[Network, BeforeValidator(_network)], ...] = ()
    """Whose X-Forwarded-For and X-Forwarded-Proto are believed; everybody else's say nothing."""
    checkpoint_dir: Path | None = None
    """Where the first checkpoint of the access log of each day is put for somebody outside; None means nowhere."""
    smtp_host: str | None = None
    """The server that takes mail; None means that nothing is mailed, and everything else works."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "off"] = "starttls"
    """Never off but to this machine itself."""
    smtp_ca: Path | None = None
    """PEM file of the authority that signed the server's certificate; None means those that the system knows."""
    smtp_user: str | None = None
    """Its password is in secrets/smtp_password, never here."""
    mail_from: str | None = None
    director_address: str | None = None
    """Who is told of emergency accesses at once, beside the two below: the Director, or a list that reaches the Delegates too."""
    auditor_address: str | None = None
    """Who is told what the access log asks questions about."""
    outside_address: str | None = None
    """Somebody outside, such as the Board's chair or the county clerk: gets checkpoints, and findings when the auditor has no address."""
    witness_url: str | None = Field(default=None, pattern=r"^https?://[^\s@]+$")
    """Where a witness outside countersigns the access log's checkpoints (C2SP tlog-witness); None asks nobody."""
    witness_key: str | None = None
    """The witness's verifier key, NAME+ID+BASE64: only signatures by it count."""
    log_days: int | None = Field(default=None, ge=LEAST_LOG_DAYS)
    """How long the access log says who did what; older entries lose their text and keep their hash. None means it is kept."""
    record_days: RecordDays = RecordDays()
    """How long sessions, mail and the like are kept."""
    public_url: str | None = None
    """Under what address browsers reach the pages, https://cameras.example.org; whoever signs in elsewhere is sent back there."""
    oidc_issuer: str | None = None
    """The district's OpenID provider; None means that people sign in here alone and nothing is contacted."""
    oidc_client_id: str = ""
    oidc_label: str = "District sign-in"
    """What its button says."""
    oidc_scope: str = "openid profile"
    oidc_hosts: tuple[str, ...] = ()
    """Hosts besides the issuer's own that may be asked for tokens and keys."""
    oidc_role_claim: str = "groups"
    oidc_roles: dict[str, str] = Field(default_factory=dict)
    """Group → role, or role at branch; the first that fits counts. `vms.domain.identity.parse_places` reads it."""
    oidc_second_factor: tuple[str, ...] = ("mfa",)
    """Values of amr or acr with which the provider says that it saw a second factor."""
    footage_key: Literal["file", "credential"] = "file"
    """Where the key that wraps footage keys comes from: secrets/node_kek.key, or a credential of that name which systemd hands over."""
    board_conferral: Literal["required", "noted", "off"] = "noted"
    """Whether the Director confers with the Board before deciding on a request: has to, or says why not, or it is not asked."""
    holidays: tuple[date, ...] = ()
    """Days that are no working days, besides Saturdays and Sundays: what people are to do in working days is due later."""
    released_package_days: int = Field(default=0, ge=0, le=2557)
    """How long a package stays on the server after it was handed over; 0: it goes at once."""
    ticket_downloads: int = Field(default=3, ge=1, le=20)
    """How often a package may be downloaded with one ticket."""
    showing_minutes: int = Field(default=60, ge=5, le=480)
    """So long footage is shown to an outsider at a screen, where nobody ends that before."""
    deputy_minutes: int = Field(default=5, ge=1, le=120)
    """So long a deputy who was mailed about a warrant at the door has to answer before the next one is mailed."""
    request_notice_days: int = Field(default=2, ge=1, le=30)
    """So long before a request is to be answered the Director is mailed."""
    complaint_days: int = Field(default=10, ge=1, le=60)
    """Working days within which a complaint is answered."""
    notice_url: str | None = None
    """Where the district's website has the public notice: the sign for the door points there."""
    notice_contact: str = Field(default="", max_length=300)
    """Where people ask and complain, as the notice tells it: an address, a telephone number."""
    not_covered: tuple[str, ...] = ()
    """Places into which no camera looks, named by the notice."""
    third_parties: tuple[str, ...] = ()
    """Who works for the district under contract and may come across recordings, named by the notice; none: nobody."""
    public_inquiry: Literal["off", "on"] = "off"
    """Whether anybody who reaches the pages finds a form on them by which to ask about a recording."""
    training: Literal["warn", "off"] = "warn"
    """Whether it is shown which accounts were not trained within a year; nobody is kept out for that."""
    placement: Literal["note", "required"] = "note"
    """Whether a camera is recorded before the Director approved where it looks, which is shown; else it is live only until then."""
    district: str = "Library District"
    failpoint: str = ""
    """Crash tests only: the step at which this process kills itself."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose values come in as arguments."""
        return env_settings, init_settings

    @field_validator("listen")
    @classmethod
    def _listen_is_host_and_port(cls, listen: str) -> str:
        split_listen(listen)
        return listen

    @field_validator("metrics_listen")
    @classmethod
    def _metrics_stay_on_this_machine(cls, listen: str | None) -> str | None:
        if listen is not None and not is_loopback(split_listen(listen)[0]):
            raise ValueError("metrics_listen is a loopback address, for instance 127.0.0.1:9464: whoever reaches it needs no sign-in")
        return listen

    @field_validator("database_url", "web_database_url")
    @classmethod
    def _database_is_postgresql(cls, url: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith("postgresql://"):
            raise ValueError(f"{info.field_name} begins with postgresql://; leave it out to keep the database in the data directory")
        return url

    @model_validator(mode="after")
    def _web_has_a_role_of_its_own(self) -> Settings:
        if self.web_database_url is None:
            return self
        if self.database_url is None or self.web_role in ("", urlsplit(self.database_url.get_secret_value()).username):
            raise ValueError("web_database_url names a user of its own for the database of database_url, which stands beside it")
        return self

    @field_validator("mail_from", "director_address", "auditor_address", "outside_address")
    @classmethod
    def _mail_addresses_are_plain(cls, address: str | None) -> str | None:
        if address is not None and not is_mail_address(address):
            raise ValueError("a mail address is NAME@DOMAIN in plain letters, one, without a display name")
        return address

    @model_validator(mode="after")
    def _mail_has_a_sender_and_a_secure_way(self) -> Settings:
        if self.smtp_host is not None and self.mail_from is None:
            raise ValueError("smtp_host needs mail_from, the address that mail comes from")
        if self.smtp_host is not None and self.smtp_security == "off" and not is_loopback(self.smtp_host):
            raise ValueError("smtp_security can be off only for a server on this machine; use starttls, or tls with port 465")
        return self

    @model_validator(mode="after")
    def _tls_has_both_files(self) -> Settings:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together: give both or neither")
        return self

    @model_validator(mode="after")
    def _witness_has_address_and_key(self) -> Settings:
        if (self.witness_url is None) != (self.witness_key is None):
            raise ValueError("witness_url and witness_key belong together: give both or neither")
        return self

    @field_validator("oidc_issuer", "public_url", "notice_url")
    @classmethod
    def _address_is_safe(cls, address: str | None) -> str | None:
        if address is not None and not is_safe_address(address):
            raise ValueError("it is an https:// address without a question mark; http:// for this machine alone")
        return address

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Settings:
        if self.oidc_issuer is not None and (not self.oidc_client_id or self.public_url is None):
            raise ValueError("oidc_issuer needs oidc_client_id and public_url beside it")
        if self.public_url is not None and urlsplit(self.public_url).path:
            raise ValueError("public_url ends behind the host: https://cameras.example.org")
        return self

    @property
    def central_path(self) -> Path:
        return self.data_dir / "central.db"

    @property
    def central_where(self) -> Path | str:
        """Where the central database is, as `vms.store.database.make_engines` takes it."""
        return self.central_path if self.database_url is None else self.database_url.get_secret_value()

    @property
    def web_where(self) -> Path | str:
        """Where the web server finds the central database."""
        return self.central_where if self.web_database_url is None else self.web_database_url.get_secret_value()

    @property
    def web_role(self) -> str:
        """The user in `web_database_url`; "" when none is set."""
        url = self.web_database_url
        return "" if url is None else unquote(urlsplit(url.get_secret_value()).username or "")

    @property
    def index_path(self) -> Path:
        return self.data_dir / "index" / "index.db"

    @property
    def secrets_dir(self) -> Path:
        return self.data_dir / "secrets"

    @property
    def grant_key_path(self) -> Path:
        return self.secrets_dir / "grant_ed25519.key"

    @property
    def log_key_path(self) -> Path:
        return self.secrets_dir / "log_ed25519.key"

    @property
    def log_signed_path(self) -> Path:
        return self.secrets_dir / "log_signed.txt"

    @property
    def factor_key_path(self) -> Path:
        """X25519: the secrets of people's authenticators are sealed to it."""
        return self.secrets_dir / "factor_x25519.key"

    @property
    def texts_key_path(self) -> Path:
        """The texts of complaints and inquiries lie under it."""
        return self.secrets_dir / "complaint_texts.key"

    @property
    def packages_dir(self) -> Path:
        """Where packages lie, in the clear, until they have left."""
        return self.data_dir / "packages"

    @property
    def reviews_dir(self) -> Path:
        return self.data_dir / "reviews"

    @property
    def smtp_password_path(self) -> Path:
        return self.secrets_dir / "smtp_password"

    @property
    def tls_ca_path(self) -> Path:
        return self.secrets_dir / "tls_ca.pem"

    @property
    def tls_server_path(self) -> Path:
        return self.secrets_dir / "tls_server.pem"

    @property
    def oidc_secret_path(self) -> Path:
        """What the OpenID provider knows this installation by."""
        return self.secrets_dir / "oidc_client_secret"

    @property
    def node_key_path(self) -> Path:
        return self.secrets_dir / "node_x25519.key"

    @property
    def kek_path(self) -> Path:
        return self.secrets_dir / "node_kek.key"

    @property
    def credentials_dir(self) -> Path | None:
        """Where systemd has put the credentials of this process; None where it handed over none."""
        folder = os.environ.get(CREDENTIALS_FOLDER)
        return None if folder is None else Path(folder)

    @property
    def keys1_path(self) -> Path:
        return self.data_dir / "keys1" / "keys.db"

    @property
    def keys2_path(self) -> Path:
        return self.data_dir / "keys2" / "keys.db"

    @property
    def run_dir(self) -> Path:
        return self.data_dir / "run"

    @property
    def recorder_lock_path(self) -> Path:
        """Held by the one recorder of this data directory while it runs."""
        return self.run_dir / "recorder.lock"

    @property
    def retention_lock_path(self) -> Path:
        """Held by the one pass of retention in this data directory."""
        return self.run_dir / "retention.lock"

    @property
    def downloads_lock_path(self) -> Path:
        """Has a mark for each download that goes on."""
        return self.run_dir / "downloads.lock"

    @property
    def node_socket(self) -> Path:
        return self.run_dir / "node.sock"

    @property
    def supervisor_socket(self) -> Path:
        return self.run_dir / "supervisor.sock"

    def worker_socket(self, number: int) -> Path:
        return self.run_dir / f"worker-{number}.sock"


def is_mail_address(text: str) -> bool:
    return _ADDRESS.fullmatch(text) is not None


def is_loopback(host: str) -> bool:
    """Say whether nobody but this machine itself reaches `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_safe_address(address: str) -> bool:
    """Say whether `address` is one that nobody on the way can read or answer for: https, or this machine itself."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        parts.port  # noqa: B018 - raises when it is none
    except ValueError:
        return False
    plain = address.isascii() and address.isprintable() and " " not in address
    whole = bool(host) and "@" not in parts.netloc and not parts.query and not parts.fragment
    return plain and whole and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))


def split_listen(listen: str) -> tuple[str, int]:
    """Return host and port of HOST:PORT; ValueError says what is expected. Brackets of an IPv6 address are taken off."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError("listen is HOST:PORT, for instance 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def load_settings(data_dir: Path) -> Settings:
    """Read the configuration of `data_dir`; a missing file means the defaults. Raises ConfigError with one line per mistake."""
    path = data_dir / CONFIG_NAME
    try:
        stored = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as err:
        raise ConfigError(f"{path} can't be read as TOML: {err}. Correct the file.") from err
    if "data_dir" in stored:
        raise ConfigError(f"{path} sets data_dir. Leave it out: --data or VMS_DATA says where the data directory is.")
    try:
        settings = Settings(**{**stored, "data_dir": data_dir})
    except ValidationError as err:
        raise ConfigError(_mistakes(path, err)) from err
    return settings.model_copy(update={"data_dir": data_dir, "volumes": _placed(settings.volumes, data_dir)})


def _placed(volumes: tuple[VolumeSetting, ...], data_dir: Path) -> tuple[VolumeSetting, ...]:
    """Put in the one default volume, and read relative paths from the data directory, wherever the process was started."""
    wanted = volumes or (VolumeSetting(path=Path("volumes/default")),)
    return tuple(volume.model_copy(update={"path": data_dir / volume.path}) for volume in wanted)


def _mistakes(path: Path, err: ValidationError) -> str:
    lines = [f"{'.'.join(map(str, mistake['loc'])) or 'configuration'}: {mistake['msg']}" for mistake in err.errors(include_input=False)]
    return f"{path} or a {ENVIRONMENT_PREFIX} variable holds a mistake. " + "; ".join(lines)
