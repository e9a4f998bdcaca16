"""Second factors: the authenticator's secret, encrypted, and digests of the codes on paper."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, delete, func, insert, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import PersonId, SessionId
from vms.store.database import insert_into
from vms.store.people_tables import PasskeyRow, RecoveryCodeRow, TotpRow


@dataclass(frozen=True, slots=True)
class StoredTotp:
    secret: bytes
    """Encrypted."""
    confirmed_at: datetime | None
    last_step: int
    session_id: int
    """That asked for it."""


def totp(session: Session, person: PersonId) -> StoredTotp | None:
    found = session.execute(
        select(TotpRow.secret, TotpRow.confirmed_at, TotpRow.last_step, TotpRow.session_id).where(TotpRow.person_id == person)
    ).one_or_none()
    return None if found is None else StoredTotp(*found)


def offer_totp(session: Session, person: PersonId, session_id: SessionId, secret: bytes) -> bool:
    """Keep a secret that a first code is to confirm; False when a confirmed one is there, which stays."""
    values = {"secret": secret, "last_step": 0, "session_id": session_id}
    offered = insert_into(session, TotpRow).values(person_id=person, confirmed_at=None, **values)
    kept = offered.on_conflict_do_update(index_elements=["person_id"], set_=values, where=TotpRow.confirmed_at.is_(None))
    return session.scalar(kept.returning(TotpRow.person_id)) is not None


def confirm_totp(session: Session, person: PersonId, at: datetime) -> None:
    session.execute(update(TotpRow).where(TotpRow.person_id == person, TotpRow.confirmed_at.is_(None)).values(confirmed_at=at))


def take_step(session: Session, person: PersonId, step: int) -> bool:
    """Use up the code of `step`; False when it, or a later one, was used before."""
    newer = and_(TotpRow.person_id == person, TotpRow.last_step < step)
    return session.scalar(update(TotpRow).where(newer).values(last_step=step).returning(TotpRow.person_id)) is not None


def set_recovery_codes(session: Session, person: PersonId, digests: list[bytes]) -> None:
    """Put new codes in the place of the old ones."""
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.person_id == person))
    session.execute(insert(RecoveryCodeRow), [{"person_id": person, "code_sha256": digest} for digest in digests])


def take_recovery_code(session: Session, person: PersonId, digest: bytes, at: datetime) -> bool:
    """Use up a code on paper; False when it is none or was used before."""
    unused = and_(RecoveryCodeRow.person_id == person, RecoveryCodeRow.code_sha256 == digest, RecoveryCodeRow.used_at.is_(None))
    return session.scalar(update(RecoveryCodeRow).where(unused).values(used_at=at).returning(RecoveryCodeRow.person_id)) is not None


def unused_recovery_codes(session: Session, person: PersonId) -> int:
    unused = and_(RecoveryCodeRow.person_id == person, RecoveryCodeRow.used_at.is_(None))
    return session.scalar(select(func.count()).select_from(RecoveryCodeRow).where(unused)) or 0


def count_totp(session: Session) -> int:
    """Return how many authenticators there are, those included that wait for their first code."""
    return session.scalar(select(func.count()).select_from(TotpRow)) or 0


def put_secret(session: Session, person: PersonId, secret: bytes) -> None:
    """Keep the same authenticator's secret, encrypted anew."""
    session.execute(update(TotpRow).where(TotpRow.person_id == person).values(secret=secret))


def forget(session: Session, *persons: int) -> None:
    """Take every second factor of `persons` away."""
    for table in (TotpRow, PasskeyRow, RecoveryCodeRow):
        session.execute(delete(table).where(table.person_id.in_(persons)))
