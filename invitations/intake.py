"""Making customers of a file's rows. Pure: a table in, clean rows and every complaint out.

A row is turned away when nothing of it can be reached or its location is unknown. A row with one bad contact and one
good one is kept with the good one, and the bad cell is reported all the same (`is_row_kept`). Nothing is lost: each
complaint keeps the line, the column, what was found, what was expected, and the whole row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import dataframely as dy
import polars as pl

from connectors.csv_file import LINE, TextTable, UnreadableFile
from invitations.columns import CUSTOMER_SYNONYMS, map_columns, plain, unread
from invitations.contacts import emails, phones
from invitations.rejected import LIMITS, Place, RejectedRow, complaints

_BREAKS = r"[\p{Cc}\p{Zl}\p{Zp}]+"
_UNSEEN = r"[\p{Cf}--[\x{200C}\x{200D}]]+"  # text-direction signs and the like; the joiners are part of some names
_TEMPLATE_MARKS = r"\{[%#]?|[%#]?\}"  # no brace stays, so none of {{ {% {# can be put together from what remains
_LOCALE = r"^([A-Za-z]{2,3})(?:[-_]([A-Za-z]{2}))?$"


class CustomerRows(dy.Schema):
    """Rows fit to become customers; empty values are null."""

    line = dy.Int64(min=1)
    location_id = dy.Int64()
    email = dy.String(nullable=True, max_length=254, regex="@")
    phone = dy.String(nullable=True, regex=r"^\+[1-9][0-9]{4,14}$")
    first_name = dy.String(nullable=True, max_length=100)
    last_name = dy.String(nullable=True, max_length=100)
    employee = dy.String(nullable=True, max_length=200)
    service = dy.String(nullable=True, max_length=200)
    locale = dy.String(nullable=True, max_length=16)

    @dy.rule()
    def reachable(cls) -> pl.Expr:  # noqa: N805  (dataframely's own form)
        return pl.col("email").is_not_null() | pl.col("phone").is_not_null()


@dataclass(frozen=True, slots=True)
class Intake:
    """`rows` as CustomerRows, in the order of the file; `row_count` counts every row with any text."""

    rows: pl.DataFrame = field(repr=False)
    rejected: tuple[RejectedRow, ...] = field(repr=False)
    row_count: int
    unread_columns: tuple[str, ...]


def take_rows(table: TextTable, default: Place, places: Sequence[Place]) -> Intake:
    """Clean every row of `table`; a row belongs to `default` unless its location column names another of `places`.

    Raises UnreadableFile when no column can hold an e-mail address or a phone number.
    """
    mapped = map_columns(table.headers, CUSTOMER_SYNONYMS)
    if not mapped["email"] and not mapped["phone"]:
        raise UnreadableFile(
            f"No column holds e-mail addresses or phone numbers. Found: {', '.join(table.headers)}. "
            'Name one "email" or "phone".'
        )
    raw = _unswapped(table.frame.select(LINE, *(_first_filled(mapped[name]).alias(name) for name in mapped)))
    cleaned = _with_contacts(_with_location(_with_texts(raw), default, places), default, places)
    good, fail = CustomerRows.filter(cleaned, cast=True)
    rejected = complaints(table, mapped, cleaned, set(fail.invalid()[LINE]), places)
    return Intake(
        rows=good,
        rejected=tuple(rejected),
        row_count=len(table.frame) + len(table.broken),
        unread_columns=unread(table.headers, mapped),
    )


def clean_text(column: pl.Expr) -> pl.Expr:
    """One line of plain text: no unseen signs, no template marks, single spaces; null when nothing is left."""
    text = column.str.replace_all(_BREAKS, " ").str.replace_all(_UNSEEN, "").str.replace_all(_TEMPLATE_MARKS, "")
    text = text.str.normalize("NFC").str.replace_all(r"\s+", " ").str.strip_chars()
    return pl.when(text != "").then(text)


def _first_filled(headers: Sequence[str]) -> pl.Expr:
    """The first of the columns that has text in a row, trimmed; null when none has."""
    trimmed = [pl.col(header).str.strip_chars() for header in headers]
    filled = [pl.when(text != "").then(text) for text in trimmed]
    return pl.coalesce(filled) if filled else pl.lit(None, pl.String)


def _unswapped(raw: pl.DataFrame) -> pl.DataFrame:
    """Contacts that stand in each other's column put right, `is_swapped` saying where."""
    mail, phone = pl.col("email"), pl.col("phone")
    no_mail = ~mail.str.contains("@", literal=True).fill_null(False)
    is_number = mail.str.count_matches("[0-9]") >= 7
    swapped = no_mail & (phone.str.contains("@", literal=True) | (phone.is_null() & is_number)).fill_null(False)
    return raw.with_columns(swapped.alias("is_swapped")).with_columns(
        pl.when("is_swapped").then(phone).otherwise(mail).alias("email_text"),
        pl.when("is_swapped").then(mail).otherwise(phone).alias("phone_text"),
    )


