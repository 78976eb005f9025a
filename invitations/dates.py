"""Dates as people's files have them, read once for each way of writing, and what could be two days said so.

03/04/2026 is 4 March where the month comes first (CLDR's short dates: the United States and its territories, the
Philippines, Panama) and 3 April everywhere else; the location's country decides, and the report tells it.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from data.ledger.frames import MOMENT, Schema

_MONTH_FIRST = frozenset({"US", "PR", "GU", "VI", "AS", "MP", "UM", "FM", "MH", "PW", "PH", "PA"})
_EARLIEST = 1990  # nobody is asked about an older visit: such a year was read wrongly

_TIME = r"(?:[T ,]+(?P<time>\d{1,2}:\d{2}.*))?$"
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})([-/.])(?P<month>\d{1,2})\2(?P<day>\d{1,2})" + _TIME)
_COMPACT = re.compile(r"(?P<year>(?:19|20)\d{2})(?P<month>\d{2})(?P<day>\d{2})" + _TIME)
_NUMERIC = re.compile(r"(?P<one>\d{1,2})\s?([-/.])\s?(?P<two>\d{1,2})\s?\2\s?(?P<year>\d{4}|\d{2})" + _TIME)
_WEEKDAY = r"(?:[^\W\d]+\.?,?\s+)?"
_NAMED = re.compile(
    _WEEKDAY + r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|\.)?[ -]+(?:de )?(?P<name>[^\W\d]{3,12})\.?,?[ -]+"
    r"(?:de )?(?P<year>\d{4}|\d{2})" + _TIME, re.IGNORECASE,
)  # fmt: skip
_NAME_FIRST = re.compile(
    _WEEKDAY + r"(?P<name>[^\W\d]{3,12})\.?[ -]+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?[ -]+(?P<year>\d{4}|\d{2})" + _TIME,
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?\s*(?P<half>[ap])?(?:\.?m\.?)?"
    r"\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?$",
    re.IGNORECASE,
)
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar jänner enero ene janvier gennaio gen",
            "feb february februar febrero février fév févr febbraio",
            "mar march märz mär mrz marzo mars",
            "apr april abril abr avril avr aprile",
            "may mai mayo maggio mag",
            "jun june juni junio juin giugno giu",
            "jul july juli julio juillet juil luglio lug",
            "aug august agosto ago août aoû",
            "sep sept september septiembre septembre settembre set",
            "oct october okt oktober octubre octobre ottobre ott",
            "nov november noviembre novembre",
            "dec december dez dezember diciembre dic décembre déc dicembre",
        ),
        1,
    )
    for name in names.split()
}


class Order(StrEnum):
    """How a date was read."""

    CERTAIN = "certain"  # the year first, or the month by name
    ONLY_MONTH_FIRST = "only month first"  # the other number can be no month
    ONLY_DAY_FIRST = "only day first"
    MONTH_FIRST = "month first"  # it could have been the other: the location's country decided
    DAY_FIRST = "day first"


@dataclass(frozen=True, slots=True)
class DateRead:
    """A moment; the beginning of the day in the zone where no time of day was given."""

    moment: datetime
    order: Order
    has_time: bool


def read_date(text: str, region: str, zone: ZoneInfo) -> DateRead | None:
    """`text` as a date, with or without a time, in the zone unless it says its own; None when it is none."""
    text = text.strip()
    if found := _YEAR_FIRST.match(text) or _COMPACT.match(text):
        return _made(found, int(found["month"]), int(found["day"]), Order.CERTAIN, zone)
    if found := _NUMERIC.match(text):
        one, two = int(found["one"]), int(found["two"])
        order = _order(one, two, region)
        is_month_first = order in {Order.MONTH_FIRST, Order.ONLY_MONTH_FIRST}
        return _made(found, one if is_month_first else two, two if is_month_first else one, order, zone)
    if found := _NAMED.match(text) or _NAME_FIRST.match(text):
        month = _MONTHS.get(found["name"].casefold())
        return _made(found, month, int(found["day"]), Order.CERTAIN, zone) if month else None
    return None


def _order(one: int, two: int, region: str) -> Order:
    if one > 12 or two > 12:
        return Order.ONLY_DAY_FIRST if one > 12 else Order.ONLY_MONTH_FIRST
    if one == two:
        return Order.CERTAIN
    return Order.MONTH_FIRST if region in _MONTH_FIRST else Order.DAY_FIRST


def _made(found: re.Match[str], month: int, day: int, order: Order, zone: ZoneInfo) -> DateRead | None:
    year = int(found["year"])
    clock = _CLOCK.match(found["time"]) if found["time"] else None
    if found["time"] and clock is None:
        return None
    hour, minute, second = (int(clock[part] or 0) for part in ("hour", "minute", "second")) if clock else (0, 0, 0)
    if clock and clock["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if clock["half"] in "pP" else 0)
    try:
        moment = datetime(year + 2000 if year < 100 else year, month, day, hour, minute, second, tzinfo=zone)
        if clock and clock["zone"]:
            moment = moment.replace(tzinfo=_offset(clock["zone"]))
        return DateRead(moment.astimezone(UTC), order, clock is not None)
    except (ValueError, OverflowError):
        return None


def _offset(text: str) -> tzinfo:
    return datetime.strptime(text if text[0] in "+-" else "+0000", "%z").tzinfo or UTC


def with_date(frame: pl.DataFrame, name: str, now: datetime) -> pl.DataFrame:
    """`name` (a moment), `name_order`, `name_has_time` and `name_fault` (why there is none) of `name_text`.

    Needs `region` and `location_zone`. `now` is policy time: what lies after today is refused.
    """
    keys = [f"{name}_text", "region", "location_zone"]
    distinct = frame.select(keys).drop_nulls(f"{name}_text").unique()
    schema: Schema = {
        name: MOMENT,
        f"{name}_order": pl.String,
        f"{name}_has_time": pl.Boolean,
        f"{name}_fault": pl.String,
    }
    if distinct.is_empty():
        return frame.with_columns(pl.lit(None, kind).alias(column) for column, kind in schema.items())
    read = [_judged(text, region, ZoneInfo(zone), now) for text, region, zone in distinct.iter_rows()]
    answers = pl.DataFrame(read, schema=schema, orient="row")
    return frame.join(distinct.hstack(answers), on=keys, how="left", maintain_order="left")


def _judged(text: str, region: str, zone: ZoneInfo, now: datetime) -> tuple[Any, ...]:
    found = read_date(text, region, zone)
    if found is None:
        return None, None, None, _fault(text, region)
    local = found.moment.astimezone(zone)
    if local.date() > now.astimezone(zone).date():
        return None, None, None, "lies in the future, so it was left out. Expected a day that has been"
    if local.year < _EARLIEST:
        return None, None, None, f"lies before {_EARLIEST}, so it was left out. Expected a day of late"
    return found.moment, found.order.value, found.has_time, None


def _fault(text: str, region: str) -> str:
    if re.fullmatch(r"[34]\d{4}(\.\d+)?", text.strip()):
        return "a spreadsheet's own number for a date: format the column as a date and export again"
    return f"not a date. Expected one such as 2026-05-17 or {'5/17/2026' if region in _MONTH_FIRST else '17/5/2026'}"


def how_read(frame: pl.DataFrame, name: str, header: str) -> list[str]:
    """What a report says of how the dates of a column were read; nothing where there are none."""
    dates = frame.filter(pl.col(name).is_not_null())
    if dates.is_empty():
        return []
    told = [f'Column "{header}": {_counted(len(dates))} read.']
    for order, other in (
        (Order.MONTH_FIRST, Order.ONLY_DAY_FIRST),
        (Order.DAY_FIRST, Order.ONLY_MONTH_FIRST),
    ):
        guessed = dates.filter(pl.col(f"{name}_order") == order.value)
        if guessed.is_empty():
            continue
        region, example = guessed["region"][0], guessed[f"{name}_text"][0]
        told.append(
            f"{len(guessed):,} of them could be two days, such as {example}; read {order.value}, as is usual "
            f"in {region}, where the location is. Write 2026-05-17 to be certain."
        )
        against = len(dates.filter(pl.col(f"{name}_order") == other.value))
        if against:
            told.append(f"But {_counted(against)} certainly {other.value.removeprefix('only ')}: see what was meant.")
    return [" ".join(told)]


def _counted(number: int) -> str:
    return "1 date was" if number == 1 else f"{number:,} dates were"
