"""T17: what is too large or too deep is refused at little cost."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping

import pytest

from tests.web.world import OWN_PAGE, World, cookie
from vms.domain.people import Role

pytestmark = pytest.mark.slow

CPU_SECONDS = 0.1
TRIES = 3


def _cookie(world: World, role: Role) -> Mapping[str, str]:
    return cookie(world.token(role))


def _raw(world: World, head: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None) -> tuple[str, float]:
    """Send a request as it is; return the answer's first line and the processor time of server and sender together.

    The world's own threads work beside it: what the request itself costs is in each of a few tries, what they cost isn't.
    """
    answers = [_raw_once(world, head, body=body, headers=headers) for _ in range(TRIES)]
    return answers[0][0], min(cpu for _, cpu in answers)


def _raw_once(world: World, head: str, *, body: bytes, headers: Mapping[str, str] | None) -> tuple[str, float]:
    host, port = world.address.removeprefix("http://").split(":")
    lines = [head, f"Host: {host}:{port}", "Connection: close", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    before = time.process_time()
    with socket.create_connection((host, int(port)), timeout=20) as caller:
        try:
            caller.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
            for start in range(0, len(body), 65536):
                caller.sendall(body[start : start + 65536])
        except OSError:
            pass  # it has answered and closed
        answer = _first_line(caller)
    return answer, time.process_time() - before


def _first_line(caller: socket.socket) -> str:
    try:
        return caller.recv(4096).partition(b"\r\n")[0].decode()
    except ConnectionError:
        return "closed"


def _refused(line: str) -> bool:
    return line.startswith("HTTP/1.1 4") or line == "closed"


def test_a_hundred_thousand_ranges(shared_world: World) -> None:
    ranges = "bytes=" + ",".join(f"{number}-{number}" for number in range(100_000))
    told = {"Range": ranges, **_cookie(shared_world, Role.DESK)}
    line, cpu = _raw(shared_world, "GET /api/v1/views/none/segments/none HTTP/1.1", headers=told)
    assert _refused(line)
    assert cpu < CPU_SECONDS


@pytest.mark.parametrize("ranges", ["bytes=0-1,5-6", "bytes=0-", "bytes=-5", "bytes=5-1", "pages=1-2", "bytes=0-" + "9" * 40])
def test_a_range_that_is_not_one_plain_range(shared_world: World, ranges: str) -> None:
    told = {"Range": ranges, **_cookie(shared_world, Role.DESK)}
    line, _ = _raw(shared_world, "GET /api/v1/views/none/segments/none HTTP/1.1", headers=told)
    assert line.startswith(("HTTP/1.1 416", "HTTP/1.1 404"))


def test_ten_megabytes_of_headers(shared_world: World) -> None:
    line, cpu = _raw(shared_world, "GET /login HTTP/1.1", headers={f"X-{number}": "a" * 8000 for number in range(1250)})
    assert _refused(line)
    assert cpu < CPU_SECONDS


def test_a_gigabyte_that_is_announced_is_refused_before_it_comes(shared_world: World) -> None:
    told = {"Content-Length": str(1 << 30), "Content-Type": "multipart/form-data; boundary=b", **OWN_PAGE}
    line, cpu = _raw(shared_world, "POST /login HTTP/1.1", headers=told, body=b"--b\r\n")
    assert line.startswith("HTTP/1.1 413")
    assert cpu < CPU_SECONDS


def _chunks(size: int) -> bytes:
    return b"".join(b"10000\r\n" + b"a" * 65536 + b"\r\n" for _ in range(size // 65536))


def test_a_body_without_a_length_ends_at_the_limit(shared_world: World) -> None:
    told = {"Transfer-Encoding": "chunked", "Content-Type": "application/json", **OWN_PAGE}
    line, cpu = _raw(shared_world, "POST /api/v1/session HTTP/1.1", headers=told, body=_chunks(8 << 20))
    assert _refused(line)
    assert cpu < 5 * CPU_SECONDS


def _parts(count: int) -> bytes:
    return b"".join(f'--b\r\nContent-Disposition: form-data; name="f{n}"\r\n\r\n\r\n'.encode() for n in range(count)) + b"--b--\r\n"


def test_ten_thousand_parts(shared_world: World) -> None:
    body = _parts(10_000)
    told = {"Content-Length": str(len(body)), "Content-Type": "multipart/form-data; boundary=b", **OWN_PAGE}
    line, cpu = _raw(shared_world, "POST /login HTTP/1.1", headers=told, body=body)
    assert _refused(line)
    assert cpu < 5 * CPU_SECONDS


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_json_a_hundred_thousand_deep(shared_world: World, opening: bytes, closing: bytes) -> None:
    body = opening * 100_000 + b"1" + closing * 100_000
    told = {"Content-Length": str(len(body)), "Content-Type": "application/json", **OWN_PAGE}
    line, cpu = _raw(shared_world, "POST /api/v1/session HTTP/1.1", headers=told, body=body)
    assert _refused(line)
    assert cpu < CPU_SECONDS
