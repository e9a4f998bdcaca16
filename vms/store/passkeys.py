"""Passkeys of people, and the challenges that they are to sign. Only public keys are here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, exists, insert, or_, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import PersonId
from vms.domain.people import Ceremony
from vms.store.database import insert_into
from vms.store.people_tables import ChallengeRow, PasskeyRow


@dataclass(frozen=True, slots=True)
class Passkey:
    id: int
    person: PersonId
    credential_id: bytes
    credential: bytes
    """Attested credential data (WebAuthn 6.5.1)."""
    rp_id: str
    """The host name that it signs for."""
    sign_count: int
    label: str
    added_at: datetime
    last_used_at: datetime | None = None


def add(session: Session, passkey: Passkey) -> None:
    session.execute(
        insert(PasskeyRow).values(
            id=passkey.id,
            person_id=passkey.person,
            credential_id=passkey.credential_id,
            credential=passkey.credential,
            rp_id=passkey.rp_id,
            sign_count=passkey.sign_count,
            label=passkey.label,
            added_at=passkey.added_at,
        )
    )


def of_person(session: Session, person: PersonId) -> list[Passkey]:
    """Return the passkeys of `person`, the oldest first."""
    query = select(PasskeyRow).where(PasskeyRow.person_id == person).order_by(PasskeyRow.added_at, PasskeyRow.id)
    return [_passkey(row) for row in session.scalars(query.execution_options(populate_existing=True))]


def of_credential(session: Session, credential_id: bytes) -> Passkey | None:
    query = select(PasskeyRow).where(PasskeyRow.credential_id == credential_id)
    row = session.scalar(query.execution_options(populate_existing=True))
    return None if row is None else _passkey(row)


def has_any(session: Session, person: PersonId) -> bool:
    return bool(session.scalar(select(exists().where(PasskeyRow.person_id == person))))


def used(session: Session, number: int, sign_count: int, at: datetime) -> bool:
    """Write down a use and the count that came with it; False when the count did not grow, unless it is and was 0."""
    grows = PasskeyRow.sign_count < sign_count if sign_count else PasskeyRow.sign_count == 0
    query = update(PasskeyRow).where(PasskeyRow.id == number, grows).values(sign_count=sign_count, last_used_at=at)
    return session.scalar(query.returning(PasskeyRow.id)) is not None


def rename(session: Session, person: PersonId, number: int, label: str) -> bool:
    """Give a passkey of `person` another label; False when it is none."""
    theirs = and_(PasskeyRow.id == number, PasskeyRow.person_id == person)
    return session.scalar(update(PasskeyRow).where(theirs).values(label=label).returning(PasskeyRow.id)) is not None


def remove(session: Session, number: int) -> None:
    session.execute(delete(PasskeyRow).where(PasskeyRow.id == number))


def put_challenge(
    session: Session, holder_sha256: bytes, ceremony: Ceremony, challenge: bytes, *, at: datetime, ends_at: datetime, at_most: int
) -> None:
    """Keep a challenge in place of the holder's last one of this ceremony; forget what has run out, and the oldest beyond `at_most`."""
    values = {"challenge": challenge, "ends_at": ends_at}
    insertion = insert_into(session, ChallengeRow).values(holder_sha256=holder_sha256, ceremony=ceremony, **values)
    session.execute(insertion.on_conflict_do_update(index_elements=["holder_sha256", "ceremony"], set_=values))
    beyond = select(ChallengeRow.ends_at).order_by(ChallengeRow.ends_at.desc()).offset(at_most).limit(1).scalar_subquery()
    session.execute(delete(ChallengeRow).where(or_(ChallengeRow.ends_at <= at, ChallengeRow.ends_at <= beyond)))


def take_challenge(session: Session, holder_sha256: bytes, ceremony: Ceremony, at: datetime) -> bytes | None:
    """Use up the holder's challenge; None when there is none whose time has not run out."""
    theirs = and_(ChallengeRow.holder_sha256 == holder_sha256, ChallengeRow.ceremony == ceremony)
    taken = session.execute(delete(ChallengeRow).where(theirs).returning(ChallengeRow.challenge, ChallengeRow.ends_at)).one_or_none()
    return taken[0] if taken is not None and at < taken[1] else None


def _passkey(row: PasskeyRow) -> Passkey:
    return Passkey(
        row.id,
        PersonId(row.person_id),
        row.credential_id,
        row.credential,
        row.rp_id,
        row.sign_count,
        row.label,
        row.added_at,
        row.last_used_at,
    )
