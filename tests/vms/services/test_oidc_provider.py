"""What an OpenID provider may say and what is believed of it: tokens that lie, documents that lead elsewhere, answers without end."""

from __future__ import annotations

import base64
import gzip
import hmac
import io
import json
import resource
import threading
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from pydantic import SecretStr

from tests.fakes.hostile_openid import CLIENT, SECRET, Answer, Claims, HostileProvider, hostile_provider
from tests.web.world_clock import DrivenClock
from vms.clock import SystemClock
from vms.config import Settings
from vms.errors import ConfigError, InvalidInput, Unavailable
from vms.services.oidc_provider import (
    AWAY_SECONDS,
    KNOWN_SECONDS,
    NEW_KEYS_SECONDS,
    Provider,
    Return,
    Secrets,
    hosts_contacted,
    open_provider,
)

SECRETS = Secrets("the state", "the nonce", "the-verifier-" * 4)
DISCOVERY = "/.well-known/openid-configuration"


@pytest.fixture
def there() -> Iterator[HostileProvider]:
    with hostile_provider() as provider:
        yield provider


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture
def ours(there: HostileProvider, clock: DrivenClock) -> Iterator[Provider]:
    provider = Provider(_settings(there.issuer), SecretStr(SECRET), clock)
    yield provider
    provider.close()


def _settings(issuer: str, **more: object) -> Settings:
    entries = {"public_url": "https://cameras.example.org", "oidc_issuer": issuer, "oidc_client_id": CLIENT} | more
    return Settings(data_dir=Path("unused"), **entries)  # type: ignore[arg-type]


def test_who_came_is_what_the_token_says(there: HostileProvider, ours: Provider, clock: DrivenClock) -> None:
    said = {"preferred_username": "ana@alder.example", "groups": ["a", "b", 7], "amr": ["pwd", "mfa"]}
    there.sign(there.claims(clock.now(), SECRETS.nonce, **said))
    who = ours.identity(Return("the code"), SECRETS)
    assert (who.issuer, who.subject, who.name, who.groups, who.second_factor) == (there.issuer, "ana", "ana", frozenset("ab"), True)
    assert who.authenticated_at == clock.now().replace(microsecond=0)


def test_the_code_is_sent_with_the_verifier_and_the_secret_in_the_header(
    there: HostileProvider, ours: Provider, clock: DrivenClock
) -> None:
    there.sign(there.claims(clock.now(), SECRETS.nonce))
    ours.identity(Return("the code"), SECRETS)
    (sent,) = there.forms
    basic, _, body = sent.removeprefix("Basic ").partition(" ")
    assert base64.b64decode(basic) == b"custodian:the%20client%27s%20secret"
    assert parse_qs(body)["code_verifier"] == [SECRETS.verifier]
    assert "secret" not in body


def test_a_provider_that_takes_the_secret_in_the_body_alone_gets_it_there(
    there: HostileProvider, ours: Provider, clock: DrivenClock
) -> None:
    there.answers[DISCOVERY] = there.document(token_endpoint_auth_methods_supported=["client_secret_post"])
    there.sign(there.claims(clock.now(), SECRETS.nonce))
    ours.identity(Return("the code"), SECRETS)
    assert parse_qs(there.forms[0].strip())["client_secret"] == [SECRET]


def test_a_browser_is_sent_with_state_nonce_and_the_hash_of_the_verifier_alone(ours: Provider) -> None:
    address = ours.address_for(SECRETS)
    asked = parse_qs(urlsplit(address).query)
    assert (asked["state"], asked["nonce"], asked["redirect_uri"]) == (
        ["the state"],
        ["the nonce"],
        ["https://cameras.example.org/login/oidc/callback"],
    )
    assert asked["code_challenge_method"] == ["S256"]
    assert SECRETS.verifier not in address
    assert "prompt" not in asked


