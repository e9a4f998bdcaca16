"""The training register: who keeps it, who was never trained is shown, a year later again, and what can't be is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.factories import CONSOLE, NOW, a_branch, a_person, done, refused
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.outcome import Refused
from vms.domain.people import Role
from vms.domain.training import TRAINING_LASTS
from vms.errors import InvalidInput
from vms.services import records, trainings
from vms.services.access_log import DISTRICT
from vms.services.district import District, save_district
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.store import access_log
from vms.store.database import Engines

NEW: dict[str, Any] = {"name": "Pat", "what": "Refer inquiries to the Director", "refers": True, "day": ""}


def test_who_was_never_trained_is_shown_until_somebody_enters_it_and_a_year_later_again(central: Engines, settings: Settings) -> None:
    with central.writing() as session:
        desk, director = a_person(session, name="Pat Lee"), a_person(session, Role.DIRECTOR, name="Helen Marsh")
        assert set(done(trainings.register(session, settings, director, at=NOW)).untrained) == {"Pat Lee", "Helen Marsh"}
        for name, day in (("pat lee", "2026-03-14"), ("A volunteer", "2026-02-01"), ("Helen Marsh", "2025-03-01")):
            done(trainings.enter(session, director, **NEW | {"name": name, "day": day}, at=NOW))
        register = done(trainings.register(session, settings, director, at=NOW))
        assert register.untrained == ("Helen Marsh",), "hers was more than a year ago"
        assert [one.name for one in register.trainings] == ["pat lee", "A volunteer", "Helen Marsh"]
        later = done(trainings.register(session, settings, director, at=NOW + TRAINING_LASTS))
        assert set(later.untrained) == {"Pat Lee", "Helen Marsh"}
        off = settings.model_copy(update={"training": "off"})
        assert done(trainings.register(session, off, director, at=NOW)).untrained == ()
        (newest, *_) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.TRAINING_ENTER})), limit=9)
        assert newest.detail == {"name": "Helen Marsh", "day": "2025-03-01"}
        refused(trainings.register(session, settings, desk, at=NOW))


def test_a_fire_drill_stands_in_the_register_and_counts_for_nothing(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        done(trainings.enter(session, director, **NEW | {"name": director.name, "what": "Fire drill", "refers": False}, at=NOW))
        register = done(trainings.register(session, settings, director, at=NOW))
        assert [(one.what, one.refers) for one in register.trainings] == [("Fire drill", False)]
        assert register.untrained == (director.name,)


def test_the_director_and_delegates_of_the_whole_district_keep_it(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        somebody = a_person(session)
        branch = frozenset({a_branch(session).id})
        keep = set()
        for role in Role:
            answer = trainings.enter(session, replace(somebody, role=role), **NEW, at=NOW)
            if not isinstance(answer, Refused):
                keep.add(role)
            refused(trainings.enter(session, replace(somebody, role=role, branches=branch), **NEW, at=NOW))
        assert keep == {Role.DIRECTOR, Role.DELEGATE}
        assert refused(trainings.enter(session, CONSOLE, **NEW, at=NOW)).logged


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": " "}, "Name who was trained"),
        ({"what": "x" * 301}, "300 characters"),
        ({"day": "soon"}, "is no day"),
        ({"day": "2026-03-15"}, "today at the latest"),
        ({"day": "1926-03-14"}, "Give its day"),
    ],
)
def test_what_can_not_be_entered_is_said(central_sqlite: Engines, wrong: dict[str, Any], sentence: str) -> None:
    with central_sqlite.writing() as session, pytest.raises(InvalidInput, match=sentence):
        trainings.enter(session, a_person(session, Role.DIRECTOR), **NEW | wrong, at=NOW)


def test_it_goes_on_its_day(central: Engines, settings: Settings) -> None:
    later = NOW + timedelta(days=1500)
    with central.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        sign_checkpoint(session, LogKey(bytes(range(32))), at=later - timedelta(days=2))
        director = a_person(session, Role.DIRECTOR)
        done(trainings.enter(session, director, **NEW, at=NOW))
        done(trainings.enter(session, director, **NEW | {"name": "Jo"}, at=later - timedelta(days=1)))
        assert records.purge_some(session, settings, records.JOB, at=later).get("training") == 1
        assert [one.name for one in done(trainings.register(session, settings, director, at=later)).trainings] == ["Jo"]
