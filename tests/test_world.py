"""The world that other tests stand on can be built, on both databases."""

import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import AddressKind, RequestStatus
from tests.world import make_customer, make_request, make_world, suppress


def test_a_world_with_a_customer_and_a_request(ledger: Ledger) -> None:
    world = make_world(ledger)
    request = make_request(ledger, world, make_customer(ledger, world, email="ana@example.com", phone="+13125550100"))
    suppress(ledger, world, AddressKind.EMAIL, "ana@example.com")
    with ledger.read() as c:
        row = c.execute(sa.select(t.requests).where(t.requests.c.request_id == request)).one()
    assert row.status is RequestStatus.QUEUED
    assert row.address == "+13125550100"
