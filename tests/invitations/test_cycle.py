"""When the quota comes back."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invitations.cycle import cycle_at, cycle_of, starts_at


@pytest.mark.parametrize(
    ("day", "anchor", "start", "end"),
    [
        (date(2026, 11, 23), 1, date(2026, 11, 1), date(2026, 12, 1)),
        (date(2026, 11, 23), 23, date(2026, 11, 23), date(2026, 12, 23)),
        (date(2026, 11, 22), 23, date(2026, 10, 23), date(2026, 11, 23)),
        (date(2026, 2, 27), 31, date(2026, 1, 31), date(2026, 2, 28)),  # 31 is each month's last day
        (date(2026, 2, 28), 31, date(2026, 2, 28), date(2026, 3, 31)),
        (date(2028, 2, 29), 30, date(2028, 2, 29), date(2028, 3, 30)),
        (date(2026, 1, 5), 15, date(2025, 12, 15), date(2026, 1, 15)),
        (date(2026, 12, 31), 31, date(2026, 12, 31), date(2027, 1, 31)),
    ],
)
def test_a_cycle_runs_from_anchor_day_to_anchor_day(day: date, anchor: int, start: date, end: date) -> None:
    assert cycle_of(day, anchor) == (start, end)


@given(day=st.dates(date(2000, 1, 1), date(2100, 1, 1)), anchor=st.integers(1, 31))
def test_every_day_is_in_exactly_one_cycle_and_cycles_follow_each_other(day: date, anchor: int) -> None:
    start, end = cycle_of(day, anchor)
    assert start <= day < end
    assert cycle_of(end - timedelta(days=1), anchor) == (start, end)
    assert cycle_of(end, anchor)[0] == end


def test_the_cycle_turns_at_midnight_in_the_accounts_zone() -> None:
    turn = datetime(2026, 12, 1, 6, tzinfo=UTC)  # midnight in Chicago
    assert starts_at(date(2026, 12, 1), "America/Chicago") == turn
    assert cycle_at(turn, 1, "America/Chicago")[0] == date(2026, 12, 1)
    assert cycle_at(turn - timedelta(microseconds=1), 1, "America/Chicago")[0] == date(2026, 11, 1)


def test_where_clocks_skip_midnight_the_day_starts_as_they_do() -> None:
    skipped = date(2024, 3, 31)  # Beirut: 00:00 becomes 01:00
    start = starts_at(skipped, "Asia/Beirut")
    assert cycle_at(start, 31, "Asia/Beirut")[0] == skipped
    assert cycle_at(start - timedelta(seconds=1), 31, "Asia/Beirut")[0] < skipped
