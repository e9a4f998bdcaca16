"""Branches, the district, and the machines that record."""

from __future__ import annotations

import pytest

from tests.factories import CONSOLE, NODE_PRIVATE_KEY, NOW, FixedKeys, a_branch, a_node, a_person, done, elsewhere, refused
from vms.domain.outcome import Refusal
from vms.domain.people import Role
from vms.errors import ConfigError, Conflict, InvalidInput, NotFound, Unavailable
from vms.services.branches import add_branch, branch_named, list_branches
from vms.services.district import District, load_district, save_district
from vms.services.nodes import node_of, nodes, recording_node, register_node
from vms.store.database import Engines

_DISTRICT = District("Alder County", "America/Los_Angeles", 14, "Helen Marsh")


def test_a_branch_is_found_by_name_in_any_case_and_by_number(central: Engines) -> None:
    with central.writing() as session:
        branch = a_branch(session, "Main Street")
        assert branch_named(session, CONSOLE, "main  STREET") == branch_named(session, CONSOLE, str(branch.id)) == branch


def test_branches_are_listed_by_name_within_reach(central: Engines) -> None:
    with central.writing() as session:
        second, first = a_branch(session, "West"), a_branch(session, "east")
        assert list_branches(session, CONSOLE) == [first, second]
        assert list_branches(session, elsewhere(a_person(session), second.id)) == [second]


def test_a_name_that_differs_by_case_alone_is_taken(central: Engines) -> None:
    with central.writing() as session:
        a_branch(session, "Main Street")
    with pytest.raises(Conflict, match="already"), central.writing() as session:
        a_branch(session, "MAIN street")


def test_a_name_that_is_not_there_is_answered_with_those_that_are(central: Engines) -> None:
    with central.writing() as session:
        a_branch(session, "Main Street")
        with pytest.raises(NotFound, match="‘Main Street’"):
            branch_named(session, CONSOLE, "Maine")


@pytest.mark.parametrize(("name", "timezone"), [("", "UTC"), ("Main", "Mars/Olympus"), ("Main", "../../etc/passwd"), ("Main", "")])
def test_a_branch_without_name_or_place_is_refused(central_sqlite: Engines, name: str, timezone: str) -> None:
    with pytest.raises(InvalidInput), central_sqlite.writing() as session:
        add_branch(session, CONSOLE, name=name, timezone=timezone, at=NOW)


def test_a_branch_keeps_the_districts_time_unless_told(central: Engines) -> None:
    with central.writing() as session:
        save_district(session, CONSOLE, _DISTRICT, at=NOW)
        assert done(add_branch(session, CONSOLE, name="Main", timezone=None, at=NOW)).timezone == "America/Los_Angeles"


@pytest.mark.parametrize("role", [Role.DESK, Role.DIRECTOR, Role.AUDITOR])
def test_only_it_and_the_console_add_branches(central_sqlite: Engines, role: Role) -> None:
    with central_sqlite.writing() as session:
        answer = add_branch(session, a_person(session, role), name="Main", timezone="UTC", at=NOW)
        assert refused(answer).refusal is Refusal.NOT_ALLOWED
        assert list_branches(session, CONSOLE) == []


def test_the_district_reads_back_as_it_was_set_up(central: Engines) -> None:
    with central.writing() as session:
        assert load_district(session) is None
        save_district(session, CONSOLE, _DISTRICT, at=NOW)
    with central.reading() as session:
        assert load_district(session) == _DISTRICT


@pytest.mark.parametrize("days", [0, 366])
def test_days_that_no_policy_has_are_refused(central_sqlite: Engines, days: int) -> None:
    with pytest.raises(InvalidInput, match="days"), central_sqlite.writing() as session:
        save_district(session, CONSOLE, District("Alder", "UTC", days, "Helen"), at=NOW)


def test_a_node_registered_again_is_the_same_node(central: Engines) -> None:
    with central.writing() as session:
        node = a_node(session)
        assert a_node(session) == recording_node(session) == node
        assert node_of(session, FixedKeys((bytes(32), NODE_PRIVATE_KEY))) == node
        assert nodes(session) == [node]


def test_a_node_with_another_key_is_a_conflict(central: Engines) -> None:
    with central.writing() as session:
        a_node(session)
        with pytest.raises(Conflict, match="another key"):
            register_node(session, name="branch-server", public_key=bytes(32), at=NOW)


def test_a_machine_whose_key_is_another_one_is_not_told_to_begin_anew(central_sqlite: Engines) -> None:
    with central_sqlite.writing() as session:
        a_node(session)
        with pytest.raises(ConfigError, match=r"node_x25519\.key is not the key that this machine is known with"):
            node_of(session, FixedKeys((bytes(range(1, 33)),)))


def test_a_machine_that_is_not_known_is_told_what_to_run(central_sqlite: Engines) -> None:
    with central_sqlite.reading() as session:
        with pytest.raises(NotFound, match="vms init"):
            node_of(session, FixedKeys((NODE_PRIVATE_KEY,)))
        with pytest.raises(Unavailable, match="vms init"):
            recording_node(session)
