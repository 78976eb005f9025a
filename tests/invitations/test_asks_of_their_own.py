"""An ask that names its channels, its text or its time: what is queued, what follows, and what is refused at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import AddressKind, Channel, InvitationStatus, RequestStatus, Role, Source
from invitations.actor import Actor, Done, Refused
from invitations.by_hand import ask
from invitations.foresee import foresee, read_present
from invitations.foresee_ask import ForeseenAsk, foresee_ask
from invitations.prices import load_prices
from invitations.queueing import plan_and_queue
from tests.world import NOON, World, insert, make_customer, make_request, make_world, suppress

pytestmark = pytest.mark.one_database

ALL = (Channel.SMS, Channel.EMAIL, Channel.WHATSAPP)
TOMORROW_AT_TEN = datetime(2026, 11, 24, 16, tzinfo=UTC)  # in Chicago
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def owner(world: World) -> Actor:
    return Actor("owner@acme.example", Role.OWNER, world.account_id)


def requests_of(ledger: Ledger) -> list[Any]:
    with ledger.read() as c:
        slug = sa.select(t.requests, t.templates.c.slug).join(t.templates)
        return list(c.execute(slug.order_by(t.requests.c.step, t.requests.c.request_id)))


def invitations_of(ledger: Ledger) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(t.invitations.select().order_by(t.invitations.c.invitation_id)))


def settle(ledger: Ledger, at: datetime) -> None:
    """Everything queued was handed over."""
    with ledger.write() as c:
        c.execute(
            t.requests.update()
            .where(t.requests.c.status == RequestStatus.QUEUED)
            .values(status=RequestStatus.SENT, handed_at=at)
        )
        c.execute(t.invitations.update().where(t.invitations.c.first_handed_at.is_(None)).values(first_handed_at=at))


def with_text(ledger: Ledger, world: World, slug: str, *channels: Channel) -> None:
    with ledger.write() as c:
        for channel in channels:
            insert(
                c, t.templates, account_id=world.account_id, slug=slug, channel=channel, language="en", version=1,
                subject="Hello", body="Hi {{ first_name }} {{ link }}",
            )  # fmt: skip


@pytest.mark.both_databases
@pytest.mark.slow
def test_the_first_message_goes_by_every_channel_named_and_follow_ups_by_no_other(ledger: Ledger) -> None:
    world = make_world(ledger)
    both, text_only = make_customer(ledger, world), make_customer(ledger, world)
    for customer, channels in ((both, (Channel.EMAIL, Channel.SMS)), (text_only, (Channel.SMS,))):
        assert isinstance(ask(ledger, owner(world), customer, channels=channels, now=NOON), Done)
    plan_and_queue(ledger, now=NOON)
    first, second = invitations_of(ledger)
    assert (first.channels, second.channels) == (["email", "sms"], ["sms"])
    queued = {(row.invitation_id, row.channel) for row in requests_of(ledger)}
    assert queued == {
        (first.invitation_id, Channel.EMAIL), (first.invitation_id, Channel.SMS), (second.invitation_id, Channel.SMS),
    }  # fmt: skip
    settle(ledger, NOON)
    plan_and_queue(ledger, now=NOON + 3 * DAY)
    follow_ups = [row for row in requests_of(ledger) if row.step == 1]
    assert [(row.invitation_id, row.channel) for row in follow_ups] == [(first.invitation_id, Channel.EMAIL)]
    # By text only: the sequence has nothing more for them, and the invitation is over.
    first, second = invitations_of(ledger)
    assert (first.status, second.status) == (InvitationStatus.ACTIVE, InvitationStatus.FINISHED)


@pytest.mark.both_databases
@pytest.mark.slow
def test_the_text_named_is_the_first_messages_and_the_time_that_of_the_ask(ledger: Ledger) -> None:
    world = make_world(ledger)
    with_text(ledger, world, "spring", Channel.SMS)
    with ledger.write() as c:  # the sequence has a delay and an hour of its own
        c.execute(
            t.sequence_steps.update()
            .where(t.sequence_steps.c.step == 0)
            .values(delay_minutes=5 * 24 * 60, at_minute=15 * 60)
        )
    customer = make_customer(ledger, world)
    answer = ask(ledger, owner(world), customer, template_slug="spring", send_at=TOMORROW_AT_TEN, now=NOON)
    assert isinstance(answer, Done)
    assert 'with the text "spring", not before Tue 24 Nov 2026, 10:00 (America/Chicago)' in answer.message
    with ledger.read() as c:
        audited = c.execute(sa.select(t.audit.c.after)).scalar_one()
    assert (audited["template_slug"], audited["send_at"]) == ("spring", TOMORROW_AT_TEN.isoformat())
    plan_and_queue(ledger, now=NOON)
    [request], [invitation] = requests_of(ledger), invitations_of(ledger)
    assert (request.slug, request.channel, request.not_before) == ("spring", Channel.SMS, TOMORROW_AT_TEN)
    assert (invitation.template_slug, invitation.send_at, invitation.channels) == ("spring", TOMORROW_AT_TEN, None)
    plan_and_queue(ledger, now=NOON + HOUR)  # again, and nothing is other than it was
    assert requests_of(ledger)[0].not_before == TOMORROW_AT_TEN
    settle(ledger, TOMORROW_AT_TEN)
    plan_and_queue(ledger, now=TOMORROW_AT_TEN + 3 * DAY)
    assert [row.slug for row in requests_of(ledger)] == ["spring", "reminder"]


def test_a_time_within_quiet_hours_waits_for_the_morning(ledger: Ledger) -> None:
    world = make_world(ledger)
    night = datetime(2026, 11, 24, 9, tzinfo=UTC)  # 03:00
    ask(ledger, owner(world), make_customer(ledger, world), send_at=night, now=NOON)
    plan_and_queue(ledger, now=NOON)
    assert requests_of(ledger)[0].not_before == night + 5 * HOUR


def test_what_the_list_allows_is_set_aside_by_channels_named(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, channels=["email"])
    ask(ledger, owner(world), customer, channels=[Channel.SMS], now=NOON)
    plan_and_queue(ledger, now=NOON)
    assert [row.channel for row in requests_of(ledger)] == [Channel.SMS]


def test_a_newer_ask_names_everything_anew(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    ask(ledger, owner(world), customer, channels=[Channel.EMAIL], now=NOON - DAY)
    ask(ledger, owner(world), customer, override_reason="at the desk", now=NOON)
    plan_and_queue(ledger, now=NOON)
    assert [row.channel for row in requests_of(ledger)] == [Channel.SMS]


def test_an_invitation_that_waits_takes_what_is_named_for_a_reason(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer)
    wanted: dict[str, Any] = {"channels": [Channel.EMAIL], "send_at": TOMORROW_AT_TEN}
    assert isinstance(ask(ledger, owner(world), customer, **wanted, now=NOON), Refused)
    assert isinstance(ask(ledger, owner(world), customer, **wanted, override_reason="as she likes", now=NOON), Done)
    plan_and_queue(ledger, now=NOON)
    by_text, by_mail = requests_of(ledger)
    assert (by_text.status, by_mail.status) == (RequestStatus.CANCELED, RequestStatus.QUEUED)
    assert (by_mail.channel, by_mail.not_before) == (Channel.EMAIL, TOMORROW_AT_TEN)


@pytest.mark.slow
def test_a_simulation_sends_what_planning_would(ledger: Ledger) -> None:
    world = make_world(ledger)
    text_only, later = make_customer(ledger, world), make_customer(ledger, world)
    ask(ledger, owner(world), text_only, channels=[Channel.SMS], now=NOON)
    ask(ledger, owner(world), later, channels=[Channel.SMS, Channel.EMAIL], send_at=TOMORROW_AT_TEN, now=NOON)
    sent = foresee(read_present(ledger, NOON), timedelta(days=12), load_prices()).messages
    assert sent.select("customer_id", "step", "channel", "at").rows() == [
        (text_only, 0, "sms", NOON),
        (later, 0, "email", TOMORROW_AT_TEN),
        (later, 0, "sms", TOMORROW_AT_TEN),
        (later, 1, "email", TOMORROW_AT_TEN + 3 * DAY),
        (later, 2, "email", TOMORROW_AT_TEN + 7 * DAY),
    ]
    assert sent["is_invitation"].sum() == 2


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"channels": []}, "no channel is named"),
    ({"channels": [Channel.WHATSAPP]}, "WhatsApp is switched off for this location"),
    ({"template_slug": "autumn"}, 'There is no text "autumn". There are: ask, mail-only, reminder.'),
    ({"channels": [Channel.SMS], "template_slug": "mail-only"}, 'the text "mail-only" has no words for SMS'),
    ({"send_at": NOON}, "past"),
    ({"send_at": NOON + 400 * DAY}, "more than a year ahead"),
]


@pytest.mark.parametrize(("wanted", "words"), REFUSED)
def test_what_the_settings_cannot_do_is_refused_with_what_there_is(
    ledger: Ledger, wanted: dict[str, Any], words: str
) -> None:
    world = make_world(ledger)
    with_text(ledger, world, "mail-only", Channel.EMAIL)
    customer = make_customer(ledger, world)
    answer = ask(ledger, owner(world), customer, **wanted, now=NOON)
    assert isinstance(answer, Refused)
    assert words in answer.reason
    assert foresee_ask(ledger, owner(world), customer, **wanted, now=NOON) == answer
    with ledger.read() as c:
        assert c.execute(t.manual_asks.select()).all() == []


@pytest.mark.slow
def test_a_channel_they_cannot_be_reached_by_is_refused_alone_and_left_out_among_others(ledger: Ledger) -> None:
    world = make_world(ledger)
    by_mail = make_customer(ledger, world, email="ana@example.com")
    opted_out = make_customer(ledger, world, email="bo@example.com", phone="+13125550177")
    suppress(ledger, world, AddressKind.PHONE, "+13125550177", Channel.SMS)
    for customer, words in ((by_mail, "not given a phone number"), (opted_out, "do not want to be contacted by SMS")):
        refused = ask(ledger, owner(world), customer, channels=[Channel.SMS], now=NOON)
        assert isinstance(refused, Refused)
        assert words in refused.reason
        foreseen = foresee_ask(ledger, owner(world), customer, channels=ALL, now=NOON)
        assert isinstance(foreseen, ForeseenAsk)
        assert [message.channel for message in foreseen.messages] == [Channel.EMAIL]
        assert len(foreseen.left_out) == 2
        assert words in foreseen.left_out[0]
        assert "WhatsApp is switched off" in foreseen.left_out[1]
        assert isinstance(ask(ledger, owner(world), customer, channels=ALL, now=NOON), Done)


WANTED: list[dict[str, Any]] = [
    {},
    {"channels": [Channel.EMAIL, Channel.SMS]},
    {"template_slug": "reminder", "send_at": TOMORROW_AT_TEN},
    {"channels": [Channel.EMAIL], "send_at": NOON + 10 * HOUR},  # 22:00: quiet
    {"override_reason": "she asked for it"},
]


@pytest.mark.parametrize("state", ["new", "waiting", "finished"])
@pytest.mark.parametrize("wanted", WANTED)
@pytest.mark.slow
def test_what_is_foreseen_is_what_planning_then_queues(ledger: Ledger, wanted: dict[str, Any], state: str) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    if state == "waiting":
        make_request(ledger, world, customer, not_before=NOON + HOUR)
        wanted = {"override_reason": "as she likes", **wanted}
    if state == "finished":
        make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=NOON - 20 * DAY, now=NOON - 20 * DAY)
        with ledger.write() as c:
            values = {"status": InvitationStatus.FINISHED, "first_handed_at": NOON - 20 * DAY}
            c.execute(t.invitations.update().values(**values))
    foreseen = foresee_ask(ledger, owner(world), customer, **wanted, now=NOON)
    assert isinstance(foreseen, ForeseenAsk)
    with ledger.read() as c:
        assert c.execute(t.manual_asks.select()).all() == c.execute(t.jobs.select()).all() == []
    assert isinstance(ask(ledger, owner(world), customer, **wanted, now=NOON), Done)
    plan_and_queue(ledger, now=NOON)
    queued = [row for row in requests_of(ledger) if row.status is RequestStatus.QUEUED]
    if state == "finished" and "override_reason" not in wanted:  # nobody is invited twice, the settings say
        assert queued == []
        assert foreseen.earliest_at is None
        assert any("asked 20 days ago" in line for line in foreseen.lines())
        return
    told = {
        (message.channel, message.template_id, message.address, message.earliest_at) for message in foreseen.messages
    }
    assert told == {(row.channel, row.template_id, row.address, row.not_before) for row in queued}


def test_what_came_through_the_hook_is_sent_by_nobody_in_person(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, source=Source.WEBHOOK)
    ask(ledger, Actor("webhook", Role.OWNER, world.account_id), customer, now=NOON)
    plan_and_queue(ledger, now=NOON)
    assert invitations_of(ledger)[0].sent_by is None
