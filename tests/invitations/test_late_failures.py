"""A failure told after the provider took the message: another goes later, or nothing more leaves that way."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from connectors import Message, Outcome, PermanentFailure, ProviderEvent, Retry, TemporaryFailure
from data.ledger import tables as t
from data.ledger.breakers import close, read_open
from data.ledger.happened import CodeCount, count_codes
from data.ledger.store import Ledger
from data.words import Channel, EventKind, FailureScope, InvitationStatus, JobKind, RequestStatus, TemplateApproval
from invitations.events import receive
from invitations.queueing import plan_and_queue
from invitations.send import send_due
from tests.recorder import Recorder
from tests.world import NOON, World, insert, make_customer, make_request, make_world

pytestmark = pytest.mark.one_database  # the statements of each kind run on both below; the rest is what they mean

LATER = NOON + timedelta(minutes=1)
ONCE = Retry(most=1, after=timedelta(hours=4))
THRICE = Retry(most=3, after=timedelta(hours=1))
AFTER_MIDNIGHT = Retry(most=3, after=timedelta(), day_zone="America/Los_Angeles")


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def asked(ledger: Ledger, recorder: Recorder, **values: Any) -> World:
    """One customer who was texted at noon; their hours close at eight."""
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world, phone="+447911123456"), **values)
    send_due(ledger, recorder.messengers, now=NOON)
    return world


def attempt_ids(ledger: Ledger) -> list[str]:
    with ledger.read() as c:
        return list(c.scalars(sa.select(t.attempts.c.attempt_id).order_by(t.attempts.c.claimed_at)))


def request(ledger: Ledger) -> Any:
    with ledger.read() as c:
        return c.execute(sa.select(t.requests).where(t.requests.c.step == 0)).first()


def used(ledger: Ledger) -> int:
    with ledger.read() as c:
        return int(c.scalars(sa.select(t.quota_cycles.c.used)).one())


def told(
    ledger: Ledger,
    kind: EventKind = EventKind.FAILED,
    number: int = -1,
    at: datetime = LATER,
    key: str = "",
    **what: Any,
) -> None:
    """The provider tells something about a message, the newest unless `number` says which."""
    attempt_id = attempt_ids(ledger)[number]
    name = key or f"{attempt_id}:{kind.value}"
    known = {"code": "30003", "reason": "switched off", "scope": FailureScope.MESSAGE, "retry": ONCE}
    values = known | what if kind is EventKind.FAILED else what
    receive(ledger, [ProviderEvent("recorder", name, kind, at, attempt_id, **values)], now=at)


@pytest.mark.both_databases
def test_a_phone_that_was_off_is_tried_once_more_hours_later_on_the_same_unit(
    ledger: Ledger, recorder: Recorder
) -> None:
    asked(ledger, recorder)
    told(ledger)
    waiting = request(ledger)
    assert waiting.status is RequestStatus.QUEUED
    assert LATER + timedelta(hours=4) <= waiting.not_before <= LATER + timedelta(hours=6)
    assert (waiting.failure_code, used(ledger)) == ("30003", 1)
    send_due(ledger, recorder.messengers, now=waiting.not_before - timedelta(minutes=1))
    assert len(recorder.taken) == 1
    send_due(ledger, recorder.messengers, now=waiting.not_before)
    assert len(recorder.taken) == 2
    assert (request(ledger).status, request(ledger).failure_code) == (RequestStatus.SENT, None)
    told(ledger, at=waiting.not_before)
    assert request(ledger).status is RequestStatus.FAILED
    assert used(ledger) == 1


def test_a_failure_of_the_carrier_is_tried_three_times_more_and_then_has_failed(
    ledger: Ledger, recorder: Recorder
) -> None:
    asked(ledger, recorder, not_after=NOON + timedelta(days=4))
    now = LATER
    waits = []
    for _ in range(3):
        told(ledger, at=now, code="30017", retry=THRICE)
        waits.append(request(ledger).not_before - now)
        now = request(ledger).not_before
        send_due(ledger, recorder.messengers, now=now)
    told(ledger, at=now, code="30017", retry=THRICE)
    assert request(ledger).status is RequestStatus.FAILED
    assert len(recorder.taken) == 4
    assert [round(wait / timedelta(hours=hours), 1) >= 1.0 for wait, hours in zip(waits, (1, 2, 4), strict=True)] == [
        True
    ] * 3


@pytest.mark.slow
def test_a_used_up_day_of_the_carriers_is_waited_out_until_after_midnight_in_the_west(
    ledger: Ledger, recorder: Recorder
) -> None:
    asked(ledger, recorder)
    told(ledger, code="30023", retry=AFTER_MIDNIGHT)
    local = request(ledger).not_before.astimezone(ZoneInfo("America/Los_Angeles"))
    assert (local.date(), local.hour) in {(date(2026, 11, 24), 0), (date(2026, 11, 24), 1)}
    with ledger.read() as c:  # past the window it had, so that planning gives it another
        assert c.scalars(sa.select(t.jobs.c.kind)).all() == [JobKind.PLAN]
    plan_and_queue(ledger, now=LATER)
    planned = request(ledger)
    assert planned.status is RequestStatus.QUEUED
    assert planned.not_before >= local
    assert planned.not_after > planned.not_before


def test_the_same_failure_told_in_other_words_asks_for_no_second_message(ledger: Ledger, recorder: Recorder) -> None:
    asked(ledger, recorder)
    told(ledger, key="undelivered", retry=THRICE)
    first = request(ledger)
    told(ledger, key="failed", retry=THRICE)
    assert request(ledger).not_before == first.not_before
    assert request(ledger).status is RequestStatus.QUEUED


@pytest.mark.both_databases
def test_a_message_that_arrived_after_all_withdraws_the_one_queued_in_its_stead(
    ledger: Ledger, recorder: Recorder
) -> None:
    asked(ledger, recorder)
    told(ledger)
    told(ledger, EventKind.DELIVERED)
    assert (request(ledger).status, request(ledger).failure_code) == (RequestStatus.DELIVERED, None)
    send_due(ledger, recorder.messengers, now=NOON + timedelta(hours=7))
    assert len(recorder.taken) == 1


def test_a_failure_told_after_the_delivery_asks_for_nothing(ledger: Ledger, recorder: Recorder) -> None:
    asked(ledger, recorder)
    told(ledger, EventKind.DELIVERED)
    told(ledger)
    assert request(ledger).status is RequestStatus.DELIVERED


def test_a_delivery_told_while_the_second_message_leaves_stands_whatever_becomes_of_that(ledger: Ledger) -> None:
    def tell_first(message: Message) -> Outcome | None:
        if len(attempt_ids(ledger)) > 1:
            told(ledger, EventKind.DELIVERED, number=0)
            return PermanentFailure("21614", "not a mobile number", FailureScope.MESSAGE)
        return None

    recorder = Recorder(tell_first)
    asked(ledger, recorder)
    told(ledger)
    send_due(ledger, recorder.messengers, now=NOON + timedelta(hours=7))
    assert request(ledger).status is RequestStatus.DELIVERED
    assert used(ledger) == 1


def test_mail_that_its_server_took_after_all_is_not_sent_again(ledger: Ledger, recorder: Recorder) -> None:
    asked(ledger, recorder, channel=Channel.EMAIL, address="ana@example.com")
    told(ledger)
    told(ledger, EventKind.ACCEPTED_BY_SERVER)
    assert request(ledger).status is RequestStatus.SENT


@pytest.mark.parametrize("ended", [InvitationStatus.STOPPED, InvitationStatus.ANSWERED])
def test_nothing_is_tried_again_for_an_invitation_that_is_over(
    ledger: Ledger, recorder: Recorder, ended: InvitationStatus
) -> None:
    asked(ledger, recorder)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=ended))
    told(ledger)
    assert request(ledger).status is RequestStatus.FAILED


@pytest.mark.both_databases
def test_nothing_is_tried_again_once_the_next_step_has_gone_or_days_later(ledger: Ledger, recorder: Recorder) -> None:
    world = asked(ledger, recorder)
    with ledger.read() as c:
        customer = c.scalars(sa.select(t.customers.c.customer_id)).one()
    make_request(
        ledger, world, customer, channel=Channel.EMAIL, step=1, status=RequestStatus.SENT, handed_at=NOON,
        address="ana@example.com",
    )  # fmt: skip
    told(ledger)
    assert request(ledger).status is RequestStatus.FAILED
    with ledger.write() as c:
        c.execute(t.requests.update().where(t.requests.c.step == 1).values(handed_at=None, status=RequestStatus.QUEUED))
        c.execute(t.requests.update().where(t.requests.c.step == 0).values(status=RequestStatus.SENT))
    told(ledger, key="about to go")
    assert request(ledger).status is RequestStatus.FAILED
    with ledger.write() as c:
        c.execute(t.requests.update().where(t.requests.c.step == 1).values(status=RequestStatus.CANCELED))
        c.execute(t.requests.update().where(t.requests.c.step == 0).values(status=RequestStatus.SENT))
    told(ledger, at=NOON + timedelta(days=3, minutes=1), key="days later")
    assert request(ledger).status is RequestStatus.FAILED


@pytest.mark.both_databases
@pytest.mark.slow
def test_a_second_message_that_may_not_go_any_more_has_failed_and_is_not_called_canceled(
    ledger: Ledger, recorder: Recorder
) -> None:
    asked(ledger, recorder)
    told(ledger)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=InvitationStatus.STOPPED, stopped_at=LATER))
    plan_and_queue(ledger, now=LATER)
    assert (request(ledger).status, request(ledger).failure_code) == (RequestStatus.FAILED, "30003")


@pytest.mark.both_databases
def test_an_account_that_is_refused_later_holds_its_sender_and_keeps_the_message(
    ledger: Ledger, recorder: Recorder
) -> None:
    world = asked(ledger, recorder)
    told(ledger, code="30034", reason="not registered", scope=FailureScope.SENDER, retry=THRICE)
    with ledger.read() as c:
        [opened] = read_open(c)
    assert (opened.channel, opened.sender, opened.prefix, opened.code) == (Channel.SMS, "recorder", "", "30034")
    assert opened.probe_at is None  # taken is what it was before, too
    make_request(ledger, world, make_customer(ledger, world))
    make_request(ledger, world, make_customer(ledger, world), channel=Channel.EMAIL)
    send_due(ledger, recorder.messengers, now=NOON + timedelta(hours=6))
    assert [message.channel for message in recorder.taken] == [Channel.SMS, Channel.EMAIL]
    with ledger.write() as c:
        assert close(c, opened.breaker_id, by="owner@acme.example")
    told(ledger, number=0, code="30034", scope=FailureScope.SENDER, key="told late", retry=THRICE)
    with ledger.read() as c:
        assert read_open(c) == []  # that message had left before the breaker was closed
    send_due(ledger, recorder.messengers, now=NOON + timedelta(hours=6))
    assert [message.channel for message in recorder.taken] == [Channel.SMS, Channel.EMAIL, Channel.SMS, Channel.SMS]


@pytest.mark.parametrize(
    ("scope", "still_goes"), [(FailureScope.ROUTE, ["+13125550100"]), (FailureScope.SENDER, [])]
)  # fmt: skip
def test_a_refused_route_holds_its_country_and_a_refused_sender_everything(
    ledger: Ledger, scope: FailureScope, still_goes: list[str]
) -> None:
    recorder = Recorder(
        lambda message: PermanentFailure("21408", "no", scope) if message.to == "+447911123456" else None
    )
    world = asked(ledger, recorder)
    assert request(ledger).status is RequestStatus.FAILED
    for phone in ("+447911999999", "+13125550100"):
        make_request(ledger, world, make_customer(ledger, world, phone=phone))
    send_due(ledger, recorder.messengers, now=NOON)
    assert [message.to for message in recorder.taken] == still_goes


def make_whatsapp(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        c.execute(t.channels.update().values(is_enabled=True))
        template = insert(
            c, t.templates, account_id=world.account_id, slug="ask", channel=Channel.WHATSAPP, language="en", version=1,
            body="Hi {{ first_name }}, please tell us here how it was: {{ link }} Thank you very much.",
            provider_template_id="HX" + "0" * 32, approval=TemplateApproval.APPROVED,
        )  # fmt: skip
    world = replace(world, templates={Channel.WHATSAPP: template})
    make_request(ledger, world, make_customer(ledger, world, phone="+447911123456"), channel=Channel.WHATSAPP)


def approval(ledger: Ledger) -> TemplateApproval:
    with ledger.read() as c:
        of_whatsapp = t.templates.c.channel == Channel.WHATSAPP
        return TemplateApproval(c.scalars(sa.select(t.templates.c.approval).where(of_whatsapp)).one())


def test_a_template_that_meta_refuses_at_the_call_is_not_used_again_and_the_message_waits(ledger: Ledger) -> None:
    recorder = Recorder(lambda _: TemporaryFailure("63041", "template paused", template=TemplateApproval.PAUSED))
    make_whatsapp(ledger)
    send_due(ledger, {Channel.WHATSAPP: recorder}, now=NOON)
    assert (approval(ledger), request(ledger).status) == (TemplateApproval.PAUSED, RequestStatus.QUEUED)
    assert send_due(ledger, {Channel.WHATSAPP: recorder}, now=NOON + timedelta(hours=1)).counts == {}


@pytest.mark.both_databases
def test_a_template_that_was_disabled_is_told_of_by_the_message_that_failed(ledger: Ledger, recorder: Recorder) -> None:
    make_whatsapp(ledger)
    send_due(ledger, {Channel.WHATSAPP: recorder}, now=NOON)
    told(ledger, code="63042", template=TemplateApproval.DISABLED, retry=THRICE)
    assert (approval(ledger), request(ledger).status) == (TemplateApproval.DISABLED, RequestStatus.QUEUED)
    with ledger.read() as c:
        assert read_open(c) == []


@pytest.mark.both_databases
def test_codes_are_counted_by_provider_whether_told_at_the_call_or_later(ledger: Ledger) -> None:
    recorder = Recorder(
        lambda message: (
            PermanentFailure("99999", "error 99999", FailureScope.MESSAGE) if message.channel is Channel.EMAIL else None
        )
    )
    world = asked(ledger, recorder)
    told(ledger, code="99999", retry=None)
    told(ledger, EventKind.UNKNOWN, code="mislaid")
    make_request(ledger, world, make_customer(ledger, world), channel=Channel.EMAIL)
    send_due(ledger, recorder.messengers, now=NOON)
    with ledger.read() as c:
        since = ledger.now(c) - timedelta(days=1)
        assert count_codes(c, since) == [
            CodeCount("recorder", "99999", is_known_word=True, count=2),
            CodeCount("recorder", "mislaid", is_known_word=False, count=1),
        ]
        assert count_codes(c, since + timedelta(days=2)) == []
