"""Who is a candidate again, by which other channel, and what is known of when and why they may be asked."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.candidates import read_candidates
from data.ledger.store import Ledger
from data.words import (
    AddressKind,
    Channel,
    ConsentBasis,
    FailureScope,
    InvitationStatus,
    Relationship,
    RequestStatus,
    TemplateApproval,
    TemplateCategory,
)
from tests.world import NOON, World, insert, make_customer, make_request, make_world, suppress

pytestmark = pytest.mark.one_database

LATER = NOON + timedelta(days=200)


def read(ledger: Ledger, world: World, at: datetime = NOON) -> pl.DataFrame:
    with ledger.read() as c:
        return read_candidates(c, world.account_id, at=at)


def change(ledger: Ledger, table: sa.Table, **values: Any) -> None:
    with ledger.write() as c:
        c.execute(table.update().values(**values))


def ask_by_hand(ledger: Ledger, world: World, customer: int, at: datetime, reason: str | None = None) -> None:
    with ledger.write() as c:
        insert(
            c, t.manual_asks, account_id=world.account_id, customer_id=customer, asked_by="owner@acme.example",
            asked_at=at, override_reason=reason,
        )  # fmt: skip


def reserve(ledger: Ledger, world: World, at: datetime, released_at: datetime | None = None) -> None:
    """Every invitation holds a unit since `at`."""
    with ledger.write() as c:
        c.execute(t.quota_reservations.delete())
        for row in c.execute(t.invitations.select()).all():
            c.execute(t.quota_reservations.insert().values(
                invitation_id=row.invitation_id, account_id=world.account_id, location_id=row.location_id,
                cycle_start_date=at.date(), reserved_at=at, released_at=released_at,
            ))  # fmt: skip


def asked_before(ledger: Ledger, world: World, status: InvitationStatus, **values: Any) -> int:
    """A customer whose one invitation was sent at NOON and now stands as `status`."""
    customer = make_customer(ledger, world, **values)
    make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=NOON)
    change(ledger, t.invitations, status=status, first_handed_at=NOON)
    reserve(ledger, world, NOON)
    return customer


# Again -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [InvitationStatus.FINISHED, InvitationStatus.ANSWERED])
@pytest.mark.slow
def test_a_customer_who_comes_again_after_an_invitation_is_over_is_a_candidate_for_a_new_one(
    ledger: Ledger, status: InvitationStatus
) -> None:
    world = make_world(ledger)
    customer = asked_before(ledger, world, status)
    assert read(ledger, world, LATER).filter(step=0).is_empty()
    change(ledger, t.customers, occasion_at=LATER - timedelta(days=1))
    rows = read(ledger, world, LATER)
    assert rows.select("customer_id", "invitation_id", "invitation_status", "step", "channel").rows() == [
        (customer, None, None, 0, "sms"),
        (customer, None, None, 0, "email"),
    ]
    assert rows["invited_at"].unique().to_list() == rows["asked_at"].unique().to_list() == [NOON]
    assert rows["ordered_at"].unique().to_list() == [LATER - timedelta(days=1)]
    assert rows["has_unit"].to_list() == [False, False]


def test_the_visit_that_led_to_an_invitation_leads_to_no_second_one(ledger: Ledger) -> None:
    world = make_world(ledger)
    asked_before(ledger, world, InvitationStatus.FINISHED, occasion_at=NOON)
    assert read(ledger, world, LATER).is_empty()


@pytest.mark.parametrize("status", [InvitationStatus.STOPPED, InvitationStatus.ACTIVE])
def test_what_goes_on_or_was_stopped_is_not_begun_again_by_a_new_visit(
    ledger: Ledger, status: InvitationStatus
) -> None:
    world = make_world(ledger)
    asked_before(ledger, world, status)
    change(ledger, t.customers, occasion_at=LATER)
    rows = read(ledger, world, LATER)
    assert rows.select("step", "invitation_status").rows() == [(1, status.value)]


def test_an_ask_by_hand_is_an_occasion_and_brings_its_author_and_reason(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = asked_before(ledger, world, InvitationStatus.FINISHED)
    ask_by_hand(ledger, world, customer, LATER, "she asked for it at the desk")
    rows = read(ledger, world, LATER).filter(channel="sms")
    assert rows.select("step", "sent_by", "override_reason", "is_cap_overridden").rows() == [
        (0, "owner@acme.example", "she asked for it at the desk", True)
    ]


def test_an_ask_by_hand_is_spent_by_the_invitation_that_follows_it(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    ask_by_hand(ledger, world, customer, NOON - timedelta(hours=1), "at the desk")
    ask_by_hand(ledger, world, customer, NOON)
    assert read(ledger, world)["is_cap_overridden"].to_list() == [False, False]  # the newest counts
    make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=NOON)
    change(ledger, t.invitations, status=InvitationStatus.FINISHED)
    assert read(ledger, world, LATER).is_empty()


# Asked -----------------------------------------------------------------------------------------------------------


def test_a_person_was_asked_when_any_location_asked_them_and_invited_when_this_one_did(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = asked_before(ledger, world, InvitationStatus.FINISHED)
    with ledger.write() as c:
        known = c.execute(t.customers.select().where(t.customers.c.customer_id == customer)).one()
        insert(
            c, t.customers, account_id=world.account_id, location_id=world.new_york, person_id=known.person_id,
            phone=known.phone, source=known.source,
        )  # fmt: skip
    here = read(ledger, world).filter(channel="sms")
    assert here.select("asked_at", "invited_at").rows() == [(NOON, None)]


def test_what_another_system_asked_counts_by_every_address(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    with ledger.write() as c:
        for kind, address, days, place in (
            (AddressKind.PHONE, "+13125550100", 40, world.chicago),
            (AddressKind.EMAIL, "ana@example.com", 10, world.new_york),
            (AddressKind.EMAIL, "bob@example.com", 1, world.chicago),
        ):
            insert(
                c, t.past_invitations, account_id=world.account_id, location_id=place, kind=kind, address=address,
                invited_at=NOON - timedelta(days=days), recorded_by="test",
            )  # fmt: skip
    rows = read(ledger, world).select("asked_at", "invited_at").unique().rows()
    assert rows == [(NOON - timedelta(days=10), NOON - timedelta(days=40))]


def test_an_ask_whose_unit_was_given_back_is_none(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    reserve(ledger, world, NOON, released_at=NOON)
    assert read(ledger, world)["asked_at"].to_list() == [None, None]


# By another channel ----------------------------------------------------------------------------------------------


def failed_by_sms(ledger: Ledger, world: World, scope: FailureScope = FailureScope.ADDRESS) -> int:
    customer = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    make_request(
        ledger, world, customer, status=RequestStatus.FAILED, failed_at=NOON, failure_scope=scope, handed_at=NOON
    )
    if scope is FailureScope.ADDRESS:
        suppress(ledger, world, AddressKind.PHONE, "+13125550100", Channel.SMS)
    return customer


@pytest.mark.parametrize("scope", [FailureScope.ADDRESS, FailureScope.ROUTE])
def test_after_a_dead_number_the_same_step_goes_by_email_at_once(ledger: Ledger, scope: FailureScope) -> None:
    world = make_world(ledger)
    change(ledger, t.sequence_steps, at_minute=600)
    failed_by_sms(ledger, world, scope)
    rows = read(ledger, world)
    assert rows.select("step", "channel", "due_at", "at_minute", "has_failed").rows() == [
        (0, "email", None, None, True)
    ]


def test_a_message_that_failed_by_itself_ends_its_step(ledger: Ledger) -> None:
    world = make_world(ledger)
    failed_by_sms(ledger, world, FailureScope.MESSAGE)
    assert read(ledger, world).select("step", "due_at").rows() == [(1, NOON + timedelta(days=3))]


def test_without_another_channel_that_can_be_used_the_next_step_comes(ledger: Ledger) -> None:
    world = make_world(ledger)
    failed_by_sms(ledger, world)
    suppress(ledger, world, AddressKind.EMAIL, "ana@example.com", Channel.EMAIL)
    assert read(ledger, world)["step"].to_list() == [1]


def test_each_channel_of_a_step_is_tried_once_and_then_the_next_step_comes(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = failed_by_sms(ledger, world)
    change(ledger, t.sequence_steps, channels=["sms", "email"])
    make_request(
        ledger, world, customer, channel=Channel.EMAIL, status=RequestStatus.FAILED, failed_at=NOON,
        failure_scope=FailureScope.ROUTE,
    )  # fmt: skip
    assert read(ledger, world)["step"].unique().to_list() == [1]


@pytest.mark.parametrize("status", [RequestStatus.QUEUED, RequestStatus.SENDING, RequestStatus.IN_DOUBT])
def test_no_channel_takes_over_while_another_message_of_the_step_is_open(ledger: Ledger, status: RequestStatus) -> None:
    world = make_world(ledger)
    change(ledger, t.sequence_steps, channels=["sms", "email", "whatsapp"])
    customer = failed_by_sms(ledger, world)
    make_request(ledger, world, customer, channel=Channel.EMAIL, status=status)
    rows = read(ledger, world)
    assert rows.filter(step=0)["channel"].to_list() == ["email"]


def test_once_a_later_message_is_queued_nothing_goes_back_to_the_failed_step(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = failed_by_sms(ledger, world)
    make_request(ledger, world, customer, step=1, channel=Channel.EMAIL)
    assert read(ledger, world)["step"].to_list() == [1]


# What stands in the way --------------------------------------------------------------------------------------------


def whatsapp_first(ledger: Ledger, world: World, **template: Any) -> None:
    with ledger.write() as c:
        c.execute(t.sequence_steps.update().values(channels=["whatsapp", "email"]))
        c.execute(t.channels.update().values(is_enabled=True))
        versions = template.pop("versions", [TemplateApproval.APPROVED])
        for version, approval in enumerate(versions, start=1):
            insert(
                c, t.templates, account_id=world.account_id, slug="ask", channel=Channel.WHATSAPP, language="en",
                version=version, body="Hi {{ link }}", approval=approval, **template,
            )  # fmt: skip


@pytest.mark.parametrize(
    ("approval", "is_unapproved"),
    [(TemplateApproval.APPROVED, False), (TemplateApproval.PENDING, True), (None, True)],
)
def test_a_whatsapp_text_must_be_approved(
    ledger: Ledger, approval: TemplateApproval | None, is_unapproved: bool
) -> None:
    world = make_world(ledger)
    whatsapp_first(ledger, world, versions=[approval])
    make_customer(ledger, world)
    rows = read(ledger, world)
    assert rows.select("channel", "is_template_unapproved", "is_template_missing").rows() == [
        ("whatsapp", is_unapproved, False),
        ("email", False, False),
    ]


def test_the_approved_wording_goes_on_while_a_newer_one_waits_for_meta(ledger: Ledger) -> None:
    world = make_world(ledger)
    whatsapp_first(ledger, world, versions=[TemplateApproval.APPROVED, TemplateApproval.PENDING])
    make_customer(ledger, world)
    row = read(ledger, world).filter(channel="whatsapp")
    with ledger.read() as c:
        version = c.scalar(sa.select(t.templates.c.version).where(t.templates.c.template_id == row["template_id"][0]))
    assert (version, row["is_template_unapproved"].to_list()) == (1, [False])


def test_marketing_by_whatsapp_is_refused_to_north_american_numbers_only(ledger: Ledger) -> None:
    world = make_world(ledger)
    whatsapp_first(ledger, world, category=TemplateCategory.MARKETING)
    for phone in ("+13125550100", "+442079460000"):
        make_customer(ledger, world, phone=phone, email=f"{phone[1:]}@example.com")
    rows = read(ledger, world)
    assert rows.select("channel", "is_marketing_refused").rows() == [
        ("whatsapp", True), ("email", False), ("whatsapp", False), ("email", False)
    ]  # fmt: skip


def test_the_newest_of_each_basis_stands_unless_consent_was_withdrawn_since(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    days = {ConsentBasis.PURCHASE: (50, 20), ConsentBasis.EXPRESS: (40,), ConsentBasis.INQUIRY: (30,),
            ConsentBasis.WITHDRAWN: (30, 60)}  # fmt: skip
    with ledger.write() as c:
        for basis, ages in days.items():
            for age in ages:
                insert(
                    c, t.consents, account_id=world.account_id, customer_id=customer, basis=basis, how="test",
                    given_at=NOON - timedelta(days=age), recorded_by="test",
                )  # fmt: skip
    rows = read(ledger, world).select("express_at", "purchase_at", "inquiry_at", "is_consent_withdrawn").unique().rows()
    assert rows == [(None, NOON - timedelta(days=20), None, False)]


def test_who_said_no_is_known_to_have(ledger: Ledger) -> None:
    world = make_world(ledger)
    for bases in ([ConsentBasis.WITHDRAWN], []):
        customer = make_customer(ledger, world)
        with ledger.write() as c:
            for basis in bases:
                insert(
                    c, t.consents, account_id=world.account_id, customer_id=customer, basis=basis, how="test",
                    given_at=NOON, recorded_by="test",
                )  # fmt: skip
    assert read(ledger, world).group_by("customer_id").agg(pl.col("is_consent_withdrawn").any()).sort("customer_id")[
        "is_consent_withdrawn"
    ].to_list() == [True, False]


def test_staff_relatives_and_the_accounts_own_users_are_excluded(ledger: Ledger) -> None:
    world = make_world(ledger)
    expected = [
        make_customer(ledger, world, relationship=Relationship.STAFF),
        make_customer(ledger, world, relationship=Relationship.RELATIVE),
        make_customer(ledger, world, email="VIEWER@acme.example"),
    ]
    make_customer(ledger, world)
    rows = read(ledger, world)
    assert rows.filter("is_excluded")["customer_id"].unique().sort().to_list() == expected


@pytest.mark.slow
def test_a_message_keeps_its_time_of_day_while_its_window_is_open(ledger: Ledger) -> None:
    world = make_world(ledger)
    change(ledger, t.sequence_steps, at_minute=600)
    make_request(ledger, world, make_customer(ledger, world))  # open since an hour ago
    assert read(ledger, world).filter(channel="sms")["at_minute"].to_list() == [None]
    assert read(ledger, world, NOON + timedelta(hours=9)).filter(channel="sms")["at_minute"].to_list() == [600]
