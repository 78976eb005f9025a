"""The soak itself: a seed that fails keeps none of those after it from running."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.reliability.jobs import Job
from tests.reliability.nursery import running_nursery
from tests.reliability.receiver import Receiver
from tests.reliability.soak import Slot, Soak
from tests.sandbox import Sandbox
from tests.world import NOON


@pytest.mark.slow
def test_a_dispatcher_that_fails_is_heard_once_and_both_can_be_started_again(tmp_path: Path) -> None:
    nowhere = Job(str(tmp_path / "nothing"), None, {}, NOON.isoformat())
    with running_nursery(tmp_path / "one") as one, running_nursery(tmp_path / "two") as two:
        slots = [Slot(one), Slot(two)]
        soak = Soak(cast(Sandbox, SimpleNamespace()), cast(Receiver, SimpleNamespace()), slots, {})
        for _seed in range(2):
            for slot in slots:
                slot.nursery.start(nowhere)
                slot.is_busy = True
            with pytest.raises(AssertionError, match="a child ended with 1"):
                soak._end(slots[0])
            soak.recover()
            assert [slot.is_busy for slot in slots] == [False, False]
