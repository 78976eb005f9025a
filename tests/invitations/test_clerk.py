"""The clerk writes what waits in one transaction, and one bad change takes no other along."""

import asyncio
import os
from collections.abc import Callable
from threading import Event

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger.dispatch import Carrier, claim
from data.ledger.moments import Moment, unwatch, watch
from data.ledger.runs import start_run
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import Channel, RunKind
from invitations.clerk import Clerk
from invitations.desk import Desk, Given, Leaving
from tests.world import NOON, make_customer, make_request, make_world


def rename(name: str) -> Callable[[Connection], str]:
    def change(connection: Connection) -> str:
        connection.execute(t.accounts.update().values(name=name))
        return name

    return change


def breaks(connection: Connection) -> str:
    connection.execute(t.accounts.update().values(name="broken"))
    raise ZeroDivisionError


def test_changes_that_wait_share_a_commit_and_each_hears_its_own_answer(ledger: Ledger) -> None:
    make_world(ledger)
    commits: list[Moment] = []
    watch(lambda moment: commits.append(moment) if moment is Moment.RECORDED else None)

    async def work() -> list[str]:
        clerk = Clerk(Desk(ledger, Pace()))
        busy = asyncio.ensure_future(clerk.alone(lambda: None))
        answers = await asyncio.gather(*(clerk.write(rename(f"{number}")) for number in range(20)))
        await busy
        clerk.close()
        return list(answers)

    try:
        assert asyncio.run(work()) == [f"{number}" for number in range(20)]
    finally:
        unwatch()
    assert len(commits) < 20


def test_hand_overs_that_wait_share_a_commit_and_each_attempt_keeps_its_segments(ledger: Ledger) -> None:
    world = make_world(ledger)
    for _ in range(4):
        make_request(ledger, world, make_customer(ledger, world))
    pace = Pace(sms_per_day=5)
    run_id = start_run(ledger, RunKind.SEND, NOON)
    claims = claim(
        ledger, batch_id=run_id, carriers={Channel.SMS: Carrier("twilio", "here", 4)}, now=NOON, limit=4, cap=None
    )
    assert len(claims) == 4
    each = [Leaving({(Channel.SMS, "here"): [one.attempt_id]}, segments={one.attempt_id: 2}) for one in claims]

    async def work() -> list[Given]:
        clerk = Clerk(Desk(ledger, pace))
        go_on = Event()
        busy = asyncio.ensure_future(clerk.alone(go_on.wait))
        asked = [asyncio.ensure_future(clerk.hand_over(leaving)) for leaving in each]
        await asyncio.sleep(0)  # all of them are asked
        go_on.set()
        await busy
        given = await asyncio.gather(*asked)
        clerk.close()
        return list(given)

    [given, *others] = asyncio.run(work())
    assert others == [given] * 3
    assert len(given.waits) == 2


def test_one_bad_change_takes_no_other_along(ledger: Ledger) -> None:
    make_world(ledger)

    async def work() -> None:
        clerk = Clerk(Desk(ledger, Pace()))
        good, bad, last = await asyncio.gather(
            clerk.write(rename("first")), clerk.write(breaks), clerk.write(rename("last")), return_exceptions=True
        )
        assert (good, last) == ("first", "last")
        assert isinstance(bad, ZeroDivisionError)
        with pytest.raises(LookupError):
            await clerk.alone(lambda: os.environ["NOTHING_OF_THIS_NAME"])
        clerk.close()

    asyncio.run(work())
    with ledger.read() as c:
        assert c.execute(sa.select(t.accounts.c.name)).scalar_one() == "last"
