"""What would come of a list before it is taken in: its people laid over the present state, and the plan run forward.

Counts and times only; nobody is named, nothing is written.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy.engine import Connection

from data.ledger.imports import ListHead
from invitations.foresee import Present, foresee, read_present_in
from invitations.list_overlay import THE_LIST, ListOverlay
from invitations.list_people import ListPeople
from invitations.policy import NoPolicy
from invitations.prices import load_prices
from invitations.simulate import ASSUMED, Simulation
from invitations.simulation_report import CHANNEL, by_channel, invitations_of, left_out, reason

SPAN = timedelta(days=14)
MOST_ROWS = 20_000  # a few seconds; beyond it whoever imports would wait for minutes
_AT_ONCE = 2_000
_TOO_MANY = (
    f"Looking ahead is left out for more than {MOST_ROWS:,} rows: once the list is in, `afterword plan --simulate 14d` "
    "does it."
)


def foresee_list(
    connection: Connection,
    people: ListPeople,
    head: ListHead,
    *,
    now: datetime,
    public_url: str,
    span: timedelta = SPAN,
) -> tuple[str, ...]:
    """What would go within `span` if the list were taken in at `now` (policy time), in sentences; () without a policy.

    Goes through the people's portions: take their counts before. Call it in a read transaction.
    """
    if people.grouped.height > MOST_ROWS:
        return (_TOO_MANY,)
    try:
        present = read_present_in(connection, now, public_url=public_url)
    except NoPolicy:
        return ()
    overlay = ListOverlay(connection, present, people, head, now)
    for portion in people.portions(_AT_ONCE):
        for one in portion:
            overlay.take(one)
    simulation = foresee(overlay.present(), span, load_prices())
    return tuple(_told(simulation, present, ZoneInfo(present.time_zone)))


def _told(whole: Simulation, present: Present, zone: ZoneInfo) -> Iterator[str]:
    of_list = replace(
        whole,
        messages=whole.messages.filter(pl.col("list_id") == THE_LIST),
        held=whole.held.filter(pl.col("list_id") == THE_LIST),
    )
    days = (whole.until - whole.since).days
    yield f"If it were taken in now, within {days} days:"
    begun = invitations_of(of_list)
    if not begun:
        yield "  Nobody of this list would be asked."
    else:
        first = of_list.messages.filter("is_invitation")["at"]
        by = ", ".join(f"{number:,} by {CHANNEL[channel]}" for channel, number in by_channel(of_list).items())
        yield (
            f"  {begun:,} would be asked, the first on {_moment(first.min(), zone)}, the last on "
            f"{_moment(first.max(), zone)}; {of_list.messages.height:,} messages ({by})."
        )
        unpriced = of_list.cost.unpriced_messages
        but = f", without {unpriced:,} messages that have no price" if unpriced else ""
        yield f"  They would cost about {of_list.cost.total:,.2f} {of_list.cost.currency}{but}."
    for row in left_out(of_list.asked_nothing()).iter_rows(named=True):
        until = "" if row["is_for_good"] else f", from {_moment(row['earliest_at'], zone)} on"
        yield f"  {row['customers']:,} would not: {reason(row)}{until}."
    for shortage in whole.shortages:
        yield (
            f"  The quota would run out on {_moment(shortage.ran_out_at, zone)}, with {shortage.waiting:,} customers "
            f"waiting, and come back on {_moment(shortage.resets_at, zone)}."
        )
    yield f"  {present.standing.quota.left:,} invitations are left of this cycle. {ASSUMED[0]}"


def _moment(at: object, zone: ZoneInfo) -> str:
    if not isinstance(at, datetime):
        return "no day"
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"
