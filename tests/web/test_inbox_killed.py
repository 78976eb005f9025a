"""web/ or its writer killed in the middle of a flood, again and again: what was acknowledged is there, and applied."""

import asyncio
import os
import random
import signal
import socket
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import RequestStatus
from tests.forked import processes
from tests.many import make_sent
from tests.web.flood import Flood, serve, status_post, writers_of

MESSAGES = 1_500
LANES = 16


def posts(attempt_of: dict[int, str]) -> Iterator[tuple[str, bytes]]:
    for status in ("delivered", "sent"):  # not in the order in which it happened
        for number, attempt_id in attempt_of.items():
            yield status_post(number, attempt_id, status)


async def flood_and_kill(settings: Settings, flood: Flood, listening: socket.socket, kills: int) -> None:
    dice = random.Random()
    lanes = [asyncio.create_task(flood.post_on()) for _ in range(LANES)]
    for _ in range(kills):
        server = processes.Process(target=serve, args=(settings.home, settings.ledger_url, listening), daemon=True)
        server.start()
        # It is over when nobody holds what it was given any more: not the server, nor its nursery, nor a writer.
        over = asyncio.create_task(asyncio.to_thread(server.join))
        for victim in ("writer", "server"):
            stopped = asyncio.create_task(flood.until(len(flood.acknowledged) + dice.randint(10, 60)))
            await asyncio.wait([stopped, over, *lanes], return_when=asyncio.FIRST_COMPLETED)
            assert stopped.done(), [server.exitcode, *(lane.exception() for lane in lanes if lane.done())]
            (writer,) = writers_of(server.pid or 0)
            os.kill(writer, signal.SIGKILL) if victim == "writer" else server.kill()
        await over
    for lane in lanes:
        lane.cancel()
    await asyncio.wait(lanes)


def missing(ledger: Ledger, acknowledged: set[str]) -> set[str]:
    """Of those keys the ones that are not in the ledger, applied, with an event, and the request as they say."""
    i, e, r = t.inbox.c, t.events.c, t.requests.c
    applied = (
        sa.select(i.event_key, r.status)
        .join(t.events, e.inbox_id == i.inbox_id)
        .join(t.requests, r.request_id == e.request_id)
        .where(i.applied_at.is_not(None))
    )
    with ledger.read() as c:
        found = c.execute(applied).all()
    good = {key for key, status in found if status is RequestStatus.DELIVERED or ":sent:" in key}
    return acknowledged - good


@pytest.mark.slow
def test_killed_in_the_middle_of_a_flood_it_has_everything_that_it_acknowledged(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Streamlit's AppTest leaves its page as this process's main module, which every child would run once more.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    ledger = open_ledger(settings)
    attempt_of = make_sent(ledger, MESSAGES)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        flood = Flood(posts(attempt_of), listening.getsockname()[1])
        asyncio.run(flood_and_kill(settings, flood, listening, kills=10 if ledger.is_sqlite else 3))
    lost = missing(ledger, flood.acknowledged)
    ledger.close()
    assert len(flood.acknowledged) >= 30
    assert lost == set()