NOT_BELIEVED: dict[str, Callable[[HostileProvider, datetime], Claims]] = {
    "another issuer": lambda there, at: there.claims(at, SECRETS.nonce, iss="https://evil.example"),
    "no issuer": lambda there, at: there.claims(at, SECRETS.nonce, iss=None),
    "for somebody else": lambda there, at: there.claims(at, SECRETS.nonce, aud="another client"),
    "for somebody else, asked for by us": lambda there, at: there.claims(at, SECRETS.nonce, aud="another client", azp=CLIENT),
    "for nobody": lambda there, at: there.claims(at, SECRETS.nonce, aud=None),
    "for an empty list": lambda there, at: there.claims(at, SECRETS.nonce, aud=[]),
    "for two, and no word for whom": lambda there, at: there.claims(at, SECRETS.nonce, aud=[CLIENT, "another client"]),
    "another party's": lambda there, at: there.claims(at, SECRETS.nonce, aud=[CLIENT, "other"], azp="other"),
    "another sign-in's": lambda there, at: there.claims(at, "another nonce"),
    "no sign-in's": lambda there, at: {**there.claims(at, ""), "nonce": None},
    "over": lambda there, at: there.claims(at, SECRETS.nonce, exp=int(at.timestamp()) - 61),
    "without end": lambda there, at: there.claims(at, SECRETS.nonce, exp=None),
    "an end that is none": lambda there, at: there.claims(at, SECRETS.nonce, exp="tomorrow"),
    "from tomorrow": lambda there, at: there.claims(at, SECRETS.nonce, iat=int(at.timestamp()) + 86400),
    "nobody's": lambda there, at: there.claims(at, SECRETS.nonce, sub=None),
    "an empty name": lambda there, at: there.claims(at, SECRETS.nonce, sub=""),
    "a name without end": lambda there, at: there.claims(at, SECRETS.nonce, sub="a" * 256),
    "a name that is a number": lambda there, at: there.claims(at, SECRETS.nonce, sub=7),
    "a sign-in beyond every calendar": lambda there, at: there.claims(at, SECRETS.nonce, auth_time=1e300),
    "of another access token": lambda there, at: there.claims(at, SECRETS.nonce, at_hash="AAAAAAAAAAAAAAAAAAAAAA"),
}


@pytest.mark.parametrize("lie", NOT_BELIEVED)
def test_a_token_that_is_not_for_this_sign_in_is_not_believed(lie: str, there: HostileProvider, ours: Provider, clock: DrivenClock) -> None:
    there.sign(NOT_BELIEVED[lie](there, clock.now()))
    with pytest.raises(InvalidInput, match="nothing that can be believed"):
        ours.identity(Return("the code"), SECRETS)


def _encoded(part: Claims) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def _unsigned(there: HostileProvider, claims: Claims) -> None:
    there.token = f"{_encoded({'alg': 'none'})}.{_encoded(claims)}."


def _by_the_public_key(there: HostileProvider, claims: Claims) -> None:
    """The oldest trick: a library that asks the token for the algorithm would take the public key for a shared secret."""
    signed = f"{_encoded({'alg': 'HS256', 'kid': 'k'})}.{_encoded(claims)}"
    mac = hmac.digest(there.key.as_pem(private=False), signed.encode(), "sha256")
    there.token = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def _by_the_secret(there: HostileProvider, claims: Claims) -> None:
    there.sign(claims, key=OctKey.import_key(SECRET), alg="HS256")


def _by_another_key(there: HostileProvider, claims: Claims) -> None:
    there.sign(claims, key=RSAKey.generate_key(2048))


def _by_a_new_key(there: HostileProvider, claims: Claims) -> None:
    there.sign(claims, key=RSAKey.generate_key(2048), kid="mine")


def _changed(there: HostileProvider, claims: Claims) -> None:
    there.sign(claims)
    head, _, signature = there.token.split(".")
    body = _encoded(claims | {"sub": "the director"})
    there.token = f"{head}.{body}.{signature}"


def _nothing(there: HostileProvider, _claims: Claims) -> None:
    there.token = ""


@pytest.mark.parametrize("forge", [_unsigned, _by_the_public_key, _by_the_secret, _by_another_key, _by_a_new_key, _changed, _nothing])
def test_a_token_that_the_provider_did_not_sign_is_not_believed(
    forge: Callable[[HostileProvider, Claims], None], there: HostileProvider, ours: Provider, clock: DrivenClock
) -> None:
    forge(there, there.claims(clock.now(), SECRETS.nonce))
    with pytest.raises(InvalidInput, match="nothing that can be believed"):
        ours.identity(Return("the code"), SECRETS)


def test_a_secret_among_the_keys_signs_nothing(there: HostileProvider, ours: Provider, clock: DrivenClock) -> None:
    secret, claims = OctKey.import_key("everybody knows it, and it is long enough", {"kid": "s"}), there.claims(clock.now(), SECRETS.nonce)
    keys = [secret.as_dict(), there.key.as_dict(private=False), "no key", {"kty": "new"}]
    there.answers["/jwks"] = Answer(json.dumps({"keys": keys}).encode())
    there.sign(claims, key=secret, alg="HS256", kid="s")
    with pytest.raises(InvalidInput):
        ours.identity(Return("the code"), SECRETS)


