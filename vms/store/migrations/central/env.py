"""Alembic's entry for the central database."""

from vms.store.central_tables import SCHEMA
from vms.store.migrations.environment import run_migrations

run_migrations(SCHEMA)
