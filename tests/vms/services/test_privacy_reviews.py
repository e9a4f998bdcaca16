"""Privacy reviews: due after a year, their evidence whole and without what is secret, their date in the public notice."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.factories import CONSOLE, NOW, a_branch, a_camera, a_person, after, done, refused
from tests.vms.services.holding import a_hold, a_new_hold, of_cameras
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.ids import new_number
from vms.domain.people import Role
from vms.domain.privacy_review import REVIEW_EVERY
from vms.errors import InvalidInput
from vms.services import complaints, privacy_reviews, public_notice
from vms.services.access_log import DISTRICT
from vms.services.complaints import NewComplaint
from vms.services.district import District, save_district
from vms.services.log_key import LogKey
from vms.services.log_proof import sign_checkpoint
from vms.services.sealed_holds import place_sealed
from vms.store import access_log, reviews
from vms.store.database import Engines


@pytest.fixture
def hub(central: Engines) -> Engines:
    with central.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
    return central


def test_a_review_is_due_a_year_after_set_up_and_after_each_review(hub: Engines, settings: Settings) -> None:
    with hub.writing() as session:
        auditor, director = a_person(session, Role.AUDITOR), a_person(session, Role.DIRECTOR)
        assert done(privacy_reviews.standing(session, director)).due_at == NOW + REVIEW_EVERY
        assert not privacy_reviews.overdue(session, director, at=NOW + REVIEW_EVERY - (after(1) - NOW))
        late = NOW + REVIEW_EVERY
        assert privacy_reviews.overdue(session, director, at=late)
        assert not privacy_reviews.overdue(session, auditor, at=late), "who enters its result is told"
        assert public_notice.gather(session, settings, at=late).reviewed_on is None
        held = done(privacy_reviews.review(session, settings, director, "All is well.\nOne camera was turned.", at=late))
        assert not privacy_reviews.overdue(session, director, at=late)
        standing = done(privacy_reviews.standing(session, auditor))
        assert (standing.reviews, standing.due_at) == ((held,), late + REVIEW_EVERY)
        assert str(public_notice.gather(session, settings, at=late).reviewed_on) == "2027-03-14"
        (entry,) = access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.PRIVACY_REVIEW})), limit=9)
        assert entry.detail == {"evidence": held.evidence}


def test_the_evidence_is_what_there_is_without_names_and_matters(hub: Engines, settings: Settings) -> None:
    with hub.writing() as session:
        camera = a_camera(session).camera.id
        desk, director = a_person(session), a_person(session, Role.DIRECTOR)
        paper = NewComplaint("paper", "practice", "It looks at my screen.", from_name="Rosa Diaz")
        number = done(complaints.enter(session, settings, desk, paper, at=NOW)).id
        done(complaints.enter(session, settings, desk, replace(paper, about="director"), at=NOW))
        hold = a_hold(session, director, a_new_hold(of_cameras(camera)))
        sign_checkpoint(session, LogKey(bytes(range(32))), at=NOW)
        files = done(privacy_reviews.evidence(session, settings, director, at=NOW))
        sealed = done(place_sealed(session, settings, director, replace(a_new_hold(of_cameras(camera)), sealed=True), at=NOW))
        again = done(privacy_reviews.evidence(session, settings, director, at=NOW))
        assert again == files, "of a sealed hold no octet tells"
        assert public_notice.zipped(again) == public_notice.zipped(files)
        assert len(access_log.find(session, DISTRICT, None, access_log.Filter(actions=frozenset({Action.EVIDENCE_TAKE})), limit=9)) == 2
    assert {"policies.json", "cameras.json", "training.json", "questions.json", "reviews.json", "notice/index.html"} <= files.keys()
    assert [one["hold"] for one in json.loads(files["holds.json"])] == [hold.id]
    assert [one["complaint"] for one in json.loads(files["complaints.json"])] == [number], "none about the Director"
    assert json.loads(files["policies.json"])[0]["version"] == 1
    assert files["checkpoint.txt"]
    everything = b"".join(files.values())
    assert not any(word in everything for word in (b"Rosa", b"screen.", b"Smith v.", str(sealed.id).encode()))


def test_the_evidence_has_all_of_it_however_long_the_lists_on_pages_are(
    hub: Engines, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(complaints, "LIST_LIMIT", 1)
    monkeypatch.setattr(privacy_reviews, "LIST_LIMIT", 1)
    with hub.writing() as session:
        director = a_person(session, Role.DIRECTOR)
        for _ in range(2):
            done(complaints.enter(session, settings, director, NewComplaint("paper", "practice", "It looks at my screen."), at=NOW))
            done(privacy_reviews.review(session, settings, director, "Fine.", at=NOW))
            number = new_number()
            reviews.add(session, reviews.Review(number, f"x/{number}", NOW, None, "A digest.", None, 1))
        files = done(privacy_reviews.evidence(session, settings, director, at=NOW))
        assert {name: len(json.loads(files[f"{name}.json"])) for name in ("complaints", "questions", "reviews")} == {
            "complaints": 2,
            "questions": 2,
            "reviews": 2,
        }


def test_the_whole_district_s_director_enters_one_and_an_auditor_takes_the_evidence(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        save_district(session, CONSOLE, District("Alder", "America/Los_Angeles", 14, "Helen Marsh"), at=NOW)
        director = a_person(session, Role.DIRECTOR)
        branch = frozenset({a_branch(session).id})
        for role in set(Role) - {Role.DIRECTOR}:
            assert refused(privacy_reviews.review(session, settings, replace(director, role=role), "Fine.", at=NOW)).logged
        for person in (replace(director, branches=branch), replace(director, role=Role.DESK), CONSOLE):
            assert refused(privacy_reviews.evidence(session, settings, person, at=NOW)).logged
            refused(privacy_reviews.standing(session, person))
        done(privacy_reviews.evidence(session, settings, replace(director, role=Role.AUDITOR), at=NOW))
        with pytest.raises(InvalidInput, match="what was found"):
            privacy_reviews.review(session, settings, director, " ", at=NOW)
