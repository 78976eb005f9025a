"""Asking one customer by hand, and buying more invitations: who may, what is refused and why, what is written."""

import io
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image

from data.ledger import tables as t
from data.ledger.pictures import read_going_along
from data.ledger.quota import standing
from data.ledger.store import Ledger
from data.words import AddressKind, InvitationStatus, Plan, Relationship, RequestStatus, Role
from invitations.by_hand import ask, buy_more
from invitations.controls import Actor, Done, Refused
from invitations.queueing import plan_and_queue
from tests.world import NOON, World, make_customer, make_request, make_world, suppress

pytestmark = pytest.mark.one_database

REASON = "she asked for it at the desk"


def owner(world: World, **values: Any) -> Actor:
    return Actor(**{"email": "owner@acme.example", "role": Role.OWNER, "account_id": world.account_id, **values})


def rows(ledger: Ledger, table: sa.Table) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(table.select()).all())


def change(ledger: Ledger, table: sa.Table, **values: Any) -> None:
    with ledger.write() as c:
        c.execute(table.update().values(**values))


def test_an_ask_is_written_down_with_its_reason_audited_and_planned(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    answer = ask(ledger, owner(world), customer, override_reason=f"  {REASON} ", now=NOON)
    assert answer == Done('Asked for. The frequency cap and "invite again" are set aside; planning finds it a time.')
    [written], [audited], [job] = rows(ledger, t.manual_asks), rows(ledger, t.audit), rows(ledger, t.jobs)
    assert (written.customer_id, written.asked_by, written.asked_at, written.override_reason) == (
        customer, "owner@acme.example", NOON, REASON,
    )  # fmt: skip
    assert (audited.action, audited.subject, audited.after["override_reason"]) == (
        "ask",
        f"customer {customer}",
        REASON,
    )
    assert job.kind == "plan"


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301])
def test_the_cap_is_set_aside_only_for_a_reason(ledger: Ledger, reason: str) -> None:
    world = make_world(ledger)
    answer = ask(ledger, owner(world), make_customer(ledger, world), override_reason=reason, now=NOON)
    assert isinstance(answer, Refused)
    assert "needs a reason" in answer.reason
    assert rows(ledger, t.manual_asks) == rows(ledger, t.audit) == []


@pytest.mark.parametrize(("role", "is_done"), [(Role.MANAGER, True), (Role.AGENCY_CLIENT, True), (Role.VIEWER, False)])
def test_a_viewer_cannot_ask(ledger: Ledger, role: Role, is_done: bool) -> None:
    world = make_world(ledger)
    answer = ask(ledger, owner(world, role=role), make_customer(ledger, world), now=NOON)
    assert isinstance(answer, Done) == is_done


def test_nobody_asks_customers_of_locations_they_do_not_look_after(ledger: Ledger) -> None:
    world = make_world(ledger)
    actor = owner(world, role=Role.MANAGER, location_ids=frozenset({world.new_york}))
    answer = ask(ledger, actor, make_customer(ledger, world), now=NOON)
    assert answer == Refused("There is no such customer among the locations you look after.")


