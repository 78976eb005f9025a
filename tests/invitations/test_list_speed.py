"""A list's sending speed: exact in any hour or day, for any number of dispatchers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from data.ledger import tables as t
from data.ledger.claimable import has_claimable
from data.ledger.store import Ledger
from data.words import Source
from invitations.send import send_due
from tests.recorder import Recorder
from tests.world import NOON, World, insert, make_customer, make_request, make_world


def due(ledger: Ledger, world: World, count: int) -> list[int]:
    return [make_request(ledger, world, make_customer(ledger, world)) for _ in range(count)]


@pytest.mark.slow
def test_a_list_never_starts_more_than_its_speed_allows_in_any_hour(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    due(ledger, world, 12)
    with ledger.write() as c:
        paced = insert(
            c, t.lists, account_id=world.account_id, location_id=world.chicago, name="May", source=Source.CSV,
            content_sha256="0" * 64, imported_by="test", speed="5/hour",
        )  # fmt: skip
        c.execute(t.invitations.update().values(list_id=paced))
    unhurried = due(ledger, world, 3)  # of no list: not held up by the paced one
    sent = []
    for minutes in (0, 10, 59, 61, 120, 123):
        send_due(ledger, recorder.messengers, now=NOON + timedelta(minutes=minutes))
        sent.append(len(recorder.taken) - len(unhurried))
    assert sent == [5, 5, 5, 10, 10, 12]
    with ledger.read() as c:
        assert not has_claimable(c, NOON + timedelta(minutes=126), cap=None)


@pytest.mark.slow
def test_a_paced_list_keeps_its_pace_under_many_dispatchers(ledger: Ledger) -> None:
    world, recorder = make_world(ledger), Recorder()
    due(ledger, world, 30)
    with ledger.write() as c:
        paced = insert(
            c, t.lists, account_id=world.account_id, location_id=world.chicago, name="May", source=Source.CSV,
            content_sha256="0" * 64, imported_by="test", speed="7/day",
        )  # fmt: skip
        c.execute(t.invitations.update().values(list_id=paced))
    with ThreadPoolExecutor(4) as pool:
        for batch in [pool.submit(send_due, ledger, recorder.messengers, now=NOON) for _ in range(4)]:
            batch.result()
    assert len(recorder.taken) == 7
