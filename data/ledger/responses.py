"""What customers do with their links, as rows: finding a link, and writing events and answers.

Nothing here decides anything; `invitations.respond` does. Whoever writes locks the person first (`lock_person`), which
keeps the order of design.md on PostgreSQL and makes two taps at once take turns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.suppressions import is_suppressed
from data.ledger.tables import (
    accounts,
    customers,
    events,
    invitations,
    locations,
    logos,
    people,
    platforms,
    policies,
    requests,
    scores,
)
from data.ledger.tables.metadata import database_now
from data.words import Channel, EventKind, Evidence, PageMode

_r, _i, _l, _p, _e, _s = requests.c, invitations.c, locations.c, platforms.c, events.c, scores.c


@dataclass(frozen=True, slots=True)
class Link:
    """A request as its link sees it: whose it is, what the page needs, and the policy it was queued under."""

    account_id: int
    account_name: str
    location_id: int
    location_name: str
    color: str
    logo: str | None  # its SHA-256
    language: str  # the location's default, for whoever neither their record nor their browser names another
    locale: str | None  # the customer's
    page_mode: PageMode
    page_platform: str | None  # slug
    person_id: int
    invitation_id: int
    request_id: int
    channel: Channel
    address: str
    sent_at: datetime  # policy time of the hand-over; of the window's start while that is not known
    link_days: int  # from then on; unsubscribing never runs out
    link_revoked_at: datetime | None
    rules: Mapping[str, Any]
    is_scored: bool  # the invitation, by a number or by stars, through whichever of its links


@dataclass(frozen=True, slots=True)
class Platform:
    """Where a review can be left."""

    platform_id: int
    slug: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked first: a number or stars, never both. A star is no answer to the NPS question."""

    score: int | None = None  # 0 to 10
    stars: int | None = None  # 1 to 5


def find_by_link(connection: Connection, link_token: str) -> Link | None:
    """The request behind /r/{link_token}; None when there is none."""
    return _find(connection, _BY_LINK, link_token)


def find_by_unsubscribe_token(connection: Connection, unsubscribe_token: str) -> Link | None:
    """The request behind /u/{unsubscribe_token}; None when there is none."""
    return _find(connection, _BY_UNSUBSCRIBE, unsubscribe_token)


def _find(connection: Connection, query: sa.Select[Any], token: str) -> Link | None:
    row = connection.execute(query, {"token": token}).first()
    return None if row is None else Link(**row._mapping)


_LINKS = sa.select(
    _r.account_id,
    accounts.c.name.label("account_name"),
    _r.location_id,
    _l.name.label("location_name"),
    _l.color,
    logos.c.sha256.label("logo"),
    _l.language,
    customers.c.locale,
    _l.page_mode,
    _l.page_platform,
    _i.person_id,
    _r.invitation_id,
    _r.request_id,
    _r.channel,
    _r.address,
    sa.func.coalesce(_r.handed_at, _r.not_before, type_=_r.not_before.type).label("sent_at"),
    accounts.c.link_days,
    _r.link_revoked_at,
    policies.c.rules,
    _s.invitation_id.is_not(None).label("is_scored"),
).select_from(
    requests.join(invitations, _i.invitation_id == _r.invitation_id)
    .join(locations, _l.location_id == _r.location_id)
    .join(accounts, accounts.c.account_id == _r.account_id)
    .join(customers, customers.c.customer_id == _i.customer_id)
    .outerjoin(logos, logos.c.location_id == _r.location_id)
    .join(policies, policies.c.policy_id == _r.policy_id)
    .outerjoin(scores, _s.invitation_id == _r.invitation_id)
)
# Built once: every visit of a page asks.
_BY_LINK = _LINKS.where(_r.link_token == sa.bindparam("token"))
_BY_UNSUBSCRIBE = _LINKS.where(_r.unsubscribe_token == sa.bindparam("token"))


