"""On what basis customers may be written to: append-only rows, each saying who recorded it, when, how, in which words.

The same basis of the same day from the same source is recorded once, so an import that was cut off, or a list mended
and imported again, adds nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.words import ConsentBasis

_IN_ONE_QUERY = 5_000


@dataclass(frozen=True, slots=True)
class BasisGiven:
    """One basis as a list gives it; expiry counts from `given_at`. `is_declared`: for the whole list, not by a row.

    `is_undated`: a row's yes that names neither its day nor a visit, so nobody knows how old it is.
    """

    basis: ConsentBasis
    given_at: datetime
    how: str
    wording: str | None = None
    is_declared: bool = False
    is_undated: bool = False

    @property
    def yields_to_a_no(self) -> bool:
        """Whether a no on record stands against it: only the person's own later word lifts that."""
        return self.is_declared or self.is_undated


def is_refused(bases: Mapping[ConsentBasis, datetime]) -> bool:
    """Whether a customer's newest word is no, of the newest of each basis; a no wins a tie."""
    refused_at = bases.get(ConsentBasis.WITHDRAWN)
    return refused_at is not None and refused_at >= max(bases.values())


def newest_bases(connection: Connection, customers: Sequence[int]) -> dict[int, dict[ConsentBasis, datetime]]:
    """When each of a few customers gave each basis last; those of whom nothing is on record are absent."""
    columns = t.consents.c
    query = (
        sa.select(columns.customer_id, columns.basis, sa.func.max(columns.given_at))
        .where(columns.customer_id.in_(customers))
        .group_by(columns.customer_id, columns.basis)
    )
    found: dict[int, dict[ConsentBasis, datetime]] = {}
    for customer, basis, given_at in connection.execute(query):
        found.setdefault(customer, {})[basis] = given_at
    return found


def record_bases(
    connection: Connection, account_id: int, given: Mapping[int, Sequence[BasisGiven]], known: Sequence[int], *, by: str
) -> int:
    """Append what is new of `given` (by customer id); the number of rows. `known`: who may have rows already.

    What was declared for a whole list, or has no day, is left out for somebody who said no.
    """
    there, refused = _there(connection, [customer for customer in known if given.get(customer)])
    rows = [
        {
            "account_id": account_id, "customer_id": customer, "basis": one.basis, "given_at": one.given_at,
            "how": one.how, "wording": one.wording, "recorded_by": by,
        }
        for customer, bases in given.items()
        for one in bases
        if (customer, one.basis, one.given_at, one.how) not in there
        and not (one.yields_to_a_no and customer in refused)
    ]  # fmt: skip
    if rows:
        connection.execute(t.consents.insert(), rows)
    return len(rows)


def _there(
    connection: Connection, customers: Sequence[int]
) -> tuple[set[tuple[int, ConsentBasis, datetime, str]], set[int]]:
    """What these customers have, and those of them whose newest word is no."""
    columns = t.consents.c
    there: set[tuple[int, ConsentBasis, datetime, str]] = set()
    newest: dict[int, dict[ConsentBasis, datetime]] = {}
    for first in range(0, len(customers), _IN_ONE_QUERY):
        some = customers[first : first + _IN_ONE_QUERY]
        for row in connection.execute(sa.select(t.consents).where(columns.customer_id.in_(some))):
            there.add((row.customer_id, row.basis, row.given_at, row.how))
            its = newest.setdefault(row.customer_id, {})
            its[row.basis] = max(row.given_at, its.get(row.basis, row.given_at))
    return there, {customer for customer, its in newest.items() if is_refused(its)}
