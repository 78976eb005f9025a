"""Every crash point × every provider's fault × database: five deaths over a hundred requests, and each arrives once.

The seed of a failure is in its message: AFTERWORD_SEED=<seed> with the test's own name repeats its dice.
"""

import os
import random

import pytest

from data.ledger.moments import Moment
from data.ledger.store import Ledger
from tests.reliability import clock
from tests.reliability.books import balance
from tests.reliability.conftest import NOWHERE, Theatre
from tests.reliability.night import ROUNDS, Night

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("AFTERWORD_SEED") or random.SystemRandom().randrange(10**6))
CLOCK_JUMP = "clock_jump"
OF_CALLBACKS = {"callback_first", "callbacks_astray"}
FAULTS = [
    "accept_then_hang", "accept_then_reset", "accept_then_500", "refuse_500", "trickle", "throttle_429",
    *sorted(OF_CALLBACKS), CLOCK_JUMP,
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("moment", Moment)
def test_each_message_arrives_once_whatever_fails_wherever_the_process_dies(
    theatre: Theatre, cell_ledger: Ledger, moment: Moment, fault: str
) -> None:
    has_callbacks = fault in OF_CALLBACKS
    where = theatre.receiver.address if has_callbacks else NOWHERE
    night = Night(
        cell_ledger, theatre.sandbox, theatre.nursery, theatre.messengers[where], theatre.environment(where),
        random.Random(f"{SEED}:{moment}:{fault}"), moment, None if fault == CLOCK_JUMP else fault,
        is_clock_moved=fault == CLOCK_JUMP,
    )  # fmt: skip
    try:
        if fault == CLOCK_JUMP:
            clock.make_movable(night.settings)
            night.ledger.close()
        night.begin()
        theatre.receiver.ledger = cell_ledger if has_callbacks else None
        deaths = sum(night.strike(number) for number in range(ROUNDS))
        assert deaths, f"no child ever died at {moment}"
        night.recover()
        if has_callbacks:
            theatre.sandbox.wait_until_quiet()
            assert theatre.receiver.problems == []
        balance(cell_ledger, theatre.sandbox)
    except BaseException as problem:
        problem.add_note(f"AFTERWORD_SEED={SEED}")
        raise
    finally:
        theatre.receiver.ledger = None
