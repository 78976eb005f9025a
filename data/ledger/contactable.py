"""Who is never asked because they belong to the business. Without Polars: `send` asks this of each claim."""

from collections.abc import Collection

import sqlalchemy as sa

from data.ledger.tables import customers, person_addresses, users
from data.words import AddressKind, Relationship

_a, _u = person_addresses.c, users.c


def is_excluded(person_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Whether a person is staff or a relative: named so at any location, or a user of the account; for a WHERE."""
    # Under its own name: a query that reads customers itself would compare each of them with itself.
    theirs = customers.alias("customers_of_the_person").c
    named = sa.exists().where(theirs.person_id == person_id, theirs.relationship != Relationship.CUSTOMER)
    return sa.or_(named, sa.exists(_users_themselves().where(_a.person_id == person_id)))


def excluded_people(account_id: int, person_ids: Collection[int] | None = None) -> sa.Select[tuple[int]]:
    """The `person_id` of all staff and relatives of an account, each once: what `is_excluded` says, in bulk.

    `person_ids`: as far as they are among these people (None: all).
    """
    named = sa.select(customers.c.person_id).where(
        customers.c.account_id == account_id, customers.c.relationship != Relationship.CUSTOMER
    )
    themselves = _users_themselves()
    if person_ids is None:
        themselves = themselves.where(_a.account_id == account_id)
    else:  # without the account, by which SQLite would read all of its addresses
        named = named.where(customers.c.person_id.in_(person_ids))
        themselves = themselves.where(_a.person_id.in_(person_ids))
    both = sa.union(named, themselves).subquery()
    return sa.select(both.c.person_id)


def _users_themselves() -> sa.Select[tuple[int]]:
    is_theirs = sa.and_(_u.account_id == _a.account_id, sa.func.lower(_u.email) == sa.func.lower(_a.address))
    return sa.select(_a.person_id).join(users, is_theirs).where(_a.kind == AddressKind.EMAIL)
