"""Let a sealed entry of the log be shown to somebody without its key, and packages of sealed requests wait until theirs is signed.

The statements repeat `vms.store.log_tables` and `vms.store.package_tables` as they were at this revision.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from vms.store.migrations.more_words import allow

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NUMBERING = (
    "OLD.number IS NULL AND NEW.number IS NOT NULL AND NEW.origin = OLD.origin AND NEW.position = OLD.position "
    "AND NEW.matter = OLD.matter AND NEW.salt = OLD.salt AND NEW.sealed = OLD.sealed "
    "AND NEW.commitment IS NOT DISTINCT FROM OLD.commitment "
    "AND NOT EXISTS (SELECT 1 FROM access_sealed AS other WHERE other.origin = NEW.origin AND other.number = NEW.number)"
)
REFUSE = "access_sealed is append-only"
IS_COMMITMENT = "commitment IS NULL OR length(commitment) = 32"
LIVE = sa.text("state IN ('waiting', 'making', 'proving', 'ready')")


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    kind = "BLOB" if sqlite else "BYTEA"
    op.execute(f"ALTER TABLE access_sealed ADD COLUMN commitment {kind} CONSTRAINT ck_access_sealed_commitment CHECK ({IS_COMMITMENT})")
    if sqlite:
        op.execute("DROP TRIGGER access_sealed_no_update")
        op.execute(
            f"CREATE TRIGGER access_sealed_no_update BEFORE UPDATE ON access_sealed WHEN ({NUMBERING}) IS NOT TRUE "
            f"BEGIN SELECT RAISE(ABORT, '{REFUSE}'); END"
        )
    else:
        op.execute(
            f"""CREATE OR REPLACE FUNCTION access_sealed_append_only() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN IF TG_OP = 'UPDATE' THEN IF {NUMBERING} THEN RETURN NEW; END IF; END IF; RAISE EXCEPTION '{REFUSE}'; END $$"""
        )
    allow("package", "state", "proving")
    op.add_column("package", sa.Column("log_position", NUMBER, nullable=True))
    op.drop_index("uq_package_live", "package")
    op.create_index("uq_package_live", "package", ["request_id"], unique=True, sqlite_where=LIVE, postgresql_where=LIVE)
