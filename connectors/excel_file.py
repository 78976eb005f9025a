"""A workbook (.xlsx) as people have it, made into the same frame of text as a CSV file; or whichever of both it is.

The first sheet with any text counts that is not hidden; the others are named, so that nobody in them is missed
unnoticed. Dates come as 2026-11-20, numbers as they are typed: never 3125550100.0.
"""

import io
import zipfile
from collections.abc import Sequence

import fastexcel
import polars as pl

from connectors.csv_file import LINE, TextTable, UnreadableFile, checked_headers, read_csv

_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"  # .xls, and .xlsx behind a password
_MOST_BYTES = 1_000_000_000  # unpacked: a workbook of a few kilobytes may unpack to anything
_MIDNIGHT = r"^(\d{4}-\d{2}-\d{2}) 00:00:00(\.0+)?$"


def read_table(content: bytes) -> TextTable:
    """Read a whole file of customers, a CSV file or a workbook. Raises UnreadableFile, in words."""
    return read_excel(content) if content.startswith((_ZIP, _OLD_EXCEL)) else read_csv(content)


def read_excel(content: bytes) -> TextTable:
    """Read a workbook's first visible sheet with any text.

    Raises UnreadableFile when it is none, is locked, has no rows, or its headers cannot be used.
    """
    _refuse_what_cannot_be_opened(content)
    try:
        workbook = fastexcel.read_excel(content)
        sheets = _the_visible_first(workbook)
        for number, sheet in enumerate(sheets, 1):
            cells = _cells(workbook, sheet)
            if not cells.is_empty():
                return _laid_out(cells, sheet, others=[one for one in sheets[number:] if _holds_text(workbook, one)])
    except (fastexcel.FastExcelError, pl.exceptions.PolarsError) as fault:
        raise UnreadableFile(
            "This Excel workbook cannot be read: it is damaged, or of a kind that is not known here. Save it once more "
            "as .xlsx, or as CSV UTF-8."
        ) from fault
    raise UnreadableFile("The workbook is empty. It needs a row with column names, and a row for each customer.")


def _refuse_what_cannot_be_opened(content: bytes) -> None:
    if content.startswith(_OLD_EXCEL):
        raise UnreadableFile(
            "This is a workbook of the old kind (.xls), or one behind a password. Save it as .xlsx without a password, "
            "or as CSV UTF-8."
        )
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as parts:
            names = parts.namelist()
            unpacked = sum(part.file_size for part in parts.infolist())
    except (zipfile.BadZipFile, OSError, ValueError) as fault:
        raise UnreadableFile(
            "This file is cut off or damaged: it is no whole Excel workbook. Save it once more."
        ) from fault
    if not any(name.startswith("xl/") for name in names):
        raise UnreadableFile("This is a zip file, not a workbook. Unpack it and upload the CSV or .xlsx file in it.")
    if unpacked > _MOST_BYTES:
        raise UnreadableFile("This workbook unpacks to more than 1 GB. Save the sheet with the customers as CSV UTF-8.")


def _the_visible_first(workbook: fastexcel.ExcelReader) -> list[str]:
    """The sheets' names in their order, hidden ones last: whoever looks at the workbook does not know of those."""
    names = workbook.sheet_names
    return sorted(names, key=lambda name: _is_hidden(workbook, name)) if len(names) > 1 else names


def _is_hidden(workbook: fastexcel.ExcelReader, sheet: str) -> bool:
    return workbook.load_sheet(sheet, header_row=None, n_rows=1, dtypes="string").visible != "visible"


def _holds_text(workbook: fastexcel.ExcelReader, sheet: str) -> bool:
    """Whether somebody may miss this sheet: it can be seen, and is not empty."""
    return not _is_hidden(workbook, sheet) and not _cells(workbook, sheet).is_empty()


def _cells(workbook: fastexcel.ExcelReader, sheet: str) -> pl.DataFrame:
    """Every row with any text, under `line` (as the workbook counts) and a column of text for each of the sheet's."""
    # Every row from the first on, so that lines are counted as on screen.
    found = workbook.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string").to_polars()
    if found.is_empty():
        return found
    texts = found.with_columns(pl.all().fill_null("").str.replace(_MIDNIGHT, "$1").str.strip_chars())
    numbered = texts.with_row_index(LINE, offset=1).with_columns(pl.col(LINE).cast(pl.Int64))
    return numbered.filter(pl.any_horizontal(pl.exclude(LINE) != ""))


def _laid_out(cells: pl.DataFrame, sheet: str, *, others: Sequence[str]) -> TextTable:
    filled = [name for name in cells.columns[1:] if (cells[name] != "").any()]
    cells = cells.select(LINE, *filled)  # a column that was only coloured has no name and no text
    headers = checked_headers([str(cell) for cell in cells.row(0)[1:]])
    frame = cells[1:].rename(dict(zip(filled, headers, strict=True)))
    if frame.is_empty():
        first = f" Only the first sheet is read: move {_quoted(others)} to the front." if others else ""
        raise UnreadableFile(
            f"The sheet “{sheet}” has column names but no rows under them: there is nobody to take in.{first}"
        )
    return TextTable(frame, (), "xlsx", "", sheet, tuple(others))


def _quoted(names: Sequence[str]) -> str:
    return " or ".join(f"“{name}”" for name in names)
