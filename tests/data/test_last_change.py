"""What a simulation reads beside the candidates, on both databases: the texts, and whether anything changed."""

from datetime import timedelta

import pytest

from data.ledger import tables as t
from data.ledger.last_change import last_change
from data.ledger.store import Ledger
from data.ledger.texts import read_texts
from data.words import AddressKind, Channel
from invitations.foresee import foresee, read_present
from invitations.prices import load_prices
from tests.world import NOON, make_customer, make_request, make_world, suppress


def test_every_change_that_planning_may_notice_gives_another_text(ledger: Ledger) -> None:
    world = make_world(ledger)
    seen = []

    def look() -> None:
        with ledger.read() as c:
            seen.append(last_change(c))

    look()
    ana = make_customer(ledger, world, email="ana@example.com")
    look()
    make_request(ledger, world, ana, channel=Channel.EMAIL)
    look()
    suppress(ledger, world, AddressKind.EMAIL, "ana@example.com")
    look()
    with ledger.write() as c:
        c.execute(t.channels.update().values(paused_at=NOON))
    look()
    assert len(set(seen)) == len(seen)
    look()
    assert seen[-1] == seen[-2]  # and none when nothing changed


@pytest.mark.slow
def test_texts_come_with_what_fills_them_and_a_simulation_starts_from_them(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, service="Cleaning")
    with ledger.read() as c:
        texts = read_texts(c, world.account_id)
    assert texts.templates.height == 4
    [row] = texts.customers.to_dicts()
    assert (row["customer_id"], row["location"], row["service"], row["employee"]) == (
        customer, "Acme Chicago", "Cleaning", None,
    )  # fmt: skip
    simulation = foresee(read_present(ledger, NOON), timedelta(days=1), load_prices())
    assert simulation.messages["channel"].to_list() == [Channel.SMS.value]
