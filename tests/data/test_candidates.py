"""Who is read as a candidate, on both databases: nobody forgotten, nobody doubled, suppressions as everywhere else."""

import random
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.candidates import read_candidates
from data.ledger.store import Ledger
from data.ledger.suppressions import is_suppressed, record
from data.words import (
    AddressKind,
    Channel,
    ConsentBasis,
    InvitationStatus,
    Relationship,
    RequestStatus,
    SuppressionEffect,
    SuppressionReason,
)
from tests.world import NOON, World, insert, insert_many, make_customer, make_request, make_world, suppress


def read(ledger: Ledger, world: World, **values: Any) -> pl.DataFrame:
    with ledger.read() as c:
        return read_candidates(c, world.account_id, at=NOON, **values)


@pytest.mark.one_database
def test_every_customer_is_there_once_for_each_channel_of_the_next_step(ledger: Ledger) -> None:
    world = make_world(ledger)
    new = make_customer(ledger, world)
    under_way = make_customer(ledger, world)
    make_request(ledger, world, under_way, status=RequestStatus.SENT, handed_at=NOON)
    rows = read(ledger, world)
    assert rows.select("customer_id", "step", "channel").rows() == [(new, 0, "sms"), (new, 0, "email"),
                                                                    (under_way, 1, "email")]  # fmt: skip
    assert rows.select("zones", "recipient_country").unique().rows() == [("America/Chicago", "US")]


@pytest.mark.slow
def test_whoever_is_asked_about_reads_the_same_alone_as_among_everybody(ledger: Ledger) -> None:
    world = make_world(ledger)
    opted_out, no_mailbox, by_hand, staff, under_way, *_others = [make_customer(ledger, world) for _ in range(6)]
    an_owner = make_customer(ledger, world, email="owner@acme.example")
    make_request(ledger, world, under_way, status=RequestStatus.SENT, handed_at=NOON)
    with ledger.write() as c:
        rows = {row.customer_id: row for row in c.execute(sa.select(t.customers))}
        c.execute(
            t.customers.update().where(t.customers.c.customer_id == staff).values(relationship=Relationship.STAFF)
        )
        for basis, customer in ((ConsentBasis.EXPRESS, opted_out), (ConsentBasis.PURCHASE, no_mailbox)):
            insert(c, t.consents, account_id=world.account_id, customer_id=customer, basis=basis, given_at=NOON,
                   how="list", recorded_by="test")  # fmt: skip
        insert(c, t.manual_asks, account_id=world.account_id, customer_id=by_hand, asked_by="owner", asked_at=NOON)
        unit = {row.customer_id: row.invitation_id for row in c.execute(sa.select(t.invitations))}[under_way]
        insert_many(c, t.quota_reservations, [
            {"invitation_id": unit, "account_id": world.account_id, "location_id": world.chicago,
             "cycle_start_date": NOON.date(), "reserved_at": NOON}
        ])  # fmt: skip
        insert_many(c, t.person_addresses, [
            {"account_id": world.account_id, "kind": AddressKind.PHONE, "address": "+13125550999",
             "person_id": rows[opted_out].person_id}
        ])  # fmt: skip
    suppress(ledger, world, AddressKind.PHONE, "+13125550999")  # a number of theirs that nobody writes to any more
    suppress(ledger, world, AddressKind.EMAIL, rows[no_mailbox].email, Channel.EMAIL)
    everybody = read(ledger, world)
    barred = everybody.filter("is_suppressed")["customer_id"].unique().sort().to_list()
    assert barred == [opted_out, no_mailbox]  # and so the bars are there to be read
    assert set(everybody.filter("is_excluded")["customer_id"]) == {staff, an_owner}
    for row in rows.values():
        alone = read(ledger, world, person_ids=[row.person_id])
        assert alone.equals(everybody.filter(pl.col("person_id") == row.person_id)), row.customer_id
        assert set(alone["customer_id"]) == {row.customer_id}


@pytest.mark.one_database
@pytest.mark.slow
def test_the_number_of_queries_does_not_grow_with_the_customers(ledger: Ledger) -> None:
    world = make_world(ledger)
    counts = []
    for _ in range(2):
        for _ in range(5):
            make_request(ledger, world, make_customer(ledger, world))
        statements: list[str] = []

        def note(*details: Any, seen: list[str] = statements) -> None:
            seen.append(details[2])

        sa.event.listen(ledger.engine, "before_cursor_execute", note)
        read(ledger, world)
        sa.event.remove(ledger.engine, "before_cursor_execute", note)
        counts.append(len([statement for statement in statements if statement.startswith("SELECT")]))
    assert counts[0] == counts[1] <= 20


