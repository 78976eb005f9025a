"""Open hours, in a marketer's words and for any policy and place."""

from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.areas import country_zones
from data.words import Channel
from invitations.days import holidays_in
from invitations.policy import Policy
from invitations.policy_parts import WEEKDAYS
from invitations.windows import open_windows
from tests.examples import examples
from tests.invitations.open_hours import CHICAGO, DAY, HOUR, MINUTE, NEW_YORK, policy, windows

SHIPPED = Policy.load({})  # 08:00 to 21:00, and the states' table


def is_open(rules: Policy, zone: str, wall: str, **place: Any) -> bool:
    """Whether a message may go when the wall in `zone` shows this (no clock changes on the days of these tests)."""
    at = datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    return any(opens <= at < closes for opens, closes in windows(rules, at, at, zones=zone, **place))


# --- the states' stricter hours -----------------------------------------------------------------------------------


def test_a_florida_number_is_texted_until_eight_in_the_evening_and_not_at_half_past() -> None:
    assert is_open(SHIPPED, NEW_YORK, "2026-11-24 19:59", regions="US-FL")
    assert not is_open(SHIPPED, NEW_YORK, "2026-11-24 20:30", regions="US-FL")
    assert is_open(SHIPPED, NEW_YORK, "2026-11-24 20:30", regions="US-GA")


def test_rhode_island_is_texted_from_nine_to_six_and_on_weekends_from_ten_to_five() -> None:
    assert not is_open(SHIPPED, NEW_YORK, "2026-11-22 09:00", regions="US-RI")  # a Sunday
    assert is_open(SHIPPED, NEW_YORK, "2026-11-22 10:00", regions="US-RI")
    assert not is_open(SHIPPED, NEW_YORK, "2026-11-22 17:00", regions="US-RI")
    assert is_open(SHIPPED, NEW_YORK, "2026-11-23 09:00", regions="US-RI")
    assert not is_open(SHIPPED, NEW_YORK, "2026-11-23 18:00", regions="US-RI")


def test_texas_begins_at_nine_and_on_sundays_at_noon_and_connecticut_at_nine_every_day() -> None:
    assert not is_open(SHIPPED, CHICAGO, "2026-11-22 11:59", regions="US-TX")
    assert is_open(SHIPPED, CHICAGO, "2026-11-22 12:00", regions="US-TX")
    assert not is_open(SHIPPED, CHICAGO, "2026-11-23 08:59", regions="US-TX")
    assert is_open(SHIPPED, CHICAGO, "2026-11-23 09:00", regions="US-TX")
    assert is_open(SHIPPED, CHICAGO, "2026-11-23 20:59", regions="US-TX")
    assert not is_open(SHIPPED, NEW_YORK, "2026-11-23 08:59", regions="US-CT")
    assert is_open(SHIPPED, NEW_YORK, "2026-11-23 09:00", regions="US-CT")


@pytest.mark.parametrize("state", ["FL", "MD", "MS", "NJ", "OK", "CT"])
def test_six_states_are_not_texted_after_eight_in_the_evening(state: str) -> None:
    assert is_open(SHIPPED, CHICAGO, "2026-11-24 19:59", regions=f"US-{state}")
    assert not is_open(SHIPPED, CHICAGO, "2026-11-24 20:00", regions=f"US-{state}")


def test_an_e_mail_is_not_narrowed_by_a_state_and_whatsapp_is() -> None:
    assert is_open(SHIPPED, NEW_YORK, "2026-11-24 20:30", regions="US-FL", channel=Channel.EMAIL)
    assert not is_open(SHIPPED, NEW_YORK, "2026-11-24 20:30", regions="US-FL", channel=Channel.WHATSAPP)


def test_who_may_be_in_either_of_two_states_is_texted_when_both_allow_it() -> None:
    both = "US-CT|US-TX"
    assert not is_open(SHIPPED, CHICAGO, "2026-11-22 11:00", regions=both)  # Texas, a Sunday
    assert not is_open(SHIPPED, CHICAGO, "2026-11-23 20:30", regions=both)  # Connecticut
    assert is_open(SHIPPED, CHICAGO, "2026-11-22 12:00", regions=both)


def test_a_country_may_have_hours_of_its_own_and_a_state_never_widens_the_general_ones() -> None:
    row = {"region": "DE", "opens": "06:00", "closes": "18:00", "source": "a test", "read_on": "2026-11-22"}
    rules = policy(stricter_hours=[row])
    assert not is_open(rules, "Europe/Berlin", "2026-11-24 18:00", country="DE")
    assert is_open(rules, "Europe/Berlin", "2026-11-24 18:00", country="AT")
    assert not is_open(rules, "Europe/Berlin", "2026-11-24 07:59", country="DE")


