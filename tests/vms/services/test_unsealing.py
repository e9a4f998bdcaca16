"""A seal that is lifted: what was sealed stands in the ordinary log, once, and its key is gone."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.factories import CONSOLE, NOW, after, span
from tests.vms.services.sealing import seal, sign, unguarded, verify
from vms.config import Settings
from vms.domain.access import AccessEvent, Action
from vms.domain.ids import CameraId
from vms.errors import Corrupt, NotFound
from vms.services.access_log import DISTRICT
from vms.services.sealed_log import Matter, new_matter, open_matter, record_sealed
from vms.services.unsealing import Unsealed, Unsealing
from vms.store import access_log
from vms.store.database import Engines


@pytest.fixture
def matter(settings: Settings) -> Matter:
    return new_matter(settings)


def _unseal(engines: Engines, settings: Settings, matter: Matter) -> Unsealed:
    unsealing, follows = Unsealing(matter, actor=CONSOLE, at=after(99)), True
    while follows:
        with engines.writing() as session:
            follows = unsealing.publish_page(session)
    with engines.writing() as session:
        return unsealing.end(session, settings)


def _published(engines: Engines) -> Sequence[AccessEvent]:
    with engines.reading() as session:
        return list(access_log.following(session, DISTRICT, frozenset({Action.LOG_UNSEAL}), after=0))


def test_entries_stand_in_the_ordinary_log_with_their_own_moments_once(central: Engines, settings: Settings, matter: Matter) -> None:
    with central.writing() as session:
        for number in range(2):
            detail = {"n": str(number)}
            record_sealed(session, matter, actor=CONSOLE, action=Action.VIEW_OPEN, at=after(number), camera_id=CameraId(5), detail=detail)
    sign(central, entries=3)
    seal(central, matter=matter)
    assert _unseal(central, settings, matter) == Unsealed(published=2, waiting=1, unreadable=())
    assert _unseal(central, settings, matter) == Unsealed(published=0, waiting=1, unreadable=())
    assert open_matter(settings, matter.id) == matter, "what waits needs its key"
    sign(central)
    assert _unseal(central, settings, matter) == Unsealed(published=1, waiting=0, unreadable=())
    found = _published(central)
    assert [(event.at, event.camera_id) for event in found] == [(after(99), 5), (after(99), 5), (after(99), None)]
    assert found[1].detail == {
        "matter": matter.id,
        "entry": "5",
        "written": after(1).isoformat(),
        "action": "view:open",
        "actor": CONSOLE.label,
        "actor_name": "pat@branch-server",
        "role": "console",
        "detail.n": "1",
    }
    assert verify(central).ok


def test_a_lifted_seal_needs_no_key_any_more_so_nothing_is_published_again(central: Engines, settings: Settings, matter: Matter) -> None:
    """Not even when `log_days` has erased what was published."""
    seal(central, 2, matter=matter)
    sign(central)
    assert _unseal(central, settings, matter).over
    with pytest.raises(NotFound, match="the seal was lifted"):
        open_matter(settings, matter.id)
    assert list(settings.secrets_dir.iterdir()) == []


def test_one_that_was_killed_before_the_key_was_destroyed_is_taken_up_again(central: Engines, settings: Settings, matter: Matter) -> None:
    seal(central, 2, matter=matter)
    sign(central)
    with central.writing() as session:
        Unsealing(matter, actor=CONSOLE, at=NOW).publish_page(session)
    assert _unseal(central, settings, matter) == Unsealed(published=0, waiting=0, unreadable=())
    assert len(_published(central)) == 2


def test_two_at_once_publish_nothing_twice(central: Engines, matter: Matter) -> None:
    seal(central, 2, matter=matter)
    sign(central)
    first, second = (Unsealing(matter, actor=CONSOLE, at=NOW) for _ in range(2))
    for unsealing in (first, second, first, second):
        with central.writing() as session:
            unsealing.publish_page(session)
    assert len(_published(central)) == 2


def test_one_that_looked_before_another_committed_looks_again_when_it_holds_the_log(
    central_postgresql: Engines, matter: Matter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On SQLite the second begins when the first has committed."""
    seal(central_postgresql, 2, matter=matter)
    sign(central_postgresql)
    looked, hold = Event(), access_log.last_number

    def look_and_hold(session: Session, origin: str) -> int:
        looked.set()
        return hold(session, origin)

    def publish() -> None:
        with central_postgresql.writing() as session:
            Unsealing(matter, actor=CONSOLE, at=NOW).publish_page(session)

    with ThreadPoolExecutor(1) as pool:
        with central_postgresql.writing() as session:
            Unsealing(matter, actor=CONSOLE, at=NOW).publish_page(session)
            monkeypatch.setattr(access_log, "last_number", look_and_hold)
            second = pool.submit(publish)
            assert looked.wait(30)
        second.result(30)
    assert len(_published(central_postgresql)) == 2


def test_what_is_sealed_behind_the_last_page_keeps_the_key(central: Engines, settings: Settings, matter: Matter) -> None:
    seal(central, matter=matter)
    sign(central)
    unsealing = Unsealing(matter, actor=CONSOLE, at=NOW)
    with central.writing() as session:
        unsealing.publish_page(session)
    seal(central, matter=matter)
    with central.writing() as session:
        assert unsealing.end(session, settings) == Unsealed(published=1, waiting=1, unreadable=())
    assert open_matter(settings, matter.id) == matter


def test_one_that_does_not_open_stops_no_other_and_keeps_the_key(central: Engines, settings: Settings, matter: Matter) -> None:
    seal(central, 3, matter=matter)
    sign(central)
    with unguarded(central) as connection:
        connection.execute(text("UPDATE access_sealed SET sealed = salt WHERE number = 2"))
    assert _unseal(central, settings, matter) == Unsealed(published=2, waiting=0, unreadable=(2,))
    assert open_matter(settings, matter.id) == matter
    assert [event.detail["entry"] for event in _published(central)] == ["1", "3"]


def test_another_key_publishes_nothing(central: Engines, settings: Settings, matter: Matter) -> None:
    seal(central, 2, matter=matter)
    sign(central)
    with pytest.raises(Corrupt, match="it is another one"):
        _unseal(central, settings, Matter(matter.id, bytes(32)))
    assert _published(central) == []
    assert open_matter(settings, matter.id) == matter


def test_many_are_published_a_page_in_a_transaction(
    central: Engines, settings: Settings, matter: Matter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vms.store.access_log.PAGE", 4)
    seal(central, 14, matter=matter)
    sign(central)
    unsealing = Unsealing(matter, actor=CONSOLE, at=NOW)
    with central.writing() as session:
        assert unsealing.publish_page(session)
    assert len(_published(central)) == 4
    assert _unseal(central, settings, matter).published == 10


def test_unsealed_watching_is_found_by_the_footage_that_it_was_of(central: Engines, settings: Settings, matter: Matter) -> None:
    with central.writing() as session:
        for action in (Action.FOOTAGE_READ, Action.LOG_READ):
            record_sealed(session, matter, actor=CONSOLE, action=action, at=NOW, camera_id=CameraId(5), span=span(-60, 0))
    sign(central)
    _unseal(central, settings, matter)
    with central.reading() as session:
        for watched, count in ((span(-30, 10), 1), (span(10, 20), 0)):
            found = access_log.find(session, DISTRICT, None, access_log.Filter(camera_id=CameraId(5), watched=watched), limit=9)
            assert [event.detail["action"] for event in found] == ["footage:read"] * count
