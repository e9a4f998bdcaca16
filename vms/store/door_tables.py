"""Who stands in for the Director when a warrant is at the door, and who of them was called."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from vms.domain.door import MAX_PHONE_CHARS, CallWay
from vms.store.central_base import NAME_CHARS, Central
from vms.store.columns import Moment, Number, Word


class DeputyRow(Central):
    """One place of the Director's list, which is always written as a whole."""

    __tablename__ = "deputy"

    place: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), unique=True)
    phone: Mapped[str] = mapped_column(String(MAX_PHONE_CHARS))
    mail: Mapped[str] = mapped_column(String(254))


class DoorCallRow(Central):
    """Somebody tried to reach one of them about a request. It never changes."""

    __tablename__ = "door_call"

    request_id: Mapped[int] = mapped_column(ForeignKey("export_request.id"), primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(Number, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(NAME_CHARS))
    reached: Mapped[bool]
    by: Mapped[str] = mapped_column(String(300))
    """`Actor.label`"""
    by_name: Mapped[str] = mapped_column(String(NAME_CHARS * 3))
    at: Mapped[datetime] = mapped_column(Moment)
    way: Mapped[CallWay] = mapped_column(Word(CallWay), server_default=CallWay.PHONE.value)
