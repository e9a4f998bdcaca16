"""`kill -9` of each process of a running installation: it comes back by itself, and no more is missing than two fragments."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.installation import WORKERS, Installation, Kill, Victim, an_installation
from tests.recorder.site import CLOCK
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

FRAGMENT_MS = 2_000
"""Of the demo's cameras: as long as their GOP."""
MOST_LOST_MS = 2 * FRAGMENT_MS
"""The fragment being assembled, and one on its way through queue and disk."""

HASTY_SHARE = 0.25
"""Of the kills, those after which another comes while things start and recover."""


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with an_installation(tmp_path_factory.mktemp("installation")) as made:
        yield made


def wait_for(seconds: float) -> None:
    """Let a chosen moment come."""
    moment = CLOCK.monotonic() + seconds
    wait_until(lambda: CLOCK.monotonic() >= moment)


def kill_and_account(installation: Installation, kill: Kill) -> int:
    """Demand that everything is back, whole and explained; return how much was lost."""
    installation.wait_until_back()
    assert installation.forgotten(kill) == []
    assert installation.faults() == []
    return installation.lost_ms(kill)


@pytest.mark.parametrize("victim", [Victim.WORKER, Victim.SUPERVISOR, Victim.UP])
def test_a_kill_of_what_records_loses_two_fragments_at_most(installation: Installation, victim: Victim) -> None:
    wait_for(random.uniform(0, FRAGMENT_MS / 1000))
    assert kill_and_account(installation, installation.kill(victim)) <= MOST_LOST_MS


@pytest.mark.parametrize("victim", [Victim.NODE_API, Victim.WEB])
def test_recording_goes_on_without_a_gap_while_what_shows_it_is_killed(installation: Installation, victim: Victim) -> None:
    wait_until(lambda: all(installation.told(stream).runs for stream in installation.streams), seconds=60)
    before = {stream: installation.told(stream).runs[-1].start_ms for stream in installation.streams}

    assert kill_and_account(installation, installation.kill(victim)) == 0
    assert {stream: installation.told(stream).runs[-1].start_ms for stream in installation.streams} == before


@pytest.mark.long
def test_fifty_kills_at_random_moments_under_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost: dict[str, list[int]] = {}
    with an_installation(tmp_path) as installation:
        for seed in range(50):
            killed, lost_ms = kill_at_random(installation, random.Random(seed))
            lost.setdefault(killed, []).append(lost_ms)
            with capsys.disabled():
                print(f"{seed + 1:2} {killed}: {lost_ms} ms lost", flush=True)  # noqa: T201 - many minutes without a word are long
        assert installation.faults_when_stopped() == []
    with capsys.disabled():
        for killed, each in sorted(lost.items()):
            print(f"{killed}: {len(each)} times, median {statistics.median(each):.0f} ms lost, most {max(each)} ms")  # noqa: T201
    assert max(map(max, lost.values())) <= MOST_LOST_MS


def kill_at_random(installation: Installation, chosen: random.Random) -> tuple[str, int]:
    """Kill a process, now and then a second one while things start and recover; return what was killed and how much was lost."""
    victim, number = chosen.choice(list(Victim)), chosen.randrange(WORKERS)
    wait_for(chosen.uniform(0, 2 * FRAGMENT_MS / 1000))
    kill = installation.kill(victim, number=number if victim is Victim.WORKER else 0)
    if chosen.random() >= HASTY_SHARE:
        return victim, kill_and_account(installation, kill)
    wait_for(chosen.uniform(0, FRAGMENT_MS / 1000))
    installation.kill(chosen.choice(list(Victim)))
    return "two in haste", kill_and_account(installation, kill)
