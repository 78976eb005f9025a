"""What changed in the ledger since a copy was made, worked up by the same SQL as the copy, to be laid over it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, cached_property
from typing import NamedTuple

import duckdb
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
from data.warehouse.sources import SOURCES, Scope
from data.warehouse.store import create_macros

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
    settled_until: datetime  # another change may still get a time after it, even one that is here
    touched: pl.DataFrame  # customer_id
    frames: dict[str, pl.DataFrame]

    @cached_property
    def touched_ids(self) -> frozenset[int]:
        return frozenset(self.touched["customer_id"])

    def shows(self, changes: frozenset[Change]) -> bool:
        """Whether these changes are in it, and nothing else can have happened."""
        return changes == self.changes and not self.unsettled()

    def unsettled(self) -> frozenset[Change]:
        """The changes that may have been followed by others at the same moment."""
        return frozenset(change for change in self.changes if change.changed_at >= self.settled_until)


def find_changes(snapshot: Connection, since: datetime) -> frozenset[Change] | None:
    """Every change since then that a page shows; None when there are too many to lay over a copy."""
    found: set[Change] = set()
    for query in _changes():
        rows = snapshot.execute(query, {"since": since}).all()
        if len(rows) > _ROW_LIMIT:
            return None
        found.update(map(Change._make, rows))
    if len({change.customer_id for change in found}) > CUSTOMER_LIMIT:
        return None
    return frozenset(found)


@cache
def _changes() -> tuple[sa.Select[str, int, datetime, int], ...]:
    """Built once: each look asks them, and putting them together takes longer than running them."""
    return tuple(query.limit(_ROW_LIMIT + 1) for query in _each_change())


def _each_change() -> Iterator[sa.Select[str, int, datetime, int]]:
    c, i, e, s = customers.c, invitations.c, events.c, suppressions.c
    since: sa.BindParameter[datetime] = sa.bindparam("since")
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


def not_shown(before: Overlay | None, changes: frozenset[Change]) -> frozenset[Change]:
    """What an overlay does not show, or not as it is; a row that changed again is here with both its times."""
    return changes if before is None else (changes ^ before.changes) | before.unsettled()


class Workshop:
    """An empty warehouse in memory, in which overlays are worked up by the marts' own statements; one at a time.

    It is kept, because opening one takes as long as three overlays of somebody's click.
    """

    def __init__(self) -> None:
        self._memory = duckdb.connect(":memory:", config={"threads": 1})
        self._memory.execute("set timezone = 'UTC'").fetchall()
        create_macros(self._memory)
        for source in SOURCES:
            self._memory.execute(sql.statement(f"schema/{source.name}")).fetchall()

    def work_up(self, snapshot: Connection, scope: Scope) -> dict[str, pl.DataFrame]:
        """The present rows of some customers, and reviews, by relation."""
        laid_out = []
        try:
            for source in SOURCES:
                frames = [] if source.within is None else list(source.frames(snapshot, source.within(scope)))
                if frames:  # in front of the empty table
                    self._memory.register(source.name, pl.concat(frames))
                    laid_out.append(source.name)
            return {name: self._memory.sql(sql.statement(f"marts/out_{name}")).pl() for name in RELATIONS}
        finally:
            for name in laid_out:
                self._memory.unregister(name)


def lay_over(
    before: Overlay | None,
    changes: frozenset[Change],
    former_owners: set[int],
    *,
    workshop: Workshop,
    snapshot: Connection,
    now: datetime,
) -> Overlay:
    """An overlay of all the changes, of which the one `before` has all but the news.

    Worked up are the customers whom the news is about, and those to whom the copy ascribes it. `now`: database clock.
    """
    news = not_shown(before, changes)
    about = {change.customer_id for change in news if change.customer_id is not None} | former_owners
    moved_reviews = sorted({change.row_id for change in news if change.kind == reviews.name})
    touched = pl.DataFrame({"customer_id": sorted(about)}, schema={"customer_id": pl.Int64})
    frames = workshop.work_up(snapshot, Scope(sorted(about), moved_reviews))
    if before is not None:
        kept = {name: before.frames[name].join(touched, on="customer_id", how="anti") for name in RELATIONS}
        kept["reviews"] = kept["reviews"].filter(~pl.col("review_id").is_in(moved_reviews))
        frames = {name: pl.concat([kept[name], frames[name]]) for name in RELATIONS}
        touched = pl.concat([before.touched, touched]).unique()
    return Overlay(changes, now - _SETTLED, touched, frames)


def moved_runs(snapshot: Connection, since: datetime) -> pl.DataFrame:
    """The runs that moved since then, as out_runs has them."""
    source = next(source for source in SOURCES if source.table is runs)
    return pl.concat([pl.DataFrame(schema=source.schema), *source.frames(snapshot, source.changed(since))])
