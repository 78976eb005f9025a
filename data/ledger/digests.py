"""The morning digest's figures of one day of an account's, and which were written already. Counts only, no names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.tables import (
    attempts,
    breakers,
    channels,
    digests,
    events,
    invitations,
    lists,
    requests,
    reviews,
    runs,
    scores,
    system,
    templates,
)
from data.ledger.tables.metadata import database_now
from data.words import Channel, EventKind, FailureScope, RequestStatus, RunKind, RunStatus, TemplateApproval

_r, _i = requests.c, invitations.c
_BY_PEOPLE, _BY_LIST, _BY_CHANNEL = "paused", "the list is paused", "the channel is paused or off"
HALTED, REFUSED, UNAPPROVED = "all sending is halted", "a provider refuses the sender", "the template is not approved"
LATER, DUE, LATE = "their time has not come", "they are due and go next", "their hour went by; planning finds another"
ASKED, LEFT = "in doubt: the provider is being asked", "in doubt: a person decides, on the Requests page"


@dataclass(frozen=True, slots=True)
class Failures:
    """Messages that failed for good, alike in channel, scope and the provider's code."""

    channel: Channel
    scope: FailureScope | None
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a day was like, and what waits after it."""

    asks: Mapping[Channel, int]  # first messages handed over
    reminders: Mapping[Channel, int]
    failures: Sequence[Failures]
    scores: Mapping[int, int]  # how many gave each score
    stars: Mapping[int, int]  # how many gave so many stars, where a page asks for them instead
    comments: int
    reviews: Mapping[str, tuple[int, float | None]]  # by platform: how many, stars on average
    unsubscribed: int
    complained: int
    waiting: Mapping[str, int]  # messages, by what they wait for
    held: Mapping[str, int]  # candidates of the last planning, by the rule that held them back


def is_written(connection: Connection, account_id: int, day: date) -> bool:
    """Whether this day's was."""
    found = sa.select(digests.c.day).where(digests.c.account_id == account_id, digests.c.day == day)
    return connection.execute(found).first() is not None


