"""A sender's pace, on both databases: the bucket, the day, and many who take at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger.rates import Grant, give_back, read_shut, room_today, shut_sender_of, take
from data.ledger.store import Ledger
from data.words import Channel, RunKind, RunStatus
from tests.world import NOON, insert, insert_many, make_customer, make_request, make_world

PACIFIC = "America/Los_Angeles"
SENDER = "+13125550100"
ALL = timedelta(0)


def ask(
    c: Connection, wanted: int, *, per_second: float | None = None, per_day: int | None = None, zone: str = PACIFIC
) -> Grant:
    return ask_for(c, [1] * wanted, per_second=per_second, per_day=per_day, zone=zone)


def ask_for(
    c: Connection,
    segments: list[int],
    *,
    per_second: float | None = None,
    per_day: int | None = None,
    zone: str = PACIFIC,
) -> Grant:
    return take(c, Channel.SMS, SENDER, segments, per_second=per_second, per_day=per_day, day_zone=zone)


def room(c: Connection, per_day: int | None, zone: str = PACIFIC) -> int | None:
    return room_today(c, Channel.SMS, SENDER, per_day=per_day, day_zone=zone)


def make_older(ledger: Ledger, **by: timedelta) -> None:
    """Move what the bucket remembers into the past: the database's clock cannot be turned."""
    with ledger.write() as c:
        row = c.execute(sa.select(t.rates)).one()
        c.execute(t.rates.update().values({name: getattr(row, name) - delta for name, delta in by.items()}))


def test_a_sender_without_limits_takes_what_it_wants_and_leaves_no_row(ledger: Ledger) -> None:
    with ledger.write() as c:
        assert ask(c, 5000) == Grant(5000, ALL)
        assert c.execute(sa.select(t.rates)).first() is None
        assert room(c, None) is None


@pytest.mark.parametrize("per_day", [None, 100])
def test_a_provider_that_asks_to_be_left_alone_is_until_then(ledger: Ledger, per_day: int | None) -> None:
    world = make_world(ledger)
    request_id = make_request(ledger, world, make_customer(ledger, world))
    with ledger.write() as c:
        batch_id = insert(
            c, t.runs, kind=RunKind.SEND, status=RunStatus.RUNNING, process="here:1", started_at=ledger.now(c)
        )
        insert_many(c, t.attempts, [{
            "attempt_id": "a", "request_id": request_id, "batch_id": batch_id, "provider": "p", "sender": SENDER,
            "claimed_at": NOON, "lease_until": NOON,
        }])  # fmt: skip
        assert room(c, per_day) == per_day
        for pause in (timedelta(hours=1), timedelta(minutes=1)):  # the longer one holds
            shut_sender_of(c, "a", pause)
        assert room(c, per_day) == 0
        granted = ask(c, 1, per_second=50)
        assert granted.count == 0
        assert timedelta(minutes=59) < granted.wait <= timedelta(hours=1)
        assert list(read_shut(c)) == [Channel.SMS]
    make_older(ledger, filled_at=timedelta(hours=1))
    with ledger.write() as c:
        assert read_shut(c) == {}
        assert room(c, per_day) == per_day
        assert ask(c, 1, per_day=per_day).count == 1


def test_a_full_bucket_holds_one_seconds_messages_and_says_when_the_next_may_go(ledger: Ledger) -> None:
    with ledger.write() as c:
        assert ask(c, 40, per_second=50) == Grant(40, ALL)
        granted = ask(c, 5000, per_second=50)  # ten are left, and what came in while the test ran
        assert 10 <= granted.count <= 50
        assert ALL < granted.wait <= timedelta(seconds=1 / 50)


def test_less_than_one_a_second_still_lets_one_go(ledger: Ledger) -> None:
    with ledger.write() as c:
        granted = ask(c, 2, per_second=0.01)
    assert granted.count == 1
    assert timedelta(seconds=90) < granted.wait <= timedelta(seconds=100)
    make_older(ledger, filled_at=timedelta(seconds=60))
    with ledger.write() as c:
        assert ask(c, 1, per_second=0.01).count == 0
    make_older(ledger, filled_at=timedelta(seconds=60))
    with ledger.write() as c:
        assert ask(c, 1, per_second=0.01) == Grant(1, ALL)


def test_a_long_rest_saves_up_no_more_than_a_second(ledger: Ledger) -> None:
    with ledger.write() as c:
        ask(c, 10, per_second=10)
    make_older(ledger, filled_at=timedelta(hours=9))
    with ledger.write() as c:
        assert ask(c, 500, per_second=10).count == 10


def test_senders_and_channels_have_buckets_of_their_own(ledger: Ledger) -> None:
    with ledger.write() as c:
        assert ask(c, 3, per_day=3).count == 3
        for channel, sender in ((Channel.WHATSAPP, SENDER), (Channel.SMS, "+13125550199")):
            assert take(c, channel, sender, [1] * 3, per_second=None, per_day=3, day_zone=PACIFIC).count == 3
        assert ask(c, 1, per_day=3).count == 0


