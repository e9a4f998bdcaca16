"""The district's OpenID provider: where to send a browser, and who came back with a code (OpenID Connect Core, RFC 6749, 7636, 9207).

Nothing is asked of the provider before somebody signs in by it. What it answers is small, comes soon and from the hosts that were set,
or it is refused. Only this module imports Authlib, which has no types, and joserfc.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import NoReturn
from urllib.parse import quote, urlsplit

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import Key, KeySet, import_key
from pydantic import SecretStr

from vms.clock import Clock
from vms.config import Settings, is_safe_address
from vms.domain.identity import CLOCK_LEEWAY, MAX_SUBJECT_CHARS, Identity
from vms.domain.timespan import EPOCH
from vms.errors import ConfigError, InvalidInput, Unavailable
from vms.log import get_logger

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""By which an ID token may be signed: with a key that the provider alone has, never with none or with the client's secret."""
KINDS = frozenset({"RSA", "EC", "OKP"})
MIN_MODULUS_CHARS = 342
"""Of 2048 bits, in base64."""
TIMEOUT_SECONDS = 5.0
MAX_ANSWER_BYTES = 256 * 1024
KNOWN_SECONDS = 3600
"""So long the provider's document and its keys are taken as they are."""
AWAY_SECONDS = 15
"""So long nobody asks again a provider that did not answer."""
NEW_KEYS_SECONDS = 60
"""A token of an unknown key makes the keys be asked for anew, at most so often."""
CALLBACK = "/login/oidc/callback"
MAX_NAME_CHARS = 100

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What one sign-in is known by: `state` to the browser that began it, `nonce` to the token, `verifier` to us alone."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Return:
    """What a browser brought back in its address."""

    code: str = ""
    issuer: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    authorization: str
    token: str
    secret_in_body: bool
    names_itself: bool
    """Whether it says in each return who it is (RFC 9207)."""
    keys: KeySet
    at: float
    """Monotonic."""


