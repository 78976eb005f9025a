"""A small world for tests: an account with two locations, and customers as a test needs them. Plain inserts."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import (
    AddressKind,
    Channel,
    InvitationStatus,
    Plan,
    RequestStatus,
    Role,
    Source,
    SuppressionEffect,
    SuppressionReason,
)

NOON = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)  # Monday noon in Chicago, 13:00 in New York
RULES: dict[str, Any] = {
    "quiet_hours": {"opens": "08:00", "closes": "21:00"},
    "stop_when": ["scored", "platform_chosen", "review_linked"],
    "consent": [],  # none is required anywhere, unless a test says so
}


@dataclass(frozen=True)
class World:
    """The ids of what `make_world` wrote."""

    account_id: int
    chicago: int  # location ids
    new_york: int
    sequence_id: int
    policy_id: int
    templates: dict[Channel, int]


# Made once: building a statement costs as much as running it, and the suite does both some ten thousand times.
_insert_into = cache(sa.insert)
_customer_of = sa.select(t.customers).where(t.customers.c.customer_id == sa.bindparam("of"))
_active_invitation_of = sa.select(t.invitations.c.invitation_id).where(
    t.invitations.c.customer_id == sa.bindparam("of"), t.invitations.c.status == InvitationStatus.ACTIVE
)


def insert(connection: Connection, table: Any, **values: Any) -> int:
    """Insert one row; its numbered key."""
    if any(isinstance(value, sa.ClauseElement) for value in values.values()):  # the database's clock, for instance
        return int(connection.execute(table.insert().values(**values)).inserted_primary_key[0])
    return int(connection.execute(_insert_into(table), values).inserted_primary_key[0])


def insert_many(connection: Connection, table: Any, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows that name the same columns, in their order."""
    connection.execute(_insert_into(table), list(rows))


def make_system(ledger: Ledger) -> None:
    """The one row about the whole house, which `afterword init` makes: the kill switch is there."""
    with ledger.write() as c:
        if c.execute(sa.select(sa.func.count()).select_from(t.system)).scalar_one() == 0:
            c.execute(t.system.insert().values(system_id=1))


def make_world(ledger: Ledger, *, quota: int = 200) -> World:
    """One account, two locations with every channel but WhatsApp on, sequence SMS / e-mail +3 d / e-mail +7 d."""
    with ledger.write() as c:
        account = insert(
            c, t.accounts, slug="acme", name="Acme Dental", plan=Plan.GROWTH, time_zone="America/Chicago",
            cycle_anchor_day=1, invitations_per_cycle=quota, postal_address="1 Main Street, Chicago",
        )  # fmt: skip
        policy = insert(
            c, t.policies, account_id=account, version=1, effective_at=datetime(2026, 1, 1, tzinfo=UTC), rules=RULES
        )
        sequence = insert(c, t.sequences, account_id=account, slug="default", version=1)
        insert_many(c, t.sequence_steps, (
            {"sequence_id": sequence, "step": step, "delay_minutes": days * 24 * 60, "channels": channels,
             "template_slug": "ask" if step == 0 else "reminder"}
            for step, (days, channels) in enumerate([(0, ["sms", "email"]), (3, ["email"]), (7, ["email"])])
        ))  # fmt: skip
        templates = {}
        for slug in ("ask", "reminder"):
            for channel in (Channel.SMS, Channel.EMAIL):
                made = insert(
                    c, t.templates, account_id=account, slug=slug, channel=channel, language="en", version=1,
                    subject=None if channel is Channel.SMS else "How was your visit, {{ first_name }}?",
                    body="Hi {{ first_name }}, how was {{ location }}? {{ link }}",
                )  # fmt: skip
                if slug == "ask":
                    templates[channel] = made
        places = []
        for slug, name, zone in (
            ("chicago", "Acme Chicago", "America/Chicago"),
            ("new-york", "Acme New York", "America/New_York"),
        ):
            place = insert(c, t.locations, account_id=account, slug=slug, name=name, time_zone=zone, region="US")
            places.append(place)
            insert_many(c, t.channels, (
                {"location_id": place, "channel": channel, "is_enabled": channel is not Channel.WHATSAPP}
                for channel in Channel
            ))  # fmt: skip
            insert_many(c, t.platforms, (
                {"location_id": place, "slug": platform, "name": platform.title(), "position": position,
                 "url": f"https://{platform}.example/{slug}", "is_visible": True}
                for position, platform in enumerate(("google", "facebook"))
            ))  # fmt: skip
        insert_many(c, t.users, (
            {"account_id": account, "email": f"{role.value}@acme.example", "name": role.value, "role": role}
            for role in Role
        ))  # fmt: skip
    return World(account, places[0], places[1], sequence, policy, templates)


