"""Replies to reviews, as they stand here: the draft, who wrote it, and what was published on the platform."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import reviews

_r = reviews.c


@dataclass(frozen=True, slots=True)
class Reply:
    """How the answer to one review stands. `reply` is what was published, `draft` what is still to be."""

    review_id: int
    platform: str
    reply: str | None = field(repr=False)
    draft: str | None = field(repr=False)
    drafted_by: str | None


def _select() -> sa.Select[int, str, str | None, str | None, str | None]:
    return sa.select(_r.review_id, _r.platform, _r.reply, _r.reply_draft, _r.reply_drafted_by)


def lock_reply(
    connection: Connection, account_id: int, location_ids: Collection[int] | None, review_id: int
) -> Reply | None:
    """The review's reply, held until the transaction ends; None where it is not among these locations (None: all)."""
    theirs = [_r.account_id == account_id, _r.review_id == review_id]
    if location_ids is not None:
        theirs.append(_r.location_id.in_(sorted(location_ids)))
    row = connection.execute(_select().where(*theirs).with_for_update()).first()
    return None if row is None else Reply(*row)


def set_reply(connection: Connection, review_id: int, *, reply: str | None, draft: str | None, by: str | None) -> None:
    """Write how the reply stands; lock it first."""
    connection.execute(
        reviews.update()
        .where(_r.review_id == review_id)
        .values(reply=reply, reply_draft=draft, reply_drafted_by=by if draft else None)
    )


def drafted(connection: Connection, account_id: int, location_ids: Sequence[int]) -> list[int]:
    """The reviews of these locations with a draft that is not published: as many as people wrote by hand."""
    query = sa.select(_r.review_id).where(
        _r.account_id == account_id, _r.location_id.in_(list(location_ids)), _r.reply_draft.is_not(None)
    )
    return list(connection.scalars(query))


def replies(connection: Connection, account_id: int, review_ids: Sequence[int]) -> Mapping[int, Reply]:
    """How the replies to these reviews stand, by review."""
    rows = connection.execute(_select().where(_r.account_id == account_id, _r.review_id.in_(list(review_ids))))
    return {row.review_id: Reply(*row) for row in rows}
