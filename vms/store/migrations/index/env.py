"""Alembic's entry for the node index."""

from vms.store import index_tables  # noqa: F401 - the tables join the schema
from vms.store.index_base import NodeIndex
from vms.store.migrations.environment import run_migrations

run_migrations(NodeIndex.metadata)
