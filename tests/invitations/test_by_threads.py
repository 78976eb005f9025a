"""Messengers that only know `send` are called in threads, and one that overruns is left behind."""

import asyncio
import threading

import pytest

from connectors import Accepted, Message, Outcome
from data.words import Channel
from invitations.by_threads import ByThreads
from tests.recorder import Recorder

MESSAGE = Message("a1", Channel.SMS, "+13125550100", "Hello", "https://r.example/r/x")


def unheard(message: Message, outcome: Outcome) -> None:
    raise AssertionError("nobody is late here")


def test_outcomes_and_exceptions_come_back_and_calls_in_a_row_share_a_thread() -> None:
    threads = set()

    def answer(message: Message) -> Outcome:
        threads.add(threading.get_ident())
        if message.to == "+1":
            raise ConnectionResetError
        return Accepted("PM1")

    async def carry() -> None:
        courier = ByThreads(Recorder(answer), unheard)
        for _ in range(3):
            assert await courier.carry([MESSAGE], None) == [Accepted("PM1")]
        with pytest.raises(ConnectionResetError):
            await courier.carry([Message("a2", Channel.SMS, "+1", "Hello", "x")], None)
        assert await courier.carry([MESSAGE], None) == [Accepted("PM1")]
        courier.close()

    asyncio.run(carry())
    assert len(threads) == 1


def test_calls_at_the_same_time_have_threads_of_their_own() -> None:
    both = threading.Barrier(2, timeout=20)

    def meets(message: Message) -> Outcome:
        both.wait()
        return Accepted("PM1")

    async def carry() -> None:
        courier = ByThreads(Recorder(meets), unheard)
        await asyncio.gather(courier.carry([MESSAGE], None), courier.carry([MESSAGE], None))
        courier.close()

    asyncio.run(carry())


def test_what_a_canceled_call_answers_is_told_all_the_same_even_after_the_run() -> None:
    go_on, told = threading.Event(), threading.Event()
    late: list[tuple[Message, Outcome]] = []

    def trickles(message: Message) -> Outcome:
        assert go_on.wait(20)
        return Accepted("PM1")

    def hear(message: Message, outcome: Outcome) -> None:
        late.append((message, outcome))
        told.set()

    async def carry() -> None:
        courier = ByThreads(Recorder(trickles), hear)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await courier.carry([MESSAGE], None)
        courier.close()

    asyncio.run(carry())
    go_on.set()
    assert told.wait(20)
    assert late == [(MESSAGE, Accepted("PM1"))]
