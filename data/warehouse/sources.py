"""Which ledger rows become which core_ table, and how the rows changed since a moment, or those of some customers, are
found. Message texts, tokens and users stay in the ledger: only columns that `schema/` names are read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger.types import UtcDateTime
from data.warehouse import sql

Condition = sa.ColumnElement[bool]
CHUNK_ROWS = 50_000  # bounds memory: one chunk of Python rows at a time


@dataclass(frozen=True)
class Scope:
    """Some customers, and reviews besides: what is laid over a copy. The ids are of the ledger."""

    customer_ids: Sequence[int]
    review_ids: Sequence[int] = ()

    @property
    def customers(self) -> Condition:
        return t.customers.c.customer_id.in_(self.customer_ids)

    @property
    def person_ids(self) -> sa.Select[Any]:
        return sa.select(t.customers.c.person_id).where(self.customers)

    @property
    def invitation_ids(self) -> sa.Select[Any]:
        return sa.select(t.invitations.c.invitation_id).where(t.invitations.c.customer_id.in_(self.customer_ids))

    @property
    def list_ids(self) -> sa.CompoundSelect[Any]:
        """Lists that these customers, or their invitations, came in."""
        of_invitations = t.invitations.c.customer_id.in_(self.customer_ids)
        return sa.select(t.customers.c.list_id).where(self.customers, t.customers.c.list_id.is_not(None)).union(
            sa.select(t.invitations.c.list_id).where(of_invitations, t.invitations.c.list_id.is_not(None))
        )  # fmt: skip


@dataclass(frozen=True)
class Source:
    """One core_ table and where its rows come from."""

    table: sa.Table
    key: tuple[str, ...]
    changed: Callable[[datetime], Condition]  # rows written at or after a moment of the database's clock
    within: Callable[[Scope], Condition] | None  # the rows that the marts of those customers need; None = none
    is_append_only: bool = False  # never deleted from: not counted again at each load

    @property
    def name(self) -> str:
        return f"core_{self.table.name}"

    @property
    def columns(self) -> list[sa.Column[Any]]:
        """Those that the table's DDL names: what the ledger adds stays there until somebody wants it here."""
        return [self.table.c[name] for name in sql.columns(f"schema/{self.name}")]

    @property
    def schema(self) -> dict[str, pl.DataType]:
        return {column.name: _polars_type(column) for column in self.columns}

    def frames(self, connection: Connection, condition: Condition | None = None) -> Iterator[pl.DataFrame]:
        """The rows that meet the condition (None: all), at most CHUNK_ROWS a frame; no frame when there are none."""
        query = sa.select(*(_as_plain(column) for column in self.columns))
        if condition is not None:
            query = query.where(condition)
        result = connection.execution_options(yield_per=CHUNK_ROWS).execute(query)
        for rows in result.partitions():
            yield pl.DataFrame([tuple(row) for row in rows], schema=self.schema, orient="row")


def _polars_type(column: sa.Column[Any]) -> pl.DataType:
    match column.type:
        case UtcDateTime():
            return pl.Datetime("us", "UTC")
        case sa.Boolean():
            return pl.Boolean()
        case sa.Integer():  # BigInteger too
            return pl.Int64()
        case _:
            return pl.String()


