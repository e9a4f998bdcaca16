"""Guessing gets slower, nobody is locked out."""

from __future__ import annotations

from web.sign_in_delay import FORGET_SECONDS, FREE_TRIES, FREE_TRIES_OF_ADDRESS, LONGEST_PAUSE_SECONDS, MAX_KEYS, SignInDelay

HERE = "10.1.1.1"


def tried(delay: SignInDelay, times: int, *, name: str = "ada", address: str = HERE, now: float = 0.0) -> SignInDelay:
    for _ in range(times):
        delay.failed(name, address, now)
    return delay


def test_the_first_tries_cost_nothing() -> None:
    assert tried(SignInDelay(), FREE_TRIES - 1).wait_seconds("ada", HERE, 0.0) == 0


def test_each_further_try_doubles_the_pause_up_to_a_minute() -> None:
    pauses = [tried(SignInDelay(), FREE_TRIES + more).wait_seconds("ada", HERE, 0.0) for more in range(9)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert LONGEST_PAUSE_SECONDS == 60


def test_the_pause_passes() -> None:
    assert tried(SignInDelay(), FREE_TRIES).wait_seconds("ada", HERE, 1.0) == 0


def test_the_name_counts_whatever_its_case() -> None:
    assert tried(SignInDelay(), FREE_TRIES, name="ADA").wait_seconds("ada", HERE, 0.0) == 1


def test_the_same_name_elsewhere_waits_for_nobody() -> None:
    assert tried(SignInDelay(), 100).wait_seconds("ada", "10.1.1.2", 0.0) == 0


def test_many_names_from_one_address_wait_too() -> None:
    delay = SignInDelay()
    for number in range(FREE_TRIES_OF_ADDRESS):
        tried(delay, 1, name=f"name {number}")
    assert delay.wait_seconds("another", HERE, 0.0) == 1


def test_a_right_password_ends_the_pause_of_that_name() -> None:
    delay = tried(SignInDelay(), FREE_TRIES + 5)
    delay.succeeded("ada", HERE)
    assert delay.wait_seconds("ada", HERE, 0.0) == 0


def test_tries_are_forgotten_after_a_while() -> None:
    delay = tried(SignInDelay(), FREE_TRIES + 5)
    delay.failed("ada", HERE, FORGET_SECONDS + 1)
    assert delay.wait_seconds("ada", HERE, FORGET_SECONDS + 1) == 0


def test_a_flood_of_names_does_not_fill_the_memory() -> None:
    delay = SignInDelay()
    for number in range(MAX_KEYS + 50):
        delay.failed(f"name {number}", f"10.0.{number // 250}.{number % 250}", 0.0)
    assert len(delay._tries) == MAX_KEYS
