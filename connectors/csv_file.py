"""A CSV file as people have it: bytes in any usual encoding, made into a frame of text with honest line numbers.

Only the file's form is judged here (what it is written in, where its cells end). What the cells mean is
`invitations.intake`. Lines count as an editor shows them, from 1; a row is at the line where it begins.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import polars as pl

LINE = "line"
_DELIMITERS = ",;\t|"
_YEARS = r"(?<![0-9])(?:19|20)[0-9]{2}\s?[-/–]\s?(?:19|20)[0-9]{2}(?![0-9])"  # "Visits 2025/2026": no number to call
_LONGEST_CELL_IN_LINES = 100  # a quote still open after this many lines was never meant as one
_UTF_8_LETTER = rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class UnreadableFile(ValueError):
    """The file as a whole cannot be taken in; the message says what was found and how to mend it."""


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row whose cells cannot be told apart."""

    line: int
    cells: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class TextTable:
    """`frame`: `line` (Int64) and one text column for each header, in the file's order; rows without any text are
    left out. `broken`: the rows that could not be laid under the headers.
    """

    frame: pl.DataFrame = field(repr=False)
    broken: tuple[BrokenRow, ...] = field(repr=False)
    encoding: str
    delimiter: str
    sheet: str | None = None  # of a workbook, which one was read
    other_sheets: tuple[str, ...] = ()  # with text, and not read

    @property
    def headers(self) -> list[str]:
        """The column names, without `line`."""
        return self.frame.columns[1:]

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the file was left unread, in words; nothing where it was read whole."""
        if not self.other_sheets:
            return ()
        others = ", ".join(f"“{sheet}”" for sheet in self.other_sheets)
        read = f"Only the sheet “{self.sheet}” was read, and nobody on: {others}."
        return (f"{read} Bring another sheet as a file of its own.",)


def read_csv(content: bytes) -> TextTable:
    """Read a whole file.

    Raises UnreadableFile when it is empty, no text, has no rows, or its headers cannot be used.
    """
    text, encoding = _decoded(content)
    lines = re.split("\r\n|\n|\r", text)
    declared = re.fullmatch(r"sep=([,;\t|])", lines[0], re.IGNORECASE)  # Excel's own first line
    first = 1 if declared else 0
    while first < len(lines) and not lines[first].strip():
        first += 1
    if first == len(lines):
        raise UnreadableFile(
            "The file is empty. It needs a first line with column names, and a line for each customer."
        )
    delimiter = declared[1] if declared else _guessed_delimiter(lines[first])
    if '"' in text:
        rows = _quoted_rows(lines, first, delimiter)
        _, cells, fault = next(rows)
        if fault:
            raise UnreadableFile(f"Line {first + 1}, the one with the column names: {fault}.")
        headers = checked_headers(cells)
        frame, broken = _laid_out(rows, headers)
    else:
        headers = checked_headers(lines[first].split(delimiter))
        frame, broken = _plain_rows(lines, first + 1, delimiter, headers)
    if frame.is_empty() and not broken:
        raise UnreadableFile("The file has column names but no rows under them: there is nobody to take in.")
    return TextTable(frame, tuple(broken), encoding, delimiter)


def _decoded(content: bytes) -> tuple[str, str]:
    if content[:4] == b"PK\x03\x04":
        raise UnreadableFile("This is an Excel workbook or a zip file, not CSV. Save the sheet as CSV UTF-8 first.")
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            try:
                return _without_nul(content.decode(encoding)), encoding
            except UnicodeDecodeError as fault:
                raise UnreadableFile(
                    f"The file says that it is {encoding}, but byte {fault.start + 1} is not. Save it as CSV UTF-8."
                ) from fault
    try:
        return _without_nul(content.decode("utf-8")), "utf-8"
    except UnicodeDecodeError:
        pieces = content.split(b"\n") if re.search(_UTF_8_LETTER, content) else [content]
        return _without_nul("\n".join(map(_decoded_piece, pieces))), "cp1252"


def _decoded_piece(piece: bytes) -> str:
    """In UTF-8, else Windows' Western encoding: where two files were put together, neither's names are spoilt.

    The five bytes that Windows leaves unused become replacement characters, never a refusal.
    """
    try:
        return piece.decode("utf-8")
    except UnicodeDecodeError:
        return piece.decode("cp1252", errors="replace")


def _without_nul(text: str) -> str:
    at = text.find("\0")
    if at >= 0:
        line = text.count("\n", 0, at) + 1
        raise UnreadableFile(
            f"Line {line} holds a NUL byte: this is not a text file, or it is UTF-16 without its mark. "
            "Save it as CSV UTF-8."
        )
    return text


def _guessed_delimiter(header: str) -> str:
    """The sign that is most frequent in the header line outside quotes; a comma when there is none."""
    bare = Counter(re.sub(r'"[^"]*"', "", header))
    return max(_DELIMITERS, key=lambda sign: bare[sign])


def checked_headers(cells: Sequence[str]) -> list[str]:
    """The names of the columns, each once. Raises UnreadableFile where they are not names."""
    if any(
        re.search(r"\S@\S|[0-9]{3}.?[0-9]{4}", re.sub(_YEARS, "", cell)) for cell in cells
    ):  # nor may its cells get into a message
        raise UnreadableFile("The first line looks like a customer. Put a line with column names above it.")
    headers = [cell.strip() or f"column {number}" for number, cell in enumerate(cells, 1)]
    places: dict[str, list[int]] = {}
    for number, header in enumerate(headers, 1):
        places.setdefault(header.casefold(), []).append(number)
    repeated = [
        f'"{headers[numbers[0] - 1]}" (columns {", ".join(map(str, numbers))})'
        for numbers in places.values()
        if len(numbers) > 1
    ]
    if repeated:
        raise UnreadableFile(
            f"Column names must differ, but the file repeats {', '.join(repeated)}. Rename or remove one."
        )
    # `line` is ours: a column of that name in the file keeps its cells under another.
    return [f"{header} (column)" if header == LINE else header for header in headers]


def _plain_rows(
    lines: list[str], first: int, delimiter: str, headers: list[str]
) -> tuple[pl.DataFrame, list[BrokenRow]]:
    """The way for files without a quote: every line is a row, so Polars can cut all of them at once."""
    width = len(headers)
    whole = pl.DataFrame(
        {LINE: pl.int_range(first + 1, len(lines) + 1, eager=True), "text": lines[first:]},
        schema={LINE: pl.Int64, "text": pl.String},
    ).filter(pl.col("text").str.strip_chars(delimiter + " \t") != "")
    fits = pl.col("text").str.count_matches(delimiter, literal=True) == width - 1
    odd = ((line, text.split(delimiter), None) for line, text in whole.filter(~fits).iter_rows())
    late, broken = _laid_out(odd, headers)
    cells = pl.col("text").str.split_exact(delimiter, width - 1).struct.rename_fields(headers)
    frame = whole.filter(fits).select(LINE, cells).unnest("text")
    return (pl.concat([frame, late]).sort(LINE) if len(late) else frame), broken


def _laid_out(
    rows: Iterable[tuple[int, list[str], str | None]], headers: list[str]
) -> tuple[pl.DataFrame, list[BrokenRow]]:
    """Rows one by one under their headers; more cells are forgiven when they are blank, as spreadsheets add them."""
    width, numbers, kept, broken = len(headers), [], [], []
    for line, cells, known in rows:
        if known is None and not any(cell.strip() for cell in cells):
            continue
        fault = known or _ragged(cells, width)
        if fault is not None:
            broken.append(BrokenRow(line, tuple(cells), fault))
            continue
        numbers.append(line)
        kept.append(cells[:width])
    columns = zip(*kept, strict=True) if kept else [()] * width
    series = [pl.Series(header, column, pl.String) for header, column in zip(headers, columns, strict=True)]
    return pl.DataFrame([pl.Series(LINE, numbers, pl.Int64), *series]), broken


def _ragged(cells: list[str], width: int) -> str | None:
    if len(cells) == width or (len(cells) > width and not any(cell.strip() for cell in cells[width:])):
        return None
    return f"found {len(cells)} cells, expected {width}, one for each column name: a separator is missing or too many"


def _quoted_rows(lines: list[str], first: int, delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """Rows as (line, cells, fault), the header first; after a quote never closed, reading goes on one line later."""
    start, width = first, 0
    while start < len(lines):
        for cells, count in _records(lines, start, delimiter):
            if _is_runaway(cells, lines[start : start + count], width, delimiter):
                fault = 'a quote (") on this line is never closed; remove it, or close it'
                yield start + 1, lines[start].split(delimiter), fault
                start += 1
                break  # read on from the next line, afresh
            width = width or len(cells)
            yield start + 1, cells, None
            start += count


def _records(lines: list[str], start: int, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """Each record from `start` on, with the number of lines it took; no cells for one that the csv module refuses."""
    reader = csv.reader((f"{line}\n" for line in islice(lines, start, None)), delimiter=delimiter)
    before = 0
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:  # a cell longer than the module's limit
            yield [], max(reader.line_num - before, 2)
            return
        yield cells, reader.line_num - before
        before = reader.line_num


def _is_runaway(cells: list[str], taken: list[str], width: int, delimiter: str) -> bool:
    """Whether a quote swallowed lines that are not its own."""
    if len(taken) < 2:
        return False
    if len(taken) > _LONGEST_CELL_IN_LINES or (width > 0 and len(cells) != width):
        return True
    try:  # strictly: every quote closed, and nothing between it and the next separator
        list(csv.reader((f"{line}\n" for line in taken), delimiter=delimiter, strict=True))
    except csv.Error:
        return True
    return False
