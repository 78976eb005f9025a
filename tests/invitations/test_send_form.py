"""Somebody typed in by hand: taken in as an import would, asked for, and told of before; what the form offers."""

from typing import Any

import pytest
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger.candidate_sources import count_without_unit
from data.ledger.form_texts import find_recipient
from data.ledger.store import Ledger
from data.words import AddressKind, Channel, ConsentBasis, Role, Source
from invitations import send_form
from invitations.actor import Actor, Done, Refused
from invitations.foresee_ask import ForeseenAsk
from invitations.queueing import plan_and_queue
from invitations.send_form import Newcomer, ask_newcomer, foresee_newcomer, read_choices, read_newcomer, read_time
from invitations.send_preview import preview
from invitations.send_test import MOST_A_DAY, ask_for_test, last_problem
from pipelines.asked import carry_out_jobs
from tests.recorder import Recorder
from tests.world import NOON, World, insert, make_customer, make_request, make_world, suppress

pytestmark = pytest.mark.one_database

BOTH = (Channel.SMS, Channel.EMAIL)


def owner(world: World) -> Actor:
    return Actor("owner@acme.example", Role.OWNER, world.account_id)


def typed(world: World, name: str = "Dana Fox", email: str = "", phone: str = "", **more: Any) -> Newcomer:
    return Newcomer(world.chicago, name, email, phone, **more)


def rows_of(ledger: Ledger, *tables: Any) -> list[int]:
    with ledger.read() as c:
        return [len(c.execute(table.select()).all()) for table in tables]


@pytest.mark.both_databases
@pytest.mark.slow
def test_a_new_customer_comes_in_by_hand_as_an_import_would_read_them_and_is_asked(ledger: Ledger) -> None:
    world = make_world(ledger)
    fox = typed(world, " fox, dana ", " Dana.Fox@Example.COM ", "(312) 555-0123", consent=ConsentBasis.PURCHASE)
    seen = foresee_newcomer(ledger, owner(world), fox, channels=BOTH, now=NOON)
    assert isinstance(seen, ForeseenAsk)
    assert seen.earliest_at is not None
    assert [(one.channel, one.address) for one in seen.messages] == [
        (Channel.SMS, "+13125550123"),
        (Channel.EMAIL, "dana.fox@example.com"),
    ]
    everything = (t.customers, t.people, t.person_addresses, t.consents, t.manual_asks, t.jobs, t.audit)
    assert rows_of(ledger, *everything) == [0] * len(everything)  # only looked at

    answer = ask_newcomer(ledger, owner(world), fox, channels=BOTH, now=NOON)
    assert isinstance(answer, Done), answer
    with ledger.read() as c:
        customer = c.execute(t.customers.select()).one()
        consent = c.execute(t.consents.select()).one()
        audit = [(row.action, row.actor) for row in c.execute(t.audit.select().order_by(t.audit.c.audit_id))]
    assert (customer.first_name, customer.last_name, customer.source) == ("dana", "fox", Source.MANUAL)
    assert (customer.email, customer.phone) == ("dana.fox@example.com", "+13125550123")
    assert (consent.basis, consent.recorded_by) == (ConsentBasis.PURCHASE, "owner@acme.example")
    assert audit == [("ask", "owner@acme.example"), ("take_in", "owner@acme.example")]
    plan_and_queue(ledger, now=NOON)
    with ledger.read() as c:
        queued = {(row.channel, row.address) for row in c.execute(t.requests.select())}
        assert c.execute(t.invitations.select()).one().sent_by == "owner@acme.example"
    assert queued == {(one.channel, one.address) for one in seen.messages}


@pytest.mark.slow
def test_what_was_typed_wrong_is_said_field_by_field_and_nothing_is_taken_in(ledger: Ledger) -> None:
    world = make_world(ledger)
    for wrong, said in (
        (typed(world), "Enter a phone number or an email address."),
        (typed(world, " ", "dana@example.com"), "Enter the name."),
        (typed(world, phone="12"), "Phone: "),
        (typed(world, email="dana@", phone="312 555 0123"), "Email: "),
    ):
        for answer in (
            read_newcomer(ledger, owner(world), wrong, now=NOON),
            foresee_newcomer(ledger, owner(world), wrong, now=NOON),
            ask_newcomer(ledger, owner(world), wrong, now=NOON),
        ):
            assert isinstance(answer, Refused)
            assert answer.reason.startswith(said)
    assert rows_of(ledger, t.customers, t.manual_asks) == [0, 0]


