"""Whom the system before this one asked, and when: so that nobody is asked again within the frequency cap.

A day without a time counts to its end, by the location's clock: the cap must not end too early.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import structlog

from connectors.csv_file import UnreadableFile, read_csv
from data.ledger.past_invitations import add_past_invitations
from data.ledger.store import Ledger
from invitations.address_list import addresses_in, mapped_columns, sorted_out, with_addresses
from invitations.columns import PAST_INVITATION_SYNONYMS
from invitations.contact_columns import location_finding
from invitations.customers_file import places_of
from invitations.dates import how_read, with_date
from invitations.import_report import ImportReport
from invitations.rejected import Finding

log = structlog.get_logger(__name__)

_ROWS_AT_ONCE = 2_000


def import_past_invitations(
    ledger: Ledger,
    content: bytes,
    *,
    file_name: str,
    location: str,
    imported_by: str,
    reach: Collection[int] | None = None,
    now: datetime,
) -> ImportReport:
    """Keep who was asked before; `location` is the slug for rows that name none. Known rows add nothing.

    `reach`: the locations that the importer looks after (None: all).

    A row needs an address and a day that has been. `now` is policy time. Raises UnreadableFile or UnknownLocation.
    """
    with ledger.read() as connection:
        account_id, default, places = places_of(connection, location, reach)
    table = read_csv(content)
    mapped = mapped_columns(table, PAST_INVITATION_SYNONYMS)
    if not mapped["invited_at"]:
        raise UnreadableFile(
            f'No column says when people were invited. Found: {", ".join(table.headers)}. Name one "invited at".'
        )
    cleaned = with_addresses(table, mapped, default, places)
    cleaned = with_date(cleaned.rename({"invited_at": "invited_at_text"}), "invited_at", now)
    is_good = pl.col("invited_at").is_not_null() & pl.col("location_id").is_not_null()
    found = sorted_out(table, mapped, cleaned, is_good=is_good, findings=(location_finding(places), *_date_findings()))
    rows = [
        (
            row["location_id"],
            _to_its_end(row["invited_at"], row["invited_at_has_time"], row["location_zone"]),
            addresses_in(row),
        )
        for row in found.rows.iter_rows(named=True)
    ]
    new = sum(
        add_past_invitations(ledger, account_id, rows[start : start + _ROWS_AT_ONCE], by=imported_by)
        for start in range(0, len(rows), _ROWS_AT_ONCE)
    )
    report = ImportReport(
        row_count=found.row_count,
        new_count=new,
        known_count=len(rows) - new,
        rejected_count=found.row_count - len(rows),
        rejected=found.rejected,
        unread_columns=found.unread_columns,
        notes=tuple(how_read(cleaned, "invited_at", mapped["invited_at"][0])),
        file_name=file_name,
    )
    log.info("past invitations taken in", **report.as_metadata())
    return report


def _to_its_end(moment: datetime, has_time: bool, zone: str) -> datetime:
    if has_time:
        return moment
    day = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return (day + timedelta(days=1)).replace(tzinfo=ZoneInfo(zone)) - timedelta(seconds=1)


def _date_findings() -> tuple[Finding, ...]:
    text = pl.col("invited_at_text")
    return (
        Finding(
            "invited_at",
            "invited_at_text",
            pl.col("invited_at_fault").is_not_null(),
            lambda row: row["invited_at_fault"],
        ),
        Finding(
            "invited_at",
            "invited_at_text",
            text.is_null(),
            lambda row: "no day in this row, so it says nothing of when. Expected one such as 2026-05-17",
        ),
    )
