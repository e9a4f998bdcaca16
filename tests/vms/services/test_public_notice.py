"""The public notice: facts in two languages, small numbers hidden, sealed matters nowhere, the same octets each time."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from typing import ClassVar

import pytest

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, done, refused
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from tests.vms.services.requesting import a_request, an_approved, staff
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.instruments import Instrument
from vms.domain.notice import FEWEST, HalfYear, halves_over, told_count
from vms.domain.people import Role
from vms.domain.policy import Days, PlaceKind, PolicyPlace
from vms.services import complaints, public_notice
from vms.services.access_log import DISTRICT
from vms.services.complaints import NewComplaint
from vms.services.district import District, save_district
from vms.services.log_key import LogKey
from vms.services.log_proof import known_key, sign_checkpoint
from vms.services.notice_words import ENGLISH, SPANISH
from vms.services.policies import NewPolicy, set_policy
from vms.services.public_notice import BuiltNotice
from vms.services.sealed_holds import place_sealed
from vms.store import access_log
from vms.store.database import Engines

LATER = datetime(2026, 8, 3, 12, tzinfo=UTC)
"""In the second half-year."""
KEY = LogKey(bytes(range(32)))


@pytest.fixture
def hub(central_sqlite: Engines) -> Engines:
    with central_sqlite.writing() as session:
        save_district(session, CONSOLE, District("Alder & Co", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
    return central_sqlite


@pytest.fixture
def published(settings: Settings) -> Settings:
    return settings.model_copy(update={"notice_url": "https://alder.example/cameras", "notice_contact": "12 Elm St, Alder"})


def _built(hub: Engines, settings: Settings, at: datetime = NOW) -> BuiltNotice:
    with hub.writing() as session:
        return done(public_notice.build(session, settings, CONSOLE, at=at))


def _text(built: BuiltNotice, name: str) -> str:
    return " ".join(html.unescape(re.sub(r"<style>.*</style>|<[^>]+>", " ", built.files[name].decode())).split())


def test_both_languages_have_the_same_sentences_with_the_same_blanks() -> None:
    blanks = {key: set(re.findall(r"\{\w+\}", text)) for key, text in ENGLISH.said.items()}
    assert {key: set(re.findall(r"\{\w+\}", text)) for key, text in SPANISH.said.items()} == blanks
    assert ENGLISH.roles.keys() == SPANISH.roles.keys() == set(Role)


def test_it_says_where_cameras_are_how_long_and_who_may_look(hub: Engines, published: Settings) -> None:
    with hub.writing() as session:
        branch = a_branch(session)
        for name, area in (("Door", "Entrance"), ("Steps", "Entrance"), ("Yard", "")):
            a_camera(session, branch, name, area=area)
        a_branch(session, "Without any")
        director = a_person(session, Role.DIRECTOR)
        longer = NewPolicy(PolicyPlace(PlaceKind.BRANCH, branch.id), Days(target_days=21), "vandalism", legal_basis="OAR 166-150")
        done(set_policy(session, director, longer, at=NOW))
        sign_checkpoint(session, KEY, at=NOW)
        key = known_key(session)
    built = _built(hub, published.model_copy(update={"third_parties": ("Acme Networks",), "not_covered": ("restrooms",)}))
    said, dicho = _text(built, "index.html"), _text(built, "es.html")
    assert "Main Street Entrance: 2 cameras, elsewhere in the building: 1 camera" in said
    assert "Main Street Entrance: 2 cámaras, en otras partes del edificio: 1 cámara" in dicho
    assert "Without any" not in said
    assert "The whole district 14 days not yet Main Street 21 days OAR 166-150 March 14, 2026" in said
    assert "kept longer than 21 days" in said
    assert "Desk staff live pictures, and recordings of the last 72 hours" in said
    assert "Auditors" not in said
    assert "may come across recordings: Acme Networks" in said
    assert "Nor do cameras look into: restrooms" in said
    assert "Helen Marsh" in said
    assert "12 Elm St, Alder" in said
    assert key in said
    assert "have not been reviewed yet" in said
    assert "No half-year is over yet" in said
    assert "Third parties: none" in _text(_built(hub, published), "index.html")


def test_while_nothing_changes_it_is_the_same_octet_for_octet(hub: Engines, published: Settings) -> None:
    first, again = _built(hub, published), _built(hub, published, NOW + timedelta(days=3))
    assert (first, public_notice.zipped(first.files)) == (again, public_notice.zipped(again.files))
    with hub.writing() as session:
        a_camera(session)
    assert _built(hub, published).sha256 != first.sha256
    with hub.reading() as session:
        found = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.NOTICE_BUILD})), limit=9)
    assert [one.detail["sha256"] == first.sha256 for one in found] == [False, True, True]


def test_half_years_are_counted_and_small_numbers_are_not_told(hub: Engines, published: Settings) -> None:
    with hub.writing() as session:
        camera = a_camera(session).camera.id
        desk, director = a_person(session), a_person(session, Role.DIRECTOR)
        paper = NewComplaint("paper", "practice", "It looks at my screen.")
        entered = [done(complaints.enter(session, published, desk, paper, at=NOW)) for _ in range(FEWEST)]
        done(complaints.answer(session, director, entered[0].id, "Fine.", at=NOW))
        done(complaints.enter(session, published, desk, paper, at=LATER))
        a_hold(session, director, a_new_hold(of_cameras(camera)))
    said = _text(_built(hub, published, LATER), "index.html")
    assert "January to June 2026 Complaints received 5" in said
    assert "Complaints answered fewer than 5" in said
    assert "Recordings ordered to be kept fewer than 5" in said
    assert "Emergency accesses none" in said
    assert "July to December" not in said


def test_requests_are_counted_and_of_one_that_the_law_may_make_secret_no_octet_tells(hub: Engines, published: Settings) -> None:
    with hub.writing() as session:
        people, camera = staff(session), a_camera(session).camera.id
        an_approved(session, published, people, camera=camera, at=LATER)
        for _ in range(FEWEST):
            a_request(session, published, people.desk, Instrument.AGENCY_REQUEST, camera=camera)
    without = _built(hub, published, LATER)
    said, dicho = _text(without, "index.html"), _text(without, "es.html")
    assert "Requests for recordings received 5 Requests for recordings approved none Recordings ordered to be kept 5" in said
    assert "Solicitudes de grabaciones recibidas 5 Solicitudes de grabaciones aprobadas cero" in dicho
    with hub.writing() as session:
        for _ in range(FEWEST):
            a_request(session, published, people.desk, Instrument.NATIONAL_SECURITY_LETTER, camera=camera, at=NOW)
    assert _built(hub, published, LATER) == without


def test_of_a_sealed_hold_no_octet_tells(hub: Engines, published: Settings) -> None:
    with hub.writing() as session:
        camera = a_camera(session).camera.id
        director = a_person(session, Role.DIRECTOR)
    without = _built(hub, published, LATER)
    with hub.writing() as session:
        for _ in range(FEWEST):
            done(place_sealed(session, published, director, replace(a_new_hold(of_cameras(camera)), sealed=True), at=NOW))
    assert _built(hub, published, LATER) == without


class _Page(HTMLParser):
    """What a page would fetch or run."""

    REACHES: ClassVar = {"script", "link", "img", "iframe", "object", "embed", "form", "base", "audio", "video", "source"}

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.others: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links |= {value or "" for name, value in attrs if name == "href"}
        self.others |= {name for name, _ in attrs if name in ("src", "style", "srcset", "action") or name.startswith("on")}


def test_no_page_runs_or_fetches_anything_and_every_link_leads_to_another(hub: Engines, published: Settings) -> None:
    built = _built(hub, published)
    assert sorted(built.files) == ["complaint.html", "es.html", "index.html", "queja.html", "sign.html"]
    for name, content in built.files.items():
        page = _Page()
        page.feed(content.decode())
        assert not page.tags & _Page.REACHES, name
        assert not page.others, name
        assert page.links <= built.files.keys(), name
        assert b"url(" not in content
        assert b"@import" not in content
        assert b"Alder &amp; Co" in content or name == "es.html"


def test_the_form_of_inquiries_is_named_where_there_is_one(hub: Engines, published: Settings) -> None:
    on = published.model_copy(update={"public_inquiry": "on", "public_url": "https://cameras.alder.example"})
    for name in ("index.html", "es.html"):
        assert b'href="https://cameras.alder.example/inquiry"' in _built(hub, on).files[name]
        for without in (published, published.model_copy(update={"public_url": "https://cameras.alder.example"})):
            assert b"/inquiry" not in _built(hub, without).files[name]


def test_without_an_address_there_is_no_sign(hub: Engines, settings: Settings) -> None:
    assert "sign.html" not in _built(hub, settings).files


def test_who_may_not_read_the_policy_builds_none(hub: Engines, settings: Settings) -> None:
    with hub.writing() as session:
        assert refused(public_notice.build(session, settings, a_person(session), at=NOW)).logged


@pytest.mark.parametrize(
    ("today", "since", "halves"),
    [
        (date(2026, 6, 30), date(2026, 3, 1), []),
        (date(2026, 7, 1), date(2026, 3, 1), [HalfYear(2026, second=False)]),
        (date(2027, 1, 1), date(2026, 3, 1), [HalfYear(2026, second=True), HalfYear(2026, second=False)]),
        (date(2030, 3, 9), date(2026, 3, 1), [HalfYear(2029, second=True), HalfYear(2029, second=False)]),
        (date(2026, 7, 1), date(2026, 7, 1), []),
    ],
)
def test_the_last_half_years_that_are_over_are_shown(today: date, since: date, halves: list[HalfYear]) -> None:
    assert halves_over(today, since) == halves


def test_numbers_of_one_to_four_are_not_told() -> None:
    assert [told_count(number) for number in range(7)] == [0, None, None, None, None, 5, 6]
