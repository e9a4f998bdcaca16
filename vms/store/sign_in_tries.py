"""Sign-in tries that are not forgotten yet, and where people sign in. Names and addresses are here only as digests that a key made."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from vms.domain.sign_in_pace import Tries
from vms.store.database import insert_into
from vms.store.people_tables import SignInPlaceRow, SignInTryRow


def load(session: Session, keys: Collection[bytes]) -> dict[bytes, Tries]:
    rows = session.execute(select(SignInTryRow.key, SignInTryRow.counted, SignInTryRow.last_at).where(SignInTryRow.key.in_(keys)))
    return {key: Tries(counted, last) for key, counted, last in rows}


def lock(session: Session, keys: Collection[bytes], at: datetime) -> dict[bytes, Tries]:
    """Return the tries of `keys`, each 0 or more, which nobody else changes before this transaction ends."""
    new = [{"key": key, "counted": 0, "last_at": at} for key in sorted(keys)]
    session.execute(insert_into(session, SignInTryRow).values(new).on_conflict_do_nothing())
    query = select(SignInTryRow.key, SignInTryRow.counted, SignInTryRow.last_at).where(SignInTryRow.key.in_(keys))
    rows = session.execute(query.order_by(SignInTryRow.key).with_for_update())
    return {key: Tries(counted, last) for key, counted, last in rows}


def put(session: Session, tries: Mapping[bytes, Tries]) -> None:
    """Store tries in place of those before; every transaction takes the keys in the same order."""
    rows = [{"key": key, "counted": one.counted, "last_at": one.last} for key, one in sorted(tries.items())]
    statement = insert_into(session, SignInTryRow).values(rows)
    taken = {"counted": statement.excluded.counted, "last_at": statement.excluded.last_at}
    session.execute(statement.on_conflict_do_update(index_elements=[SignInTryRow.key], set_=taken))


def forget(session: Session, *, tries_before: datetime, places_before: datetime) -> None:
    """Delete what plays no part any more."""
    session.execute(delete(SignInTryRow).where(SignInTryRow.last_at < tries_before))
    session.execute(delete(SignInPlaceRow).where(SignInPlaceRow.last_at < places_before))


def is_known(session: Session, key: bytes) -> bool:
    """Say whether this is a place where this person signs in."""
    return bool(session.scalar(select(exists().where(SignInPlaceRow.key == key))))


def make_known(session: Session, key: bytes, at: datetime) -> None:
    statement = insert_into(session, SignInPlaceRow).values(key=key, last_at=at)
    session.execute(statement.on_conflict_do_update(index_elements=[SignInPlaceRow.key], set_={"last_at": at}))