def write(connection: Connection, account_id: int, day: date, *, subject: str, text: str) -> bool:
    """Keep a day's digest; False when somebody else just did."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(digests)
    made = connection.execute(
        insert.values(account_id=account_id, day=day, subject=subject[:200], text=text, written_at=database_now())
        .on_conflict_do_nothing(index_elements=["account_id", "day"])
        .returning(digests.c.day)
    ).first()
    return made is not None


def read_figures(connection: Connection, account_id: int, start: datetime, end: datetime, now: datetime) -> Figures:
    """Of the day from `start` to before `end`; what waits, at `now`. All policy time."""
    of_day = (_r.account_id == account_id, _r.handed_at >= start, _r.handed_at < end)
    is_ask = (_r.step == 0).label("is_ask")
    handed = connection.execute(
        sa.select(_r.channel, is_ask, sa.func.count().label("count")).where(*of_day).group_by(_r.channel, is_ask)
    ).all()
    said = _events(connection, account_id, start, end, (EventKind.UNSUBSCRIBED, EventKind.COMPLAINED))
    given = _answers(connection, account_id, start, end)
    return Figures(
        asks={row.channel: int(row[2]) for row in handed if row.is_ask},
        reminders={row.channel: int(row[2]) for row in handed if not row.is_ask},
        failures=_failures(connection, account_id, start, end),
        scores={row.score: row.people for row in given if row.score is not None},
        stars={row.stars: row.people for row in given if row.stars is not None},
        comments=sum(row.comments for row in given),
        reviews=_reviews(connection, account_id, start, end),
        unsubscribed=said.get(EventKind.UNSUBSCRIBED, 0),
        complained=said.get(EventKind.COMPLAINED, 0),
        waiting=_waiting(connection, account_id, now),
        held=_held(connection),
    )


def _failures(connection: Connection, account_id: int, start: datetime, end: datetime) -> list[Failures]:
    found = connection.execute(
        sa.select(_r.channel, _r.failure_scope, _r.failure_code, sa.func.count().label("count"))
        .where(
            _r.account_id == account_id,
            _r.status == RequestStatus.FAILED,
            _r.failed_at >= start,
            _r.failed_at < end,
        )
        .group_by(_r.channel, _r.failure_scope, _r.failure_code)
        .order_by(sa.desc("count"), _r.channel, _r.failure_code)
    )
    return [Failures(row.channel, row.failure_scope, row.failure_code or "no code", int(row[3])) for row in found]


class _Given(NamedTuple):
    score: int | None
    stars: int | None
    people: int
    comments: int


def _answers(connection: Connection, account_id: int, start: datetime, end: datetime) -> list[_Given]:
    s = scores.c
    found = connection.execute(
        sa.select(s.score, s.stars, sa.func.count(), sa.func.count(s.comment))
        .join_from(scores, invitations, _i.invitation_id == s.invitation_id)
        .where(_i.account_id == account_id, s.scored_at >= start, s.scored_at < end)
        .group_by(s.score, s.stars)
    )
    return [_Given(*row) for row in found]


def _reviews(
    connection: Connection, account_id: int, start: datetime, end: datetime
) -> dict[str, tuple[int, float | None]]:
    v = reviews.c
    found = connection.execute(
        sa.select(v.platform, sa.func.count(), sa.func.avg(v.stars))
        .where(v.account_id == account_id, v.reviewed_at >= start, v.reviewed_at < end)
        .group_by(v.platform)
        .order_by(v.platform)
    )
    return {platform: (int(count), None if stars is None else float(stars)) for platform, count, stars in found}


def _events(
    connection: Connection, account_id: int, start: datetime, end: datetime, kinds: Iterable[EventKind]
) -> dict[EventKind, int]:
    e = events.c
    found = connection.execute(
        sa.select(e.kind, sa.func.count())
        .where(e.account_id == account_id, e.kind.in_(list(kinds)), e.occurred_at >= start, e.occurred_at < end)
        .group_by(e.kind)
    )
    return {kind: int(count) for kind, count in found}


def _waiting(connection: Connection, account_id: int, now: datetime) -> dict[str, int]:
    """Each message that is not through yet once, by the first thing that holds it, the hardest first."""
    why = sa.case(
        (sa.and_(_r.status == RequestStatus.IN_DOUBT, attempts.c.is_left_to_person.is_(sa.true())), LEFT),
        (_r.status == RequestStatus.IN_DOUBT, ASKED),
        (_r.paused_at.is_not(None), _BY_PEOPLE),
        (sa.exists().where(lists.c.list_id == _i.list_id, lists.c.paused_at.is_not(None)), _BY_LIST),
        (sa.or_(channels.c.paused_at.is_not(None), channels.c.is_enabled.is_(sa.false())), _BY_CHANNEL),
        (sa.exists(sa.select(system.c.system_id).where(system.c.halted_at.is_not(None))), HALTED),
        (_is_refused(), REFUSED),
        (
            sa.and_(_r.channel == Channel.WHATSAPP, templates.c.approval != TemplateApproval.APPROVED),
            UNAPPROVED,
        ),
        (_r.not_before > now, LATER),
        (_r.not_after <= now, LATE),
        else_=DUE,
    ).label("why")
    of_channel = sa.and_(channels.c.location_id == _r.location_id, channels.c.channel == _r.channel)
    found = connection.execute(
        sa.select(why, sa.func.count().label("count"))
        .select_from(
            requests.join(invitations, _i.invitation_id == _r.invitation_id)
            .join(templates, templates.c.template_id == _r.template_id)
            .outerjoin(channels, of_channel)
            .outerjoin(attempts, attempts.c.attempt_id == _r.attempt_id)
        )
        .where(
            _r.account_id == account_id,
            _r.status.in_([RequestStatus.QUEUED, RequestStatus.SENDING, RequestStatus.IN_DOUBT]),
        )
        .group_by(why)
        .order_by(sa.desc("count"))
    )
    return {reason: int(count) for reason, count in found}


def _is_refused() -> sa.ColumnElement[bool]:
    """Whether a breaker is open on its channel for its number. From which sender it would leave is not known here."""
    return sa.exists().where(
        breakers.c.closed_at.is_(None),
        breakers.c.channel == _r.channel,
        sa.func.substr(_r.address, 1, sa.func.length(breakers.c.prefix)) == breakers.c.prefix,
    )


def _held(connection: Connection) -> dict[str, int]:
    """What the last planning counted as `held_<rule>`; the ledger has one account."""
    counts: Mapping[str, int] | None = connection.execute(
        sa.select(runs.c.counts)
        .where(runs.c.kind == RunKind.PLAN, runs.c.status == RunStatus.DONE)
        .order_by(runs.c.run_id.desc())
        .limit(1)
    ).scalar_one_or_none()
    return {
        name.removeprefix("held_"): count
        for name, count in (counts or {}).items()
        if name.startswith("held_") and count
    }
