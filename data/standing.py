"""How an account and its lists stand at a moment, apart from any one candidate: plain values, read from the ledger by
`data.ledger.standing`, taken by `invitations.plan`, moved on by a simulation.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Quota:
    """Units are invitations, each counted once, whatever follow-ups and channels it has.

    `resets` holds the first moments of the cycles to come, the next one first; in each of them there are `per_cycle`
    again (and `location_per_cycle` for a location with a limit of its own, out of the account's).
    """

    left: int
    per_cycle: int
    resets: tuple[datetime, ...]
    location_left: Mapping[int, int] = field(default_factory=dict)  # only locations with a limit
    location_per_cycle: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast the first messages of a list may go. Follow-ups are not paced.

    `count` in any `period` (never count + 1 in any window of that length), on `days` (Monday = 0) and between the
    minutes `opens` and `closes` of the day in `zone`; nothing before `send_at`. None: not limited in that way.
    `recent` are the claims within the last period, the oldest first.
    """

    zone: str
    count: int | None = None
    period: timedelta | None = None
    recent: tuple[datetime, ...] = ()
    send_at: datetime | None = None
    days: tuple[int, ...] | None = None
    opens: int | None = None
    closes: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """One account's quota, and its lists that are not "all at once", by list id."""

    quota: Quota
    paces: Mapping[int, Pace] = field(default_factory=dict)
