"""What a person is told who asks why somebody was asked or not. On both databases."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import AddressKind, Channel, EventKind, InvitationStatus, RequestStatus
from invitations.why import why
from tests.world import NOON, insert, make_customer, make_request, make_world, suppress

PHONE = "+13125550100"
ASKED = "Acme Chicago: asked on Mon 23 Nov 2026, 12:00 Chicago time; "


def explain(ledger: Ledger, contact: str, now: datetime = NOON) -> list[str]:
    [explanation] = why(ledger, contact, now=now)
    return explanation.lines()


def test_somebody_new_may_be_asked_now(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone=PHONE)
    assert explain(ledger, "ana@example.com") == ["Acme Chicago: may be asked now, by SMS"]


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
        "Acme New York: may be asked from Tue 24 Nov 2026, 08:00 New York time, by e-mail",
        "quiet until 08:00 New York time, Tue 24 Nov",
    ]


def test_somebody_asked_hears_when_and_what_comes_next(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, email="ana@example.com", phone=PHONE)
    make_request(ledger, world, customer, status=RequestStatus.DELIVERED, handed_at=NOON)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(first_handed_at=NOON))
    assert explain(ledger, PHONE, NOON + timedelta(days=1)) == [
        ASKED + "next: e-mail from Thu 26 Nov 2026, 12:00 Chicago time",
        "last: SMS handed over, Mon 23 Nov 2026, 12:00 Chicago time",
        "follow-up 1 waits until 12:00 Chicago time, Thu 26 Nov",
    ]


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
    ]


def test_who_comes_first_for_the_last_units_is_told_to_those_who_must_wait(ledger: Ledger) -> None:
    world = make_world(ledger, quota=1)
    make_customer(ledger, world, email="first@example.com")
    make_customer(ledger, world, email="second@example.com")
    assert explain(ledger, "first@example.com") == ["Acme Chicago: may be asked now, by e-mail"]
    assert explain(ledger, "second@example.com") == [
        "Acme Chicago: may be asked from Tue 1 Dec 2026, 08:00 Chicago time, by e-mail",
        "this cycle's invitations are used up; waits until 00:00 Chicago time, Tue 1 Dec",
    ]
