"""Complaints about rows of an imported file: some on the terminal, all in a file. They hold customers' data."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from invitations.exports import harmless
from invitations.take_in import RejectedRow
from pipelines.commands.frame import console

_SHOWN = 20
_COLUMNS = ("row", "line", "column", "found", "reason")
AWAY, KEPT = "turned away", "taken in"


def show_complaints(found: Sequence[RejectedRow], *, written_to: Path | None) -> None:
    """The rows turned away and those taken in with a complaint, apart, the first of each; where all of them are."""
    away = [complaint for complaint in found if not complaint.is_row_kept]
    kept = [complaint for complaint in found if complaint.is_row_kept]
    _table("Rows turned away", away)
    _table("Rows taken in with a complaint", kept)
    if written_to is not None:
        console.print(
            f"Every complaint with its whole row: {written_to}", markup=False, highlight=False, soft_wrap=True
        )
    elif max(len(away), len(kept)) > _SHOWN:
        console.print("The same command with --rejected FILE writes all of them, whole rows, to a CSV file.")


def _table(title: str, complaints: Sequence[RejectedRow]) -> None:
    if not complaints:
        return
    rows = len({complaint.line for complaint in complaints})
    counted = f"{rows}" if rows == len(complaints) else f"{rows}, with {len(complaints)} complaints"
    first = f"; the first {_SHOWN}" if len(complaints) > _SHOWN else ""
    table = Table("line", "column", "found", "reason", title=f"{title}: {counted}{first}", title_justify="left")
    for complaint in complaints[:_SHOWN]:
        cells = (str(complaint.line), complaint.column_name, complaint.value, complaint.reason)
        table.add_row(*map(Text, cells))  # not markup: a cell may hold [brackets]
    console.print(table)


def write_complaints(file: Path, found: Sequence[RejectedRow]) -> None:
    """Every complaint with every cell of its row, readable by its owner only; mended, the file can be imported.

    It is made to be opened in a spreadsheet, so no cell of it acts as a formula.
    Raises typer.BadParameter when it cannot be written.
    """
    originals = list(dict.fromkeys(name for complaint in found for name in complaint.row))
    ours = [name if name not in originals else f"{name} (complaint)" for name in _COLUMNS]
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "w", newline="", encoding="utf-8-sig") as target:
            writer = csv.writer(target)
            writer.writerow(map(harmless, [*ours, *originals]))
            for complaint in found:
                fate = KEPT if complaint.is_row_kept else AWAY
                told = [fate, str(complaint.line), complaint.column_name, complaint.value, complaint.reason]
                writer.writerow(map(harmless, [*told, *(complaint.row.get(name, "") for name in originals)]))
    except OSError as problem:
        raise typer.BadParameter(
            f"cannot be written ({problem.strerror}). The rows are kept: the same command shows them again.",
            param_hint="--rejected",
        ) from None
