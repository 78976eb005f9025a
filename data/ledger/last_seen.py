"""What is known about one person, for those who ask why: who has an address, and what happened last."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from data.ledger.tables import accounts, customers, events, invitations, locations, person_addresses, requests
from data.words import AddressKind, InvitationStatus

_c, _e, _i, _r = customers.c, events.c, invitations.c, requests.c
AnyRow = Row[*tuple[Any, ...]]


def find_people(connection: Connection, kind: AddressKind, addresses: Collection[str]) -> list[int]:
    """The people who own one of the addresses (our spelling: lower case, E.164)."""
    owner = person_addresses.c
    # Every account is named, so that the index of addresses, which begins with it, serves.
    of_any = owner.account_id.in_(sa.select(accounts.c.account_id))
    query = sa.select(owner.person_id).where(of_any, owner.kind == kind, owner.address.in_(addresses)).distinct()
    return sorted(connection.scalars(query))


def regions(connection: Connection) -> list[str]:
    """The countries of all locations: how a phone number without a country code may be read."""
    return sorted(connection.scalars(sa.select(locations.c.region).distinct()))


def customers_of(connection: Connection, person_ids: Collection[int]) -> list[AnyRow]:
    """One row per customer of these people: its location, and its active or else newest invitation (null: none)."""
    current = (
        sa.select(
            sa.func.coalesce(
                sa.func.max(sa.case((_i.status == InvitationStatus.ACTIVE, _i.invitation_id))),
                sa.func.max(_i.invitation_id),
            )
        )
        .where(_i.customer_id == _c.customer_id)
        .correlate(customers)
        .scalar_subquery()
    )
    query = (
        sa.select(
            _c.customer_id,
            _c.account_id,
            _c.location_id,
            _c.person_id,
            locations.c.name.label("location_name"),
            locations.c.time_zone,
            _i.invitation_id,
            _i.status,
            _i.first_handed_at,
            _i.ended_at,
        )
        .join(locations, locations.c.location_id == _c.location_id)
        .outerjoin(invitations, _i.invitation_id == current)
        .where(_c.person_id.in_(person_ids))
        .order_by(_c.customer_id)
    )
    return list(connection.execute(query))


def last_event(connection: Connection, person_id: int, location_id: int) -> AnyRow | None:
    """The newest thing that happened with a person at a location, or with no location named: kind, occurred_at, …"""
    query = (
        sa.select(_e.kind, _e.occurred_at, _e.channel, _e.evidence)
        .where(_e.person_id == person_id, sa.or_(_e.location_id == location_id, _e.location_id.is_(None)))
        .order_by(_e.occurred_at.desc(), _e.event_id.desc())
        .limit(1)
    )
    return connection.execute(query).first()


def last_message(connection: Connection, invitation_id: int) -> AnyRow | None:
    """The message of an invitation that was handed over last: channel, handed_at."""
    query = (
        sa.select(_r.channel, _r.handed_at)
        .where(_r.invitation_id == invitation_id, _r.handed_at.is_not(None))
        .order_by(_r.handed_at.desc(), _r.request_id.desc())
        .limit(1)
    )
    return connection.execute(query).first()
