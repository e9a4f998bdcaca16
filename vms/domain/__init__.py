"""Plain Python: frozen dataclasses and pure functions, standard library only."""
