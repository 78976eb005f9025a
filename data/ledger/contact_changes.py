"""Correcting how a customer is reached: the record, whom an address belongs to, and the messages that still wait."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.identities import Address, owners, resolve_people
from data.ledger.tables import customers, invitations, locations, requests
from data.words import AddressKind, Channel, RequestStatus, address_kind

_c, _i, _r = customers.c, invitations.c, requests.c


@dataclass(frozen=True, slots=True)
class Contact:
    """A customer as whoever corrects them finds them; the values are a person's, and never logged."""

    customer_id: int
    person_id: int
    location_id: int
    region: str  # the location's, in which a number without a country code is read
    first_name: str = field(repr=False)
    last_name: str = field(repr=False)
    email: str | None = field(repr=False)
    phone: str | None = field(repr=False)

    @property
    def addresses(self) -> list[Address]:
        """What they are reached by."""
        both = ((AddressKind.EMAIL, self.email), (AddressKind.PHONE, self.phone))
        return [(kind, address) for kind, address in both if address]


def find_contact(
    c: Connection, account_id: int, location_ids: Collection[int] | None, customer_id: int
) -> Contact | None:
    """The customer, if the reader may see the location (None: every one of the account)."""
    row = c.execute(
        sa.select(
            _c.customer_id, _c.person_id, _c.location_id, locations.c.region, _c.first_name, _c.last_name, _c.email,
            _c.phone,
        )
        .join(locations, locations.c.location_id == _c.location_id)
        .where(_c.customer_id == customer_id, _c.account_id == account_id)
    ).first()  # fmt: skip
    if row is None or (location_ids is not None and row.location_id not in location_ids):
        return None
    return Contact(**row._mapping)


def others_of(c: Connection, account_id: int, person_id: int, addresses: Collection[Address]) -> set[int]:
    """The other people to whom some of these addresses belong."""
    return set(owners(c, account_id, addresses).values()) - {person_id}


def give_addresses(
    c: Connection, account_id: int, found: Contact, addresses: Collection[Address], *, now: datetime
) -> int:
    """Make these addresses this person's as well, whoever had them becoming one with them; the person's id then.

    Those they had stay theirs: what was said against one goes on holding for the person. `lock_identities` comes first.
    """
    [person_id] = resolve_people(c, account_id, [[*found.addresses, *addresses]], now=now)
    return person_id


def customer_at(c: Connection, location_id: int, person_id: int) -> int:
    """The person's customer at a location: another than before where two became one."""
    query = sa.select(_c.customer_id).where(_c.location_id == location_id, _c.person_id == person_id)
    return int(c.execute(query).scalar_one())


def set_contact(c: Connection, customer_id: int, values: Mapping[str, object]) -> None:
    """Write what is corrected over the record, and nothing else of it: two who became one keep what each had."""
    c.execute(customers.update().where(_c.customer_id == customer_id).values(**values))


def readdress_waiting(
    c: Connection, customer_id: int, kind: AddressKind, address: str | None, *, now: datetime
) -> tuple[int, int]:
    """Point what waits at the corrected address; how many messages go there now, how many a sender has.

    For a number the hours may be others, and without an address there is nowhere to go: the window closes at `now`
    (policy time), and planning opens another or cancels. What a sender has taken up is told apart, for it may go yet.
    """
    channels = [channel for channel in Channel if address_kind(channel) is kind]
    theirs = sa.select(_i.invitation_id).where(_i.customer_id == customer_id)
    mine = sa.and_(_r.invitation_id.in_(theirs), _r.channel.in_(channels))
    values = {"address": address} if address else {}
    window = {} if kind is AddressKind.EMAIL and address else {"not_before": now, "not_after": now}
    moved = c.execute(
        requests.update().where(mine, _r.status == RequestStatus.QUEUED).values(**values, **window)
    ).rowcount
    leaving = c.execute(
        sa.select(sa.func.count()).select_from(requests).where(mine, _r.status == RequestStatus.SENDING)
    ).scalar_one()
    return moved, leaving
