"""A day at a library with the whole product: everything that touches a secret is done once, and all that is said and shown is kept."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from time import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pyotp
from sqlalchemy import text, update

from recorder.demo.auth import REALM
from tests.e2e.canaries import (
    COOKIES,
    FILES,
    NO_SECRETS,
    Evidence,
    code_spellings,
    forms_of,
    in_base64,
    kind_of_file,
    secrets_in,
    totp_spellings,
)
from tests.fakes.eavesdropper import Eavesdropper
from tests.fakes.hostile_openid import CLIENT, HostileProvider
from tests.fakes.mail_server import USER, Certificate, Mailbox
from tests.forked import Said
from tests.processes import descendants
from tests.product import CameraProcess, Product, Running
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.people import System
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.services.sealed_log import new_matter, record_sealed
from vms.services.second_factor import STEP_SECONDS
from vms.services.signed_notes import SignedNotes
from vms.store.database import make_engines
from vms.store.people_tables import ProposalRow

CAMERA_PASSWORD = "Kan4rienvogel/7+singt? nie:laut"
NEW_CAMERA_PASSWORD = "Blaum3ise+8/pfeift? viel:zu"
WRONG_CAMERA_PASSWORD = "Zaunk0nig+9/ruft? oft:still"
MAIL_PASSWORD = "Rotk3hlchen/1+sagt? kaum:was"
PROVIDER_SECRET = "Gr0nfink+2/summt & brummt:hier"
DATABASE_PASSWORD = "Stiegl1tz+3/klopft? gern:an"
WEB_DATABASE_PASSWORD = "Zeis1g+4/huscht? stets:weg"
PASSWORDS = {name: f"{name} hört+die/Amsel? am 5.{number}" for number, name in enumerate(("t.okafor", "h.marsh", "d.nakamura"))}
WRONG_PASSWORD = "Wied3hopf+6/irrt? sich:oft"
IT, DIRECTOR, DESK = PASSWORDS
END_BYTES = 16 * 1024
SHOWN_CODE = r"(?:[0-9a-f]{5}-){3}[0-9a-f]{5}"


def digest_forms(password: str) -> dict[str, bytes]:
    """Return what is as good as a camera's password in its place (RFC 7616, A1), and the pair that Basic sends."""
    pair, known = f"{CameraProcess.USERNAME}:{password}".encode(), f"{CameraProcess.USERNAME}:{REALM}:{password}".encode()
    md5, sha256 = hashlib.md5(known, usedforsecurity=False), hashlib.sha256(known)
    return {"Basic": in_base64(pair, 0), "MD5 of Digest": md5.hexdigest().encode(), "SHA-256 of Digest": sha256.hexdigest().encode()}


class WatchedProduct(Product):
    """The product, whose every word is kept."""

    def __init__(self, data: Path, evidence: Evidence, **environment: str) -> None:
        super().__init__(data, **environment)
        self.evidence = evidence
        self.said = ""
        """The place of what was said last."""

    def vms(self, *arguments: str, stdin: str = "", timeout: float = 60) -> Said:
        said = super().vms(*arguments, stdin=stdin, timeout=timeout)
        self.said = self.evidence.keep("vms " + " ".join(arguments[:2]), f"{said.out}\n{said.err}".encode())
        return said

    def keep_files(self) -> None:
        """Plant what stands under `secrets/`, and keep every file of the data directory."""
        for path in sorted(self.data.rglob("*")):
            if path.is_file():
                content, place = _readable(path), path.relative_to(self.data).as_posix()
                self.evidence.keep(place, content)
                if path.parent.name == "secrets" and f"file {path.name}" not in NO_SECRETS:
                    current = place.removesuffix(".next")
                    homes = (current, f"{current}.next")  # the next key takes the name of the one before
                    self.evidence.plant(kind_of_file(path.name), *secrets_in(path.name, content), homes=homes)


def _readable(path: Path) -> bytes:
    """Return what a file holds; of a volume's both ends, between which is nothing but encrypted pictures or the ballast's zeros."""
    content = path.read_bytes()
    return content[:END_BYTES] + content[-END_BYTES:] if "volumes" in path.parts else content


