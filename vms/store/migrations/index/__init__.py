"""Migrations of the node index."""
