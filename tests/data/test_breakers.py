"""Breakers, on both databases: what they hold, how they are probed, and who closes them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger.breakers import (
    close,
    close_by_probe,
    is_held,
    note_probe,
    open_breaker,
    read_open,
    route_prefix,
    take_probe,
)
from data.ledger.stops import nothing_stops, sender_of, with_context
from data.ledger.store import Ledger
from data.words import Channel
from tests.world import make_customer, make_request, make_world

OURS = "+13125550100"
PHONE = "+447911123456"


def trip(c: Connection, **values: Any) -> bool:
    return open_breaker(c, Channel.SMS, OURS, **{"code": "20003", "reason": "auth token refused", **values})


def holds(c: Connection, address: str = PHONE, attempt_id: str | None = None, **options: Any) -> bool:
    return bool(c.scalar(sa.select(is_held(Channel.SMS, OURS, address, attempt_id, **options))))


def make_due(c: Connection) -> None:
    c.execute(t.breakers.update().values(probe_at=t.breakers.c.opened_at))


def minutes_to_probe(ledger: Ledger, c: Connection) -> float:
    [found] = read_open(c)
    assert found.probe_at is not None
    return (found.probe_at - ledger.now(c)) / timedelta(minutes=1)


def test_an_open_breaker_holds_its_channel_and_sender_and_nothing_else(ledger: Ledger) -> None:
    with ledger.write() as c:
        assert not holds(c)
        assert trip(c)
        assert holds(c)
        for channel, sender in ((Channel.WHATSAPP, OURS), (Channel.SMS, "+13125550199")):
            assert not c.scalar(sa.select(is_held(channel, sender, PHONE)))
        [found] = read_open(c)
        assert (found.channel, found.sender, found.code, found.prefix) == (Channel.SMS, OURS, "20003", "")


def test_a_route_that_is_closed_holds_the_numbers_that_begin_so(ledger: Ledger) -> None:
    with ledger.write() as c:
        trip(c, prefix="+44", is_probed=False)
        assert holds(c, "+447911123456")
        assert not holds(c, "+14155550123")
        assert trip(c, prefix="+1876", is_probed=False)
        assert holds(c, "+18765550123")
        assert not holds(c, "+14155550123")


def test_the_second_refusal_of_a_moment_opens_nothing_and_delays_no_probe(ledger: Ledger) -> None:
    with ledger.write() as c:
        assert trip(c)
        assert [trip(c) for _ in range(4)] == [False] * 4
        assert 14 < minutes_to_probe(ledger, c) <= 15


def test_each_probe_waits_twice_as_long_as_the_one_before_up_to_six_hours(ledger: Ledger) -> None:
    with ledger.write() as c:
        trip(c)
        assert take_probe(c, Channel.SMS, OURS) is None  # not due yet
        for minutes in (30, 60, 120, 240, 360, 360):
            make_due(c)
            assert take_probe(c, Channel.SMS, OURS) is not None
            assert minutes - 1 < minutes_to_probe(ledger, c) <= minutes
            assert not trip(c)  # refused again: the same row, no further away
            assert minutes - 1 < minutes_to_probe(ledger, c) <= minutes
        assert read_open(c)[0].probes == 6


def test_a_probe_has_one_taker_however_many_ask(ledger: Ledger) -> None:
    with ledger.write() as c:
        trip(c)
        make_due(c)

    def ask(_: int) -> int | None:
        with ledger.write() as c:
            return take_probe(c, Channel.SMS, OURS)

    with ThreadPoolExecutor(4) as pool:
        taken = [breaker_id for breaker_id in pool.map(ask, range(8)) if breaker_id is not None]
    assert len(taken) == 1


def test_the_probes_message_alone_passes_and_its_acceptance_closes_the_breaker(ledger: Ledger) -> None:
    with ledger.write() as c:
        trip(c)
        make_due(c)
        breaker_id = take_probe(c, Channel.SMS, OURS)
        assert breaker_id is not None
        note_probe(c, breaker_id, "the-probe")
        assert holds(c)
        assert holds(c, attempt_id="another")
        assert not holds(c, attempt_id="the-probe")
        assert close_by_probe(c, ["another"]) == []
        assert close_by_probe(c, ["another", "the-probe"]) == [breaker_id]
        assert not holds(c)
        assert c.scalars(sa.select(t.breakers.c.closed_by)).one() == "probe"
        assert close_by_probe(c, ["the-probe"]) == []


def test_a_probes_message_is_chosen_among_those_that_no_other_breaker_holds(ledger: Ledger) -> None:
    with ledger.write() as c:
        trip(c)
        trip(c, prefix="+44", is_probed=False)
        breaker_id = next(found.breaker_id for found in read_open(c) if found.probe_at)
        assert not holds(c, "+14155550123", besides=breaker_id)
        assert holds(c, "+447911123456", besides=breaker_id)


def test_a_due_probe_is_work_to_do(ledger: Ledger) -> None:
    with ledger.write() as c:
        trip(c)
        assert holds(c, is_due_spared=True)
        make_due(c)
        assert not holds(c, is_due_spared=True)


def test_a_breaker_that_a_person_must_close_is_never_probed(ledger: Ledger) -> None:
    with ledger.write() as c:
        trip(c)
        assert not trip(c, code="30034", reason="not registered", is_probed=False)
        assert not trip(c)  # what could be probed again changes nothing
        [found] = read_open(c)
        assert (found.code, found.probe_at) == ("30034", None)
        assert take_probe(c, Channel.SMS, OURS) is None


def test_a_person_closes_a_breaker_once_and_it_may_open_anew(ledger: Ledger) -> None:
    with ledger.write() as c:
        trip(c)
        [found] = read_open(c)
        assert close(c, found.breaker_id, by="owner@acme.example")
        assert not close(c, found.breaker_id, by="owner@acme.example")
        assert read_open(c) == []
        assert trip(c)
        assert read_open(c)[0].breaker_id != found.breaker_id


def test_two_who_are_refused_at_once_open_one_breaker(ledger: Ledger) -> None:
    def refuse(_: int) -> bool:
        with ledger.write() as c:
            return trip(c)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(refuse, range(8))) == 1


def test_what_may_go_is_asked_with_the_sender_at_the_claim_and_the_attempts_at_hand_over(ledger: Ledger) -> None:
    world = make_world(ledger)
    request = make_request(ledger, world, make_customer(ledger, world, phone=PHONE))
    by_channel = sender_of({Channel.SMS: OURS, Channel.EMAIL: "mail.example"})
    due = sa.select(t.requests.c.request_id).select_from(with_context())
    with ledger.write() as c:
        assert c.scalars(due.where(nothing_stops(by_channel))).all() == [request]
        trip(c)
        assert c.scalars(due.where(nothing_stops(by_channel))).all() == []
        assert c.scalars(due.where(nothing_stops(sender_of({})))).all() == [request]
        assert c.scalars(due.where(nothing_stops())).all() == [request]
        note_probe(c, read_open(c)[0].breaker_id, "the-probe")
        assert c.scalars(due.where(nothing_stops(sa.literal(OURS), sa.literal("the-probe")))).all() == [request]


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("number", "prefix"),
    [("+447911123456", "+44"), ("+18765550123", "+1876"), ("+13125550123", "+1312"), ("+77012345678", "+7"),
     ("+353851234567", "+353"), ("+999", "+999")],
)  # fmt: skip
def test_a_route_is_a_calling_code_and_of_the_shared_plus_one_an_area_code(number: str, prefix: str) -> None:
    assert route_prefix(number) == prefix
