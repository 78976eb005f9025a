"""Due requests, and what became of them: what the tests of sending share."""

from collections import Counter

import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import RequestStatus
from tests.world import World, make_customer, make_request


def due(ledger: Ledger, world: World, count: int) -> list[int]:
    return [make_request(ledger, world, make_customer(ledger, world)) for _ in range(count)]


def statuses(ledger: Ledger) -> Counter[RequestStatus]:
    with ledger.read() as c:
        return Counter(c.execute(sa.select(t.requests.c.status)).scalars())


def quota_used(ledger: Ledger) -> int:
    with ledger.read() as c:
        return c.execute(sa.select(sa.func.coalesce(sa.func.sum(t.quota_cycles.c.used), 0))).scalar_one()
