"""The stretches of time in which messages of a kind may start: the recipient's open windows, cut by a list's own hours,
or only a time of day in them ("at 10:00 local").

Worked out once for each run of stretches that really differs: most states of a zone have the same hours, on every
channel, and lists tend to go out at the same hours.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple

from data.standing import Pace
from data.words import Channel
from invitations.clocks import MINUTE, Stretch, common
from invitations.policy import Policy
from invitations.policy_parts import DAY_MINUTES, WEEKDAYS, QuietHours
from invitations.windows import Place, daily_moments, windows_at

NEVER = -1  # the run of whoever is never open
_CLOSES = itemgetter(1)


class Kind(NamedTuple):
    """Whose messages share a calendar: those to one place that keep to the same hours."""

    place: Place
    list_id: int | None  # a list with hours of its own
    at_minute: int | None  # a time of day


class Run(NamedTuple):
    """Stretches in order. In the n-th a message may start from `opens[n]` until just before `lasts[n]`, and be handed
    over until just before `closes[n]`: microseconds since 1970, UTC.
    """

    opens: list[int]
    lasts: list[int]
    closes: list[int]


def make_stretches(
    kinds: Mapping[int, Kind], policy: Policy, paces: Mapping[int, Pace], since: datetime, until: datetime
) -> tuple[dict[int, int], list[Run]]:
    """For each of `kinds` by its number its run, or NEVER; and the runs, each in order."""
    windows = {place: windows_at(place, policy, since, until) for place in {kind.place for kind in kinds.values()}}
    # By what it is, hours that are the same are one; to compare them once for each place is enough.
    hours_seen: dict[Sequence[Stretch], int] = {}
    hours = {place: hours_seen.setdefault(tuple(own), len(hours_seen)) for place, own in windows.items()}
    by_list = {number: list_hours(paces[number], policy, since, until) for number in _lists(kinds.values())}
    runs: list[Run] = []
    numbers: dict[tuple[int, int | None, int | None, str | None], int] = {}
    run_of = dict.fromkeys(kinds, NEVER)
    for cal, (place, list_id, at_minute) in kinds.items():
        own = windows[place]
        if not own:
            continue
        key = (hours[place], list_id, at_minute, None if at_minute is None else place[0])
        run_of[cal] = numbers.setdefault(key, len(runs))
        if run_of[cal] < len(runs):
            continue
        within = by_list.get(list_id) if list_id is not None else None
        stretches = own if within is None else common(own, within)
        if at_minute is None:
            closes = [end for _, end in stretches]
            runs.append(Run([start for start, _ in stretches], closes, closes))
        else:
            runs.append(_points(stretches, daily_moments(place[0], at_minute, since, until)))
    return run_of, runs


def _lists(kinds: Iterable[Kind]) -> set[int]:
    return {kind.list_id for kind in kinds if kind.list_id is not None}


def _points(stretches: Sequence[Stretch], moments: Iterable[int]) -> Run:
    """The moments of a time of day; where the window is shut then, its next opening. All of that minute will do."""
    found: dict[int, tuple[int, int]] = {}
    for at in moments:
        place = bisect_right(stretches, at, key=_CLOSES)
        if place < len(stretches):
            opens, closes = stretches[place]
            start = max(at, opens)
            found[start] = (min(start + MINUTE, closes), closes)
    return Run(list(found), [last for last, _ in found.values()], [end for _, end in found.values()])


def list_hours(pace: Pace, policy: Policy, since: datetime, until: datetime) -> Sequence[Stretch] | None:
    """The stretches in which a list goes out, by its own zone's clock; None: at any time."""
    if pace.days is None and pace.opens is None and pace.closes is None:
        return None
    hours = QuietHours.model_construct(
        opens=0 if pace.opens is None else pace.opens,
        closes=DAY_MINUTES if pace.closes is None else pace.closes,
        weekdays=tuple(range(len(WEEKDAYS))) if pace.days is None else tuple(pace.days),
        skip_holidays=False,
    )
    own = policy.model_copy(update={"quiet_hours": hours, "stricter_hours": ()})
    return windows_at((pace.zone, "", "", Channel.SMS.value), own, since, until)
