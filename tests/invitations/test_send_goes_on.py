"""What a provider, a template or a busy ledger does wrong stops one message at most, not the run."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa

from connectors import ConfigurationError, Message, Outcome
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import AttemptOutcome, Channel, RequestStatus
from invitations import dispatcher
from invitations.send import send_due
from tests.many import make_due
from tests.recorder import Recorder
from tests.world import NOON, make_customer, make_request, make_world


class Forgetful(Recorder):
    """Takes whole parcels, and answers for all but the last message."""

    most_per_call = 50

    @asynccontextmanager
    async def courier(self, parallel: int) -> AsyncIterator["Forgetful"]:
        yield self

    async def carry(self, messages: Sequence[Message], parcel_id: str | None) -> Sequence[Outcome]:
        return [self.take(message) for message in messages][:-1]


def statuses(ledger: Ledger) -> list[RequestStatus]:
    with ledger.read() as c:
        return list(c.scalars(sa.select(t.requests.c.status).order_by(t.requests.c.request_id)))


@pytest.mark.parametrize("batch", [1, 10])
def test_a_provider_that_answers_for_fewer_messages_than_it_got_leaves_doubt(ledger: Ledger, batch: int) -> None:
    make_due(ledger, 20, channels=(Channel.EMAIL,))
    done = send_due(ledger, Forgetful().messengers, now=NOON, pace=Pace(mailgun_batch=batch))
    assert done.counts == {AttemptOutcome.IN_DOUBT: 20}
    assert set(statuses(ledger)) == {RequestStatus.IN_DOUBT}


@pytest.mark.parametrize("body", ["{{ 1 / (first_name | length - 3) }} {{ link }}", "{{ first_name() }} {{ link }}"])
def test_a_template_that_breaks_on_a_value_holds_its_own_message_and_not_the_others(ledger: Ledger, body: str) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        c.execute(
            t.templates.update().where(t.templates.c.template_id == world.templates[Channel.SMS]).values(body=body)
        )
    make_request(ledger, world, make_customer(ledger, world), channel=Channel.SMS)
    make_request(ledger, world, make_customer(ledger, world), channel=Channel.EMAIL)
    recorder = Recorder()
    with pytest.raises(ConfigurationError, match="template"):
        send_due(ledger, recorder.messengers, now=NOON)
    assert [message.channel for message in recorder.taken] == [Channel.EMAIL]
    assert statuses(ledger) == [RequestStatus.QUEUED, RequestStatus.SENT]


def test_progress_that_cannot_be_written_cuts_no_call_off(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    make_due(ledger, 20)

    def locked(*_: object) -> None:
        raise sa.exc.OperationalError("update", {}, Exception("database is locked"))

    monkeypatch.setattr(dispatcher, "advance_run", locked)
    monkeypatch.setattr(dispatcher, "TOLD_EVERY", 0.0)
    recorder = Recorder()
    send_due(ledger, recorder.messengers, now=NOON)
    assert len(recorder.taken) == 20
    assert set(statuses(ledger)) == {RequestStatus.SENT}
