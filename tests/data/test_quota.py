"""How the quota stands, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.invited import count_invited, cycle_holding, read_invited
from data.ledger.quota import ensure_cycle, standing
from data.ledger.store import Ledger
from tests.world import NOON, make_customer, make_request, make_world


def test_a_cycle_in_which_nothing_was_claimed_stands_at_zero(ledger: Ledger) -> None:
    world = make_world(ledger, quota=200)
    with ledger.read() as c:
        now = standing(c, world.account_id, NOON, [world.chicago])
    assert (now.used, now.allowance, now.left, now.location_used) == (0, 200, 200, 0)
    assert now.resets_date == date(2026, 12, 1)


def test_the_cycles_row_is_made_once_by_however_many_ask(ledger: Ledger) -> None:
    world = make_world(ledger, quota=200)

    def ensure(_: int) -> date:
        with ledger.write() as c:
            return ensure_cycle(c, world.account_id, NOON)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ensure, range(8))) == {date(2026, 11, 1)}
    with ledger.read() as c:
        [row] = c.execute(sa.select(t.quota_cycles)).all()
    assert (row.cycle_end_date, row.allowance, row.used) == (date(2026, 12, 1), 200, 0)


def test_a_locations_card_counts_its_own_units_of_this_cycle_that_were_not_given_back(ledger: Ledger) -> None:
    world = make_world(ledger)
    for place, cycle, released in (
        (world.chicago, date(2026, 11, 1), None),
        (world.chicago, date(2026, 11, 1), NOON),
        (world.chicago, date(2026, 10, 1), None),
        (world.new_york, date(2026, 11, 1), None),
    ):
        request = make_request(ledger, world, make_customer(ledger, world, location_id=place))
        with ledger.write() as c:
            invitation = c.scalar(sa.select(t.requests.c.invitation_id).where(t.requests.c.request_id == request))
            c.execute(t.quota_reservations.insert().values(
                invitation_id=invitation, account_id=world.account_id, location_id=place, cycle_start_date=cycle,
                reserved_at=NOON, released_at=released,
            ))  # fmt: skip
    with ledger.write() as c:
        ensure_cycle(c, world.account_id, NOON)
        c.execute(t.quota_cycles.update().values(used=2, allowance=250))  # with a boost of fifty
    with ledger.read() as c:
        now = standing(c, world.account_id, NOON, [world.chicago])
        assert (now.used, now.allowance, now.left, now.location_used) == (2, 250, 248, 1)
        assert standing(c, world.account_id, NOON, [world.chicago, world.new_york]).location_used == 2
        assert standing(c, world.account_id, NOON).location_used is None
        assert standing(c, world.account_id, now.resets_at - timedelta(seconds=1)).used == 2
        assert standing(c, world.account_id, now.resets_at).used == 0
        assert now.start_date == date(2026, 11, 1)
        both, page = (world.chicago, world.new_york), {"limit": 1, "offset": 1}
        assert count_invited(c, world.account_id, now.start_date, both) == 2
        first, second = read_invited(c, world.account_id, now.start_date, both, limit=25, offset=0)
        assert read_invited(c, world.account_id, now.start_date, both, **page) == [second]
        assert (first.location_id, second.location_id) == (world.new_york, world.chicago)  # the latest first
        assert cycle_holding(c, world.account_id, NOON, date(2026, 10, 31)) == (date(2026, 10, 1), date(2026, 11, 1))
