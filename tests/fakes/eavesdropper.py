"""Somebody who answers at a camera's address and keeps every byte that comes."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Reply = Callable[[str, str], bytes]
"""From a request's method and CSeq to the whole answer; empty: none."""
_HEAD = re.compile(rb"([A-Z_]+) \S+ RTSP/1\.0\r\n(?:.*\r\n)*?CSeq: (\d+)\r\n(?:.*\r\n)*?\r\n")


class Eavesdropper:
    """Listens on a loopback port of its own. `heard`: all bytes of all connections."""

    def __init__(self, reply: Reply) -> None:
        self.heard = bytearray()
        eavesdropper = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                eavesdropper._converse(self.request.recv, self.request.sendall, reply)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _converse(self, receive: Callable[[int], bytes], send: Callable[[bytes], None], reply: Reply) -> None:
        buffer = b""
        try:
            while got := receive(65536):
                self.heard += got
                buffer += got
                while match := _HEAD.match(buffer):
                    buffer = buffer[match.end() :]
                    send(reply(match[1].decode(), match[2].decode()))
        except ConnectionError:
            pass


@contextmanager
def eavesdropping(reply: Reply) -> Iterator[Eavesdropper]:
    listening = Eavesdropper(reply)
    try:
        yield listening
    finally:
        listening.close()


def answers(status: str, *headers: str) -> Reply:
    """Say the same to every request."""
    return lambda _method, cseq: "\r\n".join([f"RTSP/1.0 {status}", f"CSeq: {cseq}", *headers, "", ""]).encode()
