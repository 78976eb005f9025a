"""Due requests, what became of them, and who holds them up: what the tests of sending share."""

from collections import Counter
from typing import Any

import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import RequestStatus, Role
from invitations.controls import Actor
from tests.world import World, make_customer, make_request


def due(ledger: Ledger, world: World, count: int) -> list[int]:
    return [make_request(ledger, world, make_customer(ledger, world)) for _ in range(count)]


def statuses(ledger: Ledger) -> Counter[RequestStatus]:
    with ledger.read() as c:
        return Counter(c.execute(sa.select(t.requests.c.status)).scalars())


def quota_used(ledger: Ledger) -> int:
    with ledger.read() as c:
        return c.execute(sa.select(sa.func.coalesce(sa.func.sum(t.quota_cycles.c.used), 0))).scalar_one()


def owner(world: World, **values: Any) -> Actor:
    return Actor(**{"email": "owner@acme.example", "role": Role.OWNER, "account_id": world.account_id, **values})


def one(ledger: Ledger, table: sa.Table, **where: Any) -> Any:
    with ledger.read() as c:
        return c.execute(table.select().filter_by(**where)).one()


def invitation_of(ledger: Ledger, request_id: int) -> int:
    return int(one(ledger, t.requests, request_id=request_id).invitation_id)
