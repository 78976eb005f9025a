"""What changed in the ledger since a copy was made, worked up by the same SQL as the copy, to be laid over it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import (
    customers,
    events,
    invitations,
    person_addresses,
    requests,
    reviews,
    runs,
    scores,
    suppressions,
)
from data.warehouse import sql
from data.warehouse.load import rebuild
from data.warehouse.sources import SOURCES, Scope
from data.warehouse.store import connect

CUSTOMER_LIMIT = 5_000  # beyond it the copy is shown as it is, and says so
_ROW_LIMIT = 4 * CUSTOMER_LIMIT  # of one kind: bounds what a look at a page costs after a mass change
_SETTLED = timedelta(milliseconds=250)
RELATIONS = ("customers", "requests", "timeline", "reviews")


class Change(NamedTuple):
    """A ledger row written since a moment."""

    kind: str  # its table
    row_id: int
    changed_at: datetime  # database clock
    customer_id: int | None  # whom it is about; None for a review that is not linked


@dataclass(frozen=True)
class Overlay:
    """The present rows of the customers touched since a copy was made, by relation."""

    changes: frozenset[Change]
    is_settled: bool  # False: another change may still get the same time as the newest one here
    touched: pl.DataFrame  # customer_id
    frames: dict[str, pl.DataFrame]


def find_changes(snapshot: Connection, since: datetime) -> frozenset[Change] | None:
    """Every change since then that a page shows; None when there are too many to lay over a copy."""
    found: set[Change] = set()
    for query in _changes(since):
        rows = snapshot.execute(query.limit(_ROW_LIMIT + 1)).all()
        if len(rows) > _ROW_LIMIT:
            return None
        found.update(Change._make(row) for row in rows)
    if len({change.customer_id for change in found}) > CUSTOMER_LIMIT:
        return None
    return frozenset(found)


def _changes(since: datetime) -> Iterator[sa.Select[str, int, datetime, int]]:
    c, i, e, s = customers.c, invitations.c, events.c, suppressions.c
    of_invitation = i.customer_id
    yield _change("customers", c.customer_id, c.changed_at, c.customer_id).where(c.changed_at >= since)
    yield _change("invitations", i.invitation_id, i.changed_at, of_invitation).where(i.changed_at >= since)
    for table, row_id, changed_at in (
        (requests, requests.c.request_id, requests.c.changed_at),
        (scores, scores.c.invitation_id, scores.c.changed_at),
        (events, e.event_id, e.recorded_at),
    ):
        joined = table.join(invitations, table.c.invitation_id == i.invitation_id)
        yield _change(table.name, row_id, changed_at, of_invitation).select_from(joined).where(changed_at >= since)
    yield (
        _change("reviews", reviews.c.review_id, reviews.c.changed_at, of_invitation)
        .select_from(reviews.outerjoin(invitations, reviews.c.invitation_id == i.invitation_id))
        .where(reviews.c.changed_at >= since)
    )
    yield (
        _change("events", e.event_id, e.recorded_at, c.customer_id)
        .select_from(events.join(customers, c.person_id == e.person_id))
        .where(e.recorded_at >= since, e.invitation_id.is_(None))
    )
    owner = person_addresses.c
    owned = sa.and_(owner.account_id == s.account_id, owner.kind == s.kind, owner.address == s.address)
    yield (
        _change("suppressions", s.suppression_id, s.created_at, c.customer_id)
        .select_from(suppressions.join(person_addresses, owned).join(customers, c.person_id == owner.person_id))
        .where(s.created_at >= since)
    )


def _change(
    kind: str, row_id: sa.Column[int], changed_at: sa.Column[datetime], customer_id: sa.Column[int]
) -> sa.Select[str, int, datetime, int]:
    return sa.select(sa.literal(kind).label("kind"), row_id, changed_at, customer_id)


def build_overlay(snapshot: Connection, now: datetime, changes: frozenset[Change], former_owners: set[int]) -> Overlay:
    """Work up the customers whom the changes are about, and those who owned the rows before. `now`: database clock."""
    about = {change.customer_id for change in changes if change.customer_id is not None} | former_owners
    moved_reviews = [change.row_id for change in changes if change.kind == reviews.name]
    newest = max((change.changed_at for change in changes), default=now - 2 * _SETTLED)
    return Overlay(
        changes,
        is_settled=now - newest > _SETTLED,
        touched=pl.DataFrame({"customer_id": sorted(about)}, schema={"customer_id": pl.Int64}),
        frames=_work_up(snapshot, Scope(sorted(about), sorted(moved_reviews))) if changes else {},
    )


def _work_up(snapshot: Connection, scope: Scope) -> dict[str, pl.DataFrame]:
    with connect(":memory:") as memory:
        for source in SOURCES:
            if source.within is None:
                continue
            memory.execute(sql.statement(f"schema/{source.name}")).fetchall()
            for frame in source.frames(snapshot, source.within(scope)):
                memory.register("incoming", frame)
                memory.execute(sql.about("keyed/insert_mart", table=source.name, mart="from incoming")).fetchall()
        rebuild(memory, tuple(f"out_{name}" for name in RELATIONS))
        return {name: memory.table(f"out_{name}").pl() for name in RELATIONS}


def moved_runs(snapshot: Connection, since: datetime) -> pl.DataFrame:
    """The runs that moved since then, as out_runs has them."""
    source = next(source for source in SOURCES if source.table is runs)
    return pl.concat([pl.DataFrame(schema=source.schema), *source.frames(snapshot, source.changed(since))])
