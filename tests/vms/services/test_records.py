"""Records other than footage: every one is registered with its day, goes when that is over, stays under a hold, and the log counts it."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.architecture.tree import Module, modules
from tests.e2e.canaries import FILES
from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_hub_that_ran, a_person, a_screen, an_account, done
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from tests.vms.services.requesting import a_request, an_approved, staff
from vms.config import RecordDays, Settings, load_settings
from vms.domain import policy
from vms.domain.access import Action, Purpose, View
from vms.domain.emergency import EmergencyReview
from vms.domain.footage import CoverageSpan
from vms.domain.hold import HoldAnswer
from vms.domain.ids import CameraId, PersonId, ProposalId, StreamId, ViewId, new_number
from vms.domain.legal_hold import Sealed
from vms.domain.people import AccountState, Proof, Role
from vms.domain.records import FOOTAGE_READERS, RECORDS, Place, kept_for, table
from vms.domain.request import RequestAct
from vms.domain.second_person import Act, Alone, Decision, Proposal
from vms.domain.timespan import Timespan, ms_of
from vms.errors import ConfigError
from vms.services import records
from vms.services.access_log import DISTRICT, record
from vms.services.branches import add_branch
from vms.services.district import District, save_district
from vms.services.emergency import open_emergency
from vms.services.hold_orders import orders, take_answers
from vms.services.log_erase import due as log_due
from vms.services.log_erase import erase_texts
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.services.log_verify import verify_log
from vms.services.policies import NewPolicy, set_policy
from vms.services.request_acts import act_on
from vms.services.sealed_holds import place_sealed
from vms.services.second_person import propose, to_announce
from vms.services.sessions import open_session
from vms.store import access_log, coverage, emergencies, factors, holds, identities, key_copy, mails, people, proposals, views
from vms.store import records as stored
from vms.store.database import Engines
from vms.store.mails import Letter
from vms.store.migrate import Which
from vms.store.schema import dump_path

GUIDE = Path(__file__).parents[3] / "deploy" / "README.md"
_KEY = LogKey(bytes(range(32)))
_DAYS: dict[str, int | None] = {**RecordDays().model_dump(), "log_days": None}


def _names(place: Place) -> set[str]:
    return {one.name for one in RECORDS[place]}


def _tables(which: Which) -> set[str]:
    """Return the tables as the migrations make them: another test holds these dumps current."""
    return set(re.findall(r'^CREATE TABLE "?(\w+)', dump_path(which).read_text(encoding="utf-8"), re.MULTILINE)) | {"alembic_version"}


# The registry.


def test_every_table_of_the_central_database_is_registered() -> None:
    assert _tables(Which.CENTRAL) == _names(Place.CENTRAL)


def test_every_table_of_the_node_index_is_registered() -> None:
    assert _tables(Which.INDEX) == _names(Place.INDEX)


def test_every_table_of_the_key_store_is_registered() -> None:
    source = Path(key_copy.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", source)) == _names(Place.KEYS)


def test_a_table_is_registered_once() -> None:
    for place, kinds in RECORDS.items():
        assert len(kinds) == len(_names(place)), place


def test_every_path_of_the_settings_is_registered() -> None:
    settings = Settings(data_dir=Path("/d"))
    computed = {
        name for name, value in vars(Settings).items() if isinstance(value, property) and name.endswith(("_path", "_dir", "_socket"))
    }
    # The folder of systemd's credentials is systemd's, and there only while it hands some over.
    paths = {str(path.relative_to("/d")) for name in computed if (path := getattr(settings, name)) is not None}
    registered = {part for name in _names(Place.FILES) for part in name.split(", ")}
    # Whatever is in a folder that is registered as a whole goes with it.
    assert {
        path for path in paths if path != "secrets" and not any(path == one or path.startswith(f"{one}/") for one in registered)
    } == set()


def test_every_file_of_secrets_that_the_everyday_run_meets_is_registered() -> None:
    registered = {name.removeprefix("secrets/") for name in _names(Place.FILES)}
    met = {"*.key.next" if name.endswith(".next") else name for name in (*FILES, "MATTER.key")}
    assert met <= registered


def test_every_setting_has_its_record_and_every_day_its_purge() -> None:
    named = {one.setting for kinds in RECORDS.values() for one in kinds} - {""}
    assert named == RecordDays.model_fields.keys() | {"log_days"}
    assert stored.KINDS.keys() == RecordDays.model_fields.keys()


def test_what_a_purge_deletes_from_is_what_the_registry_says() -> None:
    said = {(one.setting, one.name) for one in RECORDS[Place.CENTRAL] if one.purged_by == "`vms records purge`"}
    assert said == {(kind, name) for kind, names in stored.TABLES.items() for name in names}


def test_every_record_says_how_long_why_and_by_what() -> None:
    for kinds in RECORDS.values():
        for one in kinds:
            assert all((one.what, one.kept, one.why, one.purged_by)), one
            assert ("{days}" in one.kept) is (
                bool(one.setting)
                and not one.kept.startswith(
                    ("with its proposal", "with its hold", "with its account", "with its request", "with its complaint")
                )
            ), one


def test_the_operators_guide_has_the_registry_as_a_table() -> None:
    assert table(_DAYS) in GUIDE.read_text(encoding="utf-8"), "renew the table: python -m tests.vms.services.test_records"


_DOORS = frozenset(
    {
        "vms.media.segment_file",
        "vms.store.protected_files",
        "recorder.footage",
        "recorder.live",
        "recorder.live_proxy",
        "recorder.playing",
        "web.live_feed",
        "web.node_client",
        "web.reading",
    }
)
"""Modules through which footage comes."""


def _reads_footage(module: Module) -> bool:
    from_package = {
        f"{node.module}.{alias.name}" for node in ast.walk(module.tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    opened = {node.attr for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)} & {"segment_path", "part_path"}
    return bool(opened or _DOORS & ({name for name, _ in module.imports()} | from_package))


def test_every_reader_of_footage_is_registered() -> None:
    assert {module.name for module in modules() if _reads_footage(module)} | _DOORS == FOOTAGE_READERS.keys()


# What goes.


@pytest.fixture
def hub(central: Engines) -> Engines:
    """A database whose clock has run for more than a day."""
    with central.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW - timedelta(days=2))
        sign_checkpoint(session, _KEY, at=NOW - timedelta(days=2))
    return central


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


OLD = NOW - timedelta(days=500)
LONG_AGO = NOW - timedelta(days=3 * 365)
SPAN = (OLD - timedelta(hours=1), OLD)


def _purge(hub: Engines, config: Settings) -> dict[str, int]:
    with hub.writing() as session:
        return records.purge_some(session, config, records.JOB, at=NOW)


def _due(hub: Engines, config: Settings) -> dict[str, int]:
    with hub.reading() as session:
        return records.due(session, config, at=NOW)


def _count(hub: Engines, table: str) -> int:
    with hub.reading() as session:
        return session.scalar(text(f"SELECT count(*) FROM {table}")) or 0  # noqa: S608 - a name of this file


def _a_view(session: Session, camera: CameraId, name: str = "v") -> None:
    span = Timespan(*SPAN)
    views.add(session, View(ViewId(name * 22), "person:7", camera, Purpose.INCIDENT, span, OLD, OLD + timedelta(minutes=15)), None)


def _a_proposal(session: Session, act: Act, subject: int, *, decided: bool = True) -> ProposalId:
    number = ProposalId(new_number())
    proposals.add(session, Proposal(number, act, subject, "lost phone", "os:pat@branch-server", "pat", OLD, OLD, None))
    if decided:
        proposals.decide(session, number, Decision.STOPPED, OLD)
    return number


def test_records_past_their_day_go_and_the_log_counts_them_without_their_texts(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        account = an_account(session, at=OLD)
        done(open_session(session, person_id=account.id, at=OLD, proof=Proof.TOTP, address="10.1.2.3"))
        done(open_session(session, person_id=account.id, at=NOW, proof=Proof.TOTP))
        camera = a_camera(session)
        _a_view(session, camera.camera.id)
        people.invite(session, account.id, bytes(32), OLD)
        _a_proposal(session, Act.PERSON_RESET, account.id)
        mails.add(session, Letter(1, "digest:2025-01", "board@library.example", "subject", "the text of it", OLD))
        mails.give_up(session, older_than=NOW, at=OLD)
        coverage.put(session, camera.device.node_id, [CoverageSpan(StreamId(5), ms_of(SPAN[0]), ms_of(SPAN[1]))])
    expected = {"views": 1, "sessions": 1, "invitations": 1, "proposals": 1, "mails": 1, "coverage": 1}
    assert _due(hub, config) == expected
    assert _purge(hub, config) == expected
    assert _due(hub, config) == {}
    assert _count(hub, "session") == 1
    with hub.reading() as session:
        (told,) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.RECORD_PURGE})), limit=9)
    assert told.actor == "system:records"
    assert dict(told.detail) == {"counts": "1 views, 1 sessions, 1 invitations, 1 proposals, 1 mails, 1 coverage"}


def test_a_second_purge_deletes_nothing_and_writes_nothing(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        account = an_account(session, at=OLD)
        done(open_session(session, person_id=account.id, at=OLD, proof=Proof.TOTP))
    assert _purge(hub, config) == {"sessions": 1}
    entries = _count(hub, "access_event")
    assert _purge(hub, config) == {}
    assert _count(hub, "access_event") == entries


def test_a_large_backlog_goes_in_batches(hub: Engines, config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_PURGED", 2)
    with hub.writing() as session:
        account = an_account(session, at=OLD)
        for _ in range(5):
            done(open_session(session, person_id=account.id, at=OLD, proof=Proof.TOTP))
    assert [_purge(hub, config) for _ in range(4)] == [{"sessions": 2}, {"sessions": 2}, {"sessions": 1}, {}]


def test_a_record_stays_on_its_last_day_and_goes_after_it(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        account = an_account(session, at=OLD)
        done(open_session(session, person_id=account.id, at=NOW - timedelta(days=90), proof=Proof.TOTP))
    assert _due(hub, config) == {}
    assert _due(hub, config.model_copy(update={"record_days": RecordDays(sessions=89)})) == {"sessions": 1}


def test_nothing_goes_by_a_clock_that_has_only_just_come_there(central: Engines, config: Settings) -> None:
    with central.writing() as session:
        account = an_account(session, at=OLD)
        done(open_session(session, person_id=account.id, at=OLD, proof=Proof.TOTP))
        sign_checkpoint(session, _KEY, at=OLD)
    assert _due(central, config) == {"sessions": 1}
    assert _purge(central, config) == {}
    with central.reading() as session:
        assert records.why_paused(session, at=NOW) == records.CLOCK_NOT_TRUSTED


def test_an_ended_screen_waits_for_the_sessions_that_name_it(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        camera = a_camera(session)
        screen = a_screen(session, camera.branch, at=OLD).screen
        account = an_account(session, at=OLD)
        done(open_session(session, person_id=account.id, at=NOW, proof=Proof.TOTP))
        session.execute(text("UPDATE session SET screen_id = :screen"), {"screen": screen.id})
        session.execute(text("UPDATE screen SET ended_at = added_at"))
    assert _purge(hub, config) == {}
    with hub.writing() as session:
        session.execute(text("UPDATE session SET seen_at = opened_at - 500 * 86400000000, ended_at = opened_at - 500 * 86400000000"))
    assert _purge(hub, config) == {"sessions": 1, "screens": 1}


def test_what_an_emergency_access_names_stays_with_it(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        camera = a_camera(session)
        a_camera(session, a_branch(session, "Harbor"), host="10.20.1.12")
        person = a_person(session, Role.DESK, branches=frozenset({camera.branch.id}), at=OLD)
        opened = done(open_emergency(session, config, person, reason="shots at the door", at=OLD)).id
        _a_view(session, camera.camera.id)
        session.execute(text("UPDATE view SET emergency_id = :number"), {"number": opened})
    assert _purge(hub, config) == {}


def test_what_waits_and_who_proposed_an_account_in_use_stay(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        account = an_account(session, at=OLD)
        _a_proposal(session, Act.PERSON_CONFIRM, account.id)
        _a_proposal(session, Act.PERSON_RESET, account.id, decided=False)
    assert _purge(hub, config) == {}
    with hub.writing() as session:
        people.disable(session, account.id, OLD)
    assert _purge(hub, config) == {"proposals": 1}


def test_a_delegation_goes_with_its_proposal_when_it_is_over(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        account = an_account(session, at=OLD)
        branch = a_camera(session).branch
        number = _a_proposal(session, Act.PERSON_DELEGATE, account.id)
        session.execute(
            text(
                "INSERT INTO delegation (id, person_id, whole_district, starts_at, ends_at, granted_at) "
                "SELECT :number, person.id, false, 1, 2, 1 FROM person"
            ),
            {"number": number},
        )
        session.execute(text("INSERT INTO delegation_branch VALUES (:number, :branch)"), {"number": number, "branch": branch.id})
    assert _purge(hub, config) == {}
    with hub.writing() as session:
        session.execute(text("UPDATE delegation SET ended_at = 2"))
    assert _purge(hub, config) == {"proposals": 1}
    assert (_count(hub, "delegation"), _count(hub, "delegation_branch")) == (0, 0)


_ENDED = NOW - timedelta(days=761)


def _ended_account(session: Session, name: str = "Ana Ruiz") -> PersonId:
    """Return somebody of the district's sign-in whose account ended 761 days ago, and who proposed one that is in use."""
    branch = a_branch(session, f"Branch of {name}")
    account = an_account(session, Role.DIRECTOR, name=name, branches=frozenset({branch.id}), at=LONG_AGO)
    identities.add(session, account.id, issuer="https://id.example", subject=name, at=LONG_AGO)
    _a_proposal(session, Act.PERSON_CONFIRM, an_account(session, name=f"lasts after {name}", at=LONG_AGO).id)
    values = {"by": f"person:{account.id}", "name": name}
    session.execute(text("UPDATE proposal SET proposed_by = :by, proposed_by_name = :name WHERE proposed_by_name = 'pat'"), values)
    people.disable(session, account.id, _ENDED)
    return account.id


