"""Who people are to the district's OpenID provider."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from vms.domain.identity import Linked
from vms.domain.ids import PersonId
from vms.store.database import unique
from vms.store.people_tables import PersonIdentityRow


def add(session: Session, person: PersonId, *, issuer: str, subject: str, at: datetime) -> None:
    """Insert the identity of `person`; Conflict when it is somebody's already, or the person has one."""
    with unique("This identity was linked by somebody else meanwhile. Load the page again."):
        session.execute(insert(PersonIdentityRow).values(issuer=issuer, subject=subject, person_id=person, added_at=at))


def person_of(session: Session, *, issuer: str, subject: str) -> PersonId | None:
    where = (PersonIdentityRow.issuer == issuer, PersonIdentityRow.subject == subject)
    found = session.scalar(select(PersonIdentityRow.person_id).where(*where))
    return None if found is None else PersonId(found)


def of_person(session: Session, person: PersonId) -> Linked | None:
    query = select(PersonIdentityRow.issuer, PersonIdentityRow.subject, PersonIdentityRow.added_at)
    found = session.execute(query.where(PersonIdentityRow.person_id == person)).one_or_none()
    return None if found is None else Linked(*found)


def remove(session: Session, person: PersonId) -> bool:
    """Forget the identity of `person`; False when there was none."""
    gone = delete(PersonIdentityRow).where(PersonIdentityRow.person_id == person).returning(PersonIdentityRow.person_id)
    return session.scalar(gone) is not None
