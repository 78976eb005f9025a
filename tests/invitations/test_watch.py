"""What is wrong is told once, by each way, whoever looks and however often; and told again when it is over."""

import threading

import pytest
import sqlalchemy as sa

from data.ledger.notices import TRIES, count_given_up
from data.ledger.store import Ledger
from data.ledger.tables import alerts, notices, runs
from data.words import AlertKind, NoticeWay
from invitations.watch import watch
from tests.invitations.watching import NIGHT, Ear, fail, halt, kinds, make_due
from tests.world import NOON, World, make_world


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


def test_the_kill_switch_is_told_once_and_its_end_once_by_each_way(ledger: Ledger, world: World) -> None:
    ears = [Ear(), Ear(NoticeWay.EMAIL)]
    halt(ledger)
    for _ in range(3):
        watch(ledger, ears, now=NIGHT)
    halt(ledger, None)
    for _ in range(3):
        watch(ledger, ears, now=NIGHT)
    expected = [
        ("raised", "Acme Dental: sending is halted"),
        ("cleared", "Acme Dental: over: sending is halted"),
    ]
    assert [ear.told for ear in ears] == [expected, expected]
    assert "Ana" not in "".join(ears[0].texts)  # what a person wrote as the reason may name a customer


@pytest.mark.slow
def test_two_that_watch_at_the_same_moment_tell_each_thing_once(ledger: Ledger, world: World) -> None:
    halt(ledger)
    fail(ledger)
    together = threading.Barrier(4)
    ears = [Ear() for _ in range(4)]

    def look(ear: Ear) -> None:
        together.wait()
        watch(ledger, [ear], now=NOON)

    threads = [threading.Thread(target=look, args=(ear,)) for ear in ears]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = sorted(topic for ear in ears for topic in ear.told)
    assert [subject for _, subject in told if "sent" not in subject] == [
        "Acme Dental: a run failed (send)",
        "Acme Dental: sending is halted",
    ]
    assert len(told) == 3  # and one digest


def test_what_a_dead_webhook_missed_is_told_later_and_the_mail_is_not_told_twice(ledger: Ledger, world: World) -> None:
    webhook, mail = Ear(deaf=True), Ear(NoticeWay.EMAIL)
    halt(ledger)
    first = watch(ledger, [webhook, mail], now=NIGHT)
    assert (first.told, first.failed) == (1, 1)
    again = watch(ledger, [webhook, mail], now=NIGHT)  # its wait is not over
    assert (again.told, again.failed) == (0, 0)
    webhook.deaf = False
    make_due(ledger)
    watch(ledger, [webhook, mail], now=NIGHT)
    assert [topic for topic, _ in webhook.told] == [topic for topic, _ in mail.told] == ["raised"]


def test_what_began_and_ended_while_the_webhook_was_down_is_told_in_order(ledger: Ledger, world: World) -> None:
    webhook = Ear(deaf=True)
    halt(ledger)
    watch(ledger, [webhook], now=NIGHT)
    halt(ledger, None)
    webhook.deaf = False
    watch(ledger, [webhook], now=NIGHT)  # the alarm's wait is not over: its end waits with it
    assert webhook.told == []
    make_due(ledger)
    watch(ledger, [webhook], now=NIGHT)
    assert [topic for topic, _ in webhook.told] == ["raised", "cleared"]


@pytest.mark.slow
def test_a_webhook_that_never_comes_back_is_given_up_after_a_bounded_number_of_tries(
    ledger: Ledger, world: World
) -> None:
    halt(ledger)
    webhook = Ear(deaf=True)
    failed = 0
    for _ in range(TRIES + 3):
        failed += watch(ledger, [webhook], now=NIGHT).failed
        make_due(ledger)
    assert failed == TRIES
    with ledger.read() as connection:
        assert connection.execute(sa.select(notices.c.problem)).scalar_one() == "the webhook answered HTTP 500"
        assert count_given_up(connection) == 1


@pytest.mark.one_database
def test_a_way_that_never_answers_holds_nobody_up(ledger: Ledger, world: World) -> None:
    halt(ledger)
    hanging = threading.Event()
    report = watch(ledger, [Ear(meanwhile=lambda: hanging.wait(30))], now=NIGHT, call_seconds=0.05)
    hanging.set()
    assert (report.told, report.failed) == (0, 1)


def test_no_transaction_is_open_while_somebody_is_told(ledger: Ledger, world: World) -> None:
    written: list[int] = []

    def write() -> None:
        with ledger.write() as connection:
            written.append(connection.execute(runs.update().values(done=1)).rowcount)

    halt(ledger)
    assert watch(ledger, [Ear(meanwhile=write)], now=NIGHT).told == 1
    assert written == [0]


def test_an_end_seen_at_a_terminal_without_ways_is_told_all_the_same(ledger: Ledger, world: World) -> None:
    ear = Ear()
    halt(ledger)
    watch(ledger, [ear], now=NIGHT)
    halt(ledger, None)
    watch(ledger, [], now=NIGHT)  # `afterword watch` in a shell that has none of the AFTERWORD_ALERT_ variables
    watch(ledger, [ear], now=NIGHT)
    assert [topic for topic, _ in ear.told] == ["raised", "cleared"]


def test_without_any_way_it_stands_in_the_ledger_and_is_told_once_there_is_one(ledger: Ledger, world: World) -> None:
    halt(ledger)
    assert watch(ledger, [], now=NIGHT).raised == 1
    assert kinds(ledger) == [(AlertKind.HALTED, "all sending")]
    ear = Ear()
    watch(ledger, [ear], now=NIGHT)
    watch(ledger, [ear], now=NIGHT)
    assert [topic for topic, _ in ear.told] == ["raised"]
    with ledger.read() as connection:
        assert connection.execute(sa.select(alerts.c.told_at)).scalar_one() is not None