def visible_platforms(connection: Connection, location_id: int) -> Sequence[Platform]:
    """The location's public platforms in their order: the one list there is, whatever anybody scored."""
    rows = connection.execute(
        sa.select(_p.platform_id, _p.slug, _p.name, _p.url)
        .where(_p.location_id == location_id, _p.is_visible.is_(sa.true()))
        .order_by(_p.position, _p.platform_id)
    )
    return [Platform(**row._mapping) for row in rows]


def lock_person(connection: Connection, person_id: int) -> None:
    """Hold the person's row until the transaction ends; on SQLite writers take turns anyway."""
    connection.execute(
        sa.select(people.c.person_id).where(people.c.person_id == person_id).with_for_update(key_share=True)
    )


def count_answers(connection: Connection, link: Link) -> int:
    """How many answers the invitation has been given so far, by whichever of its links."""
    given = sa.select(sa.func.count()).where(_e.invitation_id == link.invitation_id, _e.kind == EventKind.SCORED)
    return connection.execute(given).scalar_one()


def add_event(
    connection: Connection,
    link: Link,
    kind: EventKind,
    *,
    occurred_at: datetime,
    evidence: Evidence | None = None,
    answer: Answer | None = None,
    platform_id: int | None = None,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Append one event of the link's request; its key. `occurred_at` is policy time."""
    added = connection.execute(
        events.insert().values(
            account_id=link.account_id,
            kind=kind,
            occurred_at=occurred_at,
            recorded_at=database_now(),
            location_id=link.location_id,
            person_id=link.person_id,
            invitation_id=link.invitation_id,
            request_id=link.request_id,
            channel=link.channel,
            evidence=evidence,
            score=None if answer is None else answer.score,
            stars=None if answer is None else answer.stars,
            platform_id=platform_id,
            detail=None if detail is None else dict(detail),
        )
    )
    (event_id,) = added.inserted_primary_key or (0,)
    return int(event_id)


def add_first_answer(connection: Connection, link: Link, answer: Answer, *, scored_at: datetime) -> bool:
    """Record the invitation's answer unless it has one; whether it was the first. `scored_at` is policy time.

    What the customer wrote before answering goes with it.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    added = connection.execute(
        insert(scores)
        .values(
            invitation_id=link.invitation_id,
            request_id=link.request_id,
            score=answer.score,
            stars=answer.stars,
            scored_at=scored_at,
        )
        .on_conflict_do_nothing(index_elements=[_s.invitation_id])
        .returning(_s.invitation_id)
    )
    is_first = added.first() is not None
    if is_first and (written := comments_of(connection, link.invitation_id)):
        set_comment(connection, link.invitation_id, written)
    return is_first


def comments_of(connection: Connection, invitation_id: int) -> Sequence[str]:
    """What the customer told the business in private, the first first."""
    told = connection.execute(
        sa.select(_e.detail)
        .where(_e.invitation_id == invitation_id, _e.kind == EventKind.COMMENTED)
        .order_by(_e.event_id)
    ).scalars()
    return [detail["text"] for detail in told]


def set_comment(connection: Connection, invitation_id: int, comments: Sequence[str]) -> None:
    """Keep what was written with the answer, where there is one."""
    together = "\n\n".join(comments)
    connection.execute(scores.update().where(_s.invitation_id == invitation_id).values(comment=together))


def is_person_suppressed(connection: Connection, link: Link, channel: Channel | None) -> bool:
    """Whether the person is out of reach already: on this channel, or (None) as a person on every one of them."""
    if channel is not None:
        return _is_suppressed(connection, channel, link.person_id, link.address)
    # No address is empty, so only what holds for the person as a whole can answer.
    return all(_is_suppressed(connection, each, link.person_id, "") for each in Channel)


def _is_suppressed(connection: Connection, channel: Channel, person_id: int, address: str) -> bool:
    asked = is_suppressed(sa.literal(channel.value), sa.literal(person_id), sa.literal(address))
    return bool(connection.execute(sa.select(asked)).scalar_one())
