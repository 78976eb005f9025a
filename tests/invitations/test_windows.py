"""Open hours against the tz database itself, minute by minute, over changes of clocks."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invitations.policy import Policy, QuietHours
from invitations.windows import open_windows_of_zones as open_windows

MINUTE = timedelta(minutes=1)
# Clocks that jump at midnight, by half an hour, twice a year near Ramadan, never, or across the date line.
ZONES = [
    "America/Chicago", "America/New_York", "America/Havana", "America/St_Johns", "America/Sao_Paulo", "Europe/Dublin",
    "Africa/Casablanca", "Africa/Cairo", "Asia/Beirut", "Asia/Kathmandu", "Asia/Tehran", "Australia/Lord_Howe",
    "Pacific/Apia", "Pacific/Chatham", "America/Asuncion", "Antarctica/Troll", "UTC",
]  # fmt: skip


def hours(opens: str, closes: str) -> QuietHours:
    return Policy.load({"quiet_hours": {"opens": opens, "closes": closes}}).quiet_hours


def is_open(zone: str, window: QuietHours, at: datetime) -> bool:
    """The rule itself: what the wall clock says."""
    local = at.astimezone(ZoneInfo(zone)).time()
    minute = local.hour * 60 + local.minute
    if window.opens < window.closes:
        return window.opens <= minute < window.closes
    return minute >= window.opens or minute < window.closes


def changes_of_clocks(zone: str, year: int) -> list[datetime]:
    start = datetime(year, 1, 1, tzinfo=UTC)
    steps = [start + timedelta(hours=n) for n in range(366 * 24)]
    offsets = [step.astimezone(ZoneInfo(zone)).utcoffset() for step in steps]
    return [step for step, before, after in zip(steps[1:], offsets, offsets[1:], strict=False) if before != after]


def assert_exact(zone: str, window: QuietHours, since: datetime, until: datetime) -> None:
    stretches = open_windows([zone], window, since, until).rows()
    at = since
    while at <= until:
        inside = any(opens <= at < closes for _, opens, closes in stretches)
        assert inside == is_open(zone, window, at), (zone, at)
        at += MINUTE


clock = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
windows = (
    st.tuples(clock, st.one_of(clock, st.just("24:00")))
    .filter(lambda pair: pair[0] != pair[1])
    .map(lambda p: hours(*p))
)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(zone=st.sampled_from(ZONES), window=windows, year=st.integers(2005, 2036), data=st.data())
def test_every_minute_around_a_change_of_clocks_is_as_the_wall_clock_says(
    zone: str, window: QuietHours, year: int, data: st.DataObject
) -> None:
    change = data.draw(st.sampled_from(changes_of_clocks(zone, year) or [datetime(year, 6, 1, tzinfo=UTC)]))
    assert_exact(zone, window, change - timedelta(hours=14), change + timedelta(hours=14))


def test_opening_inside_the_skipped_hour_means_the_moment_the_clock_jumps() -> None:
    day = datetime(2027, 3, 14, tzinfo=UTC)  # Chicago: 02:00 becomes 03:00, at 08:00 UTC
    rows = open_windows(["America/Chicago"], hours("02:30", "12:00"), day, day).filter(
        pl.col("opens_at").dt.date() == day.date()
    )
    assert rows["opens_at"].to_list() == [day + timedelta(hours=8)]
    assert rows["closes_at"].to_list() == [day + timedelta(hours=17)]


def test_a_window_that_a_change_of_clocks_swallows_comes_again_the_next_day() -> None:
    day = datetime(2027, 3, 14, tzinfo=UTC)
    rows = open_windows(["America/Chicago"], hours("02:15", "02:45"), day, day)
    opens = [at.date().day for at in rows["opens_at"]]
    assert 14 not in opens
    assert {13, 15} <= set(opens)


def test_the_hour_that_comes_twice_is_open_twice() -> None:
    day = datetime(2026, 11, 1, tzinfo=UTC)  # Chicago: 02:00 becomes 01:00, at 07:00 UTC
    rows = open_windows(["America/Chicago"], hours("01:00", "01:30"), day, day).filter(
        pl.col("opens_at").dt.date() == day.date()
    )
    assert rows["opens_at"].to_list() == [day + timedelta(hours=6), day + timedelta(hours=7)]


def test_a_window_may_cross_midnight_and_a_day_may_be_open_throughout() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    late = open_windows(["UTC"], hours("18:00", "02:00"), noon, noon)
    assert {closes - opens for _, opens, closes in late.rows()[1:-1]} == {timedelta(hours=8)}
    assert {at.time() for at in late["opens_at"][1:-1]} == {time(18)}
    [(_, opens, closes)] = open_windows(["UTC"], hours("00:00", "24:00"), noon, noon).rows()
    assert opens < noon < closes


@pytest.mark.parametrize("zone", ZONES)
def test_a_plain_week_is_exact_in_every_zone(zone: str) -> None:
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    assert_exact(zone, hours("08:00", "21:00"), monday, monday + timedelta(days=2))
