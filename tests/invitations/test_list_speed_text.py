"""How fast a list may go, and from when on, as people write it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from invitations.import_report import ImportRefused
from invitations.list_speed_text import ListSpeed, read_send_at, read_speed, refuse_if_never_open
from invitations.policy import Policy

CHICAGO = ZoneInfo("America/Chicago")
NOW = datetime(2026, 10, 20, 18, 0, tzinfo=UTC)
WEEKDAYS = (0, 1, 2, 3, 4)


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        ("50/hour", ListSpeed("50/hour")),
        (" 20 / DAY ", ListSpeed("20/day")),
        ("20 per day", ListSpeed("20/day")),
        ("5/h", ListSpeed("5/hour")),
        ("50/hour mon-fri 09:00-17:00", ListSpeed("50/hour", WEEKDAYS, 540, 1020)),
        ("50/hour weekdays", ListSpeed("50/hour", WEEKDAYS)),
        ("50/hour tue,thu", ListSpeed("50/hour", (1, 3))),
        ("50/hour sat-mon", ListSpeed("50/hour", (0, 5, 6))),
        ("50/hour mon-sun", ListSpeed("50/hour")),
        ("50/hour 9:00 - 24:00", ListSpeed("50/hour", None, 540, 1440)),
    ],
)
def test_speeds_are_read_as_people_write_them(text: str, speed: ListSpeed) -> None:
    assert read_speed(text) == speed


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("fast", "50/hour"),
        ("50/week", "50/hour"),
        ("0/hour", "lets nobody be asked"),
        ("50/hour someday", '"someday" is neither'),
        ("50/hour mon-", "neither a weekday"),
        ("50/hour 09:00", "neither a weekday"),
        ("50/hour 09:00-09:00", "empty"),
        ("50/hour 18:00-02:00", "end before they begin"),
        ("50/hour 09:00-24:30", "no day has"),
    ],
)
def test_a_speed_that_cannot_be_meant_is_refused_with_what_was_expected(text: str, told: str) -> None:
    with pytest.raises(ImportRefused, match=told):
        read_speed(text)


def policy(opens: str, closes: str, *weekdays: str) -> Policy:
    hours = {"opens": opens, "closes": closes} | ({"weekdays": weekdays} if weekdays else {})
    return Policy.load({"quiet_hours": hours})


@pytest.mark.parametrize(
    ("text", "rules", "is_possible"),
    [
        ("50/hour 06:00-08:00", policy("08:00", "21:00"), False),
        ("50/hour 06:00-08:01", policy("08:00", "21:00"), True),
        ("50/hour 21:00-24:00", policy("08:00", "21:00"), False),
        ("50/hour sat-sun", policy("08:00", "21:00", "mon", "fri"), False),
        ("50/hour fri-sat", policy("08:00", "21:00", "mon", "fri"), True),
        ("50/hour sat 00:00-02:00", policy("18:00", "02:00", "fri"), True),  # Friday's hours go on past midnight
        ("50/hour fri 00:00-02:00", policy("18:00", "02:00", "fri"), False),
        ("50/hour", policy("08:00", "21:00", "mon"), True),
    ],
)
def test_hours_that_never_meet_the_policys_are_refused(text: str, rules: Policy, is_possible: bool) -> None:
    if is_possible:
        refuse_if_never_open(read_speed(text), rules)
        return
    with pytest.raises(ImportRefused, match=r"could ever go: it may go on .* but the policy lets messages go"):
        refuse_if_never_open(read_speed(text), rules)


def test_a_time_is_on_the_locations_clock() -> None:
    assert read_send_at("2026-12-01 10:00", CHICAGO, NOW) == datetime(2026, 12, 1, 16, 0, tzinfo=UTC)


def test_a_time_that_comes_twice_is_the_first() -> None:
    assert read_send_at("2026-11-01T01:30", CHICAGO, NOW) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2027-03-14 02:30", "does not exist in America/Chicago.*Choose 03:30 or later"),
        ("2026-10-20 13:00", "is past; it is 2026-10-20 13:00 there"),
        ("tomorrow", "2026-12-01 10:00"),
        ("2026-12-01", "2026-12-01 10:00"),
        ("2026-02-30 10:00", "cannot be read"),
        ("9999-12-31 23:59", "cannot be read"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused_with_the_reason(text: str, told: str) -> None:
    with pytest.raises(ImportRefused, match=told):
        read_send_at(text, CHICAGO, NOW)
