"""Complaints: added, found by whom they are for, answered once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import ColumnElement, and_, false, func, insert, or_, select, true, update
from sqlalchemy.orm import Session

from vms.domain.complaint import About, Answer, Complaint, reads_all
from vms.domain.ids import CameraId, ComplaintId, HoldId, PersonId
from vms.domain.people import Permission, Person, Role
from vms.domain.timespan import Timespan
from vms.errors import Corrupt, Unavailable
from vms.store import sealed_texts
from vms.store.complaint_tables import ComplaintCameraRow, ComplaintRow

Texts: TypeAlias = Mapping[str, str]


def add(session: Session, complaint: Complaint) -> None:
    said = {"about_name": complaint.about_name, "from_name": complaint.from_name, "from_address": complaint.from_address}
    said |= {"said": complaint.text}
    session.execute(
        insert(ComplaintRow).values(
            id=complaint.id,
            way=complaint.way,
            about=complaint.about,
            about_person=complaint.about_person,
            start_at=None if complaint.time is None else complaint.time.start,
            end_at=None if complaint.time is None else complaint.time.end,
            received_at=complaint.received_at,
            due_at=complaint.due_at,
            entered_by=complaint.entered_by,
            entered_by_name=complaint.entered_by_name,
            entered_at=complaint.entered_at,
            **sealed_texts.encrypted(sealed_texts.key_to_complain(session), sealed_texts.COMPLAINT, (complaint.id,), said),
        )
    )
    if complaint.cameras:
        session.execute(insert(ComplaintCameraRow), [{"complaint_id": complaint.id, "camera_id": one} for one in sorted(complaint.cameras)])


def get(session: Session, person: Person, number: ComplaintId) -> Complaint | None:
    """Return a complaint that is for `person` to see. Of any other just as much is asked: nobody tells from that whether it is there.

    Unavailable or Corrupt when what it says can't be read.
    """
    row = session.scalars(select(ComplaintRow).where(ComplaintRow.id == number, _seen_by(person))).one_or_none()
    cameras = _cameras(session, [number])
    return None if row is None else _complaint(row, frozenset(cameras[row.id]), *_opened(session, row))


def find(session: Session, person: Person, *, limit: int | None) -> list[Complaint]:
    """Return those that are for `person` to see: what waits first, by its due date, then the newest answers.

    One whose texts can't be read has its `fault`, and a sentence about that in the place of what it says.
    """
    order = ComplaintRow.answered_at.is_not(None), ComplaintRow.answered_at.desc(), ComplaintRow.due_at, ComplaintRow.id
    rows = session.scalars(select(ComplaintRow).where(_seen_by(person)).order_by(*order).limit(limit)).all()
    cameras = _cameras(session, [row.id for row in rows])
    return [_as_listed(session, row, frozenset(cameras[row.id])) for row in rows]


def newest_opens(session: Session) -> bool:
    """Open what the newest complaint says; False when there is none. Unavailable or Corrupt says why it can't be read."""
    row = session.scalars(select(ComplaintRow).order_by(ComplaintRow.entered_at.desc(), ComplaintRow.id).limit(1)).one_or_none()
    return row is not None and bool(_opened(session, row))


def count_waiting(session: Session, person: Person, at: datetime) -> tuple[int, int]:
    """Return how many wait for an answer that `person` may write down, and how many of them are overdue."""
    query = select(func.count(), func.count().filter(ComplaintRow.due_at <= at)).select_from(ComplaintRow)
    waits, overdue = session.execute(query.where(ComplaintRow.answered_at.is_(None), _seen_by(person), _answered_by(person))).one()
    return waits, overdue


def put_answer(session: Session, number: ComplaintId, answer: Answer) -> bool:
    """Keep an answer; False when there is one: of two who answer at once one does."""
    missing = update(ComplaintRow).where(ComplaintRow.id == number, ComplaintRow.answered_at.is_(None))
    text = sealed_texts.encrypted(sealed_texts.key_to_complain(session), sealed_texts.ANSWER, (number,), {"answer": answer.text})
    values = text | {"answered_by": answer.by, "answered_by_name": answer.by_name, "answered_at": answer.at}
    return session.scalar(missing.values(**values).returning(ComplaintRow.id)) is not None


