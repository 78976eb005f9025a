"""What was wrong with a file, cell by cell: where it stands, what was found, what was expected, how to mend it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from connectors.csv_file import LINE, TextTable

WHOLE_ROW = "(whole row)"


@dataclass(frozen=True, slots=True)
class Place:
    """A location, as intake needs it."""

    location_id: int
    slug: str
    name: str
    region: str  # ISO country in which its customers' numbers and dates are read
    time_zone: str = "UTC"  # whose midnight begins a day that stands in a file


@dataclass(frozen=True, slots=True)
class Finding:
    """One way in which a cell can be wrong.

    `field` is ours, `text` the frame's column with what was found, `is_wrong` says in which rows, `reason` why and what
    was expected.
    """

    field: str
    text: str
    is_wrong: pl.Expr
    reason: Callable[[Mapping[str, Any]], str]


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
    findings: Iterable[Finding],
) -> list[RejectedRow]:
    """Every complaint about `table`, by line. `cleaned` is intake's frame, `away` the lines that were turned away."""
    rows = [_broken(table, broken.line, broken.cells, broken.reason) for broken in table.broken]
    for finding in findings:
        wrong = cleaned.filter(finding.is_wrong)
        if wrong.is_empty():
            continue
        column = mapped[finding.field][0] if mapped[finding.field] else finding.field
        originals = table.frame.join(wrong.select(LINE), on=LINE, how="semi", maintain_order="left")
        for row, original in zip(wrong.iter_rows(named=True), originals.iter_rows(named=True), strict=True):
            line = original.pop(LINE)
            found = row[finding.text] or ""
            rows.append(RejectedRow(line, column, found, finding.reason(row), original, line not in away))
    return sorted(rows, key=lambda row: row.line)


def _broken(table: TextTable, line: int, cells: Sequence[str], reason: str) -> RejectedRow:
    """A row that could not be laid under the headers, cells past the last header by their number."""
    names = [*table.headers, *(f"column {number}" for number in range(len(table.headers) + 1, len(cells) + 1))]
    return RejectedRow(line, WHOLE_ROW, table.delimiter.join(cells), reason, dict(zip(names, cells, strict=False)))
