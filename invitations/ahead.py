"""What would come of a list within two weeks, as figures for a screen and as sentences; nobody is named."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from invitations.simulate import ASSUMED, Simulation
from invitations.simulation_report import CHANNEL, by_channel, invitations_of, left_out, reason


@dataclass(frozen=True, slots=True)
class Ahead:
    """`whole`: everybody's messages once the list is in; `of_list`: those of its people."""

    whole: Simulation = field(repr=False)
    of_list: Simulation = field(repr=False)
    quota_left: int  # invitations of this cycle
    time_zone: str  # the account's

    def in_words(self) -> tuple[str, ...]:
        """A line each, the first saying of which days the others speak."""
        return tuple(self._told())

    def _told(self) -> Iterator[str]:
        whole, of_list, zone = self.whole, self.of_list, ZoneInfo(self.time_zone)
        days = (whole.until - whole.since).days
        yield f"If it were taken in now, within {days} days:"
        begun = invitations_of(of_list)
        if not begun:
            yield "  Nobody of this list would be asked."
        else:
            first = of_list.messages.filter("is_invitation")["at"]
            number = of_list.messages.height
            by = ", ".join(f"{count:,} by {CHANNEL[channel]}" for channel, count in by_channel(of_list).items())
            yield (
                f"  {begun:,} would be asked, the first on {_moment(first.min(), zone)}, the last on "
                f"{_moment(first.max(), zone)}; {number:,} {'message' if number == 1 else 'messages'} ({by})."
            )
            unpriced = of_list.cost.unpriced_messages
            but = f", without {unpriced:,} messages that have no price" if unpriced else ""
            yield f"  They would cost about {of_list.cost.total:,.2f} {of_list.cost.currency}{but}."
        for row in left_out(of_list.asked_nothing()).iter_rows(named=True):
            until = "" if row["is_for_good"] else f", from {_moment(row['earliest_at'], zone)} on"
            yield f"  {row['customers']:,} would not: {reason(row)}{until}."
        for shortage in whole.shortages:
            who = "customer" if shortage.waiting == 1 else "customers"
            yield (
                f"  The quota would run out on {_moment(shortage.ran_out_at, zone)}, with {shortage.waiting:,} {who} "
                f"waiting, and come back on {_moment(shortage.resets_at, zone)}."
            )
        left = (
            f"{self.quota_left:,} {'invitation is' if self.quota_left == 1 else 'invitations are'} left of this cycle"
        )
        yield f"  {left}. {ASSUMED[0]}"


def _moment(at: object, zone: ZoneInfo) -> str:
    if not isinstance(at, datetime):
        return "no day"
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"