@pytest.mark.parametrize("zone", [PACIFIC, "Pacific/Kiritimati", "UTC"])
def test_a_used_up_day_waits_for_midnight_of_the_zone_by_the_databases_clock(ledger: Ledger, zone: str) -> None:
    with ledger.write() as c:
        clock = ledger.now(c)
        granted = ask(c, 5, per_day=3, per_second=100, zone=zone)
        assert granted.count == 3
        assert room(c, 3, zone) == 0
    local = clock.astimezone(ZoneInfo(zone))
    midnight = datetime.combine(local.date() + timedelta(days=1), datetime.min.time(), ZoneInfo(zone))
    assert midnight - timedelta(minutes=1) < clock + granted.wait <= midnight + timedelta(minutes=1)
    make_older(ledger, day=timedelta(days=1))
    with ledger.write() as c:
        assert room(c, 3, zone) == 3
        assert ask(c, 3, per_day=3, zone=zone) == Grant(3, ALL)


def test_a_clock_that_was_set_back_neither_begins_a_new_day_nor_stops_the_bucket_for_long(ledger: Ledger) -> None:
    with ledger.write() as c:
        ask(c, 3, per_day=3, per_second=1000)
    make_older(ledger, filled_at=-timedelta(days=2), day=-timedelta(days=2))  # it was two days ahead when it took them
    with ledger.write() as c:
        assert room(c, 3) == 0
        assert ask(c, 1, per_day=3, per_second=1000).count == 0
        assert c.scalars(sa.select(t.rates.c.filled_at)).one() <= ledger.now(c)


def test_what_certainly_did_not_leave_is_not_counted_for_the_day(ledger: Ledger) -> None:
    with ledger.write() as c:
        ask(c, 5, per_day=5)
        give_back(c, Channel.SMS, SENDER, 2, day_zone=PACIFIC)
        assert room(c, 5) == 2
        give_back(c, Channel.SMS, SENDER, 9, day_zone=PACIFIC)
        assert room(c, 5) == 5
        give_back(c, Channel.EMAIL, "nobody.example", 1, day_zone=PACIFIC)


def test_a_limit_that_was_lowered_holds_at_once(ledger: Ledger) -> None:
    with ledger.write() as c:
        ask(c, 4, per_second=100, per_day=100)
        assert room(c, 3) == 0
        assert ask(c, 50, per_second=2, per_day=100).count == 2


def test_a_text_takes_as_many_of_the_second_as_it_has_segments(ledger: Ledger) -> None:
    with ledger.write() as c:
        granted = ask_for(c, [2, 3, 2, 3], per_second=6)  # five of six, and no more than the test's own time after it
        assert granted.count == 2
        assert timedelta(seconds=0.5 / 6) < granted.wait <= timedelta(seconds=1 / 6)
        assert ask_for(c, [3], per_second=6).count == 0


def test_a_text_of_more_than_a_second_waits_until_the_bucket_holds_it_and_leaves_it_empty(ledger: Ledger) -> None:
    with ledger.write() as c:
        assert ask_for(c, [3, 1], per_second=0.01).count == 1
        granted = ask_for(c, [3], per_second=0.01)
        assert granted.count == 0
        assert timedelta(seconds=290) < granted.wait <= timedelta(seconds=300)
    make_older(ledger, filled_at=timedelta(seconds=200))
    with ledger.write() as c:
        assert ask_for(c, [3], per_second=0.01).count == 0
    make_older(ledger, filled_at=timedelta(seconds=100))
    with ledger.write() as c:
        assert ask_for(c, [3, 1], per_second=0.01).count == 1


def test_a_day_ends_with_the_text_that_its_rest_does_not_hold_and_the_claim_is_told_so(ledger: Ledger) -> None:
    with ledger.write() as c:
        granted = ask_for(c, [2, 2, 2, 1], per_day=5)
        assert granted.count == 2
        assert granted.wait > ALL
        assert room(c, 5) == 0
        give_back(c, Channel.SMS, SENDER, 2, day_zone=PACIFIC)
        assert room(c, 5) == 2


def test_a_text_larger_than_the_whole_day_leaves_on_an_untouched_one_alone(ledger: Ledger) -> None:
    with ledger.write() as c:
        assert ask_for(c, [3, 1], per_day=2).count == 1
        assert room(c, 2) == 0
        assert ask_for(c, [1], per_day=2).count == 0


def test_many_who_take_at_once_never_exceed_the_day_or_the_bucket_together(ledger: Ledger) -> None:
    with ledger.read() as c:
        began = ledger.now(c)

    def take_some(_: int) -> int:
        with ledger.write() as c:
            return ask(c, 3, per_day=20, per_second=12).count

    with ThreadPoolExecutor(4) as pool:
        granted = sum(pool.map(take_some, range(12)))
    with ledger.read() as c:
        passed = (ledger.now(c) - began).total_seconds()
        assert granted <= min(20, 12 + 12 * passed + 1)
        assert granted >= 12
        assert c.scalars(sa.select(t.rates.c.used)).one() == granted
