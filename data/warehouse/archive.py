"""What leaves for good: raw payloads and verdicts, as Parquet by day.

    archive/raw_events/received_date=2026-11-23/part-<hash>.parquet     inbox_id, provider, event_key, …, payload (JSON)
    archive/verdicts/planned_date=2026-11-23/pass-<time>-<pass>.parquet

A payload leaves the ledger only after its file was flushed, renamed and read back. A crash in between archives it
again, perhaps in other company and so in another file: `read_raw_events` gives each once, whatever happened. The name
of a file is the hash of what it holds, so the same rows make the same file.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
import structlog
from filelock import FileLock
from sqlalchemy.engine import Row

from data.ledger.store import Ledger
from data.ledger.tables import callback_tokens, events, inbox
from data.ledger.tables.metadata import database_now
from data.warehouse import sql
from data.warehouse.parquet import write_for_good
from data.warehouse.store import Warehouse
from data.words import EventKind

log = structlog.get_logger(__name__)

ARCHIVE_AFTER = timedelta(minutes=15)  # by then its transaction is long over and a person may still look at it raw
KEYS_KEPT = timedelta(days=35)  # providers tell again what they told: Mailgun keeps events 30 days at most
_BATCH_ROWS = 5_000  # rows read, written and forgotten at a time
_LOCK_SECONDS = 60
_RAW_EVENTS: dict[str, Any] = {
    "inbox_id": pl.Int64,
    "provider": pl.String,
    "event_key": pl.String,
    "received_at": pl.Datetime("us", "UTC"),
    "applied_at": pl.Datetime("us", "UTC"),
    "payload": pl.String,
}


def archive_inbox(ledger: Ledger, archive_folder: Path, *, now: datetime) -> dict[str, int]:
    """Put applied payloads older than 15 minutes to rest and forget keys and used tokens older than 35 days.

    A push that no polling has confirmed by then never will be: it rests as it came, applied_at null. The key of a START
    is never forgotten: Twilio signs no time, and a START told again after years must not give back what was refused.

    `now`: this machine's clock; when the database's is behind it, that one counts, so that no shifted clock forgets a
    key too early. Counts: archived, files, forgotten (keys), tokens. May be run again at any time; two at once take
    turns. Raises UnfaithfulFile or filelock.Timeout.
    """
    counts = {"archived": 0, "files": 0, "forgotten": 0, "tokens": 0}
    folder = archive_folder / "raw_events"
    folder.mkdir(parents=True, exist_ok=True)
    with ledger.read() as snapshot:
        now = min(now, ledger.now(snapshot))
    with FileLock(archive_folder / "archive.lock", timeout=_LOCK_SECONDS):
        while rows := _resting(ledger, now - ARCHIVE_AFTER, now - KEYS_KEPT):
            for frame, path in _files(rows, folder):
                write_for_good(frame, path)
                counts["files"] += 1
            counts["archived"] += _forget_payloads(ledger, [row.inbox_id for row in rows])
        counts["forgotten"] = _forget_keys(ledger, now - KEYS_KEPT)
        counts["tokens"] = _forget_tokens(ledger, now - KEYS_KEPT)
    log.info("archived", **counts)
    return counts


def read_raw_events(archive_folder: Path) -> pl.DataFrame:
    """Every archived payload once, by inbox_id, whatever crashes archived twice."""
    paths = sorted((archive_folder / "raw_events").glob("received_date=*/part-*.parquet"))
    frames = [pl.read_parquet(path, hive_partitioning=False) for path in paths]
    return pl.concat([pl.DataFrame(schema=_RAW_EVENTS), *frames]).unique("inbox_id", keep="first").sort("inbox_id")


def archive_verdicts(
    verdicts: pl.DataFrame, archive_folder: Path, warehouse: Warehouse, *, now: datetime
) -> dict[str, int]:
    """Put a pass's verdicts to rest as Parquet and into the warehouse's core_verdicts.

    `verdicts` has the columns of core_verdicts and one pass_id; `now` is the pass's policy time. A pass archived again
    takes its own place. Counts: verdicts. Raises WarehouseBusy or UnfaithfulFile.
    """
    if verdicts.is_empty():
        return {"verdicts": 0}
    verdicts = verdicts.sort("customer_id", "step", "channel")
    (pass_id,) = verdicts["pass_id"].unique()
    name = f"planned_date={now:%Y-%m-%d}/pass-{now:%Y%m%dT%H%M%S}-{pass_id}.parquet"
    write_for_good(verdicts, archive_folder / "verdicts" / name)
    with warehouse.write() as connection:
        connection.execute("delete from core_verdicts where pass_id = $1", [pass_id]).fetchall()
        connection.register("incoming", verdicts)
        connection.execute(sql.about("keyed/insert_mart", table="core_verdicts", mart="from incoming")).fetchall()
        connection.unregister("incoming")
        connection.execute("update warehouse_state set version = version + 1").fetchall()
    log.info("verdicts archived", pass_id=pass_id, verdicts=verdicts.height)
    return {"verdicts": verdicts.height}


def _resting(ledger: Ledger, until: datetime, given_up: datetime) -> Sequence[Row[Any, Any, Any, Any, Any, Any]]:
    i = inbox.c
    query = (
        sa.select(i.inbox_id, i.provider, i.event_key, i.received_at, i.applied_at, i.payload)
        .where(i.archived_at.is_(None), i.received_at < until)
        .where(sa.or_(i.applied_at.is_not(None), i.received_at < given_up))
        .order_by(i.inbox_id)
        .limit(_BATCH_ROWS)
    )
    with ledger.read() as snapshot:
        return snapshot.execute(query).all()


def _files(rows: Sequence[Row[Any, Any, Any, Any, Any, Any]], folder: Path) -> Iterator[tuple[pl.DataFrame, Path]]:
    """The rows by the day they were received (UTC), each day with the file it goes to."""
    flat = [(*row[:5], json.dumps(row.payload, sort_keys=True, ensure_ascii=False)) for row in rows]
    frame = pl.DataFrame(flat, schema=_RAW_EVENTS, orient="row")
    for (day,), part in frame.sort("inbox_id").group_by(pl.col("received_at").dt.date(), maintain_order=True):
        content = hashlib.sha256(part.select("inbox_id", "event_key", "payload").write_ndjson().encode()).hexdigest()
        yield part, folder / f"received_date={day}" / f"part-{content[:20]}.parquet"


def _forget_payloads(ledger: Ledger, inbox_ids: list[int]) -> int:
    with ledger.write() as connection:
        forgotten = connection.execute(
            inbox.update()
            .where(inbox.c.inbox_id.in_(inbox_ids), inbox.c.archived_at.is_(None))
            .values(payload=sa.null(), archived_at=database_now())
        )
        return forgotten.rowcount


def _forget_keys(ledger: Ledger, before: datetime) -> int:
    forgotten = 0
    is_start = sa.exists().where(events.c.inbox_id == inbox.c.inbox_id, events.c.kind == EventKind.RESUBSCRIBED)
    old = (
        sa.select(inbox.c.inbox_id)
        .where(inbox.c.archived_at.is_not(None), inbox.c.received_at < before, ~is_start)
        .limit(_BATCH_ROWS)
    )
    while True:
        with ledger.write() as connection:
            ids = connection.execute(old).scalars().all()
            if not ids:
                return forgotten
            forgotten += connection.execute(inbox.delete().where(inbox.c.inbox_id.in_(ids))).rowcount


def _forget_tokens(ledger: Ledger, before: datetime) -> int:
    """Long after the time that was signed with them is too old to be believed."""
    with ledger.write() as connection:
        return connection.execute(callback_tokens.delete().where(callback_tokens.c.received_at < before)).rowcount