def test_each_location_has_its_own_channels_and_sequence(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        own = insert(c, t.sequences, account_id=world.account_id, slug="email-first", version=1)
        c.execute(t.sequence_steps.insert().values(
            sequence_id=own, step=0, delay_minutes=0, channels=["email", "sms"], template_slug="ask"
        ))  # fmt: skip
        c.execute(t.locations.update().values(sequence_id=world.sequence_id))
        c.execute(t.locations.update().where(t.locations.c.location_id == world.new_york).values(sequence_id=own))
        c.execute(
            t.channels.update()
            .where(t.channels.c.location_id == world.new_york, t.channels.c.channel == Channel.SMS)
            .values(is_enabled=False)
        )
    make_customer(ledger, world)
    make_customer(ledger, world, location_id=world.new_york)
    rows = read(ledger, world).select("location_id", "channel", "preference", "is_channel_off").rows()
    assert rows == [
        (world.chicago, "sms", 0, False),
        (world.chicago, "email", 1, False),
        (world.new_york, "email", 0, False),
        (world.new_york, "sms", 1, True),
    ]


def test_what_the_list_allows_and_what_has_a_text_limits_the_channels(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, channels=["email"])
    assert read(ledger, world)["is_channel_off"].to_list() == [True, False]
    with ledger.write() as c:
        c.execute(t.templates.delete().where(t.templates.c.channel == Channel.EMAIL))
    rows = read(ledger, world)
    assert rows["is_channel_off"].to_list() == [True, False]
    assert rows["is_template_missing"].to_list() == [False, True]


def test_a_stop_and_restart_puts_the_follow_up_off_by_as_long(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world), status=RequestStatus.SENT, handed_at=NOON)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(first_handed_at=NOON, shift_minutes=90))
    assert read(ledger, world)["due_at"].to_list() == [NOON + timedelta(days=3, minutes=90)]


@pytest.mark.one_database
def test_a_message_put_off_after_a_temporary_failure_is_not_due_any_sooner(ledger: Ledger) -> None:
    world = make_world(ledger)
    later = NOON + timedelta(minutes=40)
    make_request(ledger, world, make_customer(ledger, world), attempt_count=3, not_before=later)
    assert read(ledger, world).filter(channel="sms")["due_at"].to_list() == [later]


@pytest.mark.one_database
def test_a_stopped_invitation_and_a_paused_list_are_candidates_still(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        paused = insert(
            c, t.lists, account_id=world.account_id, location_id=world.chicago, name="May", source="csv",
            content_sha256="0" * 64, imported_by="test", paused_at=NOON,
        )  # fmt: skip
    make_customer(ledger, world, list_id=paused)
    make_request(ledger, world, make_customer(ledger, world))
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=InvitationStatus.STOPPED))
    rows = read(ledger, world).filter(channel="sms")
    assert rows["is_paused"].to_list() == [True, False]
    assert rows["invitation_status"].to_list() == [None, "stopped"]


@pytest.mark.slow
def test_suppressions_read_in_bulk_are_what_everybody_else_is_told(ledger: Ledger) -> None:
    world = make_world(ledger)
    chance = random.Random(7)
    for number in range(12):
        make_customer(ledger, world, email=f"c{number}@example.com", phone=f"+1312555{number:04d}")
    with ledger.write() as c:
        c.execute(t.sequence_steps.update().values(channels=["sms", "email", "whatsapp"]))
        for _ in range(60):
            number = chance.randrange(12)
            address = chance.choice([
                (AddressKind.EMAIL, f"c{number}@example.com"), (AddressKind.PHONE, f"+1312555{number:04d}")
            ])  # fmt: skip
            record(
                c, [address], account_id=world.account_id, channel=chance.choice([None, None, *Channel]),
                effect=chance.choice(list(SuppressionEffect)), reason=SuppressionReason.UNSUBSCRIBED,
                recorded_by="test", occurred_at=NOON,
            )  # fmt: skip
    rows = read(ledger, world)
    assert 0 < rows["is_suppressed"].sum() < rows.height
    with ledger.read() as c:
        for row in rows.iter_rows(named=True):
            told = c.scalar(
                sa.select(is_suppressed(sa.literal(row["channel"]), sa.literal(row["person_id"]),
                                        sa.literal(row["address"])))
            )  # fmt: skip
            assert bool(told) == row["is_suppressed"], row