def test_a_states_sunday_begins_at_midnight_even_inside_saturdays_late_window() -> None:
    row = {
        "region": "US-TX", "weekdays": ["sun"], "opens": "12:00", "closes": "21:00", "source": "a test",
        "read_on": "2026-11-22",
    }  # fmt: skip
    rules = policy("18:00", "02:00", stricter_hours=[row])
    assert is_open(rules, CHICAGO, "2026-11-22 00:30")
    assert not is_open(rules, CHICAGO, "2026-11-22 00:30", regions="US-TX")
    assert is_open(rules, CHICAGO, "2026-11-21 23:59", regions="US-TX")


# --- weekdays, holidays, midnight ---------------------------------------------------------------------------------


def test_nobody_is_written_to_on_a_weekday_that_is_not_named() -> None:
    rules = policy(weekdays=["mon", "tue", "wed", "thu", "fri"])
    assert is_open(rules, CHICAGO, "2026-11-20 12:00")
    assert not is_open(rules, CHICAGO, "2026-11-21 12:00")
    assert not is_open(rules, CHICAGO, "2026-11-22 12:00")


def test_a_friday_night_reaches_into_saturday_though_saturday_is_not_named() -> None:
    rules = policy("18:00", "02:00", weekdays=["fri"])
    assert is_open(rules, CHICAGO, "2026-11-20 18:00")
    assert is_open(rules, CHICAGO, "2026-11-21 01:59")
    assert not is_open(rules, CHICAGO, "2026-11-21 18:00")
    assert not is_open(rules, CHICAGO, "2026-11-20 01:59")  # Thursday's night


@pytest.mark.slow
def test_thanksgiving_is_left_out_in_the_us_and_a_thursday_in_germany() -> None:
    rules = policy(skip_holidays=True)
    assert not is_open(rules, CHICAGO, "2026-11-26 12:00")
    assert is_open(rules, CHICAGO, "2026-11-27 12:00", regions="US-IL")
    assert is_open(rules, "Europe/Berlin", "2026-11-26 12:00", country="DE")
    assert is_open(policy(), CHICAGO, "2026-11-26 12:00")


def test_a_states_own_holiday_counts_for_its_people_only() -> None:
    texas = date(2027, 3, 2)  # its independence
    assert texas in holidays_in(("US", "US-TX"), 2027, 2027)
    rules = policy(skip_holidays=True)
    assert not is_open(rules, CHICAGO, "2027-03-02 12:00", regions="US-TX")
    assert is_open(rules, CHICAGO, "2027-03-02 12:00", regions="US-IL")


def test_a_country_or_state_of_which_no_holidays_are_known_has_none() -> None:
    assert holidays_in(("XX",), 2026, 2026) == frozenset()
    assert holidays_in(("US-XX",), 2026, 2026) == holidays_in(("US",), 2026, 2026)


def test_the_night_before_a_holiday_reaches_into_it_and_the_holidays_own_does_not_open() -> None:
    rules = policy("18:00", "02:00", skip_holidays=True)
    assert is_open(rules, CHICAGO, "2026-12-25 01:00")
    assert not is_open(rules, CHICAGO, "2026-12-25 19:00")
    assert not is_open(rules, CHICAGO, "2026-12-26 01:00")


def test_a_window_may_cross_midnight_and_a_day_may_be_open_throughout() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    late = windows(policy("18:00", "02:00"), noon, noon + 3 * DAY, zones="UTC")
    assert {(opens.hour, closes - opens) for opens, closes in late} == {(18, 8 * HOUR)}
    [(opens, closes)] = windows(policy("00:00", "24:00"), noon, noon + 3 * DAY, zones="UTC")
    assert opens < noon
    assert closes > noon + 3 * DAY


# --- any policy, any place ----------------------------------------------------------------------------------------

clock = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
hours = st.tuples(clock, st.one_of(clock, st.just("24:00"))).filter(lambda pair: pair[0] != pair[1])
days = st.one_of(st.just(list(WEEKDAYS)), st.lists(st.sampled_from(WEEKDAYS), min_size=1, unique=True))
channels = st.sampled_from(list(Channel))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    table = []
    for region in draw(st.lists(st.sampled_from(["US-FL", "US-TX", "US"]), max_size=2)):
        opens, closes = draw(hours)
        when = {"opens": opens, "closes": closes, "weekdays": draw(days), "channels": [draw(channels)]}
        table.append({"region": region, "source": "a test", "read_on": "2026-11-22"} | when)
    return policy(*draw(hours), weekdays=draw(days), skip_holidays=draw(st.booleans()), stricter_hours=table)


off_in = cache(holidays_in)


