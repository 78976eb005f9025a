"""What the history does not know about the messages on screen: whose channel or list is paused, and every doubt.

Read from the ledger for the rows of one page, so that it is as it stands now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dashboard.desk import Desk
from dashboard.wording import CHANNEL, PROVIDER, counted, in_zone, short_moment, zone_name
from data.ledger import doubt, pausing
from data.ledger.doubt import DoubtStanding
from data.ledger.pausing import Hold
from data.words import ScreenStatus

PAUSED, STOPPED, IN_DOUBT, GOES_AGAIN = "paused", "stopped", "in doubt", "goes again"
_ASKED_EVERY = timedelta(minutes=1)  # how often doubts are asked about, where Dagster runs


@dataclass(frozen=True, slots=True)
class Standings:
    """By request."""

    holds: Mapping[int, Hold]
    doubts: Mapping[int, DoubtStanding]

    def note(self, row: Mapping[str, Any]) -> str | None:
        """What the status carries beneath it."""
        if hold := self.holds.get(row["request_id"]):
            return STOPPED if hold.is_stopped else PAUSED
        note: str | None = row["note"]
        return note

    def about(self, row: Mapping[str, Any], desk: Desk) -> str:
        """What the note means for this message."""
        if hold := self.holds.get(row["request_id"]):
            return _why_it_waits(hold)
        if found := self.doubts.get(row["request_id"]):
            return what_is_done(found, desk, row["location_time_zone"])
        if row["note"] == GOES_AGAIN:
            again = short_moment(row["not_before"], row["location_time_zone"], desk.now)
            return " · ".join(filter(None, [row["failure_reason"], f"not before {again}"]))
        return ""


def read_standings(desk: Desk, rows: Sequence[Mapping[str, Any]]) -> Standings:
    """How the queued messages among these rows stand."""
    queued = [row["request_id"] for row in rows if row["screen_status"] == ScreenStatus.QUEUED]
    if not queued:
        return Standings({}, {})
    with desk.ledger.read() as c:
        mine = (desk.actor.account_id, desk.actor.location_ids)
        return Standings(pausing.holds(c, queued), doubt.standings(c, *mine, queued))


def _why_it_waits(hold: Hold) -> str:
    if hold.is_stopped:
        return "it will not go"
    parts = []
    if hold.list_name is not None:
        parts.append(f"the list {hold.list_name}")
    if hold.channel is not None:
        parts.append(f"{CHANNEL[hold.channel]} at this location")
    return " and ".join(parts)


def what_is_done(found: DoubtStanding, desk: Desk, zone: str) -> str:
    """One sentence: who was asked how often, and what comes next."""
    provider = PROVIDER.get(found.provider, found.provider)
    if found.is_left_to_person:
        return "nobody can be asked: someone has to decide"
    if found.asked_at is None:
        return f"{provider} is asked next"
    asked = counted(found.absent_reads, "time") if found.absent_reads else "in vain"
    return f"{provider} was asked {asked}, {_next_time(found, desk, zone)}"


def _next_time(found: DoubtStanding, desk: Desk, zone: str) -> str:
    following = desk.on_policy_clock(found.asked_at + _ASKED_EVERY if found.asked_at else None)
    if following is None or following <= desk.now:
        return "next soon"
    local = in_zone(following, zone)
    return f"next about {local:%H:%M} {zone_name(local)}"
