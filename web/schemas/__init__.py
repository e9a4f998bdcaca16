"""Shapes of JSON that crosses a border: what browsers send, and what the node answers."""
