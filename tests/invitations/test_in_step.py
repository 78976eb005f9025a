"""What goes fast is claimed, handed over and written down in large pieces; a slow channel is not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest

from connectors import Message, Outcome
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import AttemptOutcome, Channel
from invitations.clerk import Clerk
from invitations.desk import Given, Leaving
from invitations.dispatcher import CHUNK, MANY, Dispatcher
from invitations.send import send_due
from tests.many import make_due
from tests.recorder import Recorder
from tests.world import NOON

pytestmark = pytest.mark.one_database


class InStep(Recorder):
    """Answers nobody until four wait, then all of them at once."""

    most_per_call = 1

    @asynccontextmanager
    async def courier(self, parallel: int) -> AsyncIterator["InStep"]:
        self._waiting: list[asyncio.Future[None]] = []
        yield self

    async def carry(self, messages: Sequence[Message], parcel_id: str | None) -> Sequence[Outcome]:
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        if len(self._waiting) == 4:
            for each in self._waiting:
                each.set_result(None)
            self._waiting = []
        await answer
        return [self.take(message) for message in messages]


def test_those_that_leave_together_are_handed_over_together(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    make_due(ledger, 40, channels=(Channel.SMS,))
    asked: list[int] = []
    hand_over = Clerk.hand_over

    async def counted(clerk: Clerk, leaving: Leaving) -> Given:
        asked.append(sum(map(len, leaving.by_sender.values())))
        return await hand_over(clerk, leaving)

    monkeypatch.setattr(Clerk, "hand_over", counted)
    done = send_due(ledger, {Channel.SMS: InStep()}, now=NOON, pace=Pace(parallel=4))
    assert done.counts == {AttemptOutcome.ACCEPTED: 40}
    assert sum(asked) == 40
    assert len(asked) <= 20  # of those that answer together one may have a turn of its own


@pytest.mark.parametrize(
    ("per_second", "pace", "room"),
    [
        (0.0, Pace(), CHUNK),
        (3.0, Pace(), CHUNK),
        (700.0, Pace(), 700),
        (1e6, Pace(), MANY),
        (700.0, Pace(sms_per_second=1), 20),
    ],
)
def test_a_channel_is_claimed_for_a_second_ahead_of_what_it_carries(
    ledger: Ledger, per_second: float, pace: Pace, room: int
) -> None:
    dispatcher = Dispatcher(
        ledger, Recorder().messengers, 1, now=NOON, cap=timedelta(0), pace=pace, limit=None, seconds=1, tell=print
    )
    dispatcher._lanes = {Channel.SMS: SimpleNamespace(per_second=per_second)}  # type: ignore[dict-item]
    assert dispatcher._room_of(Channel.SMS) == room