def test_whoever_must_not_be_contacted_is_not_asked_for_any_reason(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    suppress(ledger, world, AddressKind.EMAIL, "ana@example.com")
    answer = ask(ledger, owner(world), customer, override_reason=REASON, now=NOON)
    assert answer == Refused("This person must not be contacted: they texted STOP. Nothing sets this aside.")


def test_staff_are_not_asked_for_any_reason(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world, relationship=Relationship.STAFF)
    answer = ask(ledger, owner(world), customer, override_reason=REASON, now=NOON)
    assert isinstance(answer, Refused)
    assert "staff and relatives are not asked" in answer.reason
    other = make_customer(ledger, world, email="patient@example.com", phone=None)
    assert isinstance(ask(ledger, owner(world), other, now=NOON), Done)  # a colleague makes nobody else staff


def test_a_stopped_invitation_is_restarted_rather_than_asked_anew(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer)
    change(ledger, t.invitations, status=InvitationStatus.STOPPED)
    answer = ask(ledger, owner(world), customer, now=NOON)
    assert isinstance(answer, Refused)
    assert "Restart" in answer.reason


def test_asking_twice_is_refused_until_the_first_ask_is_spent(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    assert isinstance(ask(ledger, owner(world), customer, now=NOON), Done)
    assert isinstance(ask(ledger, owner(world), customer, now=NOON), Refused)
    assert isinstance(ask(ledger, owner(world), customer, override_reason=REASON, now=NOON), Done)
    make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=NOON)
    assert isinstance(ask(ledger, owner(world), customer, now=NOON), Refused)  # it is under way
    change(ledger, t.invitations, status=InvitationStatus.FINISHED)
    assert isinstance(ask(ledger, owner(world), customer, now=NOON + timedelta(days=1)), Done)


def test_an_invitation_that_waits_for_the_cap_can_be_let_go_for_a_reason(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer)
    assert isinstance(ask(ledger, owner(world), customer, now=NOON), Refused)
    assert isinstance(ask(ledger, owner(world), customer, override_reason=REASON, now=NOON), Done)
    [invitation] = rows(ledger, t.invitations)
    assert (invitation.sent_by, invitation.override_reason) == ("owner@acme.example", REASON)


def test_more_invitations_are_bought_for_the_cycle_that_runs(ledger: Ledger) -> None:
    world = make_world(ledger, quota=200)
    answer = buy_more(ledger, owner(world), 50, now=NOON)
    assert answer == Done(
        "Bought 50 more invitations: 250 of 250 are left until 1 December. "
        "What is not used by then is not carried over."
    )
    [boost], [audited] = rows(ledger, t.quota_boosts), rows(ledger, t.audit)
    assert (boost.invitations, boost.bought_by) == (50, "owner@acme.example")
    assert (audited.action, audited.before, audited.after) == (
        "buy_more", {"allowance": 200}, {"allowance": 250, "bought": 50},
    )  # fmt: skip
    with ledger.read() as c:
        assert standing(c, world.account_id, NOON).left == 250
        assert standing(c, world.account_id, NOON + timedelta(days=30)).left == 200


def test_one_invitation_is_bought_in_so_many_words(ledger: Ledger) -> None:
    world = make_world(ledger, quota=0)
    answer = buy_more(ledger, owner(world), 1, now=NOON)
    assert isinstance(answer, Done)
    assert answer.message.startswith("Bought 1 more invitation: 1 of 1 is left until 1 December.")


@pytest.mark.parametrize(
    ("role", "plan", "number", "is_done"),
    [
        (Role.OWNER, Plan.GROWTH, 1, True),
        (Role.ADMIN, Plan.SCALE, 1, True),
        (Role.MANAGER, Plan.SCALE, 1, False),
        (Role.OWNER, Plan.STARTER, 1, False),
        (Role.OWNER, Plan.FREE_TRIAL, 1, False),
        (Role.OWNER, Plan.GROWTH, 0, False),
    ],
)
def test_boosts_are_for_owners_and_admins_of_plans_above_starter(
    ledger: Ledger, role: Role, plan: Plan, number: int, is_done: bool
) -> None:
    world = make_world(ledger)
    change(ledger, t.accounts, plan=plan)
    assert isinstance(buy_more(ledger, owner(world, role=role), number, now=NOON), Done) == is_done
    assert len(rows(ledger, t.quota_boosts)) == int(is_done)


def a_picture(colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (30, 20), colour).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.slow
def test_pictures_go_with_the_first_messages_of_the_invitation_asked_for(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer, other = make_customer(ledger, world), make_customer(ledger, world)
    two = [("ana at home.jpg", a_picture()), ("b.jpg", a_picture("blue"))]
    answer = ask(ledger, owner(world), customer, attached=two, now=NOON)
    assert isinstance(answer, Done)
    assert answer.message.endswith("2 pictures go along with the first message, by SMS or email.")
    ask(ledger, owner(world), other, now=NOON)
    plan_and_queue(ledger, now=NOON)
    with ledger.read() as c:
        queued = c.execute(t.requests.select().join(t.invitations).where(t.invitations.c.customer_id == customer)).all()
        going = read_going_along(c, [row.request_id for row in rows(ledger, t.requests)])
    assert [row.request_id for row in going] == [row.request_id for row in queued for _ in two]
    assert rows(ledger, t.audit)[0].after["pictures"] == 2
    kept = repr([(row.added_by, row.media_type) for row in rows(ledger, t.attachments)]) + repr(rows(ledger, t.audit))
    assert "home" not in kept


def test_pictures_for_an_invitation_that_waits_take_the_place_of_those_it_had(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    ask(ledger, owner(world), customer, attached=[("a.jpg", a_picture()), ("b.jpg", a_picture("blue"))], now=NOON)
    plan_and_queue(ledger, now=NOON)
    again = ask(
        ledger, owner(world), customer, override_reason=REASON, attached=[("c.jpg", a_picture("green"))], now=NOON
    )
    assert isinstance(again, Done)
    assert again.message.endswith("One picture goes along with the first message, by SMS or email.")
    assert {row.position for row in rows(ledger, t.invitation_attachments)} == {0}


def test_a_file_that_is_no_picture_refuses_the_whole_ask(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    answer = ask(
        ledger, owner(world), customer, attached=[("a.jpg", a_picture()), ("b.svg", b"<svg onload=x>")], now=NOON
    )
    assert isinstance(answer, Refused)
    assert answer.reason.startswith("b.svg is an SVG drawing")
    assert rows(ledger, t.manual_asks) == rows(ledger, t.attachments) == []