def test_a_provider_whose_only_key_is_a_secret_has_none(there: HostileProvider, ours: Provider) -> None:
    secret = OctKey.import_key("everybody knows it, and it is long enough", {"kid": "s"})
    there.answers["/jwks"] = Answer(json.dumps({"keys": [secret.as_dict()]}).encode())
    with pytest.raises(Unavailable):
        ours.address_for(SECRETS)


def test_a_short_key_signs_nothing(there: HostileProvider, ours: Provider) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # joserfc says so, too
        there.answers["/jwks"] = there.keys(RSAKey.generate_key(1024, {"kid": "k"}))
    with pytest.raises(Unavailable):
        ours.address_for(SECRETS)


OTHER_KEYS: dict[str, Key] = {
    "ES256": ECKey.generate_key("P-256", {"kid": "k"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "k"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "k"}),
}


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # as a name: RFC 9864 calls it Ed25519
@pytest.mark.parametrize("alg", OTHER_KEYS)
def test_other_kinds_of_keys_are_believed(alg: str, there: HostileProvider, ours: Provider, clock: DrivenClock) -> None:
    there.answers["/jwks"] = there.keys(OTHER_KEYS[alg])
    there.sign(there.claims(clock.now(), SECRETS.nonce), key=OTHER_KEYS[alg], alg=alg)
    assert ours.identity(Return("the code"), SECRETS).subject == "ana"


def test_a_new_key_of_the_provider_is_fetched_and_not_more_often_than_each_minute(
    there: HostileProvider, ours: Provider, clock: DrivenClock
) -> None:
    ours.address_for(SECRETS)
    there.key = RSAKey.generate_key(2048, {"kid": "new", "use": "sig"})
    there.sign(there.claims(clock.now(), SECRETS.nonce), kid="new")
    with pytest.raises(InvalidInput):
        ours.identity(Return("the code"), SECRETS)
    clock.step(timedelta(seconds=NEW_KEYS_SECONDS))
    there.sign(there.claims(clock.now(), SECRETS.nonce), kid="new")
    assert ours.identity(Return("the code"), SECRETS).subject == "ana"
    assert there.asked.count("/jwks") == 2


def test_the_document_is_asked_for_once_an_hour(there: HostileProvider, ours: Provider, clock: DrivenClock) -> None:
    for _ in range(3):
        ours.address_for(SECRETS)
    clock.step(timedelta(seconds=KNOWN_SECONDS))
    ours.address_for(SECRETS)
    assert there.asked == [DISCOVERY, "/jwks"] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": "https://evil.example/token"},
        {"jwks_uri": "http://127.0.0.1:9/jwks"},
        {"jwks_uri": "file:///etc/passwd"},
        {"token_endpoint": ["a list"]},
        {"authorization_endpoint": "http://evil.example/authorize"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
    ],
    ids=str,
)
def test_a_document_that_leads_elsewhere_is_not_followed(changes: dict[str, object], there: HostileProvider, ours: Provider) -> None:
    there.answers[DISCOVERY] = there.document(**changes)
    with pytest.raises(Unavailable, match="The district's sign-in doesn't answer"):
        ours.address_for(SECRETS)


def test_a_host_that_the_settings_name_may_hold_tokens_and_keys(there: HostileProvider, clock: DrivenClock) -> None:
    with hostile_provider() as other:
        other.key = there.key
        there.answers[DISCOVERY] = there.document(jwks_uri=f"{other.issuer}/jwks")
        provider = Provider(_settings(there.issuer, oidc_hosts=("127.0.0.1",)), SecretStr(SECRET), clock)
        provider.address_for(SECRETS)
        provider.close()
        assert other.asked == ["/jwks"]


BAD_ANSWERS = {
    "a redirect": Answer(status=302, headers={"location": "http://127.0.0.1:9/"}),
    "no JSON": Answer(b"<html>"),
    "a list": Answer(b"[]"),
    "JSON without end": Answer(b"[" * 200_000),
    "an error": Answer(b"{}", status=500),
    "900 MB": Answer(b" " * 1_000_000, pieces=900),
    "900 MB packed": Answer(gzip.compress(b" " * 50_000_000), headers={"content-encoding": "gzip"}),
    "octets that are no text": Answer(b"\xff\xfe{}"),
    "nothing": Answer(),
}