@dataclass
class Authenticator:
    """A phone: each of its codes opens one thing, and the product takes those of half a minute before and after as well."""

    totp: pyotp.TOTP
    last: int = 0

    def code(self) -> str:
        self.last = max(self.last + 1, int(time()) // STEP_SECONDS - 1)
        return self.totp.at(self.last * STEP_SECONDS)


class Visitor(httpx.Client):
    """A browser whose every answer is kept, and the name of the place where the last one is."""

    def __init__(self, evidence: Evidence, origin: str, trusted: ssl.SSLContext) -> None:
        headers, hooks = {"sec-fetch-site": "same-origin", "accept": "text/html"}, {"response": [self._keep]}
        super().__init__(base_url=origin, headers=headers, trust_env=False, timeout=60, verify=trusted, event_hooks=hooks)
        self._evidence = evidence
        self.place = ""

    def _keep(self, answer: httpx.Response) -> None:
        answer.read()
        head = []
        for name, value in answer.headers.multi_items():
            told = value
            if name == "set-cookie" and (given := re.match(r"([^=]+)=\"?([^;\"]*)", value)) is not None:
                cookie, secret = given.groups()
                self._evidence.cookies.add(cookie)
                if secret:
                    self._evidence.plant(COOKIES.get(cookie, cookie), secret)
                told = value.replace(secret, "") if secret else value  # this header alone has the duty to show it
            head.append(f"{name}: {told}")
        where = f"{answer.request.method} {answer.request.url.path} {answer.status_code}"
        self.place = self._evidence.keep(where, "\n".join(head).encode() + b"\n" + answer.content)

    def shown(self, kind: str, answer: httpx.Response, pattern: str = SHOWN_CODE) -> list[str]:
        """Plant the codes that this answer shows the one time, and return them."""
        found = re.findall(pattern, answer.text)
        assert found, answer.text
        for code in found:
            self._evidence.plant(kind, *code_spellings(code), homes=(self.place,))
        return [str(code) for code in found]

    def enrol(self) -> tuple[Authenticator, list[str]]:
        """Set up an authenticator, and return it with the codes for paper."""
        assert self.post("/account/authenticator").status_code == 303
        shown = re.search(r'class="mono">([A-Z2-7 ]+)<', self.get("/account/authenticator").text)
        assert shown is not None
        # The page comes back with it until a code fits.
        homes = (self.place, "POST /account/authenticator/code 403")
        self._evidence.plant("authenticator's secret", *totp_spellings(shown[1]), homes=homes)
        authenticator = Authenticator(pyotp.TOTP(shown[1].replace(" ", "")))
        assert self.post("/account/authenticator/code", data={"code": "000000"}).status_code == 403
        return authenticator, self.shown("recovery code", self.post("/account/authenticator/code", data={"code": authenticator.code()}))


@dataclass
class Day:
    """The running installation and who works with it."""

    product: WatchedProduct
    evidence: Evidence
    folder: Path
    origin: str
    cameras: CameraProcess
    mail: Mailbox
    provider: HostileProvider
    trusted: ssl.SSLContext = field(default_factory=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    papers: list[str] = field(default_factory=list)
    """Recovery codes of the Director."""

    @contextmanager
    def browser(self) -> Iterator[Visitor]:
        with Visitor(self.evidence, self.origin, self.trusted) as visitor:
            yield visitor


def settings_of(folder: Path, origin: str, mail: Mailbox, certificate: Certificate, provider: HostileProvider) -> dict[str, str]:
    return {
        "VMS_LOG_LEVEL": "debug",
        "VMS_LOG_FORMAT": "json",
        "VMS_PUBLIC_URL": origin,
        "VMS_SMTP_HOST": "localhost",
        "VMS_SMTP_PORT": str(mail.port),
        "VMS_SMTP_USER": USER,
        "VMS_SMTP_CA": str(certificate.certificate),
        "VMS_MAIL_FROM": "custodian@library.example",
        "VMS_OUTSIDE_ADDRESS": "clerk@county.example",
        "VMS_OIDC_ISSUER": provider.issuer,
        "VMS_OIDC_CLIENT_ID": CLIENT,
        "VMS_OIDC_ROLES": json.dumps({"cameras-it": "it"}),
        "XDG_STATE_HOME": str(folder / "state"),
    }


def set_up(day: Day, listeners: dict[str, Eavesdropper]) -> str:
    """Make the installation, its people and its cameras, and return the Director's invitation."""
    product, evidence = day.product, day.evidence
    product.init()
    for name, secret in (("smtp_password", MAIL_PASSWORD), ("oidc_client_secret", PROVIDER_SECRET)):
        path = product.data / "secrets" / name
        path.write_text(secret + "\n", encoding="utf-8")
        path.chmod(0o600)
    product.must("tls", "init", "localhost")
    day.trusted.load_verify_locations(cadata=product.must("tls", "show", "--pem").out)
    for password in (CAMERA_PASSWORD, NEW_CAMERA_PASSWORD, WRONG_CAMERA_PASSWORD):
        evidence.plant("camera's password", password, more=digest_forms(password))
    for password in PASSWORDS.values():
        evidence.plant("person's password", password)
    # Typed where the name goes, too: the form comes back with it.
    evidence.plant("person's password", WRONG_PASSWORD, homes=("POST /login 401",))
    product.must("user", "add", IT, "--role", "it", "--password-stdin", stdin=PASSWORDS[IT] + "\n")
    invited = product.must("user", "add", DIRECTOR, "--role", "director")
    code = invited.out.partition("Invitation: ")[2].strip()
    evidence.plant("invitation", *code_spellings(code), homes=(product.said,))
    _add_cameras(day, listeners)
    return code


def _add_cameras(day: Day, listeners: dict[str, Eavesdropper]) -> None:
    product, cameras = day.product, day.cameras
    cameras.add_to(product, name="Good")
    for name in ("Redirecting", "Basic", "Digest"):
        given = ("--url", f"rtsp://127.0.0.1:{listeners[name].port}/main", "--user", cameras.USERNAME, "--password-stdin")
        product.must("camera", "add", name, "--branch", "Central", *given, stdin=CAMERA_PASSWORD + "\n")
    url = ("--url", cameras.url(), "--user", cameras.USERNAME, "--password-stdin", "--certificate", "AB:" * 31 + "CD")
    product.must("camera", "add", "Replaced", "--branch", "Central", *url, stdin=CAMERA_PASSWORD + "\n")


def live_through(day: Day, invitation: str) -> None:
    """Do everything that touches a secret, in an order in which a day could bring it."""
    with day.browser() as director, day.browser() as it:
        _take_office(day, director, invitation)
        _sign_in_in_every_way(it)
        _look_after_cameras(day, it)
        _look_after_people(day, it, director)
        _fail_while_somebody_signs_in(day)
        _enrol_a_screen(day, director)
        _come_by_the_provider(day)
        _try_a_ticket(day)
        for path in ("/account", "/log", "/reviews", "/people", "/screens", "/emergency/reviews", "/api/v1/log", "/healthz"):
            director.get(path)
    _rotate_keys(day)


def _take_office(day: Day, director: Visitor, invitation: str) -> None:
    wrong = {"name": DIRECTOR, "invitation": "01234-56789-abcde-f0123", "password": PASSWORDS[DIRECTOR]}
    assert director.post("/join", data=wrong).status_code == 401
    assert director.post("/join", data={**wrong, "invitation": invitation, "password": "short"}).status_code == 422
    assert director.post("/join", data={**wrong, "invitation": invitation}).status_code == 303
    _authenticator, papers = director.enrol()
    day.papers += papers
    changed = {"old": PASSWORDS[DIRECTOR], "new": "short"}
    assert director.post("/account/password", data=changed).status_code == 422


def _sign_in_in_every_way(it: Visitor) -> None:
    entries = {"name": IT, "password": PASSWORDS[IT]}
    assert it.post("/login", data=entries | {"password": WRONG_PASSWORD}).status_code == 401
    assert it.post("/login", data={"name": WRONG_PASSWORD, "password": ""}).status_code == 401  # people type it there
    assert it.post("/api/v1/session", json={"name": IT, "password": {"text": PASSWORDS[IT]}}).status_code == 422
    assert it.post("/login", data=entries).status_code == 303
    authenticator, papers = it.enrol()
    assert it.post("/logout").status_code == 303
    assert it.post("/login", data=entries).status_code == 401
    assert it.post("/login", data=entries | {"code": papers[0]}).status_code == 303
    assert it.post("/switch", data=entries | {"code": authenticator.code()}).status_code == 303
    assert it.post("/prove", data={"password": PASSWORDS[IT], "code": papers[0]}).status_code == 401
    assert it.post("/prove", data={"password": PASSWORDS[IT], "code": authenticator.code()}).status_code == 303
    assert it.post("/api/v1/session/proof", json={"password": PASSWORDS[IT], "code": papers[1]}).status_code == 200
    assert it.post("/api/v1/passkeys/sign-in").status_code == 200
    assert it.post("/login/passkey", data={"credential": "{}"}).status_code == 401


def _look_after_cameras(day: Day, it: Visitor) -> None:
    known = it.get("/api/v1/cameras").json()["cameras"]
    good = next(one for one in known if one["name"] == "Good")
    entries = {"name": "Gate", "branch": good["branch"]["id"], "host": "127.0.0.1", "username": CameraProcess.USERNAME, "scheme": "rtsps"}
    entries |= {"main_path": "/main", "port": day.cameras.port, "password": WRONG_CAMERA_PASSWORD}
    shown = [it.get(path) for path in ("/", "/cameras", "/cameras/new", "/api/v1/cameras", "/playback", "/waiting", "/rules")]
    shown += [it.get(f"/cameras/{camera['id']}") for camera in known]
    shown += [it.post("/cameras/new", data=entries | change) for change in ({"host": "169.254.1.1"}, {"act": "test"})]
    shown += [it.post("/api/v1/cameras/test", json=entries | {"camera": good["id"]})]
    shown += [it.post("/api/v1/cameras", json=entries | change) for change in ({"port": 0}, {"password": [WRONG_CAMERA_PASSWORD]})]
    # While its password opens it a camera records: this one gets a wrong one, and another is new.
    digest = next(one for one in known if one["name"] == "Digest")
    version = int(re.findall(r'name="version" value="(\d+)"', it.get(f"/cameras/{digest['id']}").text)[0])
    changed = it.patch(f"/api/v1/cameras/{digest['id']}", json={"version": version, "password": NEW_CAMERA_PASSWORD})
    assert changed.status_code == 200, changed.text
    shown += [changed, it.patch(f"/api/v1/cameras/{digest['id']}", json={"version": version, "password": WRONG_CAMERA_PASSWORD})]
    added = it.post("/cameras/new", data=entries | {"act": "save", "scheme": "rtsp"})
    assert {answer.status_code for answer in (*shown, added)} <= {200, 303, 400, 403, 409, 422}, [one.status_code for one in shown]


def _look_after_people(day: Day, it: Visitor, director: Visitor) -> None:
    proposed = it.post("/people/new", data={"name": DESK, "role": "desk"})
    it.shown("invitation", proposed)
    number = re.findall(r'action="/people/(\d+)/invite"', it.get("/people").text)[0]
    again = it.shown("invitation", it.post(f"/people/{number}/invite"))[0]
    second = director.shown("invitation", director.post(f"/people/{number}/confirm"))[0]
    with day.browser() as desk:
        entries = {"name": DESK, "password": PASSWORDS[DESK]}
        assert desk.post("/join", data=entries | {"invitation": again, "second": second}).status_code == 303
    first = it.shown("reset code", it.post(f"/people/{number}/reset"))[0]
    _a_day_goes_by(day)
    code = director.shown("reset code", director.post(f"/people/{number}/reset/finish"))[0]
    with day.browser() as desk:
        assert desk.post("/join", data=entries | {"invitation": first, "second": code}).status_code == 303


def _a_day_goes_by(day: Day) -> None:
    """Nobody waits a day for a test: what is proposed ripens in the database."""
    central = make_engines(day.product.data / "central.db")
    with central.writing() as session:
        session.execute(update(ProposalRow).values(earliest_at=datetime.now(UTC)))
    central.dispose()


def _enrol_a_screen(day: Day, director: Visitor) -> None:
    branch = re.findall(r'<option value="(\d+)"', director.get("/screens").text)[0]
    code = director.shown("enrolment code", director.post("/screens", data={"name": "Desk 1", "branch": branch, "kind": "workstation"}))[0]
    with day.browser() as screen:
        assert screen.post("/screens/enrol", data={"code": "01234-56789-abcde-f0123"}).status_code == 403
        assert screen.post("/screens/enrol", data={"code": code}).status_code == 303
        assert screen.post("/login", data={"name": DESK, "password": PASSWORDS[DESK]}).status_code == 303
        screen.enrol()
        assert screen.get("/live").status_code == 200


def _try_a_ticket(day: Day) -> None:
    """Nothing lies ready to be downloaded; what somebody types there is as secret as if it did."""
    typed = "9a1c4-77b02-e5d3f-08c6b"
    day.evidence.plant("package's passphrase", *code_spellings(typed))
    with day.browser() as outsider:
        assert outsider.post("/download", data={"ticket": "0f3d1-2b4c7", "passphrase": typed}).status_code == 403


def _come_by_the_provider(day: Day) -> None:
    """Somebody new comes: proposed, and told to wait. Then the provider does not know this installation any more."""
    day.evidence.plant("provider's secret", f"{CLIENT}:{PROVIDER_SECRET}")
    with day.browser() as browser:
        for _ in range(2):
            page = browser.post("/login/oidc", data={"next": ""})
            found = re.search(r'content="0; url=([^"]+)"', page.text)
            assert found is not None, page.text
            asked = {name: values[0] for name, values in parse_qs(urlsplit(found[1].replace("&amp;", "&")).query).items()}
            claims = day.provider.claims(datetime.now(UTC), asked["nonce"], amr=["mfa"], groups=["cameras-it"], preferred_username="ana")
            day.provider.sign(claims)
            told = {"code": "of the provider", "state": asked["state"], "iss": day.provider.issuer}
            back = browser.get("/login/oidc/callback", params=told)
            assert back.status_code == 401, back.text
            refusal = json.dumps({"error": "invalid_client", "error_description": "unknown"}).encode()
            day.provider.answers["/token"] = type(day.provider.document())(refusal, 401)
    assert day.provider.forms, "the provider was asked for no token"


def _fail_while_somebody_signs_in(day: Day) -> None:
    """The database refuses the entry of a sign-in: a fault that nobody expects is logged with all that is known of it."""
    central = make_engines(day.product.data / "central.db")
    with central.writing() as session:
        when = "CREATE TRIGGER refuse BEFORE INSERT ON access_event WHEN NEW.action = 'session:open'"
        session.execute(text(f"{when} BEGIN SELECT RAISE(ABORT, 'disk full'); END"))
    with day.browser() as desk:
        assert desk.post("/login", data={"name": DESK, "password": PASSWORDS[DESK]}).status_code >= 500
    with central.writing() as session:
        session.execute(text("DROP TRIGGER refuse"))
    central.dispose()


def use_the_command_line(day: Day) -> None:
    """Once the pages have ended, and with that signed the log."""
    product = day.product
    assert product.vms("login", DIRECTOR, "--password-stdin", stdin=WRONG_PASSWORD + "\n").code == 2
    product.must("login", DIRECTOR, "--password-stdin", stdin=f"{PASSWORDS[DIRECTOR]}\n{day.papers[0]}\n")
    for path in (day.folder / "state").rglob("*.session"):
        day.evidence.plant("command line's token", path.read_text(), homes=("state",))
    _seal_a_matter(day)
    key = re.findall(r"Key: (\S+)", product.must("log", "verify").out)[0]
    export = day.folder / "export.jsonl"
    product.must("log", "export", str(export))
    product.must("log", "verify", "--export", str(export), "--key", key, "--json")
    day.mail.password = "another one"
    assert product.vms("mail", "test", "auditor@library.example").code == 2
    day.mail.password = MAIL_PASSWORD
    product.must("mail", "test", "auditor@library.example")
    given = ("--user", CameraProcess.USERNAME, "--password-stdin", "--json")
    product.vms("camera", "test", "--url", day.cameras.url(), *given, stdin=WRONG_CAMERA_PASSWORD + "\n")
    for command in (
        ("log", "show", "--json"),
        ("doctor", "--json"),
        ("doctor", "--egress", "--json"),
        ("check", "--json"),
        ("user", "list", "--json"),
    ):
        product.vms(*command)


def _seal_a_matter(day: Day) -> None:
    """Nothing of the product writes sealed entries yet; they are read, fail to be read with another key, and are unsealed once signed."""
    data = day.product.data
    settings, central = Settings(data_dir=data), make_engines(data / "central.db")
    signed = LogKey((data / "secrets" / "log_ed25519.key").read_bytes())
    kept, lifted = new_matter(settings), new_matter(settings)
    day.product.keep_files()
    with central.writing() as session:
        for matter in (kept, lifted):
            record_sealed(session, matter, actor=System("everyday"), action=Action.CAMERA_TEST, at=datetime.now(UTC))
    for _ in range(2):  # each has room for one at least
        with central.writing() as session:
            sign_checkpoint(session, signed, at=datetime.now(UTC), notes=SignedNotes(settings))
    central.dispose()
    day.product.must("log", "show", "--sealed", kept.id, "--json")
    path = data / "secrets" / f"{kept.id}.key"
    path.write_bytes(lifted.key)
    assert day.product.vms("log", "show", "--sealed", kept.id).code != 0
    path.write_bytes(kept.key)
    day.product.must("log", "unseal", lifted.id)
    assert not path.with_name(f"{lifted.id}.key").exists()


def _rotate_keys(day: Day) -> None:
    """Each key is half changed by a rotation that is killed, looked at, and then changed."""
    product = day.product
    product.keep_files()
    cut = WatchedProduct(product.data, day.evidence, **(product.environment | {"VMS_FAILPOINT": "rotate:f"}))
    for key in ("node", "factors", "footage", "texts"):
        cut.vms("keys", "rotate", key)
    assert {path.name for path in product.data.glob("secrets/*.next")} == {name for name in FILES if name.endswith(".next")}
    product.keep_files()
    product.must("keys", "show", "--json")
    product.vms("doctor")
    product.must("keys", "rotate", "node", "factors", "footage", "texts")
    product.must("keys", "show")


def lose_the_database(folder: Path, evidence: Evidence) -> None:
    """Ask for what a database behind a password would have to tell: nobody answers there, and then the address can't be read."""
    evidence.plant("database's password", DATABASE_PASSWORD)
    evidence.plant("web server's database password", WEB_DATABASE_PASSWORD)
    product = WatchedProduct(folder / "elsewhere", evidence)
    product.data.mkdir(mode=0o700)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        here = f"127.0.0.1:{nobody.getsockname()[1]}/custodian"
        _set_databases(product.data, f"custodian:{_in_url(DATABASE_PASSWORD)}@{here}", f"web:{_in_url(WEB_DATABASE_PASSWORD)}@{here}")
        for command in (("status", "--json"), ("doctor",), ("migrate",), ("serve", "--listen", "127.0.0.1:0")):
            assert product.vms(*command).code != 0, command
    for wrong in (f"custodian:{DATABASE_PASSWORD}@[::1", f"custodian:{DATABASE_PASSWORD}@/:x"):
        _set_databases(product.data, wrong, f"web:{WEB_DATABASE_PASSWORD}@[::1")
        assert product.vms("status").code != 0


def _set_databases(data: Path, address: str, web: str) -> None:
    told = f"database_url = {json.dumps('postgresql://' + address)}\nweb_database_url = {json.dumps('postgresql://' + web)}\n"
    (data / "config.toml").write_text(told, encoding="utf-8")


def _in_url(password: str) -> str:
    return dict(forms_of(password))["in a URL"].decode()


def keep_processes(up: Running, evidence: Evidence) -> int:
    """Keep arguments and environment of every process, and return how many there are."""
    processes = [up.process.pid, *descendants(up.process.pid)]
    for pid in processes:
        for name in ("cmdline", "environ"):
            evidence.keep(f"/proc/{pid}/{name}", Path(f"/proc/{pid}/{name}").read_bytes())
    return len(processes)


def _decoded(part: Message) -> bytes:
    """Return what a part says: on its way a quoted-printable line may be cut in the middle of a secret."""
    octets = part.get_payload(decode=True)
    assert isinstance(octets, bytes)
    return octets


def keep_what_is_left(day: Day, up: Running) -> None:
    """Keep the log, the mails, the export and the files, once everything has ended."""
    evidence = day.evidence
    evidence.keep("log", "".join(up.lines).encode())
    for letter in day.mail.taken:
        evidence.keep("mail", letter.as_bytes())
        for name, value in letter.items():
            evidence.keep(f"mail's {name}", value.encode())
        for part in letter.walk():
            if not part.is_multipart():
                evidence.keep("mail's part", _decoded(part))
    evidence.keep("export", (day.folder / "export.jsonl").read_bytes())
    for path in (day.folder / "state").rglob("*.session"):
        evidence.keep("state", path.read_bytes())
    day.product.keep_files()
