"""Slow guessing down, in the central database: a restart forgives nothing, and several web processes count together.

What is typed as a name may be a password: names and addresses are kept as digests under a key of this installation.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy.orm import Session

from vms.crypto import derived_key
from vms.domain.names import name_key
from vms.domain.sign_in_pace import KNOWN_PLACE, LONGEST_MEMORY, OF_ADDRESS, OF_NAME, OF_PERSON_HERE, Pace, Tries
from vms.store import sign_in_tries
from vms.store.database import Engines

_KEY_INFO = b"custodian sign-in tries v1"
_IPV6_SITE_BITS = 64
"""Who has one IPv6 address has all of its /64."""


class _Bound(NamedTuple):
    key: bytes
    pace: Pace


@dataclass(frozen=True, slots=True)
class SignInDelay:
    """Runs its own short transactions, outside of which the password is looked at. Safe from several threads and processes."""

    central: Engines
    key: bytes
    """Makes the digests."""

    @classmethod
    def of(cls, central: Engines, grant_key: bytes) -> SignInDelay:
        return cls(central, derived_key(grant_key, _KEY_INFO))

    def begin(self, name: str, address: str, at: datetime) -> int:
        """Count a try and return 0, or return how long to wait first, in seconds rounded up.

        Call it before the password is looked at, so that tries sent all at once count each; `succeeded` takes it back. A try
        that has to wait writes nothing.
        """
        if wait := self.wait_seconds(name, address, at):
            return wait
        bounds = self._bounds(name, address)
        with self.central.writing() as session:
            found = sign_in_tries.lock(session, [bound.key for bound in bounds], at)
            if wait := self._wait(session, bounds, found, at):
                return wait
            sign_in_tries.put(session, {bound.key: bound.pace.counted(found.get(bound.key), at) for bound in bounds})
            sign_in_tries.forget(session, tries_before=at - LONGEST_MEMORY, places_before=at - KNOWN_PLACE)
        return 0

    def wait_seconds(self, name: str, address: str, at: datetime) -> int:
        """Return how long this person at this address still has to wait; 0 is now."""
        bounds = self._bounds(name, address)
        with self.central.reading() as session:
            return self._wait(session, bounds, sign_in_tries.load(session, [bound.key for bound in bounds]), at)

    def succeeded(self, name: str, address: str, at: datetime) -> None:
        """Forget this person's tries here, take the last one back everywhere, and know this place from now on."""
        own, *shared = self._bounds(name, address)
        with self.central.writing() as session:
            found = sign_in_tries.lock(session, [own.key, *(bound.key for bound in shared)], at)
            left = {key: replace(tries, counted=max(0, tries.counted - 1)) for key, tries in found.items()}
            sign_in_tries.put(session, left | {own.key: Tries(0, at)})
            sign_in_tries.make_known(session, own.key, at)

    def _wait(self, session: Session, bounds: tuple[_Bound, ...], tries: dict[bytes, Tries], at: datetime) -> int:
        """Who signed in from here before waits for nobody else's tries."""
        own, *shared = bounds
        applying = [own] if sign_in_tries.is_known(session, own.key) else [own, *shared]
        longest = max(bound.pace.wait(tries.get(bound.key), at) for bound in applying)
        return math.ceil(longest / timedelta(seconds=1))

    def _bounds(self, name: str, address: str) -> tuple[_Bound, ...]:
        who, where = name_key(name), _site(address)
        return (
            _Bound(self._digest("here", who, where), OF_PERSON_HERE),
            _Bound(self._digest("address", "", where), OF_ADDRESS),
            _Bound(self._digest("name", who, ""), OF_NAME),
        )

    def _digest(self, *parts: str) -> bytes:
        # Half a surrogate pair is a name that nobody has, and counts all the same.
        return hmac.digest(self.key, "\0".join(parts).encode(errors="surrogatepass"), "sha256")


def _site(address: str) -> str:
    """Return what of an address one person may have in plenty."""
    try:
        network = ipaddress.IPv6Network((address.partition("%")[0], _IPV6_SITE_BITS), strict=False)
    except ValueError:
        return address
    return str(network)
