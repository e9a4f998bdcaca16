"""The training register: added to and read."""

from __future__ import annotations

from datetime import date

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from vms.domain.ids import TrainingId
from vms.domain.people import Actor
from vms.domain.training import Training
from vms.store.training_tables import TrainingRow


def add(session: Session, training: Training, *, by: Actor) -> None:
    session.execute(
        insert(TrainingRow).values(
            id=training.id,
            name=training.name,
            what=training.what,
            refers=training.refers,
            held_on=training.day.isoformat(),
            entered_by=by.label,
            entered_by_name=training.entered_by_name,
            entered_at=training.entered_at,
        )
    )


def find(session: Session, *, limit: int) -> list[Training]:
    """Return what was entered, the newest day first."""
    query = select(TrainingRow).order_by(TrainingRow.held_on.desc(), TrainingRow.name, TrainingRow.id).limit(limit)
    return [
        Training(TrainingId(row.id), row.name, row.what, row.refers, date.fromisoformat(row.held_on), row.entered_by_name, row.entered_at)
        for row in session.scalars(query)
    ]
