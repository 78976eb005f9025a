"""How an account stands after some invitations began, in memory: units used, cycles turned, places in a pace taken.

Pure, like `moved_on`, which does the same for the people and their messages.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import polars as pl

from data.standing import Pace, Quota, Standing


def after(standing: Standing, invited: pl.DataFrame, now: datetime) -> Standing:
    """The standing at `now`. Each row of `invited` (earliest_at, location_id, list_id) is a new invitation: it takes a
    unit of the cycle in which it begins, and a place in its list's pace.
    """
    quota, claims = standing.quota, dict[int, list[datetime]]()
    rows = invited.select("earliest_at", "location_id", "list_id").sort("earliest_at").iter_rows()
    for at, location_id, list_id in rows:
        quota = _one_less(_cycle_at(quota, at), location_id)
        if list_id in standing.paces:
            claims.setdefault(list_id, []).append(at)
    paces = {number: _claimed(pace, claims.get(number, ())) for number, pace in standing.paces.items()}
    return turned_to(Standing(quota, paces), now)


def _one_less(quota: Quota, location_id: int) -> Quota:
    limited = dict(quota.location_left)
    if location_id in limited:
        limited[location_id] -= 1
    return replace(quota, left=quota.left - 1, location_left=limited)


def _claimed(pace: Pace, claims: Iterable[datetime]) -> Pace:
    return replace(pace, recent=(*pace.recent, *claims))


def turned_to(standing: Standing, now: datetime) -> Standing:
    """The standing at `now`, when nothing went meanwhile: a new cycle brings its units, old claims are forgotten."""
    paces = {
        number: replace(pace, recent=tuple(at for at in pace.recent if pace.period and at > now - pace.period))
        for number, pace in standing.paces.items()
    }
    return Standing(_cycle_at(standing.quota, now), paces)


def _cycle_at(quota: Quota, at: datetime) -> Quota:
    """The quota in the cycle that holds `at`."""
    if not quota.resets or at < quota.resets[0]:
        return quota
    coming = tuple(moment for moment in quota.resets if moment > at)
    return replace(
        quota, left=quota.per_cycle, location_left=dict(quota.location_per_cycle), resets=coming
    )  # fmt: skip