@pytest.mark.parametrize("bad", BAD_ANSWERS)
@pytest.mark.parametrize("path", [DISCOVERY, "/jwks", "/token"])
def test_an_answer_that_is_none_is_said_so_and_costs_little(bad: str, path: str, there: HostileProvider, ours: Provider) -> None:
    there.answers[path] = BAD_ANSWERS[bad]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Unavailable, match="The district's sign-in doesn't answer"):
        ours.identity(Return("the code"), SECRETS)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("path", [DISCOVERY, "/jwks", "/token"])
def test_a_redirect_is_not_followed_even_to_what_would_do(path: str, there: HostileProvider, ours: Provider, clock: DrivenClock) -> None:
    there.sign(there.claims(clock.now(), SECRETS.nonce))
    there.answers["/elsewhere"] = there.answer(path)
    there.answers[path] = Answer(status=307, headers={"location": f"{there.issuer}/elsewhere"})
    with pytest.raises(Unavailable):
        ours.identity(Return("the code"), SECRETS)
    assert "/elsewhere" not in there.asked


@pytest.mark.slow
@pytest.mark.parametrize("pieces", [1, 100_000])
def test_a_slow_answer_is_given_up(pieces: int, there: HostileProvider) -> None:
    """Once no octet comes at all, once they come one by one and each in time."""
    over = threading.Event()
    there.answers[DISCOVERY] = Answer(b" ", pieces=pieces, wait=lambda: over.wait(60 if pieces == 1 else 0.02))
    clock = SystemClock()
    provider = Provider(_settings(there.issuer), SecretStr(SECRET), clock, timeout_seconds=0.3)
    began = clock.monotonic()
    with pytest.raises(Unavailable):
        provider.address_for(SECRETS)
    assert clock.monotonic() - began < 5
    over.set()
    provider.close()


def test_a_provider_that_did_not_answer_is_left_alone_for_a_while(there: HostileProvider, ours: Provider, clock: DrivenClock) -> None:
    there.answers[DISCOVERY] = Answer(status=500)
    for _ in range(3):
        with pytest.raises(Unavailable):
            ours.address_for(SECRETS)
    assert there.asked == [DISCOVERY]
    del there.answers[DISCOVERY]
    clock.step(timedelta(seconds=AWAY_SECONDS))
    ours.address_for(SECRETS)


def test_an_error_that_the_provider_returns_is_a_refusal(there: HostileProvider, ours: Provider) -> None:
    there.answers["/token"] = Answer(b'{"error": "invalid_grant"}', status=400)
    for back in (Return("a used code"), Return(error="access_denied")):
        with pytest.raises(InvalidInput):
            ours.identity(back, SECRETS)


def test_no_log_line_has_the_secret_or_the_code(there: HostileProvider, ours: Provider, clock: DrivenClock, log_lines: io.StringIO) -> None:
    there.sign(there.claims(clock.now(), "another nonce"))
    with pytest.raises(InvalidInput):
        ours.identity(Return("code-4711"), SECRETS)
    logged = log_lines.getvalue()
    assert "district sign-in refused" in logged
    said = f"{logged}{ours!r}{_settings(there.issuer)!r}"
    assert not any(word in said for word in (SECRET, "code-4711", SECRETS.verifier, there.token))


def test_the_secret_comes_from_a_file_that_its_owner_alone_reads(tmp_path: Path) -> None:
    settings = _settings("https://sso.example.org").model_copy(update={"data_dir": tmp_path})
    with pytest.raises(ConfigError, match="can't be read"):
        open_provider(settings, SystemClock())
    settings.secrets_dir.mkdir()
    settings.oidc_secret_path.write_text(" \n")
    with pytest.raises(ConfigError, match="is empty"):
        open_provider(settings, SystemClock())
    settings.oidc_secret_path.write_text("s3cret\n")
    settings.oidc_secret_path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        open_provider(settings, SystemClock())
    settings.oidc_secret_path.chmod(0o600)
    provider = open_provider(settings, SystemClock())
    assert provider is not None
    provider.close()


def test_which_hosts_are_contacted_is_told_before_any_is() -> None:
    google = _settings("https://accounts.google.com", oidc_hosts=("oauth2.googleapis.com", "www.googleapis.com"))
    assert [line.partition(":")[0] for line in hosts_contacted(google)] == [
        "accounts.google.com",
        "oauth2.googleapis.com",
        "www.googleapis.com",
    ]
    assert hosts_contacted(Settings(data_dir=Path("unused"))) == []
