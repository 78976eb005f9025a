"""Files dropped in the inbox folder."""

import io
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import xlsxwriter  # type: ignore[import-untyped]

from data.ledger.store import Ledger
from invitations.take_in import pick_up_inbox, waiting_files
from tests.world import make_world

WRITTEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NOW = WRITTEN + timedelta(minutes=1)


def drop(inbox: Path, name: str, content: bytes = b"email\nana@example.com\n", at: datetime = WRITTEN) -> Path:
    path = inbox / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


@pytest.mark.parametrize(
    "name", ["chicago/may.csv.part", "chicago/may.tmp", "chicago/.may.csv", "may.csv", "a/b/may.csv"]
)
def test_what_is_no_finished_list_of_a_location_does_not_wait(tmp_path: Path, name: str) -> None:
    drop(tmp_path, name)
    assert waiting_files(tmp_path, now=NOW) == []


def test_a_file_still_being_written_waits_until_it_has_rested_for_two_seconds(tmp_path: Path) -> None:
    path = drop(tmp_path, "chicago/may.csv")
    assert waiting_files(tmp_path, now=WRITTEN + timedelta(seconds=1)) == []
    [(found, sha256)] = waiting_files(tmp_path, now=WRITTEN + timedelta(seconds=2))
    assert found == path
    assert len(sha256) == 64


def test_a_workbook_is_taken_in_as_a_csv_file_is(ledger: Ledger, tmp_path: Path) -> None:
    make_world(ledger)
    content = io.BytesIO()
    with xlsxwriter.Workbook(content) as book:
        book.add_worksheet().write_column(0, 0, ["email", "ana@example.com"])
    drop(tmp_path, "chicago/May.XLSX", content.getvalue())
    [report] = pick_up_inbox(ledger, tmp_path, now=NOW)
    assert (report.new_count, report.problem) == (1, None)


def test_an_inbox_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert waiting_files(tmp_path / "none") == []


@pytest.mark.slow
def test_a_dropped_file_is_taken_in_once_and_a_changed_one_again(ledger: Ledger, tmp_path: Path) -> None:
    make_world(ledger)
    drop(tmp_path, "chicago/may.csv")
    [report] = pick_up_inbox(ledger, tmp_path, now=NOW)
    assert (report.new_count, report.problem) == (1, None)
    assert pick_up_inbox(ledger, tmp_path, now=NOW) == []
    drop(tmp_path, "chicago/may.csv", b"email\nana@example.com\nbo@example.com\n")
    [report] = pick_up_inbox(ledger, tmp_path, now=NOW)
    assert (report.new_count, report.known_count) == (1, 1)


def test_a_file_that_cannot_be_taken_in_is_told_and_stops_no_other(ledger: Ledger, tmp_path: Path) -> None:
    make_world(ledger)
    drop(tmp_path, "atlantis/a.csv")
    drop(tmp_path, "chicago/a.csv", b"")
    drop(tmp_path, "chicago/b.csv", b"PK\x03\x04")
    (tmp_path / "new-york").mkdir()
    (tmp_path / "new-york" / "a.csv").symlink_to("a.csv")  # leads to itself: there is no file
    drop(tmp_path, f"new-york/{'y' * 201}.csv")
    drop(tmp_path, "new-york/z.csv")
    reports = {report.file_name: report for report in pick_up_inbox(ledger, tmp_path, now=NOW)}
    assert 'no location "atlantis"' in str(reports["atlantis/a.csv"].problem)
    assert "empty" in str(reports["chicago/a.csv"].problem)
    assert "Excel" in str(reports["chicago/b.csv"].problem)
    assert "1 to 200 characters" in str(reports[f"new-york/{'y' * 201}.csv"].problem)
    assert reports["z.csv"].new_count == 1
