"""Dates as files have them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from invitations.dates import Order, how_read, read_date, with_date

CHICAGO = ZoneInfo("America/Chicago")
NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


def day(text: str, region: str = "US") -> date | None:
    found = read_date(text, region, CHICAGO)
    return found.moment.astimezone(CHICAGO).date() if found else None


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-14", "2026/11/14", "2026.11.14", "20261114", "11/14/2026", "11-14-26", "14.11.2026", "14. 11. 2026",
        "14 Nov 2026", "14-Nov-26", "Nov 14, 2026", "November 14th, 2026", "Saturday, November 14, 2026",
        "14. November 2026", "14 de noviembre de 2026", "14 novembre 2026", "2026-11-14 09:30", "11/14/2026 9:30 pm",
        "2026-11-14T15:30:00Z", "2026-11-14T09:30:00.000-06:00",
    ],
)  # fmt: skip
def test_the_usual_ways_of_writing_a_day_are_read(text: str) -> None:
    assert day(text) == date(2026, 11, 14)


@pytest.mark.parametrize("text", ["", "soon", "31/02/2026", "2026-13-01", "13/13/2026", "11/2026", "2026-11-14 25:00"])
def test_what_is_no_day_is_none(text: str) -> None:
    assert day(text) is None


def test_a_date_that_could_be_two_is_read_month_first_in_the_united_states_and_day_first_elsewhere() -> None:
    assert day("03/04/2026", "US") == date(2026, 3, 4)
    assert day("03/04/2026", "GB") == day("03.04.2026", "DE") == date(2026, 4, 3)


@given(st.dates(date(1995, 1, 1), date(2035, 12, 31)), st.sampled_from(["US", "GB"]))
def test_a_day_written_in_the_order_of_its_country_comes_back(whole: date, region: str) -> None:
    written = f"{whole:%m/%d/%Y}" if region == "US" else f"{whole:%d/%m/%Y}"
    assert day(written, region) == day(whole.isoformat(), region) == whole


def frame(*texts: str, region: str = "US") -> pl.DataFrame:
    rows = {"visit_text": texts, "region": [region] * len(texts), "location_zone": ["America/Chicago"] * len(texts)}
    return with_date(pl.DataFrame(rows), "visit", NOW)


def test_a_day_without_a_time_begins_at_midnight_of_its_location() -> None:
    assert frame("2026-11-14")["visit"].to_list() == [datetime(2026, 11, 14, 6, 0, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-11-24", "in the future"),
        ("1926-11-14", "1990"),
        ("45975", "spreadsheet's own number"),
        ("last week", "Expected one such as 2026-05-17 or 5/17/2026"),
    ],
)
def test_a_day_that_cannot_be_meant_is_left_out_with_the_reason(text: str, told: str) -> None:
    [row] = frame(text).to_dicts()
    assert row["visit"] is None
    assert told in row["visit_fault"]


def test_the_report_says_how_dates_were_read_that_could_be_two_days() -> None:
    [told] = how_read(frame("03/04/2026", "2026-05-01", "05/06/2026"), "visit", "Visit date")
    assert 'Column "Visit date": 3 dates were read. 2 of them could be two days' in told
    assert f"{Order.MONTH_FIRST.value}, as is usual in US" in told


def test_many_dates_are_counted_in_thousands() -> None:
    [told] = how_read(frame(*["03/04/2026"] * 1_200), "visit", "Visit date")
    assert "1,200 dates were read. 1,200 of them could be two days" in told


def test_one_date_that_could_be_two_days_is_told_as_one() -> None:
    [told] = how_read(frame("03/04/2026", "2026-05-01"), "visit", "Visit date")
    assert "1 of them could be two days, such as 03/04/2026; read month first" in told


def test_the_report_says_where_others_of_the_column_speak_against_it() -> None:
    [told] = how_read(frame("03/04/2026", "14/04/2026"), "visit", "Visit date")
    assert "But 1 date was certainly day first" in told


def test_dates_that_are_certain_are_only_counted() -> None:
    assert how_read(frame("2026-04-03"), "visit", "When") == ['Column "When": 1 date was read.']
    assert how_read(frame("never"), "visit", "When") == []
