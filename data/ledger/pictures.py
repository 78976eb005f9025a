"""Pictures that go along with a first message: kept once per account, asked for by hand, fetched under a day's link.

Each channel has its own version of a picture, because a text may weigh less than a mail. What is kept was decoded and
encoded anew by `invitations.pictures`; nothing that somebody uploaded is stored as it came.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.rows_of import listed, one_of
from data.ledger.tables import (
    ask_attachments,
    attachments,
    invitation_attachments,
    invitations,
    manual_asks,
    media_links,
    requests,
)
from data.ledger.tables.metadata import database_now
from data.words import Channel

LINK_BYTES = 9  # 72 random bits, 12 characters
LINK_LIVES = timedelta(hours=24)  # Twilio gives a message up after ten hours in its queue

_a, _i, _l, _m, _r = attachments.c, invitations.c, media_links.c, manual_asks.c, requests.c
_along = invitation_attachments.c


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture as it is stored and sent."""

    media_type: str  # image/jpeg or image/png
    width: int  # pixels
    height: int
    content: bytes


Versions = Mapping[Channel, Sequence[KeptPicture]]  # for each channel that can carry them, in their order
Ids = Mapping[Channel, Sequence[int]]


def keep(connection: Connection, account_id: int, versions: Versions, *, by: str) -> dict[Channel, list[int]]:
    """Store the pictures; their attachment ids, in order. The same content is kept once per account."""
    digests = {
        channel: [sha256(picture.content).hexdigest() for picture in pictures] for channel, pictures in versions.items()
    }
    rows = {
        digest: {
            "account_id": account_id,
            "sha256": digest,
            "media_type": picture.media_type,
            "width": picture.width,
            "height": picture.height,
            "content": picture.content,
            "added_by": by,
        }
        for channel, pictures in versions.items()
        for digest, picture in zip(digests[channel], pictures, strict=True)
    }
    if rows:
        connection.execute(
            _insert(connection, attachments).on_conflict_do_nothing(), [rows[key] for key in sorted(rows)]
        )
    found = connection.execute(
        sa.select(_a.sha256, _a.attachment_id).where(_a.account_id == account_id, _a.sha256.in_(list(rows)))
    )
    id_of: dict[str, int] = {row[0]: row[1] for row in found}
    return {channel: [id_of[digest] for digest in named] for channel, named in digests.items()}


def attach_to_ask(connection: Connection, manual_ask_id: int, ids: Ids) -> None:
    """What goes along with the first messages of an ask by hand that was just recorded."""
    _attach(connection, ask_attachments, "manual_ask_id", manual_ask_id, ids)


def attach_to_invitation(connection: Connection, invitation_id: int, ids: Ids) -> None:
    """What goes along with the first messages of an invitation, instead of what did."""
    connection.execute(invitation_attachments.delete().where(_along.invitation_id == invitation_id))
    _attach(connection, invitation_attachments, "invitation_id", invitation_id, ids)


def carry_over(connection: Connection, started: Mapping[int, int]) -> int:
    """Give invitations just started (customer id -> invitation id) the pictures of the ask by hand behind each.

    That ask is the newest with pictures that no earlier invitation of the customer spent. The number of pictures.
    """
    if not started:
        return 0
    earlier = invitations.alias("earlier")
    is_spent = sa.exists().where(
        earlier.c.customer_id == _m.customer_id,
        earlier.c.invitation_id.not_in(list(started.values())),
        earlier.c.started_at >= _m.asked_at,
    )
    asked = connection.execute(
        sa.select(_m.customer_id, _m.manual_ask_id)
        .where(
            _m.customer_id.in_(list(started)),
            sa.exists().where(ask_attachments.c.manual_ask_id == _m.manual_ask_id),
            ~is_spent,
        )
        .order_by(_m.asked_at, _m.manual_ask_id)
    )
    newest: dict[int, int] = {row.customer_id: row.manual_ask_id for row in asked}  # of several the last one stays
    invitation_of = {ask: started[customer] for customer, ask in newest.items()}
    if not invitation_of:
        return 0
    going = connection.execute(
        ask_attachments.select().where(ask_attachments.c.manual_ask_id.in_(list(invitation_of)))
    ).mappings()
    rows = [
        {
            "invitation_id": invitation_of[row["manual_ask_id"]],
            **{name: row[name] for name in ("channel", "position", "attachment_id")},
        }
        for row in going
    ]
    connection.execute(_insert(connection, invitation_attachments).on_conflict_do_nothing(), rows)
    return len(rows)


_GOING_ALONG = (
    sa.select(_r.request_id, _a.attachment_id, _a.media_type)
    .select_from(requests)
    .join(
        invitation_attachments,
        sa.and_(_along.invitation_id == _r.invitation_id, _along.channel == _r.channel),
    )
    .join(attachments, _a.attachment_id == _along.attachment_id)
    .where(_r.request_id.in_(one_of("request_ids", sa.BigInteger())), _r.step == 0)
    .order_by(_r.request_id, _along.position)
)


def read_going_along(connection: Connection, request_ids: Collection[int]) -> Sequence[Any]:
    """request_id, attachment_id, media_type: what goes along with those of the requests that are first messages."""
    return connection.execute(_GOING_ALONG, {"request_ids": listed(request_ids)}).all()


def read_contents(connection: Connection, attachment_ids: Collection[int]) -> dict[int, bytes]:
    """The pictures themselves, by attachment id."""
    if not attachment_ids:
        return {}
    found = connection.execute(
        sa.select(_a.attachment_id, _a.content).where(_a.attachment_id.in_(sorted(attachment_ids)))
    )
    return {row[0]: row[1] for row in found}


def mint_links(connection: Connection, wanted: Sequence[tuple[str, int]]) -> list[str]:
    """A token for each (attempt id, attachment id), in order, good for a day from now; those past theirs go."""
    if not wanted:
        return []
    now = connection.execute(sa.select(database_now())).scalar_one()
    past = sa.select(_l.token).where(_l.expires_at <= now).with_for_update(skip_locked=True)
    connection.execute(media_links.delete().where(_l.token.in_(list(connection.scalars(past.limit(1000))))))
    tokens = [secrets.token_urlsafe(LINK_BYTES) for _ in wanted]
    connection.execute(
        media_links.insert(),
        [
            {"token": token, "attempt_id": attempt_id, "attachment_id": attachment_id, "expires_at": now + LINK_LIVES}
            for token, (attempt_id, attachment_id) in zip(tokens, wanted, strict=True)
        ],
    )
    return tokens


def read_by_link(connection: Connection, token: str) -> tuple[str, bytes] | None:
    """Media type and content behind a link; None when there is no such link, or its day is over."""
    row = connection.execute(
        sa.select(_a.media_type, _a.content)
        .join(media_links, _l.attachment_id == _a.attachment_id)
        .where(_l.token == token, _l.expires_at > database_now())
    ).first()
    return None if row is None else (row.media_type, row.content)


def _attach(connection: Connection, table: sa.Table, owner: str, owner_id: int, ids: Ids) -> None:
    rows = [
        {owner: owner_id, "channel": channel, "position": position, "attachment_id": attachment_id}
        for channel, named in ids.items()
        for position, attachment_id in enumerate(named)
    ]
    if rows:
        connection.execute(table.insert(), rows)


def _insert(connection: Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
