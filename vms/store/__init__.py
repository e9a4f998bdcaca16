"""Where things are kept: the central database, the node index, the volumes' files and the key store.

SQL stands only here. `database.py` makes engines; `central_tables.py` (with `people_tables.py`, `screen_tables.py` and `log_tables.py`) and
`index_tables.py` are the two schemas, with their migrations beside them; then one repository per noun. See README.md for the invariants.
"""