def _with_texts(raw: pl.DataFrame) -> pl.DataFrame:
    """Names, employee, service and language cleaned; a whole name is split where the parts are not given."""
    whole = clean_text(pl.col("full_name"))
    is_inverted = whole.str.contains(r"^[^,]+,[^,]+$")  # "Ruiz, Ana"
    before, after = whole.str.extract(r"^([^,]+),", 1), whole.str.extract(r",\s*(.+)$", 1)
    head, tail = whole.str.extract(r"^(\S+)", 1), whole.str.extract(r"^\S+\s+(.+)$", 1)
    first, last = clean_text(pl.col("first_name")), clean_text(pl.col("last_name"))
    split = first.is_null() & last.is_null()
    locale = pl.concat_str(
        pl.col("locale").str.extract(_LOCALE, 1).str.to_lowercase(),
        pl.col("locale").str.extract(_LOCALE, 2).str.to_uppercase(),
        separator="-",
        ignore_nulls=True,
    )
    texts = {
        "first_name": pl.when(split).then(pl.when(is_inverted).then(after).otherwise(head)).otherwise(first),
        "last_name": pl.when(split).then(pl.when(is_inverted).then(before).otherwise(tail)).otherwise(last),
        "employee": clean_text(pl.col("employee")),
        "service": clean_text(pl.col("service")),
    }
    return raw.with_columns(
        *(text.str.slice(0, LIMITS[name]).str.strip_chars().alias(name) for name, text in texts.items()),
        *((text.str.len_chars() > LIMITS[name]).fill_null(False).alias(f"{name}_cut") for name, text in texts.items()),
        *(text.alias(f"{name}_text") for name, text in texts.items()),
        pl.when(locale != "").then(locale).alias("locale"),
        pl.col("locale").alias("locale_text"),
    )


def _with_location(frame: pl.DataFrame, default: Place, places: Sequence[Place]) -> pl.DataFrame:
    """`location_id` of the place that the row names by slug or name; the default's where it names none."""
    known = {plain(text): place.location_id for place in places for text in (place.slug, place.name)}
    named = frame["location"].drop_nulls().unique()
    ids = pl.Series("named_id", [known.get(plain(text)) for text in named], dtype=pl.Int64)
    frame = frame.join(pl.DataFrame([named, ids]), on="location", how="left", maintain_order="left")
    named_id = pl.when(pl.col("location").is_null()).then(default.location_id).otherwise("named_id")
    return frame.with_columns(named_id.cast(pl.Int64).alias("location_id"))


def _with_contacts(frame: pl.DataFrame, default: Place, places: Sequence[Place]) -> pl.DataFrame:
    """`email` and `phone` in our spelling, null where the text is none."""
    regions = {place.location_id: place.region for place in places}
    frame = frame.with_columns(
        pl.col("location_id").replace_strict(regions, default=default.region, return_dtype=pl.String).alias("region")
    )
    numbers = pl.concat(
        [
            phones(part["phone_text"], str(region)).with_columns(pl.lit(region, pl.String).alias("region"))
            for (region,), part in frame.group_by("region")
        ]
        or [pl.DataFrame(schema={"text": pl.String, "phone": pl.String, "region": pl.String})]
    )
    return (
        frame.drop("email", "phone")
        .join(emails(frame["email_text"]), left_on="email_text", right_on="text", how="left", maintain_order="left")
        .join(numbers, left_on=["phone_text", "region"], right_on=["text", "region"], how="left", maintain_order="left")
    )
