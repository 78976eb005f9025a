"""A table as a file to take away: CSV and .xlsx, in which no customer's text can act as a formula.

Texts are written `harmless`; numbers are no text. In .xlsx every cell is a string.
"""

import io

import polars as pl
import xlsxwriter  # type: ignore[import-untyped]

from invitations.exports import harmless

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # without it Excel takes UTF-8 for the system's old encoding
_MOST_ROWS = 1_048_575  # of a sheet, beside its heading; more go on the next sheet
_LONGEST = 32_767  # characters of a cell


def as_csv(frame: pl.DataFrame, zone: str) -> bytes:
    """The table as CSV; moments on the clock of `zone`."""
    texts = written(frame, zone)
    kept = [
        frame[name] if frame.schema[name].is_numeric() else texts[name] for name in frame.columns
    ]  # a number is written as one, its minus included
    return _BYTE_ORDER_MARK + pl.DataFrame(kept).rename(harmless).write_csv().encode()


def as_xlsx(frame: pl.DataFrame, zone: str) -> bytes:
    """The table as a workbook of strings; moments on the clock of `zone`."""
    texts = written(frame, zone).rename(harmless)
    to = io.BytesIO()
    with xlsxwriter.Workbook(to, {"in_memory": True, "constant_memory": True}) as book:
        bold = book.add_format({"bold": True})
        for first in range(0, max(1, texts.height), _MOST_ROWS):
            sheet = book.add_worksheet()
            sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})
            sheet.freeze_panes(1, 0)
            for column, heading in enumerate(texts.columns):
                sheet.set_column(column, column, min(40, max(12, len(heading) + 2)))
                sheet.write_string(0, column, heading, bold)
            for number, row in enumerate(texts[first : first + _MOST_ROWS].iter_rows(), start=1):
                for column, text in enumerate(row):
                    if text is not None:
                        sheet.write_string(number, column, text[:_LONGEST])
    return to.getvalue()


def written(frame: pl.DataFrame, zone: str) -> pl.DataFrame:
    """The table with every cell as the text that stands in the file."""
    return frame.select(_written(name, kind, zone) for name, kind in frame.schema.items())


def _written(name: str, kind: pl.DataType, zone: str) -> pl.Expr:
    column = pl.col(name)
    if isinstance(kind, pl.Datetime):
        aware = column if kind.time_zone else column.dt.replace_time_zone("UTC")
        return aware.dt.convert_time_zone(zone).dt.strftime("%Y-%m-%d %H:%M:%S %:z")
    if isinstance(kind, pl.List):
        column = column.list.eval(pl.element().cast(pl.String)).list.join(", ")
    elif kind != pl.String:
        return column.cast(pl.String)
    return column.map_elements(harmless, return_dtype=pl.String)
