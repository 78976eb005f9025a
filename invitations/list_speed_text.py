"""How fast a list may go, as people write it: "50/hour", "20/day", "50/hour mon-fri 09:00-17:00", and from when on.

What could never be satisfied is refused here, with the reason, before anybody is taken in.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from invitations.import_report import ImportRefused
from invitations.policy import Policy
from invitations.policy_parts import DAY_MINUTES, WEEKDAYS

_WEEK = 7 * DAY_MINUTES
_FIRST_YEAR, _LAST_YEAR = 1990, 2199  # another is a slip of the finger
_EXAMPLE = 'Expected one such as "50/hour", "20/day" or "50/hour mon-fri 09:00-17:00"'
_RATE = re.compile(r"(\d{1,7})\s*(?:/|per|an?)\s*(hour|day|h|d)(?![a-z])", re.IGNORECASE)
_CLOCK = r"([01]?\d|2[0-4]):([0-5]\d)"
_HOURS = re.compile(rf"\s*{_CLOCK}\s*(?:-|–|to)\s*{_CLOCK}$", re.IGNORECASE)
_AT = re.compile(r"(\d{4})-(\d{2})-(\d{2})[T ]+(\d{1,2}):(\d{2})$")
_DAY_NAMES = {
    name: day
    for day, names in enumerate(
        ("mon monday", "tue tues tuesday", "wed wednesday", "thu thurs thursday", "fri friday", "sat saturday",
         "sun sunday")
    )
    for name in names.split()
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ListSpeed:
    """`rate` as `lists.speed` keeps it; days (Monday = 0) and minutes of the location's day, None: not limited so."""

    rate: str
    days: tuple[int, ...] | None = None
    opens: int | None = None
    closes: int | None = None


def read_speed(text: str) -> ListSpeed:
    """What `text` means. Raises ImportRefused with what was found and what is expected."""
    rate = _RATE.match(text.strip())
    if rate is None:
        raise ImportRefused(f'The speed "{text}" cannot be read. {_EXAMPLE}.')
    count, period = int(rate[1]), "hour" if rate[2].lower().startswith("h") else "day"
    if count == 0:
        raise ImportRefused(f'The speed "{text}" lets nobody be asked. For at least one say 1/{period}.')
    rest = text.strip()[rate.end() :]
    hours = _HOURS.search(rest)
    days = _days(rest[: hours.start()] if hours else rest, text)
    opens, closes = _opening(hours, text) if hours else (None, None)
    return ListSpeed(f"{count}/{period}", days, opens, closes)


def _days(text: str, whole: str) -> tuple[int, ...] | None:
    words = [word for word in re.split(r"[\s,]+", text.lower().replace("–", "-")) if word]
    if not words:
        return None
    found: set[int] = set()
    for word in words:
        first, _, last = word.partition("-")
        if word in {"weekdays", "weekend", "daily"}:
            found |= {"weekdays": {0, 1, 2, 3, 4}, "weekend": {5, 6}, "daily": set(range(7))}[word]
        elif first in _DAY_NAMES and (not last or last in _DAY_NAMES) and word.count("-") <= 1 and word[-1] != "-":
            start, end = _DAY_NAMES[first], _DAY_NAMES[last or first]
            found |= {(start + step) % 7 for step in range((end - start) % 7 + 1)}
        else:
            raise ImportRefused(
                f'In the speed "{whole}", "{word}" is neither a weekday nor hours. {_EXAMPLE}; days are '
                f"{', '.join(WEEKDAYS)}."
            )
    return None if len(found) == len(WEEKDAYS) else tuple(sorted(found))


def _opening(hours: re.Match[str], whole: str) -> tuple[int, int]:
    opens = int(hours[1]) * 60 + int(hours[2])
    closes = int(hours[3]) * 60 + int(hours[4])
    if max(opens, closes) > DAY_MINUTES:
        raise ImportRefused(f'The speed "{whole}" names a time that no day has; the last is 24:00.')
    if opens == closes:
        raise ImportRefused(f'The hours of the speed "{whole}" are empty: they open and close at the same time.')
    if opens > closes:
        raise ImportRefused(
            f'The hours of the speed "{whole}" would end before they begin. A list\'s hours lie within one day: '
            f"{_told(opens)}-24:00, say, or 00:00-{_told(closes)}."
        )
    return opens, closes


def refuse_if_never_open(speed: ListSpeed, policy: Policy) -> None:
    """Raises ImportRefused where the list's days and hours never meet those at which the policy lets messages go.

    By the location's clock: most of a list's people live where they were customers.
    """
    if speed.days is None and speed.opens is None:
        return
    quiet = policy.quiet_hours
    allowed = _minutes(quiet.weekdays, quiet.opens, quiet.closes)
    days = speed.days if speed.days is not None else range(7)
    opens = 0 if speed.opens is None else speed.opens
    closes = DAY_MINUTES if speed.closes is None else speed.closes
    if allowed & _minutes(days, opens, closes):
        return
    hours = f" {_told(opens)}-{_told(closes)}" if speed.opens is not None else ""
    raise ImportRefused(
        f"Nothing of this list could ever go: it may go {_in_words(days)}{hours}, but the policy lets messages go "
        f"{_in_words(quiet.weekdays)} {_told(quiet.opens)}-{_told(quiet.closes)} (quiet_hours in the account's file). "
        "Choose days and hours that meet."
    )


def _minutes(days: Iterable[int], opens: int, closes: int) -> set[int]:
    """Minutes of the week; hours that close before they open go on past midnight."""
    length = (closes - opens) % DAY_MINUTES or DAY_MINUTES
    return {(day * DAY_MINUTES + opens + minute) % _WEEK for day in days for minute in range(length)}


def _told(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _in_words(days: Iterable[int]) -> str:
    names = [WEEKDAYS[day] for day in days]
    return "on every day" if len(names) == len(WEEKDAYS) else f"on {', '.join(names)}"


def read_send_at(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The moment before which nothing of a list goes, on the clock of `zone`; where that shows it twice, the first.

    Raises ImportRefused for what is no time, what the clocks skip, and what is past. `now` is policy time.
    """
    found = _AT.match(text.strip())
    try:
        year, month, day, hour, minute = map(int, found.groups() if found else ())
        local = datetime(year, month, day, hour, minute, tzinfo=zone)
    except ValueError:
        local = None
    if local is None or not _FIRST_YEAR <= local.year <= _LAST_YEAR:
        raise ImportRefused(f'The time "{text}" cannot be read. Expected one such as "2026-12-01 10:00".')
    moment = local.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        later = moment.astimezone(zone)
        raise ImportRefused(
            f"{local:%Y-%m-%d %H:%M} does not exist in {zone.key}: the clocks skip it on that day. "
            f"Choose {later:%H:%M} or later."
        )
    if moment <= now:
        raise ImportRefused(
            f"{local:%Y-%m-%d %H:%M} in {zone.key} is past; it is {now.astimezone(zone):%Y-%m-%d %H:%M} there. "
            "Choose a time to come, or leave it out to begin at once."
        )
    return moment
