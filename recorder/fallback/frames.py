"""What a worker and its re-encoding child say to each other: frames of a fixed head and so many octets, over a socketpair.

To the child: coded pictures, numbered from 0. From it: first a report of its sandbox, then for each picture the H.264 access
unit, if it became one, and `DONE`. The child is never trusted: what it sends is checked as what a camera sends.
"""

from __future__ import annotations

import struct

PICTURE_HEAD = struct.Struct("!IIB")
"""Octets that follow, number of the picture, 1 when it is to become a keyframe."""
ANSWER_HEAD = struct.Struct("!IIB")
"""Octets that follow, number of the picture, kind."""
REPORT = 0
"""JSON: the layers of the sandbox. Before all else."""
UNIT = 1
"""One H.264 access unit, NAL units behind start codes."""
DONE = 2
"""Nothing more comes of this picture."""
MAX_REPORT_BYTES = 4096
MAX_PIXELS = 3840 * 2160
"""Of one picture: its decoder refuses more."""
