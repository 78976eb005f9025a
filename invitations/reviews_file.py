"""A CSV file of reviews: each kept once by its platform's own id, and linked to the invitation it followed, if known.

A link is known where the row carries the token of the link that the customer was sent. Linking is an event, once; it
ends the invitation where its policy says so. Stars and sentiment are kept to be shown, and no rule reads them.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import dataframely as dy
import polars as pl
import sqlalchemy as sa
import structlog

from connectors.csv_file import LINE, TextTable, UnreadableFile, read_csv
from data.ledger import reviews as kept
from data.ledger.store import Ledger
from data.ledger.tables import locations
from invitations.columns import REVIEW_SYNONYMS, map_columns, unread
from invitations.customers_file import places_of
from invitations.import_report import ImportReport
from invitations.intake import clean_text
from invitations.rejected import WHOLE_ROW, RejectedRow

log = structlog.get_logger(__name__)

_AT_ONCE = 500
_NEEDED = ("provider_review_id", "platform", "reviewed_at")
_LONGEST_BODY = 10_000
_EXPECTED = {
    "provider_review_id": "Expected the id that the platform gives the review, of at most 300 characters",
    "platform": "Expected a platform such as google, of at most 64 characters",
    "stars": "Expected a number from 1 to 5, or nothing",
    "reviewed_at": "Expected a date and time such as 2026-05-17T14:30, or a date such as 2026-05-17",
}


class ReviewRows(dy.Schema):
    """Rows fit to become reviews."""

    line = dy.Int64(min=1)
    provider_review_id = dy.String(min_length=1, max_length=300)
    platform = dy.String(min_length=1, max_length=64)
    reviewer_name = dy.String(max_length=200)
    stars = dy.Int64(nullable=True, min=1, max=5)
    body = dy.String(max_length=_LONGEST_BODY)
    sentiment = dy.String(nullable=True, max_length=16)
    reviewed_at = dy.Datetime(time_zone="UTC", time_unit="us")
    link_token = dy.String(nullable=True)


def import_reviews(ledger: Ledger, content: bytes, *, file_name: str, location: str, imported_by: str) -> ImportReport:
    """Import one file of reviews for the location with that slug; a review known already is brought up to date.

    A time without a zone is on the location's clock. Raises UnreadableFile or UnknownLocation, in words.
    """
    with ledger.read() as connection:
        account_id, place, _ = places_of(connection, location)
        zone = connection.execute(
            sa.select(locations.c.time_zone).where(locations.c.location_id == place.location_id)
        ).scalar_one()
    table = read_csv(content)
    mapped = map_columns(table.headers, REVIEW_SYNONYMS)
    missing = [name for name in _NEEDED if not mapped[name]]
    if missing:
        raise UnreadableFile(f"Columns are missing: {', '.join(missing)}. Found: {', '.join(table.headers)}.")
    cleaned = _cleaned(table, mapped, ZoneInfo(zone))
    good, fail = ReviewRows.filter(cleaned)
    latest = good.unique(["platform", "provider_review_id"], keep="last", maintain_order=True)
    counts = kept.Written()
    now = ledger.policy_now()
    for some in latest.drop(LINE).iter_slices(_AT_ONCE):
        counts += kept.write_reviews(ledger, account_id, place.location_id, some.to_dicts(), now=now)
    report = ImportReport(
        row_count=len(table.frame) + len(table.broken),
        new_count=counts.new,
        known_count=counts.known,
        merged_count=len(good) - len(latest),
        rejected_count=len(fail.invalid()) + len(table.broken),
        rejected=_complaints(table, mapped, fail.details()),
        unread_columns=unread(table.headers, mapped),
        file_name=file_name,
    )
    log.info("reviews imported", location_id=place.location_id, linked=counts.linked, **report.as_metadata())
    return report


def _cleaned(table: TextTable, mapped: Mapping[str, Sequence[str]], zone: ZoneInfo) -> pl.DataFrame:
    cell = {name: pl.col(found[0]) if found else pl.lit(None, pl.String) for name, found in mapped.items()}
    raw = table.frame.select(LINE, *(text.str.strip_chars().alias(name) for name, text in cell.items()))
    moments = [_moment(text, zone) for text in raw["reviewed_at"]]
    stars = pl.col("stars").cast(pl.Float64, strict=False)
    is_given = (pl.col("stars") != "").fill_null(False)
    token = pl.col("link_token")
    return raw.with_columns(
        clean_text(pl.col("platform")).str.to_lowercase().alias("platform"),
        clean_text(pl.col("reviewer_name")).str.slice(0, 200).fill_null("").alias("reviewer_name"),
        # What cannot be read as a whole number of stars becomes 0, which the schema turns away; nothing stays null.
        pl.when(is_given).then(pl.when(stars == stars.round()).then(stars).fill_null(0)).cast(pl.Int64).alias("stars"),
        _paragraphs(pl.col("body")).str.slice(0, _LONGEST_BODY).fill_null("").alias("body"),
        clean_text(pl.col("sentiment")).str.to_lowercase().str.slice(0, 16).alias("sentiment"),
        pl.Series("reviewed_at", moments, dtype=pl.Datetime("us", "UTC")),
        pl.when(token != "").then(token.str.extract(r"([^/?#]+)[^/]*$", 1)).alias("link_token"),
    )


def _paragraphs(column: pl.Expr) -> pl.Expr:
    """Text that keeps its line breaks and loses every other control character."""
    return column.str.replace_all("\r\n|\r", "\n").str.replace_all(r"[\p{Cc}--\n]", "").str.strip_chars()


def _moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    try:
        if text and len(text) == len("2026-05-17"):
            return datetime.combine(date.fromisoformat(text), time(12), zone)
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _complaints(table: TextTable, mapped: Mapping[str, Sequence[str]], details: pl.DataFrame) -> list[RejectedRow]:
    found = [
        RejectedRow(row.line, WHOLE_ROW, table.delimiter.join(row.cells), row.reason,
                    dict(zip(table.headers, row.cells, strict=False)))
        for row in table.broken
    ]  # fmt: skip
    originals = {row[LINE]: row for row in table.frame.join(details.select(LINE), on=LINE, how="semi").to_dicts()}
    for row in details.iter_rows(named=True):
        original = {name: text for name, text in originals[row[LINE]].items() if name != LINE}
        wrong = {rule.split("|")[0] for rule, verdict in row.items() if "|" in rule and verdict == "invalid"}
        for name in sorted(wrong):
            column = mapped[name][0]
            reason = _EXPECTED.get(name, "too long")
            found.append(RejectedRow(row[LINE], column, original[column], reason, original))
    return sorted(found, key=lambda row: row.line)
