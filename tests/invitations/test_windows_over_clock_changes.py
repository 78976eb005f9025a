"""Open hours where clocks change: against the tz database itself, over every change of clocks of ten years."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from invitations.clocks import as_datetime
from invitations.policy import Policy
from invitations.windows import daily_moments
from tests.invitations.open_hours import CHICAGO, DAY, HOUR, MINUTE, policy, windows


def test_opening_inside_the_skipped_hour_means_the_moment_the_clock_jumps() -> None:
    day = datetime(2027, 3, 14, tzinfo=UTC)  # Chicago: 02:00 becomes 03:00, at 08:00 UTC
    assert windows(policy("02:30", "12:00"), day, day)[-1] == (day + 8 * HOUR, day + 17 * HOUR)


def test_a_window_that_a_change_of_clocks_swallows_comes_again_the_next_day() -> None:
    day = datetime(2027, 3, 14, tzinfo=UTC)
    opens = [at.day for at, _ in windows(policy("02:15", "02:45"), day - DAY, day + 2 * DAY)]
    assert opens == [13, 15, 16]


def test_the_hour_that_comes_twice_is_open_twice() -> None:
    day = datetime(2026, 11, 1, tzinfo=UTC)  # Chicago: 02:00 becomes 01:00, at 07:00 UTC
    assert windows(policy("01:00", "01:30"), day, day + 7 * HOUR) == [
        (day + 6 * HOUR, day + 6.5 * HOUR),
        (day + 7 * HOUR, day + 7.5 * HOUR),
    ]


def hours_of(rules: Policy, minute: int) -> bool:
    """The rule itself: what the wall clock says."""
    opens, closes = rules.quiet_hours.opens, rules.quiet_hours.closes
    return opens <= minute < closes if opens < closes else minute >= opens or minute < closes


TEN_YEARS = [datetime(2026, 1, 1, 12) + n * DAY for n in range(4018)]  # noqa: DTZ001 (noon, by any zone's own clock)


@cache
def clocks() -> dict[str, list[datetime]]:
    """One zone for each clock of the tz database, and the first hour after each of its changes of 2026 to 2036."""
    tables = files("tzdata").joinpath("zoneinfo")
    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    assert len(names) > 500
    by_table = {tables.joinpath(name).read_bytes(): name for name in sorted(names)}
    found: dict[tuple[timedelta | None, ...], str] = {}
    for name in by_table.values():
        zone = ZoneInfo(name)
        found.setdefault(tuple(map(zone.utcoffset, TEN_YEARS)), name)
    return {name: list(_changes(ZoneInfo(name), offsets)) for offsets, name in found.items()}


def _changes(zone: ZoneInfo, offsets: tuple[timedelta | None, ...]) -> Iterator[datetime]:
    for noon, before, after in zip(TEN_YEARS, offsets, offsets[1:], strict=False):
        if before != after:
            assert before is not None
            assert after is not None
            since = (noon - before).replace(tzinfo=UTC)
            until = (noon + DAY - after).replace(tzinfo=UTC)
            hours = (since + n * HOUR for n in range(1, (until - since) // HOUR + 1))
            yield next(at for at in hours if at.astimezone(zone).utcoffset() == after)


def assert_exact(zone: str, rules: list[Policy], since: datetime, until: datetime, step: timedelta = MINUTE) -> None:
    info = ZoneInfo(zone)
    times = [since + n * step for n in range((until - since) // step)]
    walls = [at.astimezone(info) for at in times]
    for each in rules:
        stretches = iter(windows(each, since, until, zones=zone))
        opens, closes = next(stretches)
        for at, wall in zip(times, walls, strict=True):
            while at >= closes:
                opens, closes = next(stretches)
            assert (opens <= at) == hours_of(each, wall.hour * 60 + wall.minute), (zone, at)


@pytest.mark.slow
def test_no_change_of_clocks_in_ten_years_lets_a_message_out_of_the_hours_or_keeps_one_in() -> None:
    changes = [(zone, at) for zone, changes in clocks().items() for at in changes]
    assert len(changes) > 500
    at_night = [policy("22:00", "03:00"), policy("01:30", "02:30")]
    for zone, change in changes:
        assert_exact(zone, at_night, change - 2 * HOUR, change + 2 * HOUR)
        assert_exact(zone, [policy()], change - DAY, change + DAY, 15 * MINUTE)


@pytest.mark.slow
def test_a_plain_day_is_exact_in_every_zone() -> None:
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    for zone in clocks():
        assert_exact(zone, [policy()], monday, monday + DAY, 5 * MINUTE)


# --- "at 10:00 local" ---------------------------------------------------------------------------------------------


def moments(zones: str, minute: int, day: datetime) -> list[datetime]:
    found = daily_moments(zones, minute, day, day)
    assert found == sorted(found)
    return [as_datetime(at) for at in found]


def test_ten_oclock_is_ten_on_the_wall_on_every_day() -> None:
    since = datetime(2026, 10, 30, tzinfo=UTC)  # Chicago's clock falls back on 1 November
    found = [as_datetime(at) for at in daily_moments(CHICAGO, 600, since, since + 4 * DAY)]
    local = [at.astimezone(ZoneInfo(CHICAGO)) for at in found]
    assert {(at.hour, at.minute) for at in local} == {(10, 0)}
    assert {other.date() - one.date() for one, other in pairwise(local)} == {DAY}
    assert found[0] < since
    assert found[-1] > since + 4 * DAY


def test_a_time_that_the_clock_skips_is_the_moment_it_jumps_and_one_that_comes_twice_the_first() -> None:
    spring, autumn = datetime(2027, 3, 14, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    assert spring + 8 * HOUR in moments(CHICAGO, 150, spring)  # 02:30
    found = moments(CHICAGO, 90, autumn)  # 01:30
    assert autumn + 6.5 * HOUR in found
    assert autumn + 7.5 * HOUR not in found


def test_with_several_zones_it_is_ten_in_all_of_them_when_it_is_ten_in_the_last() -> None:
    day = datetime(2026, 11, 23, tzinfo=UTC)
    assert day + 18 * HOUR in moments("America/Los_Angeles|America/New_York", 600, day)
