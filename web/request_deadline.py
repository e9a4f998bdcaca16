"""A request arrives whole within `REQUEST_SECONDS`, or its connection ends: who sends half of one and waits holds nothing for long.

uvicorn bounds how much of a request may come and how long a connection may rest after an answer, not how long a request takes to arrive.
"""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 30.0
"""From its first octet, or from the connection itself, to its last: the largest body that is taken, at 35 kB a second."""
_ARRIVING = (h11.IDLE, h11.SEND_BODY)


class DeadlineProtocol(H11Protocol):
    """Pieces that keep coming move no deadline. A WebSocket's ends with its handshake: from then on it is pinged."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        self._begin()

    def handle_events(self) -> None:
        super().handle_events()
        if self.transport.get_protocol() is not self or self.conn.their_state not in _ARRIVING:
            self._end()
        elif self._deadline is None and (self.conn.their_state is h11.SEND_BODY or self.conn.trailing_data[0]):
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        # Not close(): that would wait for an answer to be read by who is at fault.
        self.transport.abort()
