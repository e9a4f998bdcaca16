"""Grants: what the hub signed is what the node shows, and nothing else."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import NOW, STREAM, after, done, refused, span
from vms.crypto import new_signing_key, verifying_key
from vms.domain.access import Grant
from vms.domain.ids import ViewId
from vms.domain.outcome import Refusal, Refused
from vms.services.grants import is_service, issue, service_grant, verify

_KEY = bytes(range(32))
_PUBLIC = verifying_key(_KEY)
_GRANT = Grant(ViewId("v" * 22), frozenset({STREAM}), span(-600, 0), after(900))


def _signed(payload: object) -> str:
    body = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    signature = Ed25519PrivateKey.from_private_bytes(_KEY).sign(b"custodian grant v1\n" + body.encode())
    return f"{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize("grant", [_GRANT, Grant(ViewId("live"), frozenset(), None, after(1)), service_grant(NOW)])
def test_a_grant_reads_back_as_it_was_signed(grant: Grant) -> None:
    assert verify(issue(grant, _KEY), _PUBLIC, at=NOW) == grant


def test_a_grant_runs_out_at_its_deadline() -> None:
    token = issue(_GRANT, _KEY)
    done(verify(token, _PUBLIC, at=after(899.9)))
    assert refused(verify(token, _PUBLIC, at=after(900))).refusal is Refusal.SIGN_IN


def test_a_grant_of_another_hub_is_refused() -> None:
    refused(verify(issue(_GRANT, new_signing_key()), _PUBLIC, at=NOW))


@given(st.data())
def test_a_changed_grant_is_refused(data: st.DataObject) -> None:
    token = issue(_GRANT, _KEY)
    at = data.draw(st.integers(0, len(token) - 1))
    changed = token[:at] + data.draw(st.characters(max_codepoint=255)) + token[at + 1 :]
    answer = verify(changed, _PUBLIC, at=NOW)
    assert isinstance(answer, Refused) or answer == _GRANT


@given(st.text(max_size=300))
def test_any_text_is_refused_and_not_more(token: str) -> None:
    refused(verify(token, _PUBLIC, at=NOW))


def test_a_token_without_end_is_refused_unread() -> None:
    assert "too long" in refused(verify("a" * 70_000, _PUBLIC, at=NOW)).sentence


@pytest.mark.parametrize(
    "claims",
    [[], {}, {"view": "v", "streams": 3, "span": None, "deadline": 1}, {"view": "v", "streams": [], "span": [1], "deadline": 2**80}],
)
def test_signed_claims_of_another_form_are_refused(claims: object) -> None:
    assert "versions" in refused(verify(_signed(claims), _PUBLIC, at=NOW)).sentence


def test_the_hubs_own_questions_show_no_stream() -> None:
    assert is_service(service_grant(NOW))
    assert not service_grant(NOW).streams
    assert not is_service(_GRANT)