def test_the_name_of_an_ended_account_goes_and_its_number_stays(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        number = _ended_account(session)
        people.signed_in(session, number, LONG_AGO)
    assert _purge(hub, config) == {"accounts": 1}
    assert _purge(hub, config) == {}
    with hub.writing() as session:
        account = people.get(session, number)
        assert account is not None
        assert (account.name, account.role, account.state(NOW)) == (
            "ended account, name purged on 2026-03-14",
            Role.DIRECTOR,
            AccountState.ENDED,
        )
        assert account.reach == people.NOWHERE
        assert people.has_signed_in(session, Role.DIRECTOR), "the console gets no power back"
        assert number not in {one.id for one in people.find(session)}
        assert identities.person_of(session, issuer="https://id.example", subject="Ana Ruiz") is None
        assert an_account(session, name="Ana Ruiz").id != number
        by = session.scalar(text("SELECT proposed_by_name FROM proposal WHERE proposed_by = :by"), {"by": f"person:{number}"})
        assert by == account.name
        assert _count(hub, "person_branch") == 0


def test_whatever_was_left_that_opened_it_goes_with_the_name(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        number = _ended_account(session)
        session.execute(text("UPDATE person SET password_hash = 'hash' WHERE id = :number"), {"number": number})
        people.invite(session, number, bytes(32), NOW + timedelta(days=1))
        factors.set_recovery_codes(session, number, [bytes(32)])
    assert _purge(hub, config) == {"accounts": 1}
    with hub.reading() as session:
        assert people.password_of(session, number) == ""
        assert factors.unused_recovery_codes(session, number) == 0
        assert people.first_half(session, number, NOW) is None


def test_what_waits_about_an_account_whose_name_has_gone_is_told_without_it(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        number = _ended_account(session)
        propose(session, CONSOLE, Act.PERSON_RESET, number, at=NOW, alone=Alone.NEVER)
    assert _purge(hub, config) == {"accounts": 1}
    with hub.reading() as session:
        assert [name for _, name in to_announce(session)] == ["ended account, name purged on 2026-03-14"]


def test_names_of_several_accounts_go_at_once(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        for name in ("Ana Ruiz", "Ben Ode"):
            _ended_account(session, name)
    assert _purge(hub, config) == {"accounts": 2}


def test_a_name_stays_as_long_as_the_log_says_what_its_account_did(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        _ended_account(session)
    assert _due(hub, config.model_copy(update={"log_days": 800})) == {}
    assert _due(hub, config.model_copy(update={"record_days": RecordDays(accounts=800)})) == {}
    assert _due(hub, config) == {"accounts": 1}


def test_a_name_stays_while_its_emergency_access_waits_for_a_review(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        camera = a_camera(session)
        a_camera(session, a_branch(session, "Harbor"), host="10.20.1.12")
        person = a_person(session, Role.DESK, branches=frozenset({camera.branch.id}), at=LONG_AGO)
        access = done(open_emergency(session, config, person, reason="shots at the door", at=LONG_AGO))
        people.disable(session, person.id, _ENDED)
    assert _due(hub, config) == {}
    with hub.writing() as session:
        told = EmergencyReview(an_account(session, Role.DIRECTOR).id, "Helen", NOW, "shots", right=True, note="")
        emergencies.review(session, access.id, told, last_number=1)
    assert _due(hub, config) == {"accounts": 1}


def test_what_names_an_ended_account_is_shown_after_its_name_has_gone(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        camera = a_camera(session)
        a_camera(session, a_branch(session, "Harbor"), host="10.20.1.12")
        person = a_person(session, Role.DESK, name="Ben Ode", branches=frozenset({camera.branch.id}), at=LONG_AGO)
        director = a_person(session, Role.DIRECTOR, name="Ana Ruiz", at=LONG_AGO)
        hold = a_hold(session, director, a_new_hold(of_cameras(camera.camera.id)))
        access = done(open_emergency(session, config, person, reason="shots at the door", at=LONG_AGO))
        told = EmergencyReview(director.id, "Ana Ruiz", LONG_AGO, "shots", right=True, note="")
        emergencies.review(session, access.id, told, last_number=1)
        for one in (director, person):
            people.disable(session, one.id, _ENDED)
    assert _purge(hub, config)["accounts"] == 2
    with hub.reading() as session:
        (shown,) = emergencies.find(session, skip=0, limit=9)
        assert shown.review is not None
        assert {shown.person_name, shown.review.by_name} == {"ended account, name purged on 2026-03-14"}
        (kept,) = holds.find(session, None, limit=9)
        assert (kept.id, kept.placed_by_name) == (hold.id, "Ana Ruiz"), "a hold says by itself who placed it, for as long as it is kept"
        opened = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.EMERGENCY_OPEN})), limit=9)
        assert [one.actor_name for one in opened] == ["Ben Ode"], "so does an entry, for as long as the log keeps its text"


def test_coverage_stays_for_the_longest_window_that_a_place_may_have(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
        coverage.put(session, camera.device.node_id, [CoverageSpan(camera.camera.streams[0].id, ms_of(SPAN[0]), ms_of(SPAN[1]))])
        days = policy.Days(min_days=0, target_days=14, max_days=500)
        done(set_policy(session, director, NewPolicy(policy.DISTRICT, days, "an ordinance asks for more"), at=NOW))
    assert _purge(hub, config) == {}


# What a hold keeps.


def test_a_hold_keeps_the_views_and_the_coverage_of_its_cameras(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        camera = a_camera(session)
        director = a_person(session, Role.DIRECTOR)
        stream = camera.camera.streams[0].id
        day = timedelta(days=1)
        spans = [CoverageSpan(stream, ms_of(SPAN[0] - back * day), ms_of(SPAN[1] - back * day)) for back in range(3)]
        coverage.put(session, camera.device.node_id, spans)
        _a_view(session, camera.camera.id)
        scope = of_cameras(camera.camera.id)
        a_hold(session, director, a_new_hold(scope, start=SPAN[1] - day + timedelta(seconds=30), end=SPAN[1] - day / 2))
    assert _purge(hub, config) == {"coverage": 2}  # the middle one ends within the hold's roll
    with hub.writing() as session:
        session.execute(text("UPDATE hold_camera SET released_seq = seq + 1"))
    assert _purge(hub, config) == {"views": 1, "coverage": 1}


def test_the_release_of_a_hold_stays_until_that_hold_has_ended(hub: Engines, config: Settings) -> None:
    with hub.writing() as session:
        camera = a_camera(session)
        hold = a_hold(session, a_person(session, Role.DIRECTOR), a_new_hold(of_cameras(camera.camera.id)))
        _a_proposal(session, Act.HOLD_RELEASE, hold.id)
    assert _purge(hub, config) == {}
    with hub.writing() as session:
        session.execute(text("UPDATE legal_hold SET released_at = placed_at, released_by = placed_by"))
    assert _purge(hub, config) == {"proposals": 1}


def test_a_hold_goes_seven_years_after_its_release_once_the_recorders_know_of_that(hub: Engines, config: Settings) -> None:
    config.secrets_dir.mkdir(exist_ok=True)
    with hub.writing() as session:
        camera, director = a_camera(session), a_person(session, Role.DIRECTOR)
        new, node = a_new_hold(of_cameras(camera.camera.id)), camera.device.node_id
        ended, lasting = a_hold(session, director, new), a_hold(session, director, new)
        secret = done(place_sealed(session, config, director, replace(new, sealed=True), at=NOW))
        told = orders(session, node, 0, at=NOW, sure=True).hold_seq
        answer = HoldAnswer(ended.id, camera.camera.id, 1, 2, 3, 4, 0, 0)
        take_answers(session, node, told, [answer], at=NOW)
        for hold in (ended, secret):
            holds.release(session, hold.id, by="system:holds", at=NOW - timedelta(days=2558))
    assert _purge(hub, config) == {}, "the recorder keeps what it names"
    with hub.writing() as session:
        told = orders(session, node, told, at=NOW, sure=True).hold_seq
        take_answers(session, node, told, [], at=NOW)
    assert _purge(hub, config) == {"holds": 1}
    with hub.reading() as session:
        assert {one.id for one in holds.find(session, None, limit=9, sealed=Sealed.INCLUDED)} == {lasting.id, secret.id}
        assert holds.covered(session) == {(lasting.id, camera.camera.id), (secret.id, camera.camera.id)}
    assert (_count(hub, "hold_answer"), _count(hub, "hold_scope")) == (0, 2)
    assert _due(hub, config) == {}


def _texts(hub: Engines) -> int:
    with hub.reading() as session:
        return session.scalar(text("SELECT count(*) FROM access_event WHERE body IS NOT NULL AND action = 'camera:test'")) or 0


def _erase_log(hub: Engines) -> None:
    while True:
        with hub.writing() as session:
            found = log_due(session, days=760, at=NOW)
            if found is None:
                return
            erase_texts(session, _KEY, found, days=760, at=NOW)


def test_entries_about_a_camera_under_a_hold_keep_their_texts_and_the_log_verifies(central: Engines) -> None:
    with central.writing() as session:
        branch = done(add_branch(session, CONSOLE, name="Main Street", timezone="UTC", at=LONG_AGO))
        camera = a_camera(session, branch, at=LONG_AGO).camera.id
        director = a_person(session, Role.DIRECTOR, at=LONG_AGO)
        for named in (camera, CameraId(99), camera):
            record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=LONG_AGO, camera_id=named)
        a_hold(session, director, a_new_hold(of_cameras(camera)))
        sign_checkpoint(session, _KEY, at=NOW - timedelta(days=2))
    _erase_log(central)
    assert _texts(central) == 2
    with central.writing() as session:
        assert verify_log(session, _KEY).ok
        session.execute(text("UPDATE hold_camera SET released_seq = seq + 1"))
    _erase_log(central)
    assert _texts(central) == 0
    with central.reading() as session:
        report = verify_log(session, _KEY)
    assert report.ok, report.findings


def test_a_sealed_hold_keeps_no_text_and_no_view_since_what_outlives_its_day_tells_of_it(central: Engines, config: Settings) -> None:
    with central.writing() as session:
        branch = done(add_branch(session, CONSOLE, name="Main Street", timezone="UTC", at=LONG_AGO))
        camera = a_camera(session, branch, at=LONG_AGO)
        director = a_person(session, Role.DIRECTOR, at=LONG_AGO)
        record(session, actor=CONSOLE, action=Action.CAMERA_TEST, at=LONG_AGO, camera_id=camera.camera.id)
        _a_view(session, camera.camera.id)
        coverage.put(session, camera.device.node_id, [CoverageSpan(camera.camera.streams[0].id, ms_of(SPAN[0]), ms_of(SPAN[1]))])
        config.secrets_dir.mkdir(exist_ok=True)
        new = replace(a_new_hold(of_cameras(camera.camera.id), start=SPAN[0], end=None), sealed=True)
        done(place_sealed(session, config, director, new, at=NOW))
        sign_checkpoint(session, _KEY, at=NOW - timedelta(days=2))
    _erase_log(central)
    assert _texts(central) == 0
    assert _purge(central, config).get("views") == 1
    with central.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM coverage")) == 1, "that it was recorded is kept with it, and shown by no page"


# The days are settings.


@pytest.mark.parametrize("kind", sorted(RecordDays.model_fields))
def test_too_few_or_endless_days_are_refused_with_the_reason(kind: str) -> None:
    for days in (0, 3_661):
        with pytest.raises(ValidationError, match=rf"{kind} are kept from \d+ to 3,660 days, not {days:,}: \w+"):
            RecordDays(**{kind: days})


def test_the_days_come_from_the_file_and_a_mistake_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[record_days]\nsessions = 60\n")
    assert load_settings(tmp_path).record_days == RecordDays(sessions=60)
    (tmp_path / "config.toml").write_text("[record_days]\nmails = 5\nminutes = 3\n")
    with pytest.raises(ConfigError, match=r"record_days\.mails: .* not 5: as long as it is there.*record_days\.minutes"):
        load_settings(tmp_path)


def test_the_list_says_the_districts_own_days() -> None:
    days = {**_DAYS, "sessions": 60, "log_days": 800}
    kept = {one.name: kept_for(one, days) for one in RECORDS[Place.CENTRAL]}
    assert kept["session"] == "60 days after the last request"
    assert kept["access_event"] == "texts 800 days; number and hash for good"
    assert kept_for(next(one for one in RECORDS[Place.CENTRAL] if one.name == "review"), _DAYS) == "for good: no `log_days` is set"


def test_a_request_goes_with_all_that_belongs_to_it_once_its_days_are_over(hub: Engines, config: Settings) -> None:
    """One that is open stays, however old it is."""
    config.secrets_dir.mkdir()
    with hub.writing() as session:
        people_ = staff(session)
        camera = a_camera(session).camera.id
        ended = an_approved(session, config, people_, camera=camera)
        done(act_on(session, config, people_.director, ended.id, RequestAct.WITHDRAW, "they called", at=NOW))
        a_request(session, config, people_.desk, camera=camera)
    days = timedelta(days=RecordDays().requests)
    for at, left in ((NOW + days, 2), (NOW + days + timedelta(seconds=1), 1)):
        with hub.writing() as session:
            a_hub_that_ran(session, at=at)
            records.purge_some(session, config, records.JOB, at=at)
        assert _count(hub, "export_request") == left
    assert (_count(hub, "approval"), _count(hub, "request_paper"), _count(hub, "request_scope")) == (0, 0, 1)


if __name__ == "__main__":
    told = GUIDE.read_text(encoding="utf-8")
    start = told.index("| record | where |")
    GUIDE.write_text(told[:start] + table(_DAYS) + told[told.index("\n\n", start) :], encoding="utf-8")