def make_customer(
    ledger: Ledger,
    world: World,
    *,
    email: str | None = None,
    phone: str | None = None,
    location_id: int | None = None,
    **values: Any,
) -> int:
    """One customer and the person behind it; with neither address given, both are made up."""
    if email is None and phone is None:
        number = secrets.randbelow(10_000_000)
        email, phone = f"c{number}@example.com", f"+1312{number:07d}"
    with ledger.write() as c:
        person = insert(c, t.people, account_id=world.account_id)
        insert_many(c, t.person_addresses, (
            {"account_id": world.account_id, "kind": kind, "address": address, "person_id": person}
            for kind, address in ((AddressKind.EMAIL, email), (AddressKind.PHONE, phone))
            if address
        ))  # fmt: skip
        return insert(
            c, t.customers, account_id=world.account_id, location_id=location_id or world.chicago, person_id=person,
            **{"first_name": "Ana", "last_name": "Ruiz", "source": Source.CSV, **values}, email=email, phone=phone,
        )  # fmt: skip


def make_request(
    ledger: Ledger,
    world: World,
    customer_id: int,
    *,
    channel: Channel = Channel.SMS,
    step: int = 0,
    status: RequestStatus = RequestStatus.QUEUED,
    now: datetime = NOON,
    **values: Any,
) -> int:
    """A queued request whose window holds at `now`, in the customer's active invitation (made if there is none)."""
    with ledger.write() as c:
        customer = c.execute(_customer_of, {"of": customer_id}).one()
        invitation = c.execute(_active_invitation_of, {"of": customer_id}).first()
        invitation_id = invitation.invitation_id if invitation else insert(
            c, t.invitations, account_id=world.account_id, location_id=customer.location_id, customer_id=customer_id,
            person_id=customer.person_id, sequence_id=world.sequence_id, policy_id=world.policy_id,
            status=InvitationStatus.ACTIVE, started_at=now,
        )  # fmt: skip
        return insert(
            c, t.requests, **{
                "account_id": world.account_id, "location_id": customer.location_id, "invitation_id": invitation_id,
                "step": step, "channel": channel,
                "address": customer.email if channel is Channel.EMAIL else customer.phone,
                "template_id": world.templates[channel], "policy_id": world.policy_id, "status": status,
                "not_before": now - timedelta(hours=1), "not_after": now + timedelta(hours=8),
                "link_token": secrets.token_urlsafe(12), "unsubscribe_token": secrets.token_urlsafe(12), **values,
            },
        )  # fmt: skip


def suppress(ledger: Ledger, world: World, kind: AddressKind, address: str, channel: Channel | None = None) -> None:
    """Record that a person does not want to be contacted."""
    with ledger.write() as c:
        insert(
            c, t.suppressions, account_id=world.account_id, kind=kind, address=address, channel=channel,
            effect=SuppressionEffect.SUPPRESS, reason=SuppressionReason.STOP_KEYWORD, recorded_by="test",
            occurred_at=NOON,
        )  # fmt: skip
