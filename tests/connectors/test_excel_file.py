"""Workbooks as people have them become the same table of text as a CSV file."""

import io
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import xlsxwriter  # type: ignore[import-untyped]

from connectors.csv_file import UnreadableFile
from connectors.excel_file import read_table


def made(fill: Callable[[Any], None]) -> bytes:
    target = io.BytesIO()
    with xlsxwriter.Workbook(target) as book:
        fill(book)
    return target.getvalue()


def with_customers(book: Any) -> None:
    """A cover sheet, then a table that begins further down and to the right, with gaps and cells that are coloured."""
    book.add_worksheet("Cover")
    sheet = book.add_worksheet("Customers")
    day = book.add_format({"num_format": "dd/mm/yyyy"})
    sheet.write_row(3, 1, ["Name", "Phone", "Visit", "When", "Opt in"])
    sheet.write_row(5, 1, ["Ana Ruiz", 3125550100])
    sheet.write_datetime(5, 3, datetime(2026, 11, 20), day)  # noqa: DTZ001  (a workbook knows no zones)
    sheet.write_datetime(5, 4, datetime(2026, 11, 20, 14, 5), day)  # noqa: DTZ001  (a workbook knows no zones)
    sheet.write_boolean(5, 5, True)
    sheet.write_row(7, 1, [" Ben ", "(312) 555-0101"])
    sheet.write_blank(900, 8, None, book.add_format({"bg_color": "red"}))


def test_the_first_sheet_with_text_is_read_with_the_lines_that_excel_shows() -> None:
    table = read_table(made(with_customers))
    assert table.sheet == "Customers"
    assert table.headers == ["Name", "Phone", "Visit", "When", "Opt in"]
    assert table.frame.rows() == [
        (6, "Ana Ruiz", "3125550100", "2026-11-20", "2026-11-20 14:05:00", "true"),
        (8, "Ben", "(312) 555-0101", "", "", ""),
    ]


def with_several_sheets(book: Any) -> None:
    """A hidden sheet before the first that can be seen, and two behind it, one of them empty."""
    for name in ("Old", "Chicago", "Boston", "Empty"):
        sheet = book.add_worksheet(name)
        if name != "Empty":
            sheet.write_column(0, 0, ["Email", f"{name.lower()}@example.com"])
    book.get_worksheet_by_name("Chicago").activate()
    book.get_worksheet_by_name("Chicago").set_first_sheet()
    book.get_worksheet_by_name("Old").hide()


def test_a_hidden_sheet_is_not_taken_for_the_list_and_sheets_left_unread_are_told() -> None:
    table = read_table(made(with_several_sheets))
    assert (table.sheet, table.frame["Email"].to_list()) == ("Chicago", ["chicago@example.com"])
    [note] = table.notes
    assert note.startswith("Only the sheet “Chicago” was read, and nobody on: “Boston”.")
    assert read_table(made(with_customers)).notes == ()


def test_a_sheet_of_one_line_before_the_list_is_named_with_the_one_to_move() -> None:
    def fill(book: Any) -> None:
        book.add_worksheet("Read me").write(0, 0, "How to use this file")
        book.add_worksheet("Customers").write_column(0, 0, ["Email", "ana@example.com"])

    with pytest.raises(UnreadableFile, match=r"“Read me” has column names but no rows.*move “Customers” to the front"):
        read_table(made(fill))


def test_a_csv_file_is_read_as_one() -> None:
    table = read_table(b"email;phone\nana@example.com;1\n")
    assert (table.sheet, table.delimiter, table.headers) == (None, ";", ["email", "phone"])


def broken(content: bytes) -> bytes:
    """The same workbook, its second sheet cut off."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w") as new:
        for part in old.infolist():
            cut = b"<worksheet><sheetData><row><c>" if "sheet2" in part.filename else old.read(part)
            new.writestr(part.filename, cut)
    return target.getvalue()


def zipped(name: str, size: int = 1) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as new, new.open(name, "w") as part:
        for _ in range(-(-size // 1_000_000)):
            part.write(b"\0" * 1_000_000)
    return target.getvalue()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: made(lambda book: book.add_worksheet()), "The workbook is empty"),
        (lambda: made(lambda book: book.add_worksheet().write(0, 0, "email")), "no rows under them"),
        (lambda: made(lambda book: book.add_worksheet().write_column(0, 0, ["a@example.com", "b"])), "like a customer"),
        (lambda: made(with_customers)[:900], "cut off or damaged"),
        (lambda: broken(made(with_customers)), "cannot be read"),
        (lambda: zipped("customers.csv"), "a zip file, not a workbook"),
        (lambda: zipped("xl/workbook.xml", 1_001_000_000), "more than 1 GB"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "(.xls), or one behind a password"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_what_cannot_be_read_is_refused_with_the_way_to_mend_it(make: Callable[[], bytes], said: str) -> None:
    with pytest.raises(UnreadableFile, match=said.replace("(", r"\(").replace(")", r"\)")):
        read_table(make())
