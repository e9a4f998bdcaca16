"""What is secret in an installation: every kind, entered here by hand with the places that take, keep or hand it out.

`test_secrets.py` refuses a place that is not entered, and a kind that its run has not planted. Whoever adds a secret setting, a file
under `secrets/`, a cookie or a form's secret field enters it here and uses it once in `everyday.py`.
"""

from __future__ import annotations

import base64
import html
import importlib
import json
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from inspect import get_annotations, getmembers, isclass
from pathlib import Path
from types import ModuleType
from typing import get_args
from urllib.parse import quote, quote_plus

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import BaseModel, SecretStr

import web
from tests.web.proofs import cookies_set
from vms.config import Settings

KINDS: Mapping[str, tuple[str, ...]] = {
    "camera's password": ("entry CameraEntries.password", "entry CameraPatch.password"),
    "database's password": ("setting database_url",),
    "web server's database password": ("setting web_database_url",),
    "person's password": (
        "entry SignIn.password",
        "entry Proof.password",
        "entry JoinForm.password",
        "entry PasswordForm.old",
        "entry PasswordForm.new",
    ),
    "authenticator's secret": (),
    "recovery code": ("entry SignIn.code", "entry Proof.code"),
    "invitation": ("entry JoinForm.invitation", "entry JoinForm.second"),
    "reset code": (),
    "enrolment code": ("entry CodeForm.code",),
    "package's passphrase": ("entry DownloadEntries.passphrase",),
    "session token": ("cookie __Host-vms",),
    "screen token": ("cookie __Host-screen",),
    "passkey challenge's holder": ("cookie __Host-vms-passkey",),
    "handle at the provider": ("cookie __Host-oidc",),
    "command line's token": (),
    "provider's secret": ("file oidc_client_secret",),
    "mail password": ("file smtp_password",),
    "grant key": ("file grant_ed25519.key",),
    "log key": ("file log_ed25519.key",),
    "node key": ("file node_x25519.key",),
    "next node key": ("file node_x25519.key.next",),
    "factor key": ("file factor_x25519.key",),
    "next factor key": ("file factor_x25519.key.next",),
    "key of footage keys": ("file node_kek.key",),
    "next key of footage keys": ("file node_kek.key.next",),
    "key of texts": ("file complaint_texts.key",),
    "next key of texts": ("file complaint_texts.key.next",),
    "key of the own authority": ("file tls_ca.pem",),
    "web server's key": ("file tls_server.pem",),
    "matter's key": (),
}
NO_SECRETS: Mapping[str, str] = {
    "file log_signed.txt": "what was signed last, which everybody may see",
    "entry Code.code": "of `vms demo` alone, which says it in its first line",
}
_OF_A_MATTER = re.compile(r"[0-9a-f]{32}\.key")
"""A file of `secrets/` whose name is random: no setting names it."""
COOKIES = {place.removeprefix("cookie "): kind for kind, places in KINDS.items() for place in places if place.startswith("cookie ")}
FILES = {place.removeprefix("file "): kind for kind, places in KINDS.items() for place in places if place.startswith("file ")}
_ALIGNMENTS = 3


@dataclass(frozen=True, slots=True)
class Canary:
    """One secret of a run, every form it may have, and where it may stand."""

    kind: str
    forms: Mapping[str, bytes]
    homes: frozenset[str]

    def form_in(self, what: bytes) -> str:
        """Return the form in which it stands there; empty when it doesn't."""
        return next((form for form, octets in self.forms.items() if octets in what), "")


@dataclass(slots=True)
class Evidence:
    """The secrets of a run, and everything that the product said, wrote or showed in it."""

    canaries: list[Canary] = field(default_factory=list)
    seen: list[tuple[str, bytes]] = field(default_factory=list)
    """Where, and what stood there."""
    cookies: set[str] = field(default_factory=set)
    """Names of those that were set."""

    def plant(self, kind: str, *spellings: str | bytes, homes: tuple[str, ...] = (), more: Mapping[str, bytes] | None = None) -> None:
        """Enter a secret; `more` are forms that only it can have."""
        forms = {f"{form} of spelling {number}": octets for number, one in enumerate(spellings) for form, octets in forms_of(one)}
        self.canaries.append(Canary(kind, forms | dict(more or {}), frozenset(homes)))

    def keep(self, where: str, what: bytes) -> str:
        """Keep what stood somewhere, and return the name of that place."""
        place = f"{len(self.seen)}: {where}"
        self.seen.append((place, what))
        return place

    def leaks(self) -> list[str]:
        """Return what stands where it has no business."""
        return [
            f"{one.kind}, {form}, in {where}"
            for where, what in self.seen
            for one in self.canaries
            if one.homes.isdisjoint((where, where.partition(": ")[2])) and (form := one.form_in(what))
        ]


