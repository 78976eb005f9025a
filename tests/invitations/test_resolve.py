"""Settling doubt: ask, prove, or leave it to a person; never send again blindly."""

from datetime import timedelta

import sqlalchemy as sa

from connectors import CannotTell, Doubt, LookUp, Message, Outcome
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Channel, RequestStatus
from invitations.resolve import resolve_doubt
from invitations.send import send_due
from tests.recorder import Recorder
from tests.world import NOON, make_customer, make_request, make_world


class Unsure(Recorder):
    """Takes nothing, breaks each call, and answers look-ups as it is told."""

    def __init__(self, answer: LookUp | Exception) -> None:
        super().__init__(self._break)
        self.look_ups: list[Doubt] = []
        self._look_up_answer = answer

    @staticmethod
    def _break(message: Message) -> Outcome:
        raise ConnectionResetError

    def look_up(self, doubt: Doubt) -> LookUp:
        self.look_ups.append(doubt)
        if isinstance(self._look_up_answer, Exception):
            raise self._look_up_answer
        return self._look_up_answer


def in_doubt(ledger: Ledger, messenger: Recorder) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    send_due(ledger, messenger.messengers, now=NOON)


def status(ledger: Ledger) -> RequestStatus:
    with ledger.read() as c:
        return c.execute(sa.select(t.requests.c.status)).scalar_one()


def test_where_nobody_can_be_asked_a_person_decides(ledger: Ledger) -> None:
    messenger = Unsure(CannotTell("SMTP keeps no record", is_final=True))
    in_doubt(ledger, messenger)
    for _ in range(5):
        report = resolve_doubt(ledger, messenger.messengers, now=NOON)
    assert report.counts["needs_a_person"] == 1
    assert [row.note for row in report.rows] == ["SMTP keeps no record"]
    assert status(ledger) is RequestStatus.IN_DOUBT


def test_a_read_that_fails_proves_nothing(ledger: Ledger) -> None:
    messenger = Unsure(TimeoutError("slow"))
    in_doubt(ledger, messenger)
    for _ in range(5):
        report = resolve_doubt(ledger, messenger.messengers, now=NOON)
    assert report.counts["could_not_ask"] == 1
    assert status(ledger) is RequestStatus.IN_DOUBT


def test_without_a_provider_doubt_stays_and_says_so(ledger: Ledger) -> None:
    messenger = Unsure(CannotTell("", is_final=True))
    in_doubt(ledger, messenger)
    report = resolve_doubt(ledger, {Channel.EMAIL: messenger}, now=NOON)
    assert "no sms provider is configured" in report.rows[0].note


def test_the_provider_is_asked_for_the_requests_own_link(ledger: Ledger) -> None:
    messenger = Unsure(TimeoutError())
    in_doubt(ledger, messenger)
    resolve_doubt(ledger, messenger.messengers, now=NOON)
    with ledger.read() as c:
        request = c.execute(sa.select(t.requests)).one()
    [doubt] = messenger.look_ups
    assert doubt.link.endswith(f"/r/{request.link_token}")
    assert doubt.to == request.address


def test_many_reads_within_a_minute_prove_nothing(ledger: Ledger) -> None:
    messenger = Recorder(Unsure._break)
    in_doubt(ledger, messenger)
    for _ in range(10):
        messenger.clock -= timedelta(minutes=15, seconds=59)
        resolve_doubt(ledger, messenger.messengers, now=NOON)
    assert status(ledger) is RequestStatus.IN_DOUBT