class Provider:
    """Thread-safe; each method may wait for the provider, up to `timeout_seconds` for each of its answers."""

    def __init__(self, settings: Settings, secret: SecretStr, clock: Clock, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._settings = settings
        self._issuer = settings.oidc_issuer or ""
        self._secret = secret
        self._clock = clock
        self._timeout = timeout_seconds
        # The system's authorities: a district's own is installed there. No proxy, netrc or certificate file from the environment.
        self._client = httpx.Client(
            verify=ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
            timeout=timeout_seconds,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )
        self._lock = Lock()
        self._known: _Known | None = None
        self._away_until = 0.0

    def address_for(self, secrets: Secrets, *, prompt: str = "") -> str:
        """Return where to send the browser; with `prompt` "login" the person proves anew who they are. Unavailable says why not."""
        extra = {"prompt": prompt, "max_age": "0"} if prompt else {}
        return str(
            prepare_grant_uri(
                self._now_known().authorization,
                client_id=self._settings.oidc_client_id,
                response_type="code",
                redirect_uri=self._callback,
                scope=self._settings.oidc_scope,
                state=secrets.state,
                nonce=secrets.nonce,
                code_challenge=create_s256_code_challenge(secrets.verifier),
                code_challenge_method="S256",
                **extra,
            )
        )

    def identity(self, back: Return, secrets: Secrets) -> Identity:
        """Return who came back: the code becomes an ID token, which is checked in every part.

        InvalidInput when what came can't be believed or the provider refused; Unavailable when it does not answer.
        """
        known = self._now_known()
        if back.issuer != self._issuer and (back.issuer or known.names_itself):
            _refuse("another provider's answer")
        if back.error:
            _refuse(f"refused by the provider: {back.error[:60]!r}")
        form = {
            "grant_type": "authorization_code",
            "code": back.code,
            "redirect_uri": self._callback,
            "client_id": self._settings.oidc_client_id,
            "code_verifier": secrets.verifier,
        }
        answer = self._ask(known.token, form=form, secret_in_body=known.secret_in_body)
        token = answer.get("id_token")
        if not isinstance(token, str):
            _refuse(f"no ID token came: {str(answer.get('error', 'none'))[:60]!r}")
        return self._checked(token, secrets.nonce, access_token=answer.get("access_token"))

    def close(self) -> None:
        self._client.close()

    @property
    def _callback(self) -> str:
        return f"{self._settings.public_url}{CALLBACK}"

    def _checked(self, token: str, nonce: str, *, access_token: object) -> Identity:
        at = self._clock.now()
        try:
            signed = self._signed(token)
            expected = {
                "iss": {"essential": True, "value": self._issuer},
                "aud": {"essential": True, "value": self._settings.oidc_client_id},
            }
            # Authlib leaves the nonce alone when none is expected; here one always is.
            parameters = {"nonce": nonce, "client_id": self._settings.oidc_client_id, "access_token": access_token}
            claims = CodeIDToken(signed.claims, signed.header, expected, parameters)
            claims.validate(now=int(at.timestamp()), leeway=int(CLOCK_LEEWAY.total_seconds()))
            return self._identity_of(signed.claims)
        except (JoseError, ValueError, TypeError, KeyError, OverflowError) as err:
            reason = str(err)[:120] or type(err).__name__
            _refuse(f"the ID token does not hold: {reason}", err)

    def _signed(self, token: str) -> jwt.Token:
        try:
            return jwt.decode(token, self._now_known().keys, algorithms=list(ALGORITHMS))
        except InvalidKeyIdError:
            return jwt.decode(token, self._now_known(newer_keys=True).keys, algorithms=list(ALGORITHMS))

    def _identity_of(self, claims: Mapping[str, object]) -> Identity:
        subject, at = claims["sub"], claims.get("auth_time")
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARS or not subject.isprintable():
            raise ValueError("sub is no name")
        said = _words(claims.get("amr")) | _words(claims.get("acr"))
        name = next((one for key in ("preferred_username", "name") if isinstance(one := claims.get(key), str) and one.strip()), "")
        return Identity(
            issuer=self._issuer,
            subject=subject,
            name=name.partition("@")[0][:MAX_NAME_CHARS],
            groups=_words(claims.get(self._settings.oidc_role_claim)),
            second_factor=bool(said & set(self._settings.oidc_second_factor)),
            authenticated_at=_moment(at),
        )

    def _now_known(self, *, newer_keys: bool = False) -> _Known:
        """Return the provider's document and keys, asked for anew when they are old."""
        with self._lock:
            at = self._clock.monotonic()
            lasts = NEW_KEYS_SECONDS if newer_keys else KNOWN_SECONDS
            if self._known is not None and at - self._known.at < lasts:
                return self._known
            if at < self._away_until:
                raise _away("It did not answer a moment ago")
            try:
                self._known = self._discovered(at)
            except Unavailable:
                self._away_until = at + AWAY_SECONDS
                raise
            return self._known

    def _discovered(self, at: float) -> _Known:
        document = self._ask(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if document.get("issuer") != self._issuer:
            raise _away(f"Its document names another issuer than {self._issuer}")
        methods = _words(document.get("token_endpoint_auth_methods_supported"))
        jwks = self._own("jwks_uri", document)
        return _Known(
            authorization=self._endpoint("authorization_endpoint", document),
            token=self._own("token_endpoint", document),
            secret_in_body=bool(methods) and "client_secret_basic" not in methods,
            names_itself=document.get("authorization_response_iss_parameter_supported") is True,
            keys=_public_keys(self._ask(jwks)),
            at=at,
        )

    def _own(self, name: str, document: Mapping[str, object]) -> str:
        """Return an address that this machine will ask; it lies on a host that the settings name."""
        address = self._endpoint(name, document)
        there, here = urlsplit(address), urlsplit(self._issuer)
        if there.netloc != here.netloc and there.hostname not in self._settings.oidc_hosts:
            raise _away(f"Its document leads to {there.hostname}, which oidc_hosts does not name")
        return address

    def _endpoint(self, name: str, document: Mapping[str, object]) -> str:
        address = document.get(name)
        if not isinstance(address, str) or not is_safe_address(address.partition("?")[0]):
            raise _away(f"Its document has no {name} that can be used")
        if address.startswith("http:") and not self._issuer.startswith("http:"):
            raise _away(f"Its document has no {name} over https")
        return address

    def _ask(self, address: str, *, form: Mapping[str, str] | None = None, secret_in_body: bool = False) -> dict[str, object]:
        """Return the JSON object that the provider answers; Unavailable says what came instead."""
        secret, auth = self._secret.get_secret_value(), None
        if form is not None and secret_in_body:
            form = {**form, "client_secret": secret}
        elif form is not None:
            # RFC 6749, 2.3.1: both are encoded as in a form before they become a user name and a password.
            auth = httpx.BasicAuth(quote(self._settings.oidc_client_id, safe=""), quote(secret, safe=""))
        try:
            with self._client.stream("GET" if form is None else "POST", address, data=form, auth=auth) as answer:
                body = self._body(answer)
        except (httpx.HTTPError, httpx.InvalidURL) as err:
            raise _away(type(err).__name__) from err
        if answer.status_code != 200 and not (form is not None and answer.status_code in (400, 401)):
            raise _away(f"It answered with status {answer.status_code}")
        try:
            document = json.loads(body)
        except (ValueError, RecursionError) as err:
            raise _away("It answered with something that is no JSON") from err
        if not isinstance(document, dict):
            raise _away("It answered with something that is no JSON object")
        return document

    def _body(self, answer: httpx.Response) -> bytes:
        """Read what is answered, as long as it stays small and comes in time; what comes packed is never unpacked."""
        ends, body = self._clock.monotonic() + self._timeout, bytearray()
        for piece in answer.iter_raw():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise _away(f"Its answer has more than {MAX_ANSWER_BYTES} octets")
            if self._clock.monotonic() > ends:
                raise _away("Its answer took too long")
        return bytes(body)


def open_provider(settings: Settings, clock: Clock) -> Provider | None:
    """Return the provider that the settings name, or None; ConfigError when its secret can't be read. Contacts nobody."""
    if settings.oidc_issuer is None:
        return None
    path = settings.oidc_secret_path
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigError(
            f"{path} can't be read: {err}. Put the secret that the provider gave for {settings.oidc_client_id} there."
        ) from err
    if not secret:
        raise ConfigError(f"{path} is empty. Put the secret that the provider gave for {settings.oidc_client_id} there.")
    if path.stat().st_mode & 0o077:
        raise ConfigError(f"{path} can be read by others. Run: chmod 600 {path}")
    return Provider(settings, SecretStr(secret), clock)


def hosts_contacted(settings: Settings) -> list[str]:
    """Return one line for each host that signing in by the district's provider would contact; none while it is off."""
    if settings.oidc_issuer is None:
        return []
    hosts = dict.fromkeys([urlsplit(settings.oidc_issuer).netloc, *settings.oidc_hosts])
    return [f"{host}: OpenID Connect, when somebody signs in by “{settings.oidc_label}”" for host in hosts]


def _public_keys(document: Mapping[str, object]) -> KeySet:
    """Return the keys that may sign; a secret key among them would let whoever reads it sign as well."""
    listed = document.get("keys")
    keys: list[Key] = [key for one in listed if (key := _public_key(one)) is not None] if isinstance(listed, list) else []
    if not keys:
        raise _away("It has no key that may sign")
    return KeySet(keys)


def _public_key(stated: object) -> Key | None:
    """Return a key that may sign; None for one of another use, one that is too short, and one of a kind nobody knows here."""
    if not isinstance(stated, dict) or stated.get("use", "sig") != "sig" or stated.get("kty") not in KINDS or "d" in stated:
        return None
    if stated["kty"] == "RSA" and len(str(stated.get("n"))) < MIN_MODULUS_CHARS:
        return None
    try:
        return import_key(stated)
    except (JoseError, ValueError, TypeError, KeyError):
        return None


def _words(value: object) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset({value})
    return frozenset(one for one in value if isinstance(one, str)) if isinstance(value, list) else frozenset()


def _moment(seconds: object) -> datetime | None:
    """Return the moment of a NumericDate; OverflowError when no calendar has it."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    return datetime.fromtimestamp(seconds, tz=EPOCH.tzinfo)


def _away(reason: str) -> Unavailable:
    log.warning("district sign-in does not answer", reason=reason)
    return Unavailable("The district's sign-in doesn't answer. Sign in with name and password here, or try again later.")


def _refuse(reason: str, err: Exception | None = None) -> NoReturn:
    log.warning("district sign-in refused", reason=reason)
    raise InvalidInput("The district's sign-in sent nothing that can be believed. Try again; if it comes again, tell IT.") from err
