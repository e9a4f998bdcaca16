"""Requests that are soon due, or overdue, are mailed once each; without mail nothing is queued and nothing fails."""

from __future__ import annotations

from datetime import timedelta

from tests.factories import NOW, a_camera, done
from tests.vms.services.requesting import a_request, staff
from vms.config import Settings
from vms.domain.request import RequestAct
from vms.services import request_reminders
from vms.services.request_acts import act_on
from vms.services.request_reminders import TOLD_AFTER
from vms.store import mails
from vms.store.database import Engines


def test_the_director_is_mailed_once_before_a_request_is_due_and_once_after(central: Engines, settings: Settings) -> None:
    mailing = settings.model_copy(
        update={"smtp_host": "mail.example", "director_address": "director@alder.example", "request_notice_days": 3}
    )
    with central.writing() as session:
        all_, camera = staff(session), a_camera(session).camera.id
        request = a_request(session, settings, all_.desk, camera=camera)
        ended = a_request(session, settings, all_.desk, camera=camera)
        done(act_on(session, settings, all_.desk, ended.id, RequestAct.WITHDRAW, "they called", at=NOW))
        before = timedelta(days=3)
        for at in (NOW, request.due_at - before - timedelta(seconds=1), request.due_at + TOLD_AFTER):
            request_reminders.notify(session, mailing, at=at)
        assert mails.due(session, request.due_at, limit=9) == [], "neither long before nor long after"
        for at in (request.due_at - before, request.due_at - timedelta(hours=1), request.due_at, request.due_at + timedelta(hours=1)):
            request_reminders.notify(session, mailing, at=at)
        soon, overdue = mails.due(session, request.due_at + TOLD_AFTER, limit=9)
        assert ("is to be answered by" in soon.body, "nobody has" in overdue.body) == (True, True)
        assert "Alvarez" not in soon.body + overdue.body


def test_without_mail_nothing_is_queued(central_sqlite: Engines, settings: Settings) -> None:
    with central_sqlite.writing() as session:
        request = a_request(session, settings, staff(session).desk)
        request_reminders.notify(session, settings, at=request.due_at)
        assert mails.due(session, request.due_at, limit=9) == []
        assert request_reminders.notices_due(session, settings, at=request.due_at), "it is due all the same"
