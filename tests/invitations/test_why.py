"""What a person is told who asks why somebody was asked or not. On both databases."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.breakers import open_breaker
from data.ledger.rates import take
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import AddressKind, Channel, EventKind, InvitationStatus, RequestStatus, Source
from invitations.why import why
from tests.world import NOON, RULES, insert, make_customer, make_request, make_world, suppress

pytestmark = pytest.mark.one_database

PHONE = "+13125550100"
ASKED = "Acme Chicago: asked on Mon 23 Nov 2026, 12:00 Chicago time; "


def explain(ledger: Ledger, contact: str, now: datetime = NOON) -> list[str]:
    [explanation] = why(ledger, contact, now=now)
    return explanation.lines()


def test_somebody_new_may_be_asked_now(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone=PHONE)
    assert explain(ledger, "ana@example.com") == ["Acme Chicago: may be asked now, by SMS"]


@pytest.mark.slow
def test_the_contact_may_be_typed_in_any_usual_way(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, email="ana@example.com", phone=PHONE)
    for typed in ("Ana@Example.com ", "(312) 555-0100", "312.555.0100", "+1 312 555 0100", "1-312-555-0100"):
        assert [found.customer_id for found in why(ledger, typed, now=NOON)] == [customer]


def test_nobody_is_found_under_an_unknown_or_senseless_contact(ledger: Ledger) -> None:
    make_world(ledger)
    for typed in ("nobody@example.com", "+442079460000", "ana", "@", ""):
        assert why(ledger, typed, now=NOON) == []


def test_at_night_it_says_until_when_it_is_quiet_there(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", location_id=world.new_york)
    assert explain(ledger, "ana@example.com", NOON + timedelta(hours=9)) == [
        "Acme New York: may be asked from Tue 24 Nov 2026, 08:00 New York time, by email",
        "quiet until 08:00 New York time, Tue 24 Nov",
    ]


def test_where_no_hour_is_open_it_says_that_none_ever_is(ledger: Ledger) -> None:
    world = make_world(ledger)
    night = {"region": "US", "opens": "22:00", "closes": "23:00", "source": "x", "read_on": "2026-11-20"}
    set_rules(ledger, stricter_hours=[night])
    make_customer(ledger, world, email="ana@example.com")
    assert explain(ledger, "ana@example.com") == [
        "Acme Chicago: not asked at present",
        "quiet, and the hours that hold for them never open",
    ]


def test_a_channel_that_is_off_and_one_without_a_consent_are_each_given_as_such(ledger: Ledger) -> None:
    world = make_world(ledger)
    needed = {"country": "US", "channels": ["sms"], "bases": {"express": 0}, "source": "x", "read_on": "2026-11-20"}
    set_rules(ledger, consent=[needed])
    make_customer(ledger, world, email="ana@example.com", phone=PHONE)
    with ledger.write() as c:
        c.execute(t.channels.update().where(t.channels.c.channel == Channel.EMAIL).values(is_enabled=False))
    assert explain(ledger, "ana@example.com")[1:] == [
        "a channel of this message is switched off for the location, or not allowed by the list",
        "no consent on record, and one is needed in US for SMS",
    ]


@pytest.mark.both_databases
@pytest.mark.slow
def test_somebody_asked_hears_when_and_what_comes_next(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, email="ana@example.com", phone=PHONE)
    make_request(ledger, world, customer, status=RequestStatus.DELIVERED, handed_at=NOON)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(first_handed_at=NOON))
    assert explain(ledger, PHONE, NOON + timedelta(days=1)) == [
        ASKED + "next: email from Thu 26 Nov 2026, 12:00 Chicago time",
        "last: SMS handed over, Mon 23 Nov 2026, 12:00 Chicago time",
        "follow-up 1 waits until 12:00 Chicago time, Thu 26 Nov",
    ]


@pytest.mark.slow
def test_somebody_who_answered_hears_of_nothing_that_would_still_wait(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, email="ana@example.com", phone=PHONE)
    make_request(ledger, world, customer, status=RequestStatus.DELIVERED, handed_at=NOON)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(first_handed_at=NOON, status=InvitationStatus.ANSWERED))
    told = explain(ledger, PHONE, NOON + timedelta(days=1))
    assert "they have answered, so nothing more is sent" in told
    assert not [line for line in told if "waits" in line]


def test_somebody_who_opted_out_is_not_asked_whatever_else_holds(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone=PHONE)
    suppress(ledger, world, AddressKind.PHONE, PHONE)
    heading, reason = explain(ledger, "ana@example.com")
    assert heading == "Acme Chicago: not asked at present"
    assert "must not be contacted" in reason


def test_a_stopped_invitation_says_what_would_let_it_go_on(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world, email="ana@example.com"), channel=Channel.EMAIL)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=InvitationStatus.STOPPED))
    assert explain(ledger, "ana@example.com") == [
        "Acme Chicago: not asked at present",
        "the invitation was stopped; it goes on when someone restarts it",
    ]


def test_when_every_message_has_gone_it_says_so_and_what_happened_last(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, email="ana@example.com", phone=PHONE)
    make_request(ledger, world, customer, status=RequestStatus.DELIVERED, handed_at=NOON)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(first_handed_at=NOON, status=InvitationStatus.FINISHED))
        person = c.scalar(sa.select(t.customers.c.person_id))
        insert(
            c, t.events, account_id=world.account_id, kind=EventKind.CLICKED, occurred_at=NOON + timedelta(hours=1),
            recorded_at=NOON, person_id=person, location_id=world.chicago,
        )  # fmt: skip
    assert explain(ledger, PHONE) == [
        ASKED + "every message has gone",
        "last: link clicked, Mon 23 Nov 2026, 13:00 Chicago time",
        "nobody is invited a second time: the settings say so",
    ]


@pytest.mark.slow
def test_who_comes_first_for_the_last_units_is_told_to_those_who_must_wait(ledger: Ledger) -> None:
    world = make_world(ledger, quota=1)
    make_customer(ledger, world, email="first@example.com")
    make_customer(ledger, world, email="second@example.com")
    assert explain(ledger, "first@example.com") == ["Acme Chicago: may be asked now, by email"]
    assert explain(ledger, "second@example.com") == [
        "Acme Chicago: may be asked from Tue 1 Dec 2026, 08:00 Chicago time, by email",
        "this cycle's invitations are used up; waits until 00:00 Chicago time, Tue 1 Dec",
    ]


def test_a_number_from_elsewhere_is_quiet_by_its_own_clock(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, phone="+12135550100")  # Los Angeles, asked by Chicago
    assert explain(ledger, "+12135550100", NOON + timedelta(hours=21)) == [  # 9 in Chicago, 7 there
        "Acme Chicago: may be asked from Tue 24 Nov 2026, 10:00 Chicago time, by SMS",
        "quiet until 08:00 Los Angeles time, Tue 24 Nov",
    ]


@pytest.mark.both_databases
def test_who_comes_again_too_soon_hears_how_long_ago_it_was_and_when_again(ledger: Ledger) -> None:
    world = make_world(ledger)
    set_rules(ledger, cap_days=72, invite_again_after_days=72)
    customer = make_customer(ledger, world, email="ana@example.com", occasion_at=NOON + timedelta(days=12))
    make_request(ledger, world, customer, channel=Channel.EMAIL, status=RequestStatus.SENT, handed_at=NOON)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(first_handed_at=NOON, status=InvitationStatus.FINISHED))
    assert explain(ledger, "ana@example.com", NOON + timedelta(days=12)) == [
        ASKED + "may be invited again from Wed 3 Feb 2027, 12:00 Chicago time, by email",
        "last: email handed over, Mon 23 Nov 2026, 12:00 Chicago time",
        "invited 12 days ago; not invited again until 12:00 Chicago time, Wed 3 Feb",
        "asked 12 days ago; not asked again until 12:00 Chicago time, Wed 3 Feb",
    ]


def test_when_every_message_has_gone_it_says_from_when_a_new_visit_would_count(ledger: Ledger) -> None:
    world = make_world(ledger)
    set_rules(ledger, cap_days=72, invite_again_after_days=72)
    customer = make_customer(ledger, world, email="ana@example.com")
    make_request(ledger, world, customer, channel=Channel.EMAIL, status=RequestStatus.SENT, handed_at=NOON)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(first_handed_at=NOON, status=InvitationStatus.FINISHED))
    assert explain(ledger, "ana@example.com")[-1] == (
        "if they come again, they may be invited again from Wed 3 Feb 2027, 12:00 Chicago time"
    )


@pytest.mark.both_databases
def test_one_person_at_two_locations_hears_which_ask_goes_first(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com")
    with ledger.write() as c:
        person = c.scalar(sa.select(t.customers.c.person_id))
        insert(
            c, t.customers, account_id=world.account_id, location_id=world.new_york, person_id=person,
            email="ana@example.com", source=Source.CSV,
        )  # fmt: skip
    chicago, new_york = why(ledger, "ana@example.com", now=NOON)
    assert chicago.lines() == ["Acme Chicago: may be asked now, by email"]
    assert new_york.lines() == [
        "Acme New York: may be asked from Sun 21 Feb 2027, 13:00 New York time, by email",
        "they are asked for another visit first; not asked again until 13:00 New York time, Sun 21 Feb",
    ]


def set_rules(ledger: Ledger, **rules: Any) -> None:
    with ledger.write() as c:
        c.execute(t.policies.update().values(rules=RULES | rules))


@pytest.mark.slow
def test_a_sender_that_is_refused_is_given_as_the_reason_where_it_concerns_the_message(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone=PHONE)
    make_customer(ledger, world, email="bo@example.com")
    refused = {"code": "30034", "reason": "not registered", "is_probed": False}
    with ledger.write() as c:
        open_breaker(c, Channel.SMS, "+13125550199", **refused)  # type: ignore[arg-type]
        open_breaker(c, Channel.SMS, "+13125550199", prefix="+44", **refused)  # type: ignore[arg-type]
    assert explain(ledger, "ana@example.com")[1:] == [
        "no SMS leaves: the provider refuses our sender (not registered, 30034), until someone closes the breaker"
    ]
    assert explain(ledger, "bo@example.com") == ["Acme Chicago: may be asked now, by email"]


def test_a_sender_that_is_tried_again_by_itself_says_when(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone=PHONE)
    with ledger.write() as c:
        open_breaker(c, Channel.SMS, "+13125550199", code="20003", reason="token refused")
    told = explain(ledger, PHONE)[1]
    assert told.startswith("no SMS leaves: the provider refuses our sender (token refused, 20003); one message tries")
    assert "about 12:1" in told  # a quarter of an hour on the policy clock, give or take the test's own seconds
    assert told.endswith("Chicago time, Mon 23 Nov")


@pytest.mark.slow
def test_a_day_of_the_sender_that_is_used_up_is_given_as_the_reason(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone=PHONE)
    pace = Pace(sms_per_day=2)
    with ledger.write() as c:
        take(c, Channel.SMS, "+13125550199", [1, 1], per_second=None, per_day=2, day_zone=pace.sending_day_zone)
    [found] = why(ledger, PHONE, now=NOON, pace=pace)
    assert found.reasons == [
        "the sender has sent as many by SMS today as it may (2 segments); others wait until midnight Los Angeles time"
    ]
    assert why(ledger, PHONE, now=NOON, pace=Pace(sms_per_day=3))[0].reasons == []
