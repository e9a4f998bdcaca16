"""Grants: what the hub lets a node show, signed with Ed25519, so that a node needs no database of people."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime, timedelta
from typing import TypedDict

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vms.domain.access import Grant
from vms.domain.ids import StreamId, ViewId
from vms.domain.outcome import Refusal, Refused
from vms.domain.timespan import EPOCH, Timespan

SERVICE_VIEW = ViewId("service")
"""The view id of the hub's own questions: timelines and states, never a picture."""
SERVICE_SECONDS = 60
MAX_TOKEN_CHARS = 64 * 1024
# A signature over these bytes can't be taken for one over anything else that the key may ever sign.
_CONTEXT = b"custodian grant v1\n"
_MICROSECOND = timedelta(microseconds=1)


class _Claims(TypedDict):
    view: str
    streams: list[int]
    span: list[int] | None
    deadline: int


def issue(grant: Grant, private_key: bytes) -> str:
    """Return `grant` as `base64url(json).base64url(signature)`; `private_key` is the raw 32-byte seed."""
    claims: _Claims = {
        "view": grant.view_id,
        "streams": sorted(grant.streams),
        "span": None if grant.span is None else [_number(grant.span.start), _number(grant.span.end)],
        "deadline": _number(grant.deadline),
    }
    body = _encoded(json.dumps(claims, separators=(",", ":")).encode())
    key = Ed25519PrivateKey.from_private_bytes(private_key)
    return f"{body}.{_encoded(key.sign(_CONTEXT + body.encode()))}"


def verify(token: str, public_key: bytes, *, at: datetime) -> Grant | Refused:
    """Return what `token` grants at `at`; refused when it isn't the hub's, is torn or has run out."""
    if len(token) > MAX_TOKEN_CHARS:
        return _refused("is too long")
    body, _, signature = token.partition(".")
    try:
        # What the signature does not cover is never parsed.
        Ed25519PublicKey.from_public_bytes(public_key).verify(_decoded(signature), _CONTEXT + body.encode())
        grant = _grant(json.loads(_decoded(body)))
    except InvalidSignature:
        return _refused("is not one of the hub's")
    except (ValueError, LookupError, TypeError, OverflowError):
        return _refused("can't be read; hub and node may be of different versions")
    return grant if at < grant.deadline else _refused("has run out")


def service_grant(at: datetime) -> Grant:
    """Return the grant for the hub's own questions: no stream, no span, a minute."""
    return Grant(SERVICE_VIEW, frozenset(), None, at + timedelta(seconds=SERVICE_SECONDS))


def is_service(grant: Grant) -> bool:
    return grant.view_id == SERVICE_VIEW


def _grant(claims: _Claims) -> Grant:
    span = claims["span"]
    return Grant(
        view_id=ViewId(claims["view"]),
        streams=frozenset(StreamId(stream) for stream in claims["streams"]),
        span=None if span is None else Timespan(_moment(span[0]), _moment(span[1])),
        deadline=_moment(claims["deadline"]),
    )


def _refused(why: str) -> Refused:
    return Refused(Refusal.SIGN_IN, f"The grant {why}. Ask the hub for a new one.")


def _number(moment: datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND


def _moment(number: int) -> datetime:
    return EPOCH + timedelta(microseconds=number)


def _encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as err:
        raise ValueError("not base64url") from err
