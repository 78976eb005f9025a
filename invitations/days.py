"""Which hours of which days: the policy's hours laid over the calendar, as stretches of wall time without a zone.

A window that crosses midnight belongs, with its weekday and its holiday, to the day on which it opens. A stricter rule
is read by the calendar day instead, as a law would: "Sundays 12:00 to 21:00" closes Sunday 00:30 too, though Saturday's
window would reach that far.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import lru_cache

from invitations.clocks import DAY, MINUTE, Stretch, common, midnight
from invitations.policy_parts import DAY_MINUTES, Hours, QuietHours, StricterHours

_ONE_DAY = timedelta(days=1)


@lru_cache(maxsize=2048)
def open_wall_times(
    hours: QuietHours, stricter: tuple[StricterHours, ...], places: tuple[str, ...], first: date, last: date
) -> tuple[Stretch, ...]:
    """The stretches of wall time, midnight of `first` to midnight of `last`, inside `hours` and each of `stricter`.

    `places`: the country and the states (ISO 3166) whose holidays are left out, if the policy leaves them out.
    """
    skipped = frozenset[date]()
    if hours.skip_holidays:
        skipped = holidays_in(places, first.year - 1, last.year + 1)
    stretches = _joined(_windows(hours, skipped, first, last))
    for rule in stricter:
        stretches = common(stretches, _joined(_allowed(rule, first, last)))
    return tuple(stretches)


def holidays_in(places: Iterable[str], first_year: int, last_year: int) -> frozenset[date]:
    """Public holidays of a country ("US") and of its states ("US-FL"), any of them. Unknown places have none."""
    return frozenset(day for place in places for day in _holidays(place, first_year, last_year))


@lru_cache(maxsize=512)
def _holidays(place: str, first_year: int, last_year: int) -> frozenset[date]:
    import holidays  # noqa: PLC0415 - a third of a second, which only those who leave out holidays should wait for

    country, _, state = place.partition("-")
    calendar = getattr(holidays, country, None)  # loaded by its name: a list of those supported would load them all
    if calendar is None:
        return frozenset()
    subdivision = state if state in calendar.subdivisions else None
    return frozenset(calendar(subdiv=subdivision, years=range(first_year, last_year + 1)))


def _windows(hours: QuietHours, skipped: frozenset[date], first: date, last: date) -> Iterator[Stretch]:
    length = (hours.closes - hours.opens) % DAY_MINUTES or DAY_MINUTES
    for day in _days(first - _ONE_DAY, last):  # yesterday's window may reach into the first day
        if day.weekday() in hours.weekdays and day not in skipped:
            opens = midnight(day) + hours.opens * MINUTE
            yield max(opens, midnight(first)), min(opens + length * MINUTE, midnight(last))


def _allowed(rule: Hours, first: date, last: date) -> Iterator[Stretch]:
    for day in _days(first, last):
        begin = midnight(day)
        if day.weekday() not in rule.weekdays:
            yield begin, begin + DAY
        elif rule.opens < rule.closes:
            yield begin + rule.opens * MINUTE, begin + rule.closes * MINUTE
        else:
            if (day - _ONE_DAY).weekday() in rule.weekdays:
                yield begin, begin + rule.closes * MINUTE
            yield begin + rule.opens * MINUTE, begin + DAY


def _joined(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The same times in as few stretches as can be; those given are in order."""
    found: list[Stretch] = []
    for opens, closes in stretches:
        if opens >= closes:
            continue
        if found and opens <= found[-1][1]:
            found[-1] = (found[-1][0], max(closes, found[-1][1]))
        else:
            found.append((opens, closes))
    return found


def _days(first: date, last: date) -> Iterator[date]:
    return (date.fromordinal(number) for number in range(first.toordinal(), last.toordinal()))
