"""Alembic migrations of the central database and of the node index."""
