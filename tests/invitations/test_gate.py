"""One provider's gate: what a throttle takes away and success gives back."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest

from invitations import gate as gates
from invitations.gate import LONGEST_PAUSE, THROTTLES, Gate


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds, as the gate sees them; a test moves them on."""
    now = [0.0]
    monkeypatch.setattr(gates, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def entered(gate: Gate) -> int:
    """How many calls get in."""
    count = 0
    while gate.enter():
        count += 1
    return count


def test_as_many_calls_as_the_operator_allows_are_under_way_and_no_more() -> None:
    gate = Gate(5)
    assert entered(gate) == 5
    gate.leave()
    assert entered(gate) == 1


def test_a_throttle_halves_them_and_pauses_and_counts_once_for_all_that_were_under_way(clock: list[float]) -> None:
    gate = Gate(5)
    entered(gate)
    for _ in range(5):
        gate.throttled(None)
        gate.leave()
    assert gate.allowed == 2
    assert not gate.is_shut
    assert not gate.enter()
    clock[0] += gate.pause
    assert entered(gate) == 2


def test_success_brings_them_back_one_by_one_and_not_beyond_the_limit(clock: list[float]) -> None:
    gate = Gate(4)
    gate.throttled(timedelta(seconds=1))
    clock[0] += 2
    allowed = []
    for _ in range(20):
        gate.succeeded()
        allowed.append(gate.allowed)
    assert allowed[:6] == [2, 3, 3, 3, 4, 4]
    assert max(allowed) == 4


def test_each_throttle_in_a_row_waits_longer_until_the_provider_is_left_alone(clock: list[float]) -> None:
    gate = Gate(8)
    pauses = []
    for _ in range(THROTTLES):
        gate.throttled(None)
        pauses.append(gate.pause)
        clock[0] += gate.pause
    assert pauses == sorted(pauses)
    assert gate.is_shut
    assert not gate.enter()


def test_a_provider_that_asks_for_a_long_pause_is_left_alone_until_the_next_run(clock: list[float]) -> None:
    gate = Gate(8)
    gate.throttled(LONGEST_PAUSE + timedelta(seconds=1))
    assert gate.is_shut


@pytest.mark.parametrize("calls", [1, 2, 4])
def test_places_given_back_together_are_offered_once_and_to_each_lane_first_in_turn(calls: int) -> None:
    gate, order = Gate(4), []
    for name in ("sms", "whatsapp"):
        gate.tell(lambda name=name: order.append(name))  # type: ignore[misc]

    async def answer() -> None:
        for _ in range(calls):
            gate.enter()
        for _ in range(calls):
            gate.leave()

    for _ in range(2):
        asyncio.run(answer())
    assert len(order) == 4
    assert order[0] != order[2]
