"""A run with many calls at a time keeps its rows in a process of its own: the same comes of it, and of its death."""

from collections.abc import Iterator
from datetime import datetime
from threading import Lock

import pytest
import sqlalchemy as sa

from connectors import Message
from data.ledger import tables as t
from data.ledger.dispatch import Carrier
from data.ledger.runs import start_run
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import Channel, RequestStatus, RunKind
from invitations import dispatcher
from invitations.desk import Leaving, Taken
from invitations.far_desk import MANY_CALLS, FarDesk
from invitations.send import send_due
from tests.invitations.dispatching import quota_used, statuses
from tests.many import make_due
from tests.recorder import Recorder
from tests.waiting import wait_until
from tests.world import NOON

MANY = Pace(parallel=MANY_CALLS)
SENDER = "recorder"


class AtWork(FarDesk):
    """One whose process has come to work."""

    def __init__(self, ledger: Ledger, pace: Pace) -> None:
        super().__init__(ledger, pace)
        assert self.is_at_work(within=60)


@pytest.fixture
def desk(ledger: Ledger) -> Iterator[FarDesk]:
    make_due(ledger, 10, channels=(Channel.SMS,))
    far = AtWork(ledger, MANY)
    try:
        yield far
    finally:
        far.close()


def take(desk: FarDesk, ledger: Ledger, most: int) -> list[Message]:
    run_id = start_run(ledger, RunKind.SEND, NOON)
    written, unwritable = desk.take(run_id, {Channel.SMS: Carrier("twilio", SENDER, most)}, NOON, most, None)
    assert unwritable == []
    return [message for _claim, message in written]


def leaving(messages: list[Message]) -> Leaving:
    return Leaving({(Channel.SMS, SENDER): [message.attempt_id for message in messages]})


def accepted(messages: list[Message]) -> Taken:
    return Taken([(message.attempt_id, f"PM-{message.attempt_id}") for message in messages], NOON)


def handed_over(ledger: Ledger) -> int:
    with ledger.read() as c:
        return c.execute(sa.select(sa.func.count(t.attempts.c.handed_at))).scalar_one()


@pytest.mark.slow
def test_what_is_due_is_claimed_handed_over_and_recorded_by_another_process(desk: FarDesk, ledger: Ledger) -> None:
    messages = take(desk, ledger, 4)
    assert all(message.link in message.text for message in messages)
    given, _ = desk.put_down(None, leaving(messages))
    assert (given.held, given.waits) == (frozenset(), {})
    paused = take(desk, ledger, 2)
    with ledger.write() as c:
        c.execute(t.channels.update().values(paused_at=NOON))
    given, _ = desk.put_down(accepted(messages), leaving(paused))
    assert given.held == {message.attempt_id for message in paused}
    assert statuses(ledger) == {RequestStatus.SENT: 4, RequestStatus.SENDING: 2, RequestStatus.QUEUED: 4}
    assert quota_used(ledger) == 6


@pytest.mark.one_database
@pytest.mark.slow
def test_what_goes_wrong_there_is_told_here_and_the_next_thing_is_done(desk: FarDesk, ledger: Ledger) -> None:
    messages = take(desk, ledger, 1)
    with pytest.raises(Exception, match="naive datetime"):
        desk.put_down(Taken([(messages[0].attempt_id, "PM1")], datetime(2026, 11, 23)), None)  # noqa: DTZ001
    desk.put_down(accepted(messages), None)
    assert statuses(ledger)[RequestStatus.SENT] == 1


@pytest.mark.slow
def test_what_a_dead_process_has_handed_over_and_never_told_is_not_handed_over_again(
    desk: FarDesk, ledger: Ledger
) -> None:
    messages = take(desk, ledger, 3)
    desk._line.send(("put_down", (None, leaving(messages[:2]))))
    wait_until(lambda: handed_over(ledger) == 2)
    desk.process.kill()
    desk.process.wait()
    given, _ = desk.put_down(None, leaving(messages))
    assert given.held == {message.attempt_id for message in messages[:2]}
    desk.put_down(accepted(messages[2:]), None)
    desk.put_down(accepted(messages[2:]), None)  # told twice, recorded once
    assert statuses(ledger) == {RequestStatus.SENT: 1, RequestStatus.SENDING: 2, RequestStatus.QUEUED: 7}
    assert len(take(desk, ledger, 7)) == 7


@pytest.mark.one_database
@pytest.mark.slow
def test_the_process_ends_when_nobody_is_there_any_more(desk: FarDesk) -> None:
    desk._line.close()
    assert desk.process.wait(30) == 0


@pytest.mark.slow
def test_nobody_is_asked_twice_when_the_process_dies_in_the_middle_of_a_run(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due(ledger, 200, channels=(Channel.SMS,))
    there: list[FarDesk] = []
    lock = Lock()

    class Doomed(AtWork):
        def __init__(self, ledger: Ledger, pace: Pace) -> None:
            super().__init__(ledger, pace)
            there.append(self)

    def strike(_message: Message) -> None:
        with lock:
            if len(provider.taken) == 60:
                there[0].process.kill()

    monkeypatch.setattr(dispatcher, "FarDesk", Doomed)
    provider = Recorder(strike)
    send_due(ledger, {Channel.SMS: provider}, now=NOON, pace=MANY)
    assert there[0].process.returncode != 0
    links = [message.link for message in provider.taken]
    assert len(set(links)) == len(links) >= 200 - MANY_CALLS  # the others are in doubt when their leases end
    assert statuses(ledger)[RequestStatus.SENT] == len(links)
    assert quota_used(ledger) == 200
