"""Writes parameter sets bit by bit, as H.264 §7.3 and §9.1 describe them."""

from __future__ import annotations

import re
from typing import Self


class BitWriter:
    def __init__(self) -> None:
        self._bits = ""

    def u(self, bits: int, number: int) -> Self:
        self._bits += f"{number:0{bits}b}" if bits else ""
        return self

    def ue(self, number: int) -> Self:
        code = f"{number + 1:b}"
        self._bits += "0" * (len(code) - 1) + code
        return self

    def se(self, number: int) -> Self:
        return self.ue(2 * number - 1 if number > 0 else -2 * number)

    def nal(self) -> bytes:
        """Return the NAL unit: stop bit, padding, emulation prevention."""
        bits = f"{self._bits}1"
        bits += "0" * (-len(bits) % 8)
        rbsp = int(bits, 2).to_bytes(len(bits) // 8)
        return re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", rbsp)
