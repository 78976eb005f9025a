"""CSV files as people have them."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.csv_file import TextTable, UnreadableFile, read_csv


def rows(table: TextTable) -> list[tuple[object, ...]]:
    return table.frame.rows()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("name,city\nJosé,Köln\n".encode(), "utf-8"),
        ("name,city\nJosé,Köln\n".encode("utf-8-sig"), "utf-8-sig"),
        ("name,city\nJosé,Köln\n".encode("utf-16"), "utf-16"),
        ("name,city\nJosé,Köln\n".encode("cp1252"), "cp1252"),
        ("name,city\r\nJosé,Köln\r\n".encode(), "utf-8"),
        ("name,city\rJosé,Köln\r".encode(), "utf-8"),
        ('"name","city"\nJosé,"Köln"\n'.encode(), "utf-8"),
    ],
)
def test_a_file_in_any_usual_encoding_gives_the_same_rows(content: bytes, encoding: str) -> None:
    table = read_csv(content)
    assert table.encoding == encoding
    assert table.headers == ["name", "city"]
    assert rows(table) == [(2, "José", "Köln")]


def test_one_line_in_windows_encoding_spoils_no_letter_of_the_others() -> None:
    content = "name,city\nJürgen,Köln\n".encode() + "José,León\n".encode("cp1252")
    assert rows(read_csv(content)) == [(2, "Jürgen", "Köln"), (3, "José", "León")]


@pytest.mark.parametrize("years", ["2024-2025", "2025/2026", "FY 1999 – 2000"])
def test_a_column_of_years_makes_no_customer_of_the_header(years: str) -> None:
    assert read_csv(f"email,Visits {years}\nana@example.com,3\n".encode()).headers == ["email", f"Visits {years}"]
    with pytest.raises(UnreadableFile, match="like a customer"):
        read_csv(f"Ana,202-5551234,{years}\nBo,,\n".encode())


@pytest.mark.parametrize("sign", list(",;\t|"))
def test_the_separator_is_guessed_from_the_header(sign: str) -> None:
    table = read_csv(f'first{sign}"a, b; c"{sign}last\n1{sign}2{sign}3\n'.encode())
    assert table.delimiter == sign
    assert rows(table) == [(2, "1", "2", "3")]


def test_excels_own_first_line_names_the_separator() -> None:
    assert rows(read_csv(b"sep=;\na;b,c\n1;2\n")) == [(3, "1", "2")]


@pytest.mark.parametrize("quote", ["", '"'])
def test_lines_are_numbered_as_an_editor_does_and_blank_ones_are_passed_over(quote: str) -> None:
    content = f"\na,b\n\n1,{quote}2{quote}\n,\n \n3,4"
    assert rows(read_csv(content.encode())) == [(4, "1", "2"), (7, "3", "4")]


def test_a_quoted_line_break_keeps_the_line_where_its_row_begins() -> None:
    content = b'name,note\nAna,"first\nsecond, third"\nBo,"said ""hi"""\n'
    assert rows(read_csv(content)) == [(2, "Ana", "first\nsecond, third"), (4, "Bo", 'said "hi"')]


@pytest.mark.parametrize("quote", ["", '"'])
def test_ragged_rows_are_told_and_do_not_stop_the_others(quote: str) -> None:
    content = f"a,b,c\n1,2,3\n1,2\n1,2,3,4\n1,2,{quote}3{quote},,\n"
    table = read_csv(content.encode())
    assert rows(table) == [(2, "1", "2", "3"), (5, "1", "2", "3")]
    assert [(row.line, row.cells) for row in table.broken] == [(3, ("1", "2")), (4, ("1", "2", "3", "4"))]
    assert "found 2 cells, expected 3" in table.broken[0].reason


def test_a_stray_quote_costs_its_own_line_and_no_other() -> None:
    content = b'name,mail\nAna,a@example.com\n"Bo,b@example.com\nCy,c@example.com\nDi,"d@example.com"\n'
    table = read_csv(content)
    assert [row[0] for row in rows(table)] == [2, 4, 5]
    [broken] = table.broken
    assert broken.line == 3
    assert "never closed" in broken.reason


def test_two_stray_quotes_do_not_swallow_what_is_between_them() -> None:
    content = b'name,mail\n"Ana,a@example.com\nBo,b@example.com\n"Cy,c@example.com\nDi,d@example.com\n'
    table = read_csv(content)
    assert [row[1] for row in rows(table)] == ["Bo", "Di"]
    assert [row.line for row in table.broken] == [2, 4]


def test_a_monstrous_cell_costs_its_own_row_only() -> None:
    content = b'name,note\nAna,"' + b"x" * 200_000 + b'"\nBo,fine\n'
    table = read_csv(content)
    assert [row[1] for row in rows(table)] == ["Bo"]
    assert [row.line for row in table.broken] == [2]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"name,mail\n", "no rows"),
        (b"name,mail\n,\n", "no rows"),
        (b"name,mail\nA\0na,a@example.com\n", "Line 2 holds a NUL byte"),
        ("name,mail\nAna,a@example.com".encode("utf-16-le"), "NUL"),
        (b"PK\x03\x04rest", "Excel workbook"),
        (b"Mail,name,mail\n1,2,3\n", "repeats"),
        (b"\xff\xfea", "utf-16"),
        (b'name,"mail\nAna,a\n', "never closed"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(content: bytes, told: str) -> None:
    with pytest.raises(UnreadableFile, match=told):
        read_csv(content)


def test_a_column_without_a_name_and_one_called_line_keep_their_cells() -> None:
    table = read_csv(b"line,,mail\n9,8,7\n")
    assert table.headers == ["line (column)", "column 2", "mail"]
    assert rows(table) == [(2, "9", "8", "7")]


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs",)), max_size=8)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8))
@pytest.mark.slow
def test_whatever_a_csv_writer_wrote_is_read_back(written: list[tuple[str, str, str]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b", "c"])
    writer.writerows(written)
    told = [
        tuple(c.replace("\r\n", "\n").replace("\r", "\n") for c in row) for row in written if any(map(str.strip, row))
    ]
    if not told:
        return
    table = read_csv(text.getvalue().encode())
    assert [row[1:] for row in rows(table)] == told
    assert table.broken == ()
