"""Ledger to warehouse: rows changed since the last load into the core_ tables, and the out_ tables made anew of them.

Everything is read in one snapshot of the ledger. The watermark is the database's clock when that read began; the next
load reads again from MARGIN before it, because a row's `changed_at` is older than its commit, by less than a
transaction may last. A row read twice changes nothing, so running a load again, or loading a day again, changes
nothing either.
"""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

import duckdb
import polars as pl
import structlog
from sqlalchemy import Select, func, select
from sqlalchemy.engine import Connection

from data.ledger.store import Ledger
from data.warehouse import sql
from data.warehouse.sources import SOURCES, Source
from data.warehouse.store import Warehouse

log = structlog.get_logger(__name__)

MARGIN = timedelta(seconds=30)  # no ledger transaction lasts over 5 seconds
MARTS = (  # in this order: the later ones count what out_invitations tells
    *("out_customers", "out_requests", "out_timeline", "out_reviews", "out_invitations"),
    *("out_funnel", "out_reached", "out_nps", "out_nps_by", "out_runs"),
)
# Every pass writes runs, and pages read them from the ledger: they alone are no reason to publish a copy.
_NOT_WORTH_A_COPY = frozenset({"core_runs"})
_COUNTED = tuple(source for source in SOURCES if not source.is_append_only)


def load_from_ledger(ledger: Ledger, warehouse: Warehouse, *, since: datetime | None = None) -> dict[str, int]:
    """Bring the warehouse up to date; how many rows changed, by core_ table (0 where none did).

    `since` (database clock) reads again from further back than the watermark: the way to load a day once more.
    Raises WarehouseBusy.
    """
    with warehouse.write() as connection, ledger.read() as snapshot:
        began = ledger.now(snapshot)
        start = _start(connection, since)
        changes = {source.name: _load(snapshot, connection, source, start) for source in SOURCES}
        for source in _disagreeing(snapshot, connection, _COUNTED):
            changes[source.name] += _reconcile(snapshot, connection, source)
        worth_a_copy = sum(count for name, count in changes.items() if name not in _NOT_WORTH_A_COPY)
        if worth_a_copy or start is None:
            rebuild(connection, MARTS)
            connection.execute("update warehouse_state set version = version + 1").fetchall()
        elif any(changes.values()):
            rebuild(connection, ("out_runs",))
        connection.execute("update warehouse_state set watermark = $1", [began]).fetchall()
    log.info("loaded", rows=sum(changes.values()), **{name: count for name, count in changes.items() if count})
    return changes


def rebuild(connection: duckdb.DuckDBPyConnection, marts: tuple[str, ...]) -> None:
    """Make these out_ tables again from the core_ tables; columns and types are those of `schema/`."""
    for name in marts:
        connection.execute(f"drop table if exists {name}").fetchall()
        connection.execute(sql.statement(f"schema/{name}")).fetchall()
        mart = sql.statement(f"marts/{name}")
        connection.execute(sql.about("keyed/insert_mart", table=name, mart=mart)).fetchall()


def _start(connection: duckdb.DuckDBPyConnection, since: datetime | None) -> datetime | None:
    watermark: datetime | None = connection.execute("select watermark from warehouse_state").fetchall()[0][0]
    if watermark is None:
        return None  # nothing was ever loaded: everything is new
    return min(watermark - MARGIN, since) if since else watermark - MARGIN


def _load(snapshot: Connection, connection: duckdb.DuckDBPyConnection, source: Source, start: datetime | None) -> int:
    if start is None:  # nothing is there to compare with
        return sum(_insert(connection, source, frame) for frame in source.frames(snapshot))
    return sum(_upsert(connection, source, frame) for frame in source.frames(snapshot, source.changed(start)))


def _insert(connection: duckdb.DuckDBPyConnection, source: Source, incoming: pl.DataFrame) -> int:
    connection.register("changed_rows", incoming)
    connection.execute(_about(source, "insert_changed")).fetchall()
    connection.unregister("changed_rows")
    return incoming.height


def _upsert(connection: duckdb.DuckDBPyConnection, source: Source, incoming: pl.DataFrame) -> int:
    """Put the rows of the frame in place of those with the same key; how many were new or differed."""
    connection.register("incoming", incoming)
    changed = int(connection.execute(_about(source, "changed_rows")).fetchall()[0][0])
    connection.unregister("incoming")
    if changed:
        connection.execute(_about(source, "delete_changed")).fetchall()
        connection.execute(_about(source, "insert_changed")).fetchall()
    connection.execute("drop table changed_rows").fetchall()
    return changed


def _reconcile(snapshot: Connection, connection: duckdb.DuckDBPyConnection, source: Source) -> int:
    """Remove what the ledger no longer has and fetch what slipped by; how many rows that was."""
    keys = [source.table.c[name] for name in source.key]
    rows = [tuple(str(value) if name in _text(source) else value for name, value in zip(source.key, row, strict=True))
            for row in snapshot.execute(select(*keys))]  # fmt: skip
    known = pl.DataFrame(rows, schema={name: source.schema[name] for name in source.key}, orient="row")
    connection.register("known", known)
    gone = len(connection.execute(_about(source, "delete_unknown")).fetchall())
    connection.unregister("known")
    if not _disagreeing(snapshot, connection, (source,)):
        return gone
    log.warning("rows slipped by the watermark; the table is read in full", table=source.name)
    return gone + sum(_upsert(connection, source, frame) for frame in source.frames(snapshot))


def _text(source: Source) -> set[str]:
    return {name for name in source.key if source.schema[name] == pl.String}


def _disagreeing(
    snapshot: Connection, connection: duckdb.DuckDBPyConnection, sources: tuple[Source, ...]
) -> list[Source]:
    """Those of which the ledger has more rows, or fewer, normally none.

    Deletions leave no trace to read incrementally (people merged, an erasure), but a count gives them away.
    """
    there = snapshot.execute(_count_rows(sources)).one()
    counts = ", ".join(f"({sql.about('keyed/count_rows', table=source.name)})" for source in sources)
    here = connection.execute(f"select {counts}").fetchall()[0]
    return [source for source, left, right in zip(sources, there, here, strict=True) if left != right]


@cache
def _count_rows(sources: tuple[Source, ...]) -> Select[Any]:
    return select(*(select(func.count()).select_from(source.table).scalar_subquery() for source in sources))


def _about(source: Source, step: str) -> str:
    return sql.about(f"keyed/{step}", table=source.name, key=", ".join(source.key))
