"""RTSP messages that a playing camera sends between its packets: answers to keep-alive requests, mostly."""

from __future__ import annotations

from recorder.rtsp.errors import NotRtsp, ProtocolViolation
from recorder.rtsp.message import Message, take_message

MAX_MESSAGES = 16
"""Kept for `taken`; a camera that floods loses the older ones."""


class Messages:
    def __init__(self) -> None:
        self._kept: list[Message] = []

    def take(self, data: bytes, at: int) -> int:
        """Take the message at `at` and return its size, 0 while it is incomplete. ProtocolViolation when none begins there."""
        try:
            taken = take_message(data, at)
        except NotRtsp as err:
            raise ProtocolViolation("The camera sends something between its pictures that is neither RTP nor RTSP.") from err
        if taken is None:
            return 0
        message, size = taken
        self._kept = [*self._kept[1 - MAX_MESSAGES :], message]
        return size

    def taken(self) -> list[Message]:
        """Return the messages taken since the last call."""
        kept, self._kept = self._kept, []
        return kept
