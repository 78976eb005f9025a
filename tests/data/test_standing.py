"""How an account and its lists stand: read from the ledger as plain values."""

from datetime import UTC, date, datetime, timedelta

import pytest

from data.ledger import tables as t
from data.ledger.quota import ensure_cycle
from data.ledger.standing import CYCLES_AHEAD, read_standing
from data.ledger.store import Ledger
from data.standing import Pace, Standing
from data.words import Source
from tests.world import NOON, World, insert, make_customer, make_request, make_world

pytestmark = pytest.mark.one_database


def read(ledger: Ledger, world: World, at: datetime = NOON) -> Standing:
    with ledger.read() as c:
        return read_standing(c, world.account_id, at)


def make_list(ledger: Ledger, world: World, **values: object) -> int:
    with ledger.write() as c:
        return insert(
            c, t.lists, account_id=world.account_id, location_id=world.new_york, name=str(values), source=Source.CSV,
            content_sha256="0" * 64, imported_by="test", **values,
        )  # fmt: skip


def reserve(ledger: Ledger, world: World, at: datetime, list_id: int | None = None) -> None:
    make_request(ledger, world, make_customer(ledger, world, location_id=world.new_york))
    with ledger.write() as c:
        invitation = c.execute(t.invitations.select().order_by(t.invitations.c.invitation_id.desc())).first()
        assert invitation is not None
        c.execute(
            t.invitations.update()
            .where(t.invitations.c.invitation_id == invitation.invitation_id)
            .values(list_id=list_id)
        )
        c.execute(t.quota_reservations.insert().values(
            invitation_id=invitation.invitation_id, account_id=world.account_id, location_id=world.new_york,
            cycle_start_date=date(2026, 11, 1), reserved_at=at,
        ))  # fmt: skip


def test_the_resets_follow_the_anchor_day_in_the_accounts_zone(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        c.execute(t.accounts.update().values(cycle_anchor_day=31))
    quota = read(ledger, world).quota
    assert (quota.left, quota.per_cycle, len(quota.resets)) == (200, 200, CYCLES_AHEAD)
    assert quota.resets[:4] == (
        datetime(2026, 11, 30, 6, tzinfo=UTC),
        datetime(2026, 12, 31, 6, tzinfo=UTC),
        datetime(2027, 1, 31, 6, tzinfo=UTC),
        datetime(2027, 2, 28, 6, tzinfo=UTC),
    )
    assert quota.resets[4] == datetime(2027, 3, 31, 5, tzinfo=UTC)  # summer time


def test_a_locations_own_limit_is_within_the_accounts(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        ensure_cycle(c, world.account_id, NOON)
        c.execute(t.quota_cycles.update().values(used=3, allowance=250))  # with a boost
        c.execute(
            t.locations.update().where(t.locations.c.location_id == world.new_york).values(invitations_per_cycle=5)
        )
    reserve(ledger, world, NOON)
    quota = read(ledger, world).quota
    assert (quota.left, quota.per_cycle) == (247, 200)
    assert (quota.location_left, quota.location_per_cycle) == ({world.new_york: 4}, {world.new_york: 5})


def test_a_list_that_drips_stands_with_its_hours_and_its_recent_claims(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_list(ledger, world)  # all at once
    later = make_list(ledger, world, send_at=NOON + timedelta(days=1))
    drip = make_list(ledger, world, speed="5/hour", speed_days=[0, 1], speed_opens=540, speed_closes=1020)
    for minutes in (0, 20, 60, 90):
        reserve(ledger, world, NOON - timedelta(minutes=minutes), drip)
    assert read(ledger, world).paces == {
        later: Pace("America/New_York", send_at=NOON + timedelta(days=1)),
        drip: Pace(
            "America/New_York", 5, timedelta(hours=1), (NOON - timedelta(minutes=20), NOON),
            days=(0, 1), opens=540, closes=1020,
        ),
    }  # fmt: skip
