"""What was wrong with a file, cell by cell: where it stands, what was found, what was expected, how to mend it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from connectors.csv_file import LINE, TextTable
from invitations.contacts import email_fault, phone_fault

LIMITS = {"first_name": 100, "last_name": 100, "employee": 200, "service": 200}  # characters, as the ledger holds
WHOLE_ROW = "(whole row)"


@dataclass(frozen=True, slots=True)
class Place:
    """A location, as intake needs it."""

    location_id: int
    slug: str
    name: str
    region: str  # ISO country in which its customers' numbers are read


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One complaint about one cell; a row may have several. Its fields hold customers' data: never log it."""

    line: int
    column_name: str
    value: str = field(repr=False)
    reason: str
    row: Mapping[str, str] = field(repr=False)
    is_row_kept: bool = False  # the row came in all the same, without this cell or with it put right


def complaints(
    table: TextTable,
    mapped: Mapping[str, Sequence[str]],
    cleaned: pl.DataFrame,
    away: set[int],
    places: Sequence[Place],
) -> list[RejectedRow]:
    """Every complaint about `table`, by line. `cleaned` is intake's frame, `away` the lines that were turned away."""
    email, phone = pl.col("email_text"), pl.col("phone_text")
    expected = " or ".join(sorted(place.slug for place in places))
    found: list[tuple[str, str, pl.Expr, Callable[[Mapping[str, str]], str]]] = [
        (
            "location",
            "location",
            pl.col("location_id").is_null(),
            lambda row: f"no location of this account has this name. Expected {expected}",
        ),
        (
            "email",
            "email_text",
            email.is_not_null() & pl.col("email").is_null(),
            lambda row: email_fault(row["email_text"]),
        ),
        (
            "phone",
            "phone_text",
            phone.is_not_null() & pl.col("phone").is_null(),
            lambda row: phone_fault(row["phone_text"], row["region"]),
        ),
        (
            "email",
            "email_text",
            email.is_null() & phone.is_null(),
            lambda row: "neither an e-mail address nor a phone number in this row; give at least one",
        ),
        (
            "phone",
            "phone_text",
            pl.col("is_swapped") & (pl.col("phone").is_not_null() | pl.col("email").is_not_null()),
            lambda row: "the e-mail address and the phone number stood in each other's column; they were exchanged",
        ),
        (
            "locale",
            "locale_text",
            pl.col("locale_text").is_not_null() & pl.col("locale").is_null(),
            lambda row: "not a language code, so it was left out. Expected one such as en or es-US",
        ),
        *(
            (
                name,
                f"{name}_text",
                pl.col(f"{name}_cut"),
                lambda row, limit=limit: f"longer than {limit} characters, so its end was cut off",
            )
            for name, limit in LIMITS.items()
        ),
    ]
    rows = [_broken(table, broken.line, broken.cells, broken.reason) for broken in table.broken]
    for name, text, is_wrong, reason in found:
        wrong = cleaned.filter(is_wrong)
        if wrong.is_empty():
            continue
        column = mapped[name][0] if mapped[name] else name
        originals = table.frame.join(wrong.select(LINE), on=LINE, how="semi", maintain_order="left")
        for row, original in zip(wrong.iter_rows(named=True), originals.iter_rows(named=True), strict=True):
            line = original.pop(LINE)
            rows.append(RejectedRow(line, column, row[text] or "", reason(row), original, line not in away))
    return sorted(rows, key=lambda row: row.line)


def _broken(table: TextTable, line: int, cells: Sequence[str], reason: str) -> RejectedRow:
    """A row that could not be laid under the headers, cells past the last header by their number."""
    names = [*table.headers, *(f"column {number}" for number in range(len(table.headers) + 1, len(cells) + 1))]
    return RejectedRow(line, WHOLE_ROW, table.delimiter.join(cells), reason, dict(zip(names, cells, strict=False)))
