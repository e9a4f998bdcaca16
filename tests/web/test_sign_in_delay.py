"""Guessing gets slower, nobody is locked out."""

from __future__ import annotations

from web.sign_in_delay import (
    FORGET_SECONDS,
    FREE_TRIES,
    FREE_TRIES_OF_ADDRESS,
    FREE_TRIES_OF_NAME,
    LONGEST_PAUSE_SECONDS,
    LONGEST_SHARED_PAUSE_SECONDS,
    MAX_KEYS,
    SignInDelay,
)

HERE, THERE = "10.1.1.1", "10.1.1.2"


def tried(delay: SignInDelay, times: int, *, name: str = "ada", address: str = HERE, now: float = 0.0) -> float:
    """Try a wrong password so often, each time as soon as it may be; returns when the last one was."""
    for _ in range(times):
        now += delay.wait_seconds(name, address, now)
        assert delay.begin(name, address, now) == 0
    return now


def waits(times: int) -> int:
    """Return the pause after so many wrong tries."""
    delay = SignInDelay()
    return delay.wait_seconds("ada", HERE, tried(delay, times))


def test_the_first_tries_cost_nothing() -> None:
    assert waits(FREE_TRIES - 1) == 0


def test_each_further_try_doubles_the_pause_up_to_a_minute() -> None:
    assert [waits(FREE_TRIES + more) for more in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert LONGEST_PAUSE_SECONDS == 60


def test_the_pause_passes() -> None:
    delay = SignInDelay()
    now = tried(delay, FREE_TRIES)
    assert delay.wait_seconds("ada", HERE, now + 1.0) == 0


def test_tries_sent_all_at_once_count_each() -> None:
    delay = SignInDelay()
    assert [delay.begin("ada", HERE, 0.0) for _ in range(FREE_TRIES + 3)] == [0] * FREE_TRIES + [1] * 3


def test_the_name_counts_whatever_its_case() -> None:
    delay = SignInDelay()
    tried(delay, FREE_TRIES, name="ADA")
    assert delay.wait_seconds("ada", HERE, 0.0) == 1


def test_the_same_name_elsewhere_does_not_wait_for_a_few_tries_here() -> None:
    delay = SignInDelay()
    now = tried(delay, FREE_TRIES + 5)
    assert delay.wait_seconds("ada", THERE, now) == 0


def test_one_name_guessed_from_many_addresses_waits_shortly() -> None:
    delay = SignInDelay()
    for number in range(FREE_TRIES_OF_NAME):
        tried(delay, 1, address=f"10.2.0.{number}")
    assert delay.wait_seconds("ada", HERE, 0.0) == 1
    assert delay.wait_seconds("bob", HERE, 0.0) == 0


def test_many_names_from_one_address_wait_shortly_however_often_they_are_tried() -> None:
    delay, now = SignInDelay(), 0.0
    for number in range(3 * FREE_TRIES_OF_ADDRESS):
        now = tried(delay, 1, name=f"name {number}", now=now)
    assert delay.wait_seconds("another", HERE, now) == LONGEST_SHARED_PAUSE_SECONDS


def test_who_signed_in_from_here_before_waits_for_nobody_elses_tries() -> None:
    delay = SignInDelay()
    delay.begin("ada", HERE, 0.0)
    delay.succeeded("ada", HERE)
    for number in range(FREE_TRIES_OF_ADDRESS):
        tried(delay, 1, name=f"name {number}")
    assert delay.wait_seconds("ada", HERE, 0.0) == 0
    assert delay.wait_seconds("another", HERE, 0.0) == 1


def test_a_right_password_ends_the_pause_of_that_name_and_counts_for_nobody() -> None:
    delay = SignInDelay()
    now = tried(delay, FREE_TRIES + 5)
    delay.succeeded("ada", HERE)
    assert delay.wait_seconds("ada", HERE, now) == 0
    for number in range(10 * FREE_TRIES_OF_ADDRESS):
        delay.begin(f"name {number}", THERE, now)
        delay.succeeded(f"name {number}", THERE)
    assert delay.wait_seconds("another", THERE, now) == 0


def test_tries_are_forgotten_after_a_while() -> None:
    delay = SignInDelay()
    now = tried(delay, FREE_TRIES + 5) + FORGET_SECONDS + 1
    assert delay.begin("ada", HERE, now) == 0
    assert delay.wait_seconds("ada", HERE, now) == 0


def test_a_flood_of_names_does_not_fill_the_memory() -> None:
    delay = SignInDelay()
    for number in range(MAX_KEYS + 50):
        delay.begin(f"name {number}", f"10.0.{number // 250}.{number % 250}", 0.0)
        delay.succeeded(f"name {number}", f"10.0.{number // 250}.{number % 250}")
        delay.begin(f"other {number}", f"10.1.{number // 250}.{number % 250}", 0.0)
    assert len(delay._tries) == MAX_KEYS
    assert len(delay._known) == MAX_KEYS
