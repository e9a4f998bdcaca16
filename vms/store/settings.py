"""What the district decided at set-up: words by name."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from vms.store.central_tables import SettingRow


def put(session: Session, values: Mapping[str, str]) -> None:
    """Set each of `values`, in place of what it was before."""
    if values:
        session.execute(delete(SettingRow).where(SettingRow.key.in_(values)))
        session.execute(insert(SettingRow), [{"key": key, "value": value} for key, value in values.items()])


def load(session: Session) -> dict[str, str]:
    return dict(session.execute(select(SettingRow.key, SettingRow.value).order_by(SettingRow.key)).all())
