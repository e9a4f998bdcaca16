"""People who come from the district's OpenID provider: proposed when new, signed in when confirmed, linked to the account they have.

The provider's own name for a person says who it is, never an e-mail address, and its groups only propose: no role changes by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import count

from sqlalchemy.orm import Session

from vms.domain.access import Action
from vms.domain.identity import Identity, Linked, Place, Places, gives, place_of
from vms.domain.ids import BranchId, PersonId, new_number
from vms.domain.names import MAX_NAME_CHARS, name_key, plain_name
from vms.domain.outcome import Refusal, Refused
from vms.domain.people import Account, AccountState, Person, Proof, System
from vms.domain.second_person import Act, Alone
from vms.domain.timespan import EPOCH
from vms.services import second_person
from vms.services.access_log import record
from vms.services.passwords import NO_PASSWORD
from vms.services.second_factor import FactorKey, factors_of, refuse_factor_change, take_code
from vms.services.sessions import ANY_BROWSER, Browser, SignedIn, open_session, prove_session, refuse_sign_in
from vms.store import branches, identities, people

OIDC = System("oidc")
HOW = "oidc"
CODES = (Proof.TOTP, Proof.RECOVERY)
"""What is asked for here besides."""


@dataclass(frozen=True, slots=True)
class CodeWanted:
    """The provider saw one factor; the code of the account's own authenticator is to follow."""

    name: str


@dataclass(frozen=True, slots=True)
class Coming:
    """Somebody whom the provider has sent back, at a moment, from an address; with the code they entered meanwhile."""

    identity: Identity
    at: datetime
    key: FactorKey
    code: str = ""
    address: str = ""
    browser: Browser = ANY_BROWSER


def come_in(session: Session, coming: Coming, places: Places) -> SignedIn | CodeWanted | Refused:
    """Open a session for the account of an identity; one that nobody knows proposes an account, which waits for the Director."""
    identity = coming.identity
    person = identities.person_of(session, issuer=identity.issuer, subject=identity.subject)
    account = None if person is None else people.get(session, person)
    if account is None:
        return _propose(session, coming, places)
    if account.state(coming.at) is AccountState.ENDED:
        return _with(_refused(session, coming, account.id), "Your account here has ended. Ask IT.")
    if second_person.proposer(session, Act.PERSON_CONFIRM, account.id) == OIDC.label and not gives(identity.groups, places, account.role):
        refused = _refused(session, coming, account.id)
        return _with(refused, f"None of your groups stands for your role here ({account.role}) any more. Ask IT.")
    if not account.in_use(coming.at):
        return open_session(session, person_id=account.id, proof=Proof.OIDC, at=coming.at, address=coming.address, how=HOW)
    proof = _proof(session, account.id, account.name, coming)
    if not isinstance(proof, Proof):
        return proof
    return open_session(
        session,
        person_id=account.id,
        proof=proof,
        at=coming.at,
        address=coming.address,
        how=_how(proof),
        proved_at=_proved_at(proof, coming),
        browser=coming.browser,
    )


def prove_by_identity(session: Session, person: Person, coming: Coming) -> SignedIn | CodeWanted | Refused:
    """Take a sign-in at the provider of the last five minutes, or one with a code, as a new proof; the session gets a new token."""
    identity = coming.identity
    if identities.person_of(session, issuer=identity.issuer, subject=identity.subject) != person.id:
        return _with(_refused(session, coming, person.id), "You signed in there as somebody else. Sign in there as yourself.")
    proof = _proof(session, person.id, person.name, coming)
    if not isinstance(proof, Proof):
        return proof
    if proof not in CODES and not identity.proved_lately(coming.at):
        return _with(_refused(session, coming, person.id), "The district's sign-in did not ask you anew. Use your password here.")
    return prove_session(session, person, proof, at=coming.at, how=_how(proof))


def link_identity(session: Session, person: Person, identity: Identity, *, at: datetime) -> Linked | Refused:
    """Let the identity open the account of somebody who is signed in; one that opened an account which has ended moves."""
    if refused := refuse_factor_change(session, person):
        return refused
    if not identity.proved_lately(at):
        return Refused(Refusal.PROVE, "The district's sign-in did not ask you anew who you are. Nothing was linked.")
    if identities.of_person(session, person.id) is not None:
        return Refused(Refusal.NOT_ALLOWED, "Your account is linked already. Take the link away first.")
    holder = identities.person_of(session, issuer=identity.issuer, subject=identity.subject)
    account = None if holder is None else people.get(session, holder)
    if account is not None and account.disabled_at is None:
        return Refused(Refusal.NOT_ALLOWED, f"That sign-in opens the account ‘{account.name}’. IT can end that account.")
    if account is not None:
        identities.remove(session, account.id)
    identities.add(session, person.id, issuer=identity.issuer, subject=identity.subject, at=at)
    record(session, actor=person, action=Action.IDENTITY_LINK, at=at, detail={"issuer": identity.issuer})
    return Linked(identity.issuer, identity.subject, at)


