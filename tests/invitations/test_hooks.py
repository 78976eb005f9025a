"""Customers from another system: taken in as by an import, asked for once, whatever is repeated or comes at once."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import structlog

from data.ledger import tables as t
from data.ledger.hook_calls import KEPT
from data.ledger.store import Ledger
from data.words import AddressKind, Channel, ConsentBasis, InvitationStatus, RequestStatus, Source
from invitations.hooks import HookAnswer, take_call
from invitations.queueing import plan_and_queue
from tests.world import NOON, World, insert, make_customer, make_request, make_world, suppress

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

CALL: dict[str, Any] = {
    "id": "visit-4711", "location": "chicago", "name": "Ana Ruiz", "email": "Ana@Example.com",
    "phone": "(312) 555-0100", "locale": "es-US", "employee": "Dr. Lee", "visited_at": "2026-11-22",
}  # fmt: skip


def call(ledger: Ledger, *, header: str | None = None, now: datetime = NOON, **changed: Any) -> HookAnswer:
    """CALL with some fields changed, None taking one away."""
    body = {name: value for name, value in (CALL | changed).items() if value is not None}
    return take_call(ledger, json.dumps(body).encode(), header, now=now)


def rows(ledger: Ledger, table: sa.Table) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(table.select().order_by(*table.primary_key.columns)).all())


def nothing_came_in(ledger: Ledger) -> bool:
    return not any(rows(ledger, table) for table in (t.customers, t.manual_asks, t.hook_calls, t.jobs))


@pytest.mark.both_databases
def test_a_call_brings_a_customer_in_and_asks_for_an_invitation_that_planning_starts(ledger: Ledger) -> None:
    make_world(ledger)
    answer = call(
        ledger, consent={"basis": "express", "given_at": "2026-11-20", "wording": "Yes, ask me"},
        channels=["email", "sms"], template="reminder", send_at="2026-11-24 10:00",
    )  # fmt: skip
    [customer], [ask], [consent] = rows(ledger, t.customers), rows(ledger, t.manual_asks), rows(ledger, t.consents)
    assert answer.status == 202
    assert (answer.body["asked"], answer.body["ask_id"], answer.body["left_out"]) == (True, ask.manual_ask_id, [])
    told = json.dumps(answer.body)
    assert not [private for private in ("Ana", "ana@", "5550100", "Ruiz") if private in told]
    assert (customer.first_name, customer.last_name, customer.email, customer.phone, customer.source) == (
        "Ana", "Ruiz", "ana@example.com", "+13125550100", Source.WEBHOOK,
    )  # fmt: skip
    assert (customer.locale, customer.employee, customer.occasion_at) == ("es-US", "Dr. Lee", NOON)
    assert (consent.basis, consent.wording, consent.how, consent.recorded_by) == (
        ConsentBasis.EXPRESS, "Yes, ask me", "POST /hooks/customers, field consent", "webhook",
    )  # fmt: skip
    assert (ask.channels, ask.template_slug, ask.send_at) == (
        ["email", "sms"], "reminder", datetime(2026, 11, 24, 16, tzinfo=UTC),
    )  # fmt: skip
    assert [job.kind for job in rows(ledger, t.jobs)] == ["plan"]
    plan_and_queue(ledger, now=NOON)
    [invitation] = rows(ledger, t.invitations)
    assert (invitation.sent_by, invitation.template_slug) == (None, "reminder")
    assert {row.channel for row in rows(ledger, t.requests)} == {Channel.EMAIL, Channel.SMS}


@pytest.mark.both_databases
def test_the_same_call_again_gets_the_same_answer_and_does_nothing(ledger: Ledger) -> None:
    make_world(ledger)
    first = call(ledger)
    after_years = call(ledger, now=NOON + timedelta(days=800))
    assert after_years == first
    assert [len(rows(ledger, table)) for table in (t.customers, t.manual_asks, t.audit, t.hook_calls)] == [1, 1, 1, 1]
    other = call(ledger, name="Bo Ruiz")
    assert other.status == 409
    assert "another body" in other.body["message"]
    assert rows(ledger, t.customers)[0].first_name == "Ana"


@pytest.mark.both_databases
def test_calls_at_once_of_one_key_do_it_once(ledger: Ledger) -> None:
    make_world(ledger)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: call(ledger), range(6)))
    assert {answer.status for answer in answers} == {202}
    assert len({answer.body["ask_id"] for answer in answers}) == 1
    assert [len(rows(ledger, table)) for table in (t.customers, t.manual_asks, t.hook_calls)] == [1, 1, 1]


@pytest.mark.both_databases
def test_calls_at_once_of_many_keys_about_one_person_ask_once_and_plan_once(ledger: Ledger) -> None:
    make_world(ledger)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda number: call(ledger, id=f"visit-{number}"), range(6)))
    assert sorted(answer.status for answer in answers) == [200] * 5 + [202]
    assert [len(rows(ledger, table)) for table in (t.customers, t.people, t.manual_asks)] == [1, 1, 1]
    assert 1 <= len(rows(ledger, t.jobs)) <= 6
    [why] = {answer.body["why"] for answer in answers if answer.status == 200}
    assert why.startswith("Somebody asked for this already")


def test_the_key_may_come_in_the_header_and_must_come_once(ledger: Ledger) -> None:
    make_world(ledger)
    assert call(ledger, id=None).status == call(ledger, header="other").status == 422
    for odd in ("", "a b", "é", "x" * 201):
        assert call(ledger, id=None, header=odd).status == 422
    assert nothing_came_in(ledger)
    assert call(ledger, header="visit-4711").status == 202
    assert call(ledger, id=None, header="visit-4712", email="bo@example.com", phone=None).status == 202
    assert [row.idempotency_key for row in rows(ledger, t.hook_calls)] == ["visit-4711", "visit-4712"]


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"location": "boston"}, "location", "one of: chicago, new-york"),
    ({"email": "nonsense", "phone": "12"}, "phone", "too short for a phone number"),
    ({"email": None, "phone": None}, "email", "an email address, a phone number"),
    ({"template": "autumn"}, "template", "There are: ask, reminder"),
    ({"channels": ["whatsapp"]}, "channels", "WhatsApp is switched off"),
    ({"channels": []}, "channels", "no channel is named"),
    ({"send_at": "soon"}, "send_at", "a time to come, such as"),
    ({"send_at": "2026-11-20 10:00"}, "send_at", "a time to come, such as"),
    ({"send_at": "2025-11-20T10:00:00Z"}, "send_at", "past"),
    ({"send_at": "0001-01-01T00:00:00+14:00"}, "send_at", ""),
    ({"send_at": "9999-12-31T23:59:59-14:00"}, "send_at", ""),
]


@pytest.mark.parametrize(("changed", "field", "words"), REFUSED)
def test_what_cannot_be_meant_is_refused_whole_and_its_key_stays_free(
    ledger: Ledger, changed: dict[str, Any], field: str, words: str
) -> None:
    make_world(ledger)
    answer = call(ledger, **changed)
    assert answer.status == (404 if field == "location" else 422)
    [told] = [fault for fault in answer.body["faults"] if fault["field"] == field]
    assert words in told["expected"]
    assert nothing_came_in(ledger)
    assert call(ledger).status == 202


def test_a_bad_cell_beside_a_good_one_is_left_out_and_told_as_in_an_import(ledger: Ledger) -> None:
    make_world(ledger)
    answer = call(
        ledger, phone="n/a", visited_at="the day before", consent={"basis": "express", "given_at": "some day"}
    )
    assert answer.status == 202
    assert {one["field"] for one in answer.body["left_out"]} == {"phone", "visited_at", "consent.given_at"}
    assert "found" not in answer.body["left_out"][0]
    assert rows(ledger, t.customers)[0].phone is None


def test_a_time_that_has_just_passed_is_at_once(ledger: Ledger) -> None:
    make_world(ledger)
    assert call(ledger, send_at="2026-11-23T17:00:00Z").status == 202
    assert rows(ledger, t.manual_asks)[0].send_at is None


def listed(ledger: Ledger, world: World, **values: Any) -> int:
    with ledger.write() as c:
        paused = insert(
            c, t.lists, account_id=world.account_id, location_id=world.chicago, name="May", source=Source.CSV,
            content_sha256="0" * 64, imported_by="test", paused_at=NOON,
        )  # fmt: skip
    return make_customer(
        ledger, world, email="ana@example.com", phone="+13125550100", list_id=paused, channels=["email"], **values
    )


def test_somebody_known_is_brought_up_to_date_and_comes_for_themselves(ledger: Ledger) -> None:
    customer = listed(ledger, make_world(ledger), service="Cleaning")
    assert call(ledger).body["customer_id"] == customer
    [known] = rows(ledger, t.customers)
    assert (known.service, known.employee, known.source) == ("Cleaning", "Dr. Lee", Source.CSV)
    assert (known.list_id, known.channels) == (None, None)
    plan_and_queue(ledger, now=NOON)
    assert [row.channel for row in rows(ledger, t.requests)] == [Channel.SMS]


def test_who_must_not_be_asked_is_taken_in_and_not_asked_for(ledger: Ledger) -> None:
    world = make_world(ledger)
    suppress(ledger, world, AddressKind.EMAIL, "ana@example.com")
    answers = {
        "STOP": call(ledger),
        "staff": call(ledger, id="2", email="lee@example.com", phone=None, relationship="staff"),
        "no to being asked": call(ledger, id="3", email="no@example.com", phone=None, consent=False),
        "not given a phone number": call(ledger, id="4", email="mail@example.com", phone=None, channels=["sms"]),
    }
    for words, answer in answers.items():
        assert (answer.status, answer.body["asked"]) == (200, False)
        assert words in answer.body["why"]
    assert len(rows(ledger, t.customers)) == 4
    assert rows(ledger, t.manual_asks) == rows(ledger, t.jobs) == []
    assert [row.basis for row in rows(ledger, t.consents)] == [ConsentBasis.WITHDRAWN]


def test_a_visit_that_they_were_asked_about_is_not_asked_about_again(ledger: Ledger) -> None:
    world = make_world(ledger)
    call(ledger)
    make_request(ledger, world, rows(ledger, t.customers)[0].customer_id, status=RequestStatus.SENT, handed_at=NOON)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=InvitationStatus.FINISHED, first_handed_at=NOON))
    later = NOON + timedelta(days=200)
    again = call(ledger, id="a sync of everybody".replace(" ", "-"), now=later)
    assert (again.status, again.body["asked"]) == (200, False)
    assert "known already" in again.body["why"]
    assert call(ledger, id="newer", visited_at="2027-05-01", now=later).status == 202


def test_nothing_stays_of_a_call_that_breaks_in_the_middle(ledger: Ledger) -> None:
    make_world(ledger)
    with ledger.write() as c:
        c.execute(sa.text("alter table jobs rename to jobs_gone"))
    with pytest.raises(sa.exc.SQLAlchemyError):
        call(ledger)
    with ledger.write() as c:
        c.execute(sa.text("alter table jobs_gone rename to jobs"))
    assert nothing_came_in(ledger)
    assert call(ledger).status == 202


def test_keys_are_kept_for_thirty_five_days(ledger: Ledger) -> None:
    make_world(ledger)
    for key in ("old", "young"):
        call(ledger, id=key)
    with ledger.write() as c:
        now = ledger.now(c)
        for key, age in (("old", KEPT + timedelta(hours=1)), ("young", KEPT - timedelta(hours=1))):
            c.execute(
                t.hook_calls.update().where(t.hook_calls.c.idempotency_key == key).values(received_at=now - age)
            )  # fmt: skip
    call(ledger, id="new")
    assert [row.idempotency_key for row in rows(ledger, t.hook_calls)] == ["new", "young"]


def test_the_log_names_nobody(ledger: Ledger) -> None:
    make_world(ledger)
    with structlog.testing.capture_logs() as lines:
        call(ledger)
        call(ledger, id="5", email="nonsense", phone=None)
    assert lines
    assert not [private for private in ("Ana", "ana@", "5550100", "nonsense", "visit-4711") if private in str(lines)]
