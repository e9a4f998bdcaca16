"""Let the name of an account go that ended long ago, and take away what opened ended accounts and removed cameras until now."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

MOMENT = sa.BigInteger()
PERSON = sa.table("person", sa.column("id"), sa.column("password_hash", sa.String()), sa.column("disabled_at"))
DEVICE = sa.table("device", sa.column("id"), sa.column("username", sa.String()), sa.column("password_sealed", sa.LargeBinary()))
CAMERA = sa.table("camera", sa.column("device_id"), sa.column("removed_at"))


def upgrade() -> None:
    op.add_column("person", sa.Column("purged_at", MOMENT, nullable=True))
    ended = PERSON.c.disabled_at.is_not(None)
    op.execute(sa.update(PERSON).where(ended).values(password_hash=""))
    for name in ("totp", "recovery_code", "passkey", "invitation"):
        opens = sa.table(name, sa.column("person_id"))
        op.execute(sa.delete(opens).where(opens.c.person_id.in_(sa.select(PERSON.c.id).where(ended))))
    in_use = sa.exists().where(CAMERA.c.device_id == DEVICE.c.id, CAMERA.c.removed_at.is_(None))
    op.execute(sa.update(DEVICE).where(~in_use).values(username="", password_sealed=b""))
