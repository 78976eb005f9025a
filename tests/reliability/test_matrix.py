"""Every crash point × every provider's fault × database, and each message arrives once.

`make test` lets a process die five times in each crash point, with all the faults spread over the five rounds, each in
one of them. `make faults` gives each fault five deaths and a hundred requests of its own, which takes as long as the
whole suite. Dice are thrown anew each time.

The seed of a failure is in its message: AFTERWORD_SEED=<seed> with the test's own name repeats its dice.
"""

import os
import random
from collections.abc import Sequence

import pytest

from data.ledger.moments import Moment
from data.ledger.store import Ledger
from tests.reliability import clock
from tests.reliability.books import balance
from tests.reliability.conftest import NOWHERE, Theatre
from tests.reliability.night import CLOCK_JUMP, OF_CALLBACKS, OF_RESOLVE, ROUNDS, Night

pytestmark = pytest.mark.slow

SEED = int(os.environ.get("AFTERWORD_SEED") or random.SystemRandom().randrange(10**6))
FAULTS = [
    "accept_then_hang", "accept_then_reset", "accept_then_500", "refuse_500", "trickle", "throttle_429",
    *sorted(OF_CALLBACKS), CLOCK_JUMP,
]  # fmt: skip


@pytest.mark.parametrize("moment", Moment)
def test_each_message_arrives_once_whatever_fails_wherever_the_process_dies(
    theatre: Theatre, cell_ledger: Ledger, moment: Moment
) -> None:
    dice = random.Random(f"{SEED}:{moment}")
    faults = dice.sample(FAULTS, len(FAULTS))
    spend_a_night(theatre, cell_ledger, moment, [faults[number::ROUNDS] for number in range(ROUNDS)], dice)


@pytest.mark.faults
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("moment", Moment)
def test_each_message_arrives_once_though_one_fault_strikes_in_every_round(
    theatre: Theatre, cell_ledger: Ledger, moment: Moment, fault: str
) -> None:
    spend_a_night(theatre, cell_ledger, moment, [[fault]] * ROUNDS, random.Random(f"{SEED}:{moment}:{fault}"))


def spend_a_night(
    theatre: Theatre, ledger: Ledger, moment: Moment, faults: Sequence[Sequence[str]], dice: random.Random
) -> None:
    """Five rounds, five deaths; then the provider works again, and the books must balance."""
    quiet, calling_back = theatre.stage(NOWHERE), theatre.stage(theatre.receiver.address)
    night = Night(ledger, theatre.sandbox, theatre.nursery, quiet, calling_back, dice, moment, faults)
    has_callbacks = any(map(night.has_callbacks, range(ROUNDS)))
    try:
        if night.is_clock_moved:
            clock.make_movable(night.settings)
            night.ledger.close()
        night.begin()
        deaths = 0
        for number in range(ROUNDS):
            if night.has_callbacks(number):
                theatre.receiver.ledger = ledger  # from now on: some come late
            deaths += night.strike(number)
        # A callback may settle a doubt before anybody asks about it: then nobody dies asking.
        assert deaths or (has_callbacks and moment in OF_RESOLVE), f"no child ever died at {moment}"
        night.recover()
        if has_callbacks:
            theatre.sandbox.wait_until_quiet()
            assert theatre.receiver.problems == []
        balance(ledger, theatre.sandbox)
    except BaseException as problem:
        problem.add_note(f"AFTERWORD_SEED={SEED}")
        raise
    finally:
        theatre.receiver.ledger = None