def forms_of(secret: str | bytes) -> Iterator[tuple[str, bytes]]:
    """Yield every form in which a program might let a secret out."""
    octets = secret if isinstance(secret, bytes) else secret.encode()
    yield "raw", octets
    yield "hex", octets.hex().encode()
    yield "upper hex", octets.hex().upper().encode()
    for shift in range(_ALIGNMENTS):
        yield f"base64 at {shift}", in_base64(octets, shift)
        yield f"base64url at {shift}", in_base64(octets, shift).translate(bytes.maketrans(b"+/", b"-_"))
    yield "Python", repr(octets)[2:-1].encode()
    yield "in a URL", quote(octets, safe="").encode()
    yield "in a form", quote_plus(octets).encode()
    if isinstance(secret, str):
        yield "in JSON", json.dumps(secret)[1:-1].encode()
        yield "in HTML", html.escape(secret).encode()
        yield "in HTML of Jinja", html.escape(secret).replace("&#x27;", "&#39;").replace("&quot;", "&#34;").replace("+", "&#43;").encode()


def kind_of_file(name: str) -> str:
    """Return what kind of secret a file under `secrets/` keeps; KeyError when it is not entered."""
    return "matter's key" if is_of_a_matter(name) else FILES[name]


def is_of_a_matter(name: str) -> bool:
    return _OF_A_MATTER.fullmatch(name) is not None


def in_base64(octets: bytes, shift: int) -> bytes:
    """Return what of the base64 of a text is `octets` alone, when they begin `shift` octets after a group of three."""
    encoded = base64.b64encode(bytes(shift) + octets).rstrip(b"=")
    first = -(-shift * 8 // 6)
    last = (shift + len(octets)) * 8 // 6
    return encoded[first:last]


def secrets_in(name: str, content: bytes) -> tuple[str | bytes, ...]:
    """Return what a file under `secrets/` keeps secret, in its spellings."""
    if name.endswith(".pem"):
        key = load_pem_private_key(content, None)
        assert isinstance(key, EllipticCurvePrivateKey)
        scalar = key.private_numbers().private_value.to_bytes(32)
        lines = content.partition(b"PRIVATE KEY-----\n")[2].splitlines()
        return scalar, lines[1]
    return (content,) if ".key" in name else (content.decode().strip(),)


def places() -> set[str]:
    """Return every place of the product that takes, keeps or hands out a secret, from the code itself."""
    modules = [importlib.import_module(one.name) for one in pkgutil.walk_packages(web.__path__, "web.")]
    found = {f"setting {name}" for name, one in Settings.model_fields.items() if _is_secret(one.annotation)}
    found |= {f"file {name}" for name in _secret_files()}
    found |= {f"cookie {name}" for name in cookies_set()}
    return found | {f"entry {entry}" for module in modules for entry in _secret_entries(module)}


def _secret_files() -> Iterator[str]:
    settings = Settings(data_dir=Path("/nowhere"))
    for name in (name for name, one in vars(Settings).items() if isinstance(one, property)):
        path = getattr(settings, name)
        if isinstance(path, Path) and path.parent == settings.secrets_dir:
            yield path.name


def _secret_entries(module: ModuleType) -> Iterator[str]:
    for name, model in getmembers(module, isclass):
        if issubclass(model, BaseModel) and model.__module__ == module.__name__:
            own = get_annotations(model)
            yield from (f"{name}.{one}" for one, entry in model.model_fields.items() if one in own and _is_secret(entry.annotation))


def _is_secret(hint: object) -> bool:
    return hint is SecretStr or any(_is_secret(inner) for inner in get_args(hint))


def totp_spellings(shown: str) -> tuple[str | bytes, ...]:
    """Return an authenticator's secret as it is shown, as it is typed, and its octets."""
    plain = shown.replace(" ", "")
    return shown, plain, base64.b32decode(plain + "=" * (-len(plain) % 8))


def code_spellings(shown: str) -> tuple[str | bytes, ...]:
    """Return a code of hexadecimal digits as it is shown, as it is looked for, and its octets."""
    plain = shown.replace("-", "")
    return shown, plain, bytes.fromhex(plain)
