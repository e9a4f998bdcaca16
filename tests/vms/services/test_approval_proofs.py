"""An approval that a passkey signed: of exactly one scope, once, by whoever approves, kept so that anybody can check it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, replace

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from sqlalchemy.orm import Session

from tests.factories import NOW, after, done, refused
from tests.fakes.authenticator import TRUTH, USER_PRESENT, Authenticator, Lie
from tests.vms.services.requesting import Staff, a_request, at_work, in_order, staff
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.approval_proof import FORMAT
from vms.domain.export_scope import text_of
from vms.domain.ids import SessionId
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import PROOF_LASTS, Person, Proof, Role
from vms.domain.request import ExportRequest, RequestState
from vms.services.access_log import DISTRICT
from vms.services.approval_proofs import PasskeyAnswer
from vms.services.approvals import approve, ask_passkey, change_scope
from vms.services.district import District, save_district
from vms.services.package_order import order_of
from vms.services.passkeys import CHALLENGE_LASTS, add_passkey, offer_passkey
from vms.services.requests import request_for
from vms.services.webauthn import Options, RelyingParty
from vms.store import access_log
from vms.store.database import Engines

ORIGIN = "https://cameras.library.example"
RP = RelyingParty("cameras.library.example", frozenset({ORIGIN}))


@dataclass
class Desk:
    """A request that is in order, and a Director with a passkey whose last proof is too old."""

    session: Session
    settings: Settings
    people: Staff
    request: ExportRequest
    director: Person
    device: Authenticator

    def ask(self) -> Options:
        return done(ask_passkey(self.session, self.settings, self.director, self.request.id, RP, at=NOW))

    def approve(self, answer: str, *, by: Person | None = None, sha256: str = "", late: float = 0) -> ExportRequest | Refused:
        told = PasskeyAnswer(RP, answer)
        sha256 = sha256 or self.request.sha256
        return approve(self.session, self.settings, by or self.director, self.request.id, sha256, at=after(late), by_passkey=told)


def _a_desk(session: Session, settings: Settings) -> Desk:
    people = staff(session)
    request = a_request(session, settings, people.desk)
    request = in_order(session, settings, at_work(people.director, NOW), request)
    return Desk(session, settings, people, request, *_with_passkey(session, people.director))


def _with_passkey(session: Session, person: Person) -> tuple[Person, Authenticator]:
    device, fresh = Authenticator(ORIGIN), at_work(replace(person, proof=Proof.TOTP), NOW)
    options = done(offer_passkey(session, fresh, RP, title="Alder", at=NOW))
    added = done(add_passkey(session, fresh, RP, device.create(options), label="Key", at=NOW))
    return replace(added.signed_in.person, proved_at=NOW - PROOF_LASTS, at=NOW, acted_at=NOW), device


def test_what_a_passkey_signed_is_kept_and_verifies_without_the_product(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        desk = _a_desk(session, settings)
        assert refused(approve(session, settings, desk.director, desk.request.id, desk.request.sha256, at=NOW)).refusal is Refusal.PROVE
        approved = done(desk.approve(desk.device.get(desk.ask())))
        assert (approved.state, approved.approval is not None) == (RequestState.APPROVED, True)
        assert approved.approval is not None
        kept = approved.approval.assertion
        assert kept is not None
        assert approved.approval.proof == "passkey"
        scope = hashlib.sha256(text_of(approved.id, approved.scope).encode()).hexdigest()
        challenge = hashlib.sha256(f"{FORMAT}\n{approved.approval.id}\n{scope}\n{kept.nonce.hex()}\n".encode()).digest()
        assert json.loads(kept.client_data)["challenge"] == base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
        cose = cbor.decode(kept.public_key)
        assert isinstance(cose, dict)
        key = ec.EllipticCurvePublicNumbers(int.from_bytes(cose[-2]), int.from_bytes(cose[-3]), ec.SECP256R1()).public_key()
        signed = kept.authenticator_data + hashlib.sha256(kept.client_data).digest()
        key.verify(kept.signature, signed, ec.ECDSA(hashes.SHA256()))
        which = access_log.Filter(actions=frozenset({Action.EXPORT_APPROVE}))
        assert access_log.find(session, DISTRICT, None, which, limit=1)[0].detail["passkey"] == kept.key_sha256


def test_its_package_tells_of_the_signature_and_without_one_that_there_is_none(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        desk = _a_desk(session, settings)
        save_district(session, desk.director, District("Alder", "America/Los_Angeles", 14, "H. Marsh"), at=NOW)
        approved = done(desk.approve(desk.device.get(desk.ask())))
        assert approved.approval is not None
        order = order_of(session, approved, approved.approval, None)
        assert order.approval is not None
        assert order.approval.assertion == approved.approval.assertion
        assert "a passkey that signed this approval" in dict(order.facts)["Shown by"]
        without = order_of(session, approved, replace(approved.approval, assertion=None, proof="totp"), None)
        assert dict(without.facts)["Shown by"] == "totp; no passkey signed this approval"


@pytest.mark.parametrize(
    "lie",
    [
        Lie(challenge="A" * 43),
        Lie(origin="https://cameras.1ibrary.example"),
        Lie(rp_id="elsewhere.example"),
        Lie(kind="webauthn.create"),
        Lie(flags=USER_PRESENT),
        Lie(cross_origin=True),
        Lie(signature=b"0" * 70),
        Lie(user_handle=b"somebody"),
    ],
)
def test_an_answer_that_lies_approves_nothing(central_sqlite: Engines, settings: Settings, lie: Lie) -> None:
    with central_sqlite.writing() as session:
        desk = _a_desk(session, settings)
        answer = refused(desk.approve(desk.device.get(desk.ask(), lie)))
        assert (answer.refusal, "did not sign" in answer.sentence, answer.logged) == (Refusal.PROVE, True, True)
        assert done(request_for(session, settings, desk.director, desk.request.id)).request.approval is None


def test_an_answer_counts_once_in_time_for_its_request_and_its_session(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        desk = _a_desk(session, settings)
        assert "five minutes" in refused(desk.approve(desk.device.get(desk.ask()), late=CHALLENGE_LASTS.total_seconds())).sentence
        elsewhere = replace(desk.director, session_id=SessionId(77))
        assert refused(desk.approve(desk.device.get(desk.ask()), by=elsewhere)).refusal is Refusal.PROVE
        camera = next(iter(desk.request.scope.cameras))
        other = in_order(
            session, settings, at_work(desk.people.director, NOW), a_request(session, settings, desk.people.desk, camera=camera)
        )
        theirs = desk.device.get(done(ask_passkey(session, settings, desk.director, other.id, RP, at=NOW)))
        desk.ask()
        assert "did not sign" in refused(desk.approve(theirs)).sentence
        answer = desk.device.get(desk.ask())
        done(desk.approve(answer))
        assert refused(desk.approve(answer)).refusal is Refusal.PROVE


def test_what_changed_since_it_was_signed_is_not_approved(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        desk = _a_desk(session, settings)
        answer = desk.device.get(desk.ask())
        terms = replace(desk.request.scope.terms, conditions="for the court alone")
        scope = replace(desk.request.scope, terms=terms)
        changed = done(change_scope(session, settings, desk.people.desk, desk.request.id, scope, "asked by phone", at=NOW))
        assert "did not sign" in refused(desk.approve(answer, sha256=changed.sha256)).sentence


def test_somebody_elses_passkey_approves_nothing_and_who_entered_it_is_not_asked(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        desk = _a_desk(session, settings)
        _, theirs = _with_passkey(session, desk.people.delegate)
        assert "did not sign" in refused(desk.approve(theirs.get(desk.ask(), TRUTH))).sentence
        own = a_request(session, settings, desk.director, camera=next(iter(desk.request.scope.cameras)))
        assert "never approves it" in refused(ask_passkey(session, settings, desk.director, own.id, RP, at=NOW)).sentence
        assert (
            "no passkey"
            in refused(ask_passkey(session, settings, desk.people.delegate, own.id, replace(RP, id="x.example"), at=NOW)).sentence
        )
        desk_clerk = replace(desk.people.desk, role=Role.DESK)
        assert refused(ask_passkey(session, settings, desk_clerk, desk.request.id, RP, at=NOW)).refusal is Refusal.NOT_ALLOWED