def unlink_identity(session: Session, person: Person, *, at: datetime) -> Refused | None:
    """Let an account be opened by its password alone; refused when it has none."""
    if refused := refuse_factor_change(session, person):
        return refused
    if not people.password_of(session, person.id):
        return Refused(Refusal.NOT_ALLOWED, "Your account has no password: without the link nothing would open it.")
    linked = identities.of_person(session, person.id)
    if linked is not None and identities.remove(session, person.id):
        record(session, actor=person, action=Action.IDENTITY_UNLINK, at=at, detail={"issuer": linked.issuer})
    return None


def identity_of(session: Session, person: PersonId) -> Linked | None:
    return identities.of_person(session, person)


def _proof(session: Session, person: PersonId, name: str, coming: Coming) -> Proof | CodeWanted | Refused:
    """Return by what somebody is proved whom the provider vouches for."""
    if coming.identity.second_factor:
        return Proof.OIDC
    if factors_of(session, person).totp_since is not None and not coming.code:
        return CodeWanted(name)
    proof = take_code(session, person, coming.code, key=coming.key, at=coming.at)
    return proof or _with(_refused(session, coming, person), "That code is wrong.")


def _how(proof: Proof) -> str:
    """Return the word of the log: the provider, and what was asked for here besides."""
    return f"{HOW}+{proof}" if proof in CODES else HOW


def _proved_at(proof: Proof, coming: Coming) -> datetime:
    """Return when somebody who comes in showed who they are: a provider that knows them still lets them through without asking.

    One that does not tell when leaves it open, but for who has nothing here yet: they are to set up an authenticator.
    """
    if proof in CODES:
        return coming.at
    return coming.identity.authenticated_at or (coming.at if proof is Proof.PASSWORD else EPOCH)


def _propose(session: Session, coming: Coming, places: Places) -> Refused:
    """Add an account that can't sign in yet, in the role and the branch that the groups stand for."""
    place = place_of(coming.identity.groups, places)
    if place is None:
        return _with(_refused(session, coming, None), "None of your groups at the district stands for a role here. Ask IT.")
    reach = _branches(session, place)
    if isinstance(reach, Refused):
        return reach
    name = _free_name(session, coming.identity.name)
    account = Account(PersonId(new_number()), name, place.role, reach, coming.at)
    people.add(session, account, password_hash=NO_PASSWORD)
    identity = coming.identity
    identities.add(session, account.id, issuer=identity.issuer, subject=identity.subject, at=coming.at)
    detail = {"person": str(account.id), "name": name, "role": place.role.value, "confirmed": "no", "issuer": identity.issuer}
    record(session, actor=OIDC, action=Action.PERSON_ADD, at=coming.at, detail=detail)
    second_person.propose(session, OIDC, Act.PERSON_CONFIRM, account.id, at=coming.at, alone=Alone.NEVER)
    sentence = f"An account ‘{name}’ was proposed for you. It opens once the Director has confirmed it."
    return Refused(Refusal.SIGN_IN, sentence, logged=True)


def _branches(session: Session, place: Place) -> frozenset[BranchId] | Refused | None:
    if not place.branch:
        return None
    known = {name_key(branch.name): branch.id for branch in branches.find(session, None)}
    found = known.get(name_key(place.branch))
    sentence = f"Your group stands for the branch ‘{place.branch}’, which is not known here. Tell IT: oidc_roles names it."
    return Refused(Refusal.SIGN_IN, sentence) if found is None else frozenset({found})


def _free_name(session: Session, wished: str) -> str:
    """Return a name for an account that nobody has: the provider's, with a number when it is taken."""
    try:
        plain = plain_name(wished, "account")
    except ValueError:
        plain = "somebody"
    names = (plain if number == 1 else f"{plain[: MAX_NAME_CHARS - 8]} {number}" for number in count(1))
    return next(name for name in names if people.credential(session, name) is None)


def _refused(session: Session, coming: Coming, person: PersonId | None) -> Refused:
    return refuse_sign_in(session, person, at=coming.at, address=coming.address, how=HOW)


def _with(refused: Refused, sentence: str) -> Refused:
    return Refused(refused.refusal, sentence, logged=refused.logged)
