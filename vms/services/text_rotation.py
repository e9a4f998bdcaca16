"""What is under the district's key of texts, complaints with their answers and inquiries, brought under another while pages go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy.orm import Session

from vms.crypto import KeySource
from vms.store import district_texts, sealed_texts
from vms.store.database import Engines
from vms.store.district_texts import SealedText
from vms.store.failpoints import failpoint
from vms.store.sealed_texts import OF_THE_DISTRICT

PAGE = 50
"""Values in one transaction."""


class DistrictTexts:
    """Each text is bound to its row, which stays as it is but for the value; one that no key opens holds no other up."""

    def __init__(self, central: Engines, keys: KeySource, *, leave_unopenable: bool) -> None:
        self._central = central
        self._keys = keys
        self._leave_unopenable = leave_unopenable

    def seal_anew(self, _new: bytes, tell: Callable[[int, int], None]) -> int:
        with self._central.writing() as session:
            sealed_texts.wait_for_writers(session)  # R3: who writes from now on reads the next key
            total = district_texts.count(session)
        failpoint("rotate:c")
        secrets, seen, count = self._keys.fresh(), 0, 0
        for kind in OF_THE_DISTRICT:
            after = 0
            while True:
                with self._central.writing() as session:
                    found = district_texts.page(session, kind, after, PAGE)
                    changed = [_brought(session, text, secrets) for text in found].count(True)
                if not found:
                    break
                failpoint("rotate:d")
                after, seen, count = found[-1].number, seen + len(found), count + changed
                tell(min(seen, total), total)
        district_texts.forget_old_values(self._central)
        return count

    def stops(self, keys: tuple[bytes, ...]) -> list[str]:
        """Return what there is where `keys` open none of it: they are not its keys."""
        lost = self.lost(keys)
        with self._central.reading() as session:
            return lost if len(lost) == district_texts.count(session) else []

    def lost(self, keys: tuple[bytes, ...]) -> list[str]:
        left = set(self.left())
        return [name for name in self._unopenable(keys) if name not in left]

    def left(self) -> list[str]:
        return self._unopenable(self._keys.fresh()) if self._leave_unopenable else []

    def _unopenable(self, keys: tuple[bytes, ...]) -> list[str]:
        return [text.name for text in self._all() if _opened(text, keys) is None]

    def _all(self) -> Iterator[SealedText]:
        for kind in OF_THE_DISTRICT:
            after = 0
            while True:
                with self._central.reading() as session:
                    found = district_texts.page(session, kind, after, PAGE)
                if not found:
                    break
                yield from found
                after = found[-1].number


def _brought(session: Session, text: SealedText, secrets: tuple[bytes, ...]) -> bool:
    """Bring a text under the last of `secrets`; False where it is already, and where none of them opens it."""
    *_, new = secrets
    if text.opens(new) or (plaintext := _opened(text, secrets)) is None:
        return False
    district_texts.put(session, text, text.under(new, plaintext))
    return True


def _opened(text: SealedText, secrets: tuple[bytes, ...]) -> bytes | None:
    return next((plaintext for secret in secrets if (plaintext := text.opened(secret)) is not None), None)
