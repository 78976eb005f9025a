"""Reviews: written once per platform's id, and linked to the invitation that a tracked link belongs to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger.stop_conditions import end_if_met
from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables.metadata import database_now
from data.words import EventKind, StopCondition

_VALUES = ("reviewer_name", "stars", "body", "sentiment", "reviewed_at")


@dataclass(frozen=True, slots=True)
class Written:
    """How many reviews were new, how many known, and how many were linked just now."""

    new: int = 0
    known: int = 0
    linked: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(self.new + other.new, self.known + other.known, self.linked + other.linked)


@again_if_undone
def write_reviews(
    ledger: Ledger, account_id: int, location_id: int, rows: Sequence[Mapping[str, Any]], *, now: datetime
) -> Written:
    """Insert or bring up to date, in one transaction; each row has the columns of `reviews` and a `link_token`.

    An empty value never overwrites one, and a link once made stays. `now` is policy time.
    """
    written = Written()
    with ledger.write() as connection:
        connection.execute(  # two imports of the same file take turns on PostgreSQL
            sa.select(t.locations.c.location_id)
            .where(t.locations.c.location_id == location_id)
            .with_for_update(key_share=True)
        )
        links = _links(connection, location_id, [row["link_token"] for row in rows if row["link_token"]])
        for row in rows:
            link = links.get(row["link_token"])
            review_id, had_link, is_new = _write_one(connection, account_id, location_id, row)
            is_linked = link is not None and not had_link
            if link is not None and is_linked:
                _link(connection, review_id, link, row, now)
            written += Written(int(is_new), int(not is_new), int(is_linked))
    return written


def _links(connection: Connection, location_id: int, tokens: Sequence[str]) -> dict[str, Any]:
    """By token: the request that it was sent with, and its invitation; of this location only."""
    r, i = t.requests.c, t.invitations.c
    rows = connection.execute(
        sa.select(
            r.link_token, r.request_id, r.channel, i.invitation_id, i.person_id, i.account_id, i.location_id
        )
        .join(t.invitations, i.invitation_id == r.invitation_id)
        .where(r.link_token.in_(tokens), i.location_id == location_id)
    )  # fmt: skip
    return {row.link_token: row for row in rows}


def _write_one(
    connection: Connection, account_id: int, location_id: int, row: Mapping[str, Any]
) -> tuple[int, bool, bool]:
    """The review's id, whether it is linked already, whether it is new."""
    columns = t.reviews.c
    same = {"location_id": location_id} | {name: row[name] for name in ("platform", "provider_review_id")}
    found = connection.execute(
        sa.select(t.reviews).where(*(columns[name] == value for name, value in same.items()))
    ).first()
    values = {name: row[name] for name in _VALUES if row[name] not in (None, "")}
    if found is None:
        made = t.reviews.insert().values(account_id=account_id, **same, **values).returning(columns.review_id)
        return connection.execute(made).scalar_one(), False, True
    if any(found._mapping[name] != value for name, value in values.items()):
        connection.execute(t.reviews.update().where(columns.review_id == found.review_id).values(**values))
    return found.review_id, found.invitation_id is not None, False


def _link(connection: Connection, review_id: int, link: Any, row: Mapping[str, Any], now: datetime) -> None:
    """Link a review to its invitation, with the event that says so, and end the invitation where its policy does."""
    connection.execute(
        t.reviews.update().where(t.reviews.c.review_id == review_id).values(invitation_id=link.invitation_id)
    )
    connection.execute(
        t.events.insert().values(
            account_id=link.account_id,
            kind=EventKind.REVIEW_LINKED,
            occurred_at=row["reviewed_at"],
            recorded_at=database_now(),
            location_id=link.location_id,
            person_id=link.person_id,
            invitation_id=link.invitation_id,
            request_id=link.request_id,
            channel=link.channel,
            detail={"review_id": review_id, "platform": row["platform"]},
        )
    )
    end_if_met(connection, link.request_id, [StopCondition.REVIEW_LINKED], at=now)
