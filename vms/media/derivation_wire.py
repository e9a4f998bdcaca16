"""What a process and its deriving child say to each other, over a socketpair.

To the child: first its job, as JSON behind its size; then, behind its size, each part of the original that it asks for. From it:
frames of a fixed head. The child has no file: it reads and writes by asking. It is never trusted.
"""

from __future__ import annotations

import struct

HEAD = struct.Struct("!BBIQ")
"""Kind, number of the file, octets, offset. Octets follow for all kinds but `READ`, which asks for so many."""
SIZE = struct.Struct("!I")
LAYERS = 0
"""JSON: the layers of the sandbox. Before all else."""
READ = 1
"""Of the original."""
WRITE = 2
"""Into a file: `COPY`, or a review sheet, which count from 1 and are written at once."""
DONE = 3
"""JSON: what was made. The last."""
REFUSED = 4
"""A sentence. The last."""
COPY = 0
MAX_SHEETS = 64
MAX_OCTETS = 16 * 1024 * 1024
MAX_TEXT = 64 * 1024 * 1024
"""Of job and answer: plans of what is followed are long."""