def _as_plain(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    """Words as their text, and JSON as text (SQL NULL for JSON's null): frames hold neither enums nor dicts."""
    if isinstance(column.type, sa.JSON):
        return sa.func.nullif(sa.cast(column, sa.Text), "null").label(column.name)
    if _polars_type(column) == pl.String:
        return sa.type_coerce(column, sa.String).label(column.name)
    return column


def _of_changed_customers(column: sa.Column[Any]) -> Callable[[datetime], Condition]:
    """People and their addresses carry no time of change: every import that touches them touches a customer too."""
    return lambda since: column.in_(sa.select(t.customers.c.person_id).where(t.customers.c.changed_at >= since))


def _new_or_judged_again(since: datetime) -> Condition:
    """A union, for each half has an index of its own, and an `or` of them would read all events on PostgreSQL."""
    e, r = t.events.c, t.requests.c
    of_changed = sa.select(r.invitation_id).where(r.changed_at >= since)
    return e.event_id.in_(
        sa.union(
            sa.select(e.event_id).where(e.recorded_at >= since),
            sa.select(e.event_id).where(e.invitation_id.in_(of_changed), e.evidence.is_not(None)),
        )
    )


def _everything(scope: Scope) -> Condition:
    return sa.true()


SOURCES = (
    Source(
        t.accounts, ("account_id",), lambda since: t.accounts.c.changed_at >= since, None
    ),
    Source(
        t.locations, ("location_id",), lambda since: t.locations.c.changed_at >= since, _everything,
    ),
    Source(t.platforms, ("platform_id",), lambda since: t.platforms.c.changed_at >= since, _everything),
    Source(
        t.templates, ("template_id",), lambda since: t.templates.c.created_at >= since, _everything,
        is_append_only=True,
    ),
    Source(
        t.lists, ("list_id",), lambda since: t.lists.c.changed_at >= since,
        lambda scope: t.lists.c.list_id.in_(scope.list_ids),
    ),
    Source(t.people, ("person_id",), _of_changed_customers(t.people.c.person_id), None),
    Source(
        t.person_addresses, ("account_id", "kind", "address"), _of_changed_customers(t.person_addresses.c.person_id),
        lambda scope: t.person_addresses.c.person_id.in_(scope.person_ids),
    ),
    Source(
        t.customers, ("customer_id",), lambda since: t.customers.c.changed_at >= since, lambda scope: scope.customers
    ),
    Source(
        t.suppressions, ("suppression_id",), lambda since: t.suppressions.c.created_at >= since,
        lambda scope: t.suppressions.c.address.in_(
            sa.select(t.person_addresses.c.address).where(t.person_addresses.c.person_id.in_(scope.person_ids))
        ),
        is_append_only=True,
    ),
    Source(
        t.invitations, ("invitation_id",), lambda since: t.invitations.c.changed_at >= since,
        # A review made known may follow an ask of a customer who is not otherwise in scope.
        lambda scope: sa.or_(
            t.invitations.c.customer_id.in_(scope.customer_ids),
            t.invitations.c.invitation_id.in_(
                sa.select(t.reviews.c.invitation_id).where(t.reviews.c.review_id.in_(scope.review_ids))
            ),
        ),
    ),
    Source(
        t.requests, ("request_id",), lambda since: t.requests.c.changed_at >= since,
        lambda scope: t.requests.c.invitation_id.in_(scope.invitation_ids),
    ),
    Source(
        # Whoever writes an attempt writes its request in the same transaction, or has not yet learnt anything new.
        t.attempts, ("attempt_id",),
        lambda since: t.attempts.c.request_id.in_(
            sa.select(t.requests.c.request_id).where(t.requests.c.changed_at >= since)
        ),
        None, is_append_only=True,
    ),
    Source(
        # Who opened or clicked is judged anew as more becomes known; whoever does marks the message as changed.
        t.events, ("event_id",), _new_or_judged_again,
        lambda scope: sa.or_(
            t.events.c.invitation_id.in_(scope.invitation_ids),
            sa.and_(t.events.c.invitation_id.is_(None), t.events.c.person_id.in_(scope.person_ids)),
        ),
        is_append_only=True,
    ),
    Source(
        t.scores, ("invitation_id",), lambda since: t.scores.c.changed_at >= since,
        lambda scope: t.scores.c.invitation_id.in_(scope.invitation_ids),
    ),
    Source(
        t.reviews, ("review_id",), lambda since: t.reviews.c.changed_at >= since,
        lambda scope: sa.or_(
            t.reviews.c.invitation_id.in_(scope.invitation_ids), t.reviews.c.review_id.in_(scope.review_ids)
        ),
    ),
    Source(t.runs, ("run_id",), lambda since: t.runs.c.changed_at >= since, None),
)  # fmt: skip
