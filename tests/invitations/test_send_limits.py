"""What the claim looks at again before an invitation starts: the cap, the list's pace, the location's limit."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import Message, Outcome
from data.ledger import tables as t
from data.ledger.claimable import has_claimable
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import AddressKind, Channel, Relationship, Source, TemplateApproval
from invitations.send import cap_at, send_due
from tests.recorder import Recorder
from tests.world import NOON, World, insert, make_customer, make_request, make_world

CAP = timedelta(days=90)  # the policy's own


def asked(ledger: Ledger, now: datetime) -> int:
    """How many messages go at `now`; what the sensor would say must agree."""
    with ledger.read() as c:
        is_due = has_claimable(c, now, cap=cap_at(c, now))
    recorder = Recorder()
    send_due(ledger, dict.fromkeys(Channel, recorder), now=now)
    assert is_due == bool(recorder.taken)
    return len(recorder.taken)


def make_list(ledger: Ledger, world: World, **values: Any) -> int:
    with ledger.write() as c:
        made = insert(
            c, t.lists, account_id=world.account_id, location_id=world.chicago, name="May", source=Source.CSV,
            content_sha256="0" * 64, imported_by="test", **values,
        )  # fmt: skip
        c.execute(t.invitations.update().values(list_id=made))
        return made


def also_in_new_york(ledger: Ledger, world: World, customer: int, **values: Any) -> int:
    """The same person is a customer of the other location too, with a message due now."""
    with ledger.write() as c:
        known = c.execute(t.customers.select().where(t.customers.c.customer_id == customer)).one()
        other = insert(
            c, t.customers, account_id=world.account_id, location_id=world.new_york, person_id=known.person_id,
            email=known.email, phone=known.phone, source=Source.CSV,
        )  # fmt: skip
    return make_request(ledger, world, other, **values)


def due_again(ledger: Ledger, now: datetime) -> None:
    with ledger.write() as c:
        c.execute(t.requests.update().values(not_before=now, not_after=now + timedelta(hours=1)))


@pytest.mark.slow
def test_a_person_asked_at_one_location_waits_for_the_cap_at_the_other(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer)
    assert asked(ledger, NOON) == 1
    also_in_new_york(ledger, world, customer, not_after=NOON + 2 * CAP)
    assert asked(ledger, NOON + timedelta(days=12)) == 0
    assert asked(ledger, NOON + CAP - timedelta(minutes=1)) == 0
    assert asked(ledger, NOON + CAP + timedelta(minutes=1)) == 1


@pytest.mark.one_database
def test_the_cap_is_exact_to_the_moment(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer)
    asked(ledger, NOON)
    with ledger.write() as c:
        c.execute(t.quota_reservations.update().values(reserved_at=NOON))
        c.execute(t.invitations.update().values(first_handed_at=NOON))
    also_in_new_york(ledger, world, customer, not_after=NOON + 2 * CAP)
    with ledger.read() as c:
        assert not has_claimable(c, NOON + CAP - timedelta(microseconds=1), cap=CAP)
        assert has_claimable(c, NOON + CAP, cap=CAP)
        assert has_claimable(c, NOON, cap=None)


@pytest.mark.slow
def test_two_invitations_of_one_person_due_together_are_one_ask(ledger: Ledger) -> None:
    world = make_world(ledger)
    for _ in range(10):
        customer = make_customer(ledger, world)
        make_request(ledger, world, customer)
        also_in_new_york(ledger, world, customer)
    with ThreadPoolExecutor(4) as pool:
        recorders = [Recorder() for _ in range(4)]
        for batch in [pool.submit(send_due, ledger, recorder.messengers, now=NOON) for recorder in recorders]:
            batch.result()
    taken = [message.to for recorder in recorders for message in recorder.taken]
    assert len(taken) == len(set(taken)) == 10
    assert asked(ledger, NOON) == 0


def test_follow_ups_and_other_channels_of_an_invitation_that_was_let_go_are_no_new_ask(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer)
    make_request(ledger, world, customer, channel=Channel.EMAIL)
    assert asked(ledger, NOON) == 2
    make_request(ledger, world, customer, step=1, channel=Channel.EMAIL)
    assert asked(ledger, NOON) == 1


def test_a_person_asked_by_another_system_waits_whatever_address_it_used(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world, email="ana@example.com", phone="+13125550100"))
    with ledger.write() as c:
        insert(
            c, t.past_invitations, account_id=world.account_id, location_id=world.new_york, kind=AddressKind.EMAIL,
            address="ana@example.com", invited_at=NOON - timedelta(days=30), recorded_by="test",
        )  # fmt: skip
    assert asked(ledger, NOON) == 0
    due_again(ledger, NOON + timedelta(days=60))
    assert asked(ledger, NOON + timedelta(days=60)) == 1


@pytest.mark.one_database
@pytest.mark.slow
def test_a_reason_written_down_sets_the_cap_aside(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer)
    asked(ledger, NOON)
    also_in_new_york(ledger, world, customer)
    assert asked(ledger, NOON) == 0
    with ledger.write() as c:
        c.execute(t.invitations.update().values(override_reason="she asked for it at the desk"))
    assert asked(ledger, NOON) == 1


@pytest.mark.slow
def test_a_location_never_starts_more_than_its_own_limit(ledger: Ledger) -> None:
    world = make_world(ledger)
    for _ in range(12):
        make_request(ledger, world, make_customer(ledger, world))
    make_request(ledger, world, make_customer(ledger, world, location_id=world.new_york))
    with ledger.write() as c:
        c.execute(
            t.locations.update().where(t.locations.c.location_id == world.chicago).values(invitations_per_cycle=5)
        )
    recorder = Recorder()
    with ThreadPoolExecutor(3) as pool:
        for batch in [pool.submit(send_due, ledger, recorder.messengers, now=NOON) for _ in range(3)]:
            batch.result()
    assert len(recorder.taken) == 5 + 1
    december = NOON + timedelta(days=10)
    assert asked(ledger, NOON) == 0
    due_again(ledger, december)
    assert asked(ledger, december) == 5


@pytest.mark.one_database
def test_nothing_of_a_list_goes_before_its_time(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    make_list(ledger, world, send_at=NOON + timedelta(hours=2))
    assert asked(ledger, NOON + timedelta(hours=2) - timedelta(seconds=1)) == 0
    assert asked(ledger, NOON + timedelta(hours=2)) == 1


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("pace", "goes"),
    [
        ({"speed_days": [0]}, True),  # Monday noon in Chicago
        ({"speed_days": [1, 2]}, False),
        ({"speed_opens": 12 * 60, "speed_closes": 13 * 60}, True),
        ({"speed_opens": 11 * 60, "speed_closes": 12 * 60}, False),
        ({"speed_opens": 20 * 60, "speed_closes": 12 * 60 + 1, "speed_days": [6]}, True),  # Sunday's night, until noon
        ({"speed_opens": 20 * 60, "speed_closes": 12 * 60 + 1, "speed_days": [0]}, False),
    ],
)
def test_a_list_drips_on_its_days_and_between_its_hours_on_the_locations_clock(
    ledger: Ledger, pace: dict[str, Any], goes: bool
) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    make_list(ledger, world, **pace)
    assert asked(ledger, NOON) == goes


def make_whatsapp(ledger: Ledger, world: World) -> int:
    with ledger.write() as c:
        template = insert(
            c, t.templates, account_id=world.account_id, slug="ask", channel=Channel.WHATSAPP, language="en",
            version=1, body="Hi {{ first_name }} {{ link }}", provider_template_id="HX1",
            approval=TemplateApproval.APPROVED,
        )  # fmt: skip
        c.execute(t.channels.update().values(is_enabled=True))
    world.templates[Channel.WHATSAPP] = template
    return template


def approve(ledger: Ledger, approval: TemplateApproval) -> None:
    with ledger.write() as c:
        c.execute(t.templates.update().values(approval=approval))


@pytest.mark.one_database
def test_a_whatsapp_message_goes_only_while_its_text_is_approved(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_whatsapp(ledger, world)
    make_request(ledger, world, make_customer(ledger, world), channel=Channel.WHATSAPP)
    approve(ledger, TemplateApproval.PAUSED)
    assert asked(ledger, NOON) == 0
    approve(ledger, TemplateApproval.APPROVED)
    assert asked(ledger, NOON) == 1


@pytest.mark.one_database
def test_an_approval_lost_between_claim_and_hand_over_still_counts(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_whatsapp(ledger, world)
    for _ in range(5):
        make_request(ledger, world, make_customer(ledger, world), channel=Channel.WHATSAPP)

    def disable(message: Message) -> Outcome | None:
        approve(ledger, TemplateApproval.DISABLED)
        return None

    recorder = Recorder(disable)
    send_due(ledger, dict.fromkeys(Channel, recorder), now=NOON, pace=Pace(parallel=1))
    assert len(recorder.taken) == 1


@pytest.mark.parametrize("why", ["named staff elsewhere", "named a relative", "a user of the account"])
def test_staff_and_relatives_are_not_asked(ledger: Ledger, why: str) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, email="Owner@acme.example", phone="+13125550100")
    make_request(ledger, world, customer)
    if why != "a user of the account":
        with ledger.write() as c:
            c.execute(sa.delete(t.users))
            relation = Relationship.STAFF if why == "named staff elsewhere" else Relationship.RELATIVE
            known = c.execute(t.customers.select()).one()
            if relation is Relationship.STAFF:
                insert(
                    c, t.customers, account_id=world.account_id, location_id=world.new_york, source=Source.CSV,
                    person_id=known.person_id, email=known.email, relationship=relation,
                )  # fmt: skip
            else:
                c.execute(t.customers.update().values(relationship=relation))
    assert asked(ledger, NOON) == 0
