"""Who watches the watchers: rules that find patterns of watching worth a question, each said in words.

No scores and nothing learned: whoever is asked, or asks, can count it again in the access log. Every account is looked at alike.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from vms.domain.access import Purpose
from vms.domain.ids import CameraId
from vms.domain.watching import DAYS_KEPT, SLOT_MINUTES, SLOTS_A_DAY, Look, Watcher, Watching, camera_days

WEEK = 7
SAME_CAMERA_DAYS = 5
"""Of a week, each with footage that was new: every working day; incidents bring the busiest camera up on two or three."""
SAME_CAMERA_FEWER_DAYS = 4
"""Enough where it is most of what somebody looks at."""
SAME_CAMERA_SHARE = 1 / 2
"""Of all cameras that somebody looked at, counted once a day."""
SAME_CAMERA_LONG_DAYS = 12
"""Of `DAYS_KEPT`, whatever else was looked at: three of five working days, week after week."""
AFTER_HOURS_NIGHTS = 3
"""Of a week: one late evening is an incident, two are a bad week."""
USUAL_HOUR_DAYS = 4
"""An hour is usual when a live picture was open in it on so many of `DAYS_KEPT` days: a weekly late opening counts."""
NIGHT = frozenset({22, 23, *range(6)})
"""Libraries are closed: usual only for who has live pictures open then, such as a guard."""
FOLLOWED_DAYS = 4
"""Days of footage, at the same time of day: children come out of school every day, but seldom into an incident four times."""
FOLLOWED_CAMERAS = 2
"""On each of those days, one of them always the same: who follows somebody goes from camera to camera, and enters by the same door."""
FOLLOWED_WITHIN = 7
"""Days of looking."""
FOLLOWED_SLOTS = 2
"""Half hours that count as the same time of day."""
MAINTENANCE_DAYS = 3
"""Of a week: after a repair somebody looks once or twice whether the recording is right."""
MAINTENANCE_LOOKS = 6
"""Cameras, counted once a day."""
REFUSALS = 12
"""Of a week: a forgotten bookmark gives one or two a day, and a flood counts one a minute."""
TOLD_AGAIN_DAYS = 28
"""The same pattern of the same account is told again after so long, if it is still there."""
_ALL_DAY = frozenset(range(24))
QUESTION = "This is a question, not a verdict: there may be a good reason."


class Rule(StrEnum):
    SAME_CAMERA = "same_camera"
    AFTER_HOURS = "after_hours"
    ONE_PLACE_FOLLOWED = "one_place_followed"
    NO_PURPOSE = "no_purpose"
    REFUSED = "refused"


WHY = {
    Rule.SAME_CAMERA: "Incidents seldom happen before the same camera day after day.",
    Rule.AFTER_HOURS: "Whoever looks at night, or when nobody has a live picture open, is seen by few.",
    Rule.ONE_PLACE_FOLLOWED: "Who follows one visitor or one colleague through the building would look like this.",
    Rule.NO_PURPOSE: "Looking after cameras seldom needs recordings.",
    Rule.REFUSED: "Refused attempts in number may be somebody trying what opens.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A pattern in what one account did. It says what the log holds, not why."""

    rule: Rule
    actor: str
    actor_name: str
    role: str
    days: tuple[date, ...]
    """On which it was seen, in order; of footage for `ONE_PLACE_FOLLOWED`, else of the looking."""
    within_days: int
    cameras: tuple[CameraId, ...] = ()
    times: int = 0
    """How often, where that is not the number of days."""
    hours: str = ""
    """The time of day, where that is the pattern."""

    @property
    def key(self) -> str:
        """What two findings have in common that are the same one, seen twice."""
        about = self.cameras[0] if self.rule is Rule.SAME_CAMERA else ""
        return f"{self.rule}/{self.actor}/{about}"


def find(watching: Watching, today: date) -> list[Finding]:
    """Return every pattern that is there on `today`, told before or not."""
    usual = usual_hours(watching.watchers)
    return [
        finding
        for watcher in watching.watchers
        for finding in (
            *_same_camera(watcher, today),
            *_after_hours(watcher, today, usual),
            *_one_place_followed(watcher, today),
            *_no_purpose(watcher, today),
            *_refused(watcher, today),
        )
    ]


def usual_hours(watchers: Collection[Watcher]) -> frozenset[int]:
    """Return the hours of the day in which one of `watchers` usually has a live picture open."""
    days = Counter(hour for _, hour in {hour for watcher in watchers for hour in watcher.live_hours})
    return frozenset(hour for hour, count in days.items() if count >= USUAL_HOUR_DAYS)


def sentence(finding: Finding, names: Mapping[CameraId, str]) -> str:
    """Say what was seen and why it is shown. `names`: of the cameras that still have one."""
    return f"{finding.actor_name} {_seen(finding, names)}. {WHY[finding.rule]} {QUESTION}"


def _seen(finding: Finding, names: Mapping[CameraId, str]) -> str:
    cameras = _listed([f"‘{names.get(camera, f'camera {camera}')}’" for camera in finding.cameras])
    days, within = len(finding.days), f"within {finding.within_days} days"
    match finding.rule:
        case Rule.SAME_CAMERA:
            return f"looked at recordings of {cameras} on {days} days {within}, each time at footage not looked at before"
        case Rule.AFTER_HOURS:
            return f"looked at recordings on {days} days {within} outside the usual hours ({finding.hours})"
        case Rule.ONE_PLACE_FOLLOWED:
            return f"looked at footage of {days} days, each time of about {finding.hours}, over {cameras}"
        case Rule.NO_PURPOSE:
            return f"gave maintenance, or nothing, as the purpose of recordings on {days} days {within} ({finding.times} times)"
        case Rule.REFUSED:
            return f"was refused {finding.times} times {within}"