def may_go(rules: Policy, zones: str, regions: str, channel: Channel, at: datetime) -> bool:
    """The policy's words, read aloud for one moment."""
    for zone in zones.split("|"):
        local = at.astimezone(ZoneInfo(zone))
        minute, today = local.hour * 60 + local.minute, local.date()
        general = rules.quiet_hours
        off = off_in(("US", *regions.split("|")), today.year - 1, today.year + 1)

        def opens_on(day: date) -> bool:
            return day.weekday() in general.weekdays and not (general.skip_holidays and day in off)  # noqa: B023

        if general.opens < general.closes:
            is_inside = opens_on(today) and general.opens <= minute < general.closes
        else:
            is_late, is_early = minute >= general.opens, minute < general.closes
            is_inside = (is_late and opens_on(today)) or (is_early and opens_on(today - DAY))
        for row in rules.stricter_hours:
            if row.region not in ("US", *regions.split("|")) or channel not in row.channels:
                continue
            if today.weekday() not in row.weekdays:
                continue
            if row.opens < row.closes:
                is_inside &= row.opens <= minute < row.closes
            else:
                was_open = (today - DAY).weekday() in row.weekdays
                is_inside &= minute >= row.opens or (was_open and minute < row.closes)
        if not is_inside:
            return False
    return True


@settings(max_examples=examples(40))
@given(
    rules=policies(),
    zones=st.sets(st.sampled_from([CHICAGO, NEW_YORK, "Asia/Kathmandu", "Pacific/Honolulu"]), min_size=1, max_size=2),
    regions=st.sampled_from(["", "US-FL", "US-FL|US-TX"]),
    channel=channels,
    hour=st.integers(0, 366 * 24),
)
@pytest.mark.slow
def test_windows_say_what_the_policy_says_read_aloud(
    rules: Policy, zones: set[str], regions: str, channel: Channel, hour: int
) -> None:
    names = "|".join(sorted(zones))
    since = datetime(2026, 1, 1, tzinfo=UTC) + hour * HOUR
    until = since + 4 * DAY
    found = windows(rules, since, until, zones=names, regions=regions, channel=channel)
    assert found == sorted(found)
    if found:  # then the place has an answer for every moment asked about
        assert found[-1][1] > until
    at = since
    while at < until:
        is_inside = any(opens <= at < closes for opens, closes in found)
        assert is_inside == may_go(rules, names, regions, channel, at), at
        at += 45 * MINUTE


# --- several zones, and places that never open --------------------------------------------------------------------


def test_who_may_be_in_either_of_two_zones_is_written_to_when_both_are_awake() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    [(opens, closes)] = windows(policy(), noon, noon, zones="America/Los_Angeles|America/New_York")
    assert (opens, closes) == (noon + 4 * HOUR, noon + 14 * HOUR)  # 08:00 in Los Angeles to 21:00 in New York


def test_a_place_whose_zones_are_never_awake_together_has_no_row() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert windows(policy("08:00", "12:00"), noon, noon, zones="America/New_York|Asia/Tokyo") == []
    assert windows(policy("08:00", "12:00"), noon, noon, zones="Asia/Tokyo") != []


def test_zones_that_are_awake_together_in_summer_only_open_in_spring() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)  # Phoenix keeps its clock, Los Angeles is an hour behind in winter
    rules = policy("08:00", "09:00")
    [(opens, _)] = windows(rules, noon, noon, zones="America/Los_Angeles|America/Phoenix")
    assert opens == datetime(2027, 3, 14, 15, tzinfo=UTC)


def test_somebody_anywhere_in_the_united_states_is_reached_in_the_afternoon_of_the_east() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    [(opens, closes)] = windows(policy(), noon, noon, zones="|".join(sorted(country_zones("US"))))
    assert (opens, closes) == (noon + 6 * HOUR, noon + 14 * HOUR)  # 08:00 in Honolulu to 21:00 in New York


def test_places_come_back_once_each_in_order_with_their_columns() -> None:
    noon = datetime(2026, 11, 23, 18, tzinfo=UTC)
    place = {"zones": CHICAGO, "regions": "US-FL", "recipient_country": "US"}
    places = pl.DataFrame([place | {"channel": channel} for channel in ("sms", "email", "sms")])
    found = open_windows(places, SHIPPED, noon, noon + DAY)
    assert found.columns == ["zones", "regions", "recipient_country", "channel", "opens_at", "closes_at"]
    assert found["channel"].to_list() == ["email", "email", "sms", "sms"]
    assert found.schema["opens_at"] == found.schema["closes_at"] == pl.Datetime("us", "UTC")
    texts = found.filter(channel="sms").select("opens_at", "closes_at").rows()
    assert texts == windows(SHIPPED, noon, noon + DAY, regions="US-FL")
    assert open_windows(places.head(0), SHIPPED, noon, noon).schema == found.schema
