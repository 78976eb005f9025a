"""The period at the top of every page: the last days, all time, or days of one's own."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import streamlit as st

from dashboard.wording import in_zone, short_day
from data.cycle import starts_at

PERIODS = {"Last 7 days": 7, "Last 30 days": 30, "Last 90 days": 90, "All time": None}
OWN = "Own dates"
_USUAL = "Last 90 days"
_DATES = "dates"


@dataclass(frozen=True, slots=True)
class Period:
    """`since`: its first moment (None: since ever); `ends`: the first one after it (None: it goes on)."""

    since: datetime | None
    ends: datetime | None
    words: str
    before: str


def pick_period(zone: str, now: datetime) -> Period:
    """The pickers, and what is picked; days begin and end on the clock of `zone`."""
    today = in_zone(now, zone).date()
    chosen = st.selectbox(
        "Period", [*PERIODS, OWN], index=2, key="period", bind="query-params", label_visibility="collapsed", width=180,
        icon=":material/calendar_today:",
    )  # fmt: skip
    if chosen == OWN:
        return own_days(*_pick_dates(today), zone, now)
    return last_days(PERIODS.get(chosen, PERIODS[_USUAL]), today, zone)


def last_days(days: int | None, today: date, zone: str) -> Period:
    """So many days, today among them; None: since ever."""
    if days is None:
        return Period(None, None, "of all time", "")
    since = starts_at(today - timedelta(days=days - 1), zone)
    return Period(since, None, f"in the last {days} days", _before(days))


def own_days(first: date, last: date, zone: str, now: datetime) -> Period:
    """From the one day to the other, both included; what ends today or later goes on."""
    today = in_zone(now, zone).date()
    said = short_day(first, now) if first == last else f"{short_day(first, now)} to {short_day(last, now)}"
    ends = starts_at(last + timedelta(days=1), zone) if last < today else None
    return Period(starts_at(first, zone), ends, said, _before((last - first).days + 1))


def _before(days: int) -> str:
    return {1: "the day before", 7: "the week before"}.get(days, f"the {days} days before")


def _pick_dates(today: date) -> tuple[date, date]:
    """Two days; while only the first is picked, from it until today. One from a link may lie in the future."""
    start = today - timedelta(days=6)
    picked = st.date_input(
        "From and to", (start, today), max_value=today, key=_DATES, bind="query-params", format="DD/MM/YYYY",
        label_visibility="collapsed", width=240,
    )  # fmt: skip
    days = sorted(picked) if isinstance(picked, tuple) else [picked]
    return (days[0], days[-1] if len(days) > 1 else today) if days else (start, today)
