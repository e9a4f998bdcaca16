"""The certificate that the pages are served with, taken over again when its files change, without a restart."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import uvicorn

from vms.log import get_logger
from vms.services.own_ca import CertificateFiles

LOOK_SECONDS = 60.0

log = get_logger(__name__)


class ServedCertificate:
    """Connections that stand go on with the certificate that they began with."""

    def __init__(self, files: CertificateFiles | None) -> None:
        """`files` None: plain HTTP."""
        self._files = files
        self._context: ssl.SSLContext | None = None
        self._stamp: object = None

    @property
    def context_factory(self) -> Callable[[uvicorn.Config, Callable[[], ssl.SSLContext]], ssl.SSLContext] | None:
        """Return what uvicorn makes its context with, None for plain HTTP."""
        return None if self._files is None else lambda _config, _usual: self._begun()

    async def watch(self) -> None:
        """Look for another certificate until cancelled."""
        while self._context is not None:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Take the files' certificate over if they changed; one that can't be used leaves the one before."""
        if self._context is None or self._files is None:
            return
        try:
            if (stamp := _stamp(self._files)) != self._stamp:
                self._context.load_cert_chain(self._files.certificate, self._files.key)
                self._stamp = stamp
        except OSError as err:  # ssl.SSLError is one: a key without its certificate yet
            log.warning("certificate not taken over", file=str(self._files.certificate), reason=str(err))

    def _begun(self) -> ssl.SSLContext:
        assert self._files is not None  # noqa: S101 - `context_factory` asked
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._stamp = _stamp(self._files)
        context.load_cert_chain(self._files.certificate, self._files.key)
        self._context = context
        return context


def _stamp(files: CertificateFiles) -> tuple[tuple[int, int, int], ...]:
    found = [path.stat() for path in (files.certificate, files.key)]
    return tuple((one.st_mtime_ns, one.st_ino, one.st_size) for one in found)
