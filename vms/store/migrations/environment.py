"""What the `env.py` of both databases does: run the migrations on the connection that `vms.store.migrate` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, MetaData


def run_migrations(metadata: MetaData) -> None:
    """Run inside the caller's transaction; it commits."""
    connection = context.config.attributes["connection"]
    if not isinstance(connection, Connection):
        raise TypeError("migrations run through vms.store.migrate, which hands them a connection")
    context.configure(connection=connection, target_metadata=metadata)
    context.run_migrations()