def _same_camera(watcher: Watcher, today: date) -> Iterator[Finding]:
    week, month = _of_last(watcher.looks, today, WEEK), _of_last(watcher.looks, today, DAYS_KEPT)
    for camera in sorted({look.camera_id for look in month}):
        in_week, in_month = _on_new_footage(week, camera), _on_new_footage(month, camera)
        mostly = len(in_week) >= SAME_CAMERA_SHARE * len(camera_days(week))
        if len(in_week) >= (SAME_CAMERA_FEWER_DAYS if mostly else SAME_CAMERA_DAYS):
            yield _finding(Rule.SAME_CAMERA, watcher, in_week, WEEK, cameras=(camera,))
        elif len(in_month) >= SAME_CAMERA_LONG_DAYS:
            yield _finding(Rule.SAME_CAMERA, watcher, in_month, DAYS_KEPT, cameras=(camera,))


def _on_new_footage(looks: Collection[Look], camera: CameraId) -> set[date]:
    """Return the days on which footage of a camera was looked at for the first time: going over one incident again is not new."""
    first: dict[tuple[date, int], date] = {}
    for look in looks:
        if look.camera_id == camera:
            footage = look.footage_day, look.footage_slot
            first[footage] = min(look.day, first.get(footage, look.day))
    return set(first.values())


def _after_hours(watcher: Watcher, today: date, usual: frozenset[int]) -> Iterator[Finding]:
    fine = usual_hours([watcher]) | ((usual or _ALL_DAY) - NIGHT)
    late = [look for look in _of_last(watcher.looks, today, WEEK) if look.hour not in fine]
    nights = {look.night for look in late}
    if len(nights) >= AFTER_HOURS_NIGHTS:
        hours = ", ".join(f"{hour:02}:00" for hour in sorted({look.hour for look in late}))
        cameras = tuple(sorted({look.camera_id for look in late}))
        yield _finding(Rule.AFTER_HOURS, watcher, nights, WEEK, cameras=cameras, hours=hours)


def _one_place_followed(watcher: Watcher, today: date) -> Iterator[Finding]:
    """Find the time of day at which footage of most days was looked at, over several cameras each."""
    seen: defaultdict[int, defaultdict[date, set[CameraId]]] = defaultdict(lambda: defaultdict(set))
    for look in _of_last(watcher.looks, today, FOLLOWED_WITHIN):
        for earlier in range(FOLLOWED_SLOTS):
            seen[(look.footage_slot - earlier) % SLOTS_A_DAY][look.footage_day].add(look.camera_id)
    slot, days = max(((slot, _followed(days)) for slot, days in seen.items()), key=lambda one: (len(one[1]), -one[0]), default=(0, {}))
    if len(days) >= FOLLOWED_DAYS:
        cameras = tuple(sorted(frozenset().union(*days.values())))
        hours = f"{_clock(slot)}–{_clock(slot + FOLLOWED_SLOTS)}"
        yield _finding(Rule.ONE_PLACE_FOLLOWED, watcher, days, FOLLOWED_WITHIN, cameras=cameras, hours=hours)


def _followed(days: Mapping[date, set[CameraId]]) -> dict[date, set[CameraId]]:
    """Return those days on which several cameras showed the same time of day, the one most looked at always among them."""
    several = {day: cameras for day, cameras in days.items() if len(cameras) >= FOLLOWED_CAMERAS}
    often = Counter(camera for cameras in several.values() for camera in cameras)
    most = max(often, key=lambda camera: (often[camera], -camera), default=None)
    return {day: cameras for day, cameras in several.items() if most in cameras}


def _no_purpose(watcher: Watcher, today: date) -> Iterator[Finding]:
    week = [look for look in _of_last(watcher.looks, today, WEEK) if look.purpose in (Purpose.MAINTENANCE, Purpose.LIVE, None)]
    looked = camera_days(week)
    days = {day for _, day in looked}
    if len(days) >= MAINTENANCE_DAYS and len(looked) >= MAINTENANCE_LOOKS:
        cameras = tuple(sorted({camera for camera, _ in looked}))
        yield _finding(Rule.NO_PURPOSE, watcher, days, WEEK, cameras=cameras, times=len(looked))


def _refused(watcher: Watcher, today: date) -> Iterator[Finding]:
    week = {day: count for day, count in watcher.refusals.items() if _within(day, today, WEEK)}
    if sum(week.values()) >= REFUSALS:
        yield _finding(Rule.REFUSED, watcher, week, WEEK, times=sum(week.values()))


def _finding(
    rule: Rule,
    watcher: Watcher,
    days: Collection[date],
    within: int,
    *,
    cameras: tuple[CameraId, ...] = (),
    times: int = 0,
    hours: str = "",
) -> Finding:
    return Finding(rule, watcher.label, watcher.name, watcher.role, tuple(sorted(days)), within, cameras, times, hours)


def _of_last(looks: Collection[Look], today: date, days: int) -> list[Look]:
    return [look for look in looks if _within(look.day, today, days)]


def _within(day: date, today: date, days: int) -> bool:
    return today - timedelta(days=days) < day <= today


def _clock(slot: int) -> str:
    minutes = slot % SLOTS_A_DAY * SLOT_MINUTES
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _listed(names: list[str], most: int = 6) -> str:
    rest = len(names) - most
    if rest > 0:
        return f"{', '.join(names[:most])} and {rest} more"
    return " and ".join([*([", ".join(names[:-1])] if names[1:] else []), *names[-1:]])
