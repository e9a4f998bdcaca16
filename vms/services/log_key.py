"""The key that signs the access log's checkpoints. The web server never reads it: the jobs child and the console do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from vms.config import Settings
from vms.crypto import derived_key, verifying_key
from vms.errors import ConfigError

_PADDING_INFO = b"custodian log padding v1"


@dataclass(frozen=True)
class LogKey:
    """What signs a log's checkpoints and makes its padding."""

    private: bytes
    """Ed25519, 32 octets."""

    @cached_property
    def public(self) -> bytes:
        return verifying_key(self.private, file="log_ed25519.key")

    @cached_property
    def padding(self) -> bytes:
        return derived_key(self.private, _PADDING_INFO)


def read_log_key(settings: Settings) -> LogKey:
    """Read it from its file; ConfigError when it is gone or no key."""
    try:
        key = LogKey(settings.log_key_path.read_bytes())
    except OSError as err:
        raise ConfigError(
            f"{settings.log_key_path} can't be read ({err.strerror}). "
            "Put it back from the backup of secrets/. Where there never was one, run: vms migrate"
        ) from err
    _ = key.public  # a file that is no key is refused here, not when something is to be signed
    return key