def test_a_known_customer_who_is_typed_in_is_found_and_no_second_one_is_made(ledger: Ledger) -> None:
    world = make_world(ledger)
    ana = make_customer(ledger, world, email="ana@example.com")
    again = typed(world, "Ana Ruiz", "ANA@example.com", "+1 312 555 0177")
    assert isinstance(ask_newcomer(ledger, owner(world), again, channels=BOTH, now=NOON), Done)
    with ledger.read() as c:
        customer = c.execute(t.customers.select()).one()
        assert c.execute(t.manual_asks.select()).one().customer_id == ana
    assert (customer.phone, customer.source) == ("+13125550177", Source.CSV)


def test_two_peoples_addresses_are_not_made_one_by_a_slip(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com")
    make_customer(ledger, world, phone="+13125550111")
    slip = typed(world, "Ana", "ana@example.com", "+13125550111")
    for answer in (
        foresee_newcomer(ledger, owner(world), slip, now=NOON),
        ask_newcomer(ledger, owner(world), slip, now=NOON),
    ):
        assert isinstance(answer, Refused)
        assert "another" in answer.reason
    assert rows_of(ledger, t.people) == [2]


@pytest.mark.slow
def test_who_is_typed_in_hears_of_others_only_where_these_could_use_the_last_units_up(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(ledger)
    for name in ("ana", "ben"):
        make_customer(ledger, world, email=f"{name}@example.com")
    counted: list[int | None] = []

    def count(c: Connection, account_id: int, *, up_to: int | None = None) -> int:
        counted.append(up_to)
        return count_without_unit(c, account_id, up_to=up_to)

    monkeypatch.setattr(send_form, "count_without_unit", count)
    for units, is_told in ((2, True), (3, False)):
        with ledger.write() as c:
            c.execute(t.accounts.update().values(invitations_per_cycle=units))
        found = foresee_newcomer(ledger, owner(world), typed(world, email="dana@example.com"), now=NOON)
        assert isinstance(found, ForeseenAsk)
        assert any("others may be waiting" in reason for reason in found.explanation.reasons) == is_told
    assert counted == [2, 3]  # a million customers are not counted one by one


@pytest.mark.slow
def test_who_must_not_be_contacted_is_refused_before_and_not_taken_in(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, phone="+13125550111", location_id=world.new_york)
    suppress(ledger, world, AddressKind.PHONE, "+13125550111")
    said_stop = typed(world, phone="312-555-0111")
    seen = foresee_newcomer(ledger, owner(world), said_stop, channels=[Channel.SMS], now=NOON)
    assert isinstance(seen, Refused)
    assert "must not be contacted" in seen.reason
    assert ask_newcomer(ledger, owner(world), said_stop, channels=[Channel.SMS], now=NOON) == seen
    assert rows_of(ledger, t.customers, t.manual_asks) == [1, 0]


@pytest.mark.slow
def test_the_cap_of_another_location_holds_for_who_is_typed_in_and_a_reason_sets_it_aside(ledger: Ledger) -> None:
    world = make_world(ledger)
    there = make_customer(ledger, world, email="ana@example.com", location_id=world.new_york)
    make_request(ledger, world, there, channel=Channel.EMAIL)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(first_handed_at=NOON))
    here = typed(world, "Ana", "ana@example.com")
    held = foresee_newcomer(ledger, owner(world), here, channels=[Channel.EMAIL], now=NOON)
    assert isinstance(held, ForeseenAsk)
    assert any("asked" in reason for reason in held.explanation.reasons)
    free = foresee_newcomer(
        ledger, owner(world), here, channels=[Channel.EMAIL], override_reason="She asked for the link", now=NOON
    )
    assert isinstance(free, ForeseenAsk)
    assert free.explanation.reasons == []


def test_nobody_sends_beyond_their_role_or_locations(ledger: Ledger) -> None:
    world = make_world(ledger)
    fox = typed(world, email="dana@example.com")
    viewer = Actor("viewer@acme.example", Role.VIEWER, world.account_id)
    elsewhere = Actor("manager@acme.example", Role.MANAGER, world.account_id, frozenset({world.new_york}))
    for actor, said in ((viewer, "Viewer role cannot"), (elsewhere, "locations you look after")):
        for answer in (
            read_newcomer(ledger, actor, fox, now=NOON),
            foresee_newcomer(ledger, actor, fox, now=NOON),
            ask_newcomer(ledger, actor, fox, now=NOON),
        ):
            assert isinstance(answer, Refused)
            assert said in answer.reason
    assert rows_of(ledger, t.customers) == [0]


def test_the_form_offers_channels_with_the_reasons_of_those_that_are_off_and_the_sequences_text_first(
    ledger: Ledger,
) -> None:
    world = make_world(ledger)
    choices = read_choices(ledger, owner(world), world.chicago)
    assert {one.channel: one.is_available for one in choices.offers} == {
        Channel.SMS: True,
        Channel.EMAIL: True,
        Channel.WHATSAPP: False,
    }
    assert [one.reason for one in choices.offers if not one.is_available] == [
        "WhatsApp is switched off for this location in the account's settings."
    ]
    assert choices.texts == ["ask", "reminder"]
    assert list(choices.usual) == [Channel.SMS, Channel.EMAIL]


def test_a_time_is_read_on_the_locations_clock(ledger: Ledger) -> None:
    at = read_time("2026-12-01 10:00", "America/Chicago", NOON)
    assert not isinstance(at, Refused)
    assert at.isoformat() == "2026-12-01T16:00:00+00:00"
    assert isinstance(read_time("2026-11-01 10:00", "America/Chicago", NOON), Refused)


def test_the_preview_is_the_message_with_the_persons_values_its_segments_and_its_price(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        insert(
            c, t.templates, account_id=world.account_id, slug="ask", channel=Channel.SMS, language="es", version=1,
            body="Hola {{ first_name }} {{ link }} " + "x" * 160,
        )  # fmt: skip
    ana = make_customer(ledger, world, email="ana@example.com", phone="+13125550100", locale="es-MX")
    with ledger.read() as c:
        person = find_recipient(c, world.account_id, None, ana)
    assert person is not None
    sms, mail, whatsapp = preview(ledger, owner(world), person, channels=[*BOTH, Channel.WHATSAPP], template_slug="ask")
    assert sms.body.startswith("Hola Ana http")
    assert "/r/their-own-link x" in sms.body
    assert sms.segments == 2
    assert sms.price is not None
    assert sms.price > 0
    assert mail.subject == "How was your visit, Ana?"
    assert mail.body.endswith("1 Main Street, Chicago")  # the English one: there is no other
    assert whatsapp.problem == "This template has no words for WhatsApp."
    fox = read_newcomer(ledger, owner(world), typed(world, "{{ link }} Fox", email="d@example.com"), now=NOON)
    assert not isinstance(fox, Refused)
    assert "{{" not in preview(ledger, owner(world), fox, channels=BOTH, template_slug="ask")[0].body


def test_a_test_goes_to_oneself_and_to_no_customer(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, phone="+13125550111")
    chosen: dict[str, Any] = {"template_slug": "reminder", "location_id": world.new_york}
    mail = ask_for_test(ledger, owner(world), channel=Channel.EMAIL, **chosen)
    assert isinstance(mail, Done)
    for phone, said in (("312 555 0111", "a customer's number"), ("12", "Phone: ")):
        answer = ask_for_test(ledger, owner(world), channel=Channel.SMS, phone=phone, **chosen)
        assert isinstance(answer, Refused)
        assert said in answer.reason
    assert isinstance(ask_for_test(ledger, owner(world), channel=Channel.SMS, phone="312 555 0199", **chosen), Done)
    recorder = Recorder()
    assert carry_out_jobs(ledger, recorder.messengers) == {"done": 2, "failed": 0}
    assert [message.to for message in recorder.taken] == ["owner@acme.example", "+13125550199"]
    assert all("Acme New York" in message.text for message in recorder.taken)
    assert last_problem(ledger, owner(world)) is None
    ask_for_test(ledger, owner(world), channel=Channel.EMAIL, **chosen)
    with ledger.write() as c:  # who asked and lost the right before it was carried out
        c.execute(t.users.update().where(t.users.c.email == "owner@acme.example").values(role=Role.VIEWER))
    assert carry_out_jobs(ledger, recorder.messengers) == {"done": 0, "failed": 1}
    assert "may not send for this location any more" in (last_problem(ledger, owner(world)) or "")
    assert len(recorder.taken) == 2
    viewer = Actor("viewer@acme.example", Role.VIEWER, world.account_id)
    assert isinstance(ask_for_test(ledger, viewer, channel=Channel.EMAIL, **chosen), Refused)
    for _ in range(MOST_A_DAY - 3):
        ask_for_test(ledger, owner(world), channel=Channel.EMAIL, **chosen)
    assert isinstance(ask_for_test(ledger, owner(world), channel=Channel.EMAIL, **chosen), Refused)
