"""Alembic's entry for the node index."""

from vms.store.index_tables import NodeIndex
from vms.store.migrations.environment import run_migrations

run_migrations(NodeIndex.metadata)