def put_hold(session: Session, number: ComplaintId, hold: HoldId) -> bool:
    """Name the hold of what it is about; False when there is one."""
    missing = update(ComplaintRow).where(ComplaintRow.id == number, ComplaintRow.hold_id.is_(None))
    return session.scalar(missing.values(hold_id=hold).returning(ComplaintRow.id)) is not None


def count(session: Session, during: Timespan) -> tuple[int, int]:
    """Return how many came in a time, and how many were answered in it."""
    came = ComplaintRow.received_at >= during.start, ComplaintRow.received_at < during.end
    answered = ComplaintRow.answered_at >= during.start, ComplaintRow.answered_at < during.end
    counted = [session.scalar(select(func.count()).select_from(ComplaintRow).where(*which)) or 0 for which in (came, answered)]
    return counted[0], counted[1]


def _seen_by(person: Person) -> ColumnElement[bool]:
    """Select what `person` entered or, who reads others' complaints, all; never what is about the person, by account or by office."""
    mine = true() if reads_all(person) else ComplaintRow.entered_by == person.label
    of_others = ComplaintRow.about != About.DIRECTOR if person.role is Role.DIRECTOR else true()
    return and_(mine, of_others, ComplaintRow.about_person.is_distinct_from(person.id))


def _answered_by(person: Person) -> ColumnElement[bool]:
    """Select what `Complaint.may_answer` says of `person`."""
    for_board = true() if person.role is Role.AUDITOR else ComplaintRow.entered_by == person.label
    others = true() if person.may(Permission.COMPLAINT_ANSWER) and reads_all(person) else false()
    about_director = ComplaintRow.about == About.DIRECTOR
    return or_(and_(about_director, for_board), and_(~about_director, others))


def _cameras(session: Session, numbers: Sequence[int]) -> defaultdict[int, set[CameraId]]:
    found: defaultdict[int, set[CameraId]] = defaultdict(set)
    if numbers:
        for row in session.scalars(select(ComplaintCameraRow).where(ComplaintCameraRow.complaint_id.in_(numbers))):
            found[row.complaint_id].add(CameraId(row.camera_id))
    return found


def _opened(session: Session, row: ComplaintRow) -> tuple[Texts, Texts]:
    """Return what was said and what was answered."""
    key = sealed_texts.key_of_complaints(session, f"complaint {row.id}")
    return sealed_texts.decrypted(key, sealed_texts.COMPLAINT, row), sealed_texts.decrypted(key, sealed_texts.ANSWER, row)


def _as_listed(session: Session, row: ComplaintRow, cameras: frozenset[CameraId]) -> Complaint:
    try:
        return _complaint(row, cameras, *_opened(session, row))
    except (Corrupt, Unavailable) as err:
        nothing = dict.fromkeys(sealed_texts.COMPLAINT.names, "")
        told = _complaint(row, cameras, nothing | {"said": sealed_texts.UNREADABLE}, {"answer": sealed_texts.UNREADABLE})
        return replace(told, fault=err)


def _complaint(row: ComplaintRow, cameras: frozenset[CameraId], told: Texts, answered: Texts) -> Complaint:
    return Complaint(
        id=ComplaintId(row.id),
        way=row.way,
        about=row.about,
        about_person=None if row.about_person is None else PersonId(row.about_person),
        about_name=told["about_name"],
        from_name=told["from_name"],
        from_address=told["from_address"],
        text=told["said"],
        cameras=cameras,
        time=None if row.start_at is None or row.end_at is None else Timespan(row.start_at, row.end_at),
        received_at=row.received_at,
        due_at=row.due_at,
        entered_by=row.entered_by,
        entered_by_name=row.entered_by_name,
        entered_at=row.entered_at,
        hold_id=None if row.hold_id is None else HoldId(row.hold_id),
        answer=_answer(row, answered["answer"]),
    )


def _answer(row: ComplaintRow, text: str) -> Answer | None:
    if row.answered_at is None:
        return None
    return Answer(text, row.answered_by or "", row.answered_by_name or "", row.answered_at)
