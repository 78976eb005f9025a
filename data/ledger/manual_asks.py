"""Invitations that a person asks for by hand, and units bought on top of the plan: what is read and written."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.asks import counting
from data.ledger.contactable import is_excluded
from data.ledger.quota import ensure_cycle
from data.ledger.tables import (
    accounts,
    customers,
    invitations,
    locations,
    manual_asks,
    quota_boosts,
    quota_cycles,
    quota_reservations,
)
from data.words import Channel, InvitationStatus, Plan

BY_HOOK = "webhook"  # who asked, for what came through /hooks/customers: nobody in person

_c, _i, _m, _q = customers.c, invitations.c, manual_asks.c, quota_cycles.c


@dataclass(frozen=True, slots=True)
class Wish:
    """What an ask names itself; None: the list's and the sequence's channels, the sequence's text, at once, the cap."""

    channels: tuple[Channel, ...] | None = None  # the first message goes by each of them
    template_slug: str | None = None  # of the first message
    send_at: datetime | None = None  # nothing before this; policy time
    override_reason: str | None = None  # why the frequency cap and "invite again" do not hold

    def as_named(self) -> dict[str, Any]:
        """What it names, as the ledger's columns and the audit have it."""
        named: dict[str, Any] = {}
        if self.channels is not None:
            named["channels"] = [channel.value for channel in self.channels]
        for name in ("template_slug", "send_at", "override_reason"):
            if getattr(self, name) is not None:
                named[name] = getattr(self, name)
        return named


@dataclass(frozen=True, slots=True)
class Asked:
    """A customer, as somebody who wants to ask them finds them."""

    customer_id: int
    person_id: int
    location_id: int
    time_zone: str  # the location's
    locale: str | None
    email: str | None
    phone: str | None
    is_excluded: bool
    invitation_id: int | None  # the active one, else the newest; null: never asked
    status: InvitationStatus | None
    started_at: datetime | None
    has_unit: bool
    asked_at: datetime | None  # by hand, the newest time
    override_reason: str | None  # of that time, or of the active invitation


def find_customer(
    connection: Connection, account_id: int, location_ids: Collection[int] | None, customer_id: int
) -> Asked | None:
    """The customer, if the reader may see the location (None: every one of the account)."""
    row = connection.execute(_customer(), {"of_account": account_id, "of_customer": customer_id}).first()
    if row is None or (location_ids is not None and row.location_id not in location_ids):
        return None
    by_hand = connection.execute(_NEWEST_ASK, {"of_customer": customer_id}).first()
    known = dict(row._mapping)
    if row.status is not InvitationStatus.ACTIVE:
        known["override_reason"] = by_hand.override_reason if by_hand else None
    return Asked(**known, asked_at=by_hand.asked_at if by_hand else None)


@cache  # writing it costs twice as much as running it
def _customer() -> sa.Select[Any]:
    of = sa.bindparam("of_customer", type_=sa.BigInteger)
    newest = sa.select(counting(invitations)).where(_i.customer_id == of).scalar_subquery()
    held = quota_reservations.c
    return (
        sa.select(
            *(_c.customer_id, _c.person_id, _c.location_id, locations.c.time_zone, _c.locale, _c.email, _c.phone),
            is_excluded(_c.person_id).label("is_excluded"),
            *(_i.invitation_id, _i.status, _i.started_at, _i.override_reason),
            sa.exists().where(held.invitation_id == _i.invitation_id, held.released_at.is_(None)).label("has_unit"),
        )
        .select_from(customers)
        .join(locations, locations.c.location_id == _c.location_id)
        .outerjoin(invitations, _i.invitation_id == newest)
        .where(_c.customer_id == of, _c.account_id == sa.bindparam("of_account", type_=sa.BigInteger))
    )


_NEWEST_ASK = (
    sa.select(_m.asked_at, _m.override_reason)
    .where(_m.customer_id == sa.bindparam("of_customer", type_=sa.BigInteger))
    .order_by(_m.asked_at.desc(), _m.manual_ask_id.desc())
    .limit(1)
)


def record_ask(connection: Connection, account_id: int, customer_id: int, *, by: str, at: datetime, wish: Wish) -> int:
    """Somebody asks for an invitation of this customer; the ask's id."""
    added = connection.execute(
        manual_asks.insert()
        .values(account_id=account_id, customer_id=customer_id, asked_by=by, asked_at=at, **wish.as_named())
        .returning(_m.manual_ask_id)
    )
    manual_ask_id: int = added.scalar_one()
    return manual_ask_id


def override(connection: Connection, invitation_id: int, *, by: str, wish: Wish) -> bool:
    """Let what is named now hold for an invitation that waits for its turn; False when it is no longer active."""
    changed = connection.execute(
        invitations.update()
        .where(_i.invitation_id == invitation_id, _i.status == InvitationStatus.ACTIVE)
        .values(sent_by=by, **wish.as_named())
    )
    return changed.rowcount == 1


def plan_of(connection: Connection, account_id: int) -> Plan:
    """What the account pays for."""
    plan: Plan = connection.execute(sa.select(accounts.c.plan).where(accounts.c.account_id == account_id)).scalar_one()
    return plan


def add_boost(connection: Connection, account_id: int, number: int, *, by: str, at: datetime) -> tuple[int, int, date]:
    """Add units to the cycle that holds `at`; its allowance now, what is left of it, and the reset date."""
    cycle = ensure_cycle(connection, account_id, at)
    this = sa.and_(_q.account_id == account_id, _q.cycle_start_date == cycle)
    connection.execute(quota_cycles.update().where(this).values(allowance=_q.allowance + number))
    connection.execute(
        quota_boosts.insert().values(account_id=account_id, cycle_start_date=cycle, invitations=number, bought_by=by)
    )
    row = connection.execute(sa.select(_q.allowance, _q.used, _q.cycle_end_date).where(this)).one()
    return row.allowance, row.allowance - row.used, row.cycle_end_date


def customers_at(connection: Connection, account_id: int, slug: str, customer_ids: Collection[int]) -> list[int]:
    """Those of the customers who are customers of the location of this slug."""
    query = (
        sa.select(_c.customer_id)
        .join(locations, locations.c.location_id == _c.location_id)
        .where(locations.c.account_id == account_id, locations.c.slug == slug, _c.customer_id.in_(customer_ids))
        .order_by(_c.customer_id)
    )
    return list(connection.scalars(query))


def location_zones(connection: Connection, account_id: int) -> dict[str, str]:
    """The time zone of every location of the account, by what it is called on the command line."""
    query = sa.select(locations.c.slug, locations.c.time_zone).where(locations.c.account_id == account_id)
    return {row.slug: row.time_zone for row in connection.execute(query.order_by(locations.c.slug))}
