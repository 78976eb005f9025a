"""What would come of a list before it is taken in: its people laid over the present state, and the plan run forward.

Counts and times only; nobody is named, nothing is written.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl
from sqlalchemy.engine import Connection

from data.ledger.imports import ListHead
from invitations.ahead import Ahead
from invitations.foresee import foresee, read_present_in
from invitations.list_overlay import THE_LIST, ListOverlay
from invitations.list_people import ListPeople
from invitations.policy import NoPolicy
from invitations.prices import load_prices

SPAN = timedelta(days=14)
MOST_ROWS = 20_000  # a few seconds; beyond it whoever imports would wait for minutes
TOO_MANY = (
    f"Looking ahead is left out for more than {MOST_ROWS:,} rows: once the list is in, `afterword plan --simulate 14d` "
    "does it."
)
_AT_ONCE = 2_000


def foresee_list(
    connection: Connection,
    people: ListPeople,
    head: ListHead,
    *,
    now: datetime,
    public_url: str,
    span: timedelta = SPAN,
) -> Ahead | None:
    """What would go within `span` if the list were taken in at `now` (policy time).

    None without a policy, and for more than MOST_ROWS rows. Goes through the people's portions: take their counts
    before. Call it in a read transaction.
    """
    if people.grouped.height > MOST_ROWS:
        return None
    try:
        present = read_present_in(connection, now, public_url=public_url)
    except NoPolicy:
        return None
    overlay = ListOverlay(connection, present, people, head, now)
    for portion in people.portions(_AT_ONCE):
        for one in portion:
            overlay.take(one)
    whole = foresee(overlay.present(), span, load_prices())
    of_list = replace(
        whole,
        messages=whole.messages.filter(pl.col("list_id") == THE_LIST),
        held=whole.held.filter(pl.col("list_id") == THE_LIST),
    )
    return Ahead(whole, of_list, present.standing.quota.left, present.time_zone)
