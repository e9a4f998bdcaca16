"""A child that breaks the rules of `vms.media.derivation_wire`: the plan's camera says by number how. Started in place of the real one."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

from vms.media.confined import SOCKET
from vms.media.derivation_files import hear, say
from vms.media.derivation_wire import DONE, HEAD, LAYERS, MAX_OCTETS, READ, WRITE


def write_too_much() -> None:
    for number in range(5):
        say(WRITE, 0, bytes(MAX_OCTETS), at=number * MAX_OCTETS)


LIES: tuple[Callable[[], object], ...] = (
    lambda: os._exit(0),
    lambda: say(WRITE, 0, b"x", at=1),  # a hole
    lambda: say(WRITE, 200, b"x"),
    lambda: say(9, 0, b""),
    lambda: say(READ, 0, b"", octets=MAX_OCTETS + 1),
    lambda: say(LAYERS, 0, b"[]"),
    lambda: say(DONE, 0, b"[]"),
    lambda: say(DONE, 0, b'{"pictures": 5, "covered": [1, 2, 3]}'),
    write_too_much,
    lambda: os.write(SOCKET, HEAD.pack(WRITE, 0, 5, 0) + b"only"),
)

if __name__ == "__main__":
    say(LAYERS, 0, b"[]")
    job = json.loads(hear())
    LIES[json.loads(job["plan"])["cameras"][0]["camera"] - 1]()
    time.sleep(0.05)  # whoever sent half a frame closes behind it
