"""Opens and clicks judged anew: seen by whoever copied the ledger before."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.fetches import mark_judged_again, read_history, set_evidence
from data.ledger.store import Ledger
from data.warehouse.load import load_from_ledger
from data.warehouse.store import Warehouse
from data.words import EventKind, Evidence, RequestStatus
from tests.world import NOON, insert, make_customer, make_request, make_world


@pytest.mark.slow
def test_a_click_found_out_to_be_a_machines_leaves_the_funnel_at_the_next_load(ledger: Ledger, tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse")
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    request = make_request(ledger, world, customer, status=RequestStatus.DELIVERED, handed_at=NOON)
    with ledger.write() as c:
        invitation = c.execute(sa.select(t.requests.c.invitation_id)).scalar_one()
        event = insert(
            c, t.events, account_id=world.account_id, location_id=world.chicago, invitation_id=invitation,
            request_id=request, kind=EventKind.CLICKED, evidence=Evidence.HUMAN, occurred_at=NOON,
            recorded_at=ledger.now(c) - timedelta(days=3),
        )  # fmt: skip
        c.execute(t.requests.update().values(changed_at=ledger.now(c) - timedelta(days=3)))
    load_from_ledger(ledger, warehouse)
    assert clicked(warehouse) == 1
    with ledger.write() as c:
        set_evidence(c, event, Evidence.MACHINE, "all links at once")
        mark_judged_again(c, request)
    assert load_from_ledger(ledger, warehouse)["core_events"] == 1
    assert clicked(warehouse) == 0


def clicked(warehouse: Warehouse) -> int:
    with warehouse.write() as connection:
        return int(connection.execute("select clicked from out_funnel").fetchall()[0][0])


@pytest.mark.parametrize("is_told", [True, False])
def test_a_delivery_is_when_the_recipients_server_took_it_else_the_hand_over(ledger: Ledger, is_told: bool) -> None:
    world = make_world(ledger)
    request = make_request(ledger, world, make_customer(ledger, world), status=RequestStatus.SENT, handed_at=NOON)
    taken = [NOON + timedelta(seconds=9), NOON + timedelta(seconds=5)] if is_told else []
    with ledger.write() as c:
        invitation = c.execute(sa.select(t.requests.c.invitation_id)).scalar_one()
        for at in taken:
            insert(
                c, t.events, account_id=world.account_id, invitation_id=invitation, request_id=request,
                kind=EventKind.ACCEPTED_BY_SERVER, occurred_at=at, recorded_at=NOON,
            )  # fmt: skip
        assert read_history(c, request).delivered_at == min(taken, default=NOON)
