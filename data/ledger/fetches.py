"""Opens and clicks of one message as rows: what was fetched, and what is made of it. `invitations.grading` decides.

An event never changes; `evidence` and `evidence_reason` are our judgement about it and may, when more is known. A new
judgement marks the request as changed, by which the warehouse and the dashboard find what they have to read again.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.rows_of import listed, one_of
from data.ledger.stop_conditions import stops_when
from data.ledger.tables import events, invitations, policies, requests
from data.ledger.tables.metadata import database_now
from data.words import EventKind, Evidence, InvitationStatus, StopCondition

FETCHES = (EventKind.OPENED, EventKind.CLICKED, EventKind.PLATFORM_CHOSEN)
ANSWERS = (EventKind.SCORED, EventKind.COMMENTED)
_LOOK_BACK = timedelta(days=7)  # database clock: what was received longer ago has been looked at

_e, _r, _i = events.c, requests.c, invitations.c


@dataclass(frozen=True, slots=True)
class FetchRow:
    """An open or a click of the message."""

    event_id: int
    kind: EventKind
    occurred_at: datetime  # policy time
    recorded_at: datetime  # database clock
    platform_id: int | None
    detail: Mapping[str, Any]
    evidence: Evidence | None
    evidence_reason: str | None


@dataclass(frozen=True, slots=True)
class History:
    """What is known about one message when its opens and clicks are judged."""

    rules: Mapping[str, Any]  # of the policy under which the message was queued
    delivered_at: datetime | None  # when the recipient's server took it, else when it was handed over
    fetches: Sequence[FetchRow]  # oldest event first
    answered_at: Sequence[datetime]  # when something was posted through its link
    read_at: datetime  # database clock


# Built once: every visit of a page asks both.
_MESSAGE = (
    sa.select(_r.invitation_id, _r.handed_at, policies.c.rules, database_now().label("read_at"))
    .join(policies, policies.c.policy_id == _r.policy_id)
    .where(_r.request_id == sa.bindparam("request_id"))
)
_KNOWN = (
    sa.select(
        _e.event_id, _e.kind, _e.occurred_at, _e.recorded_at, _e.platform_id, _e.detail, _e.evidence, _e.evidence_reason
    )
    .where(
        _e.invitation_id == sa.bindparam("invitation_id"),  # events are indexed by it, and it has few
        _e.request_id == sa.bindparam("request_id"),
        _e.kind.in_([*FETCHES, *ANSWERS, EventKind.ACCEPTED_BY_SERVER]),
    )
    .order_by(_e.event_id)
)


def read_history(connection: Connection, request_id: int) -> History:
    """Everything that the grading of a message's opens and clicks takes into account."""
    asked = connection.execute(_MESSAGE, {"request_id": request_id}).one()
    known = {"invitation_id": asked.invitation_id, "request_id": request_id}
    rows = connection.execute(_KNOWN, known).all()
    taken = [row.occurred_at for row in rows if row.kind is EventKind.ACCEPTED_BY_SERVER]
    return History(
        rules=asked.rules,
        delivered_at=min(taken) if taken else asked.handed_at,
        fetches=[FetchRow(**{**row._mapping, "detail": row.detail or {}}) for row in rows if row.kind in FETCHES],
        answered_at=[row.occurred_at for row in rows if row.kind in ANSWERS],
        read_at=asked.read_at,
    )


_FETCHED = (
    sa.select(_e.request_id)
    .where(_e.invitation_id.in_(one_of("invitation_ids", sa.BigInteger())), _e.kind.in_(FETCHES))
    .distinct()
)


def fetched_requests(connection: Connection, invitation_ids: Collection[int]) -> set[int]:
    """Those requests of these invitations whose message was opened or clicked, by whatever."""
    if not invitation_ids:
        return set()
    return set(connection.execute(_FETCHED, {"invitation_ids": listed(invitation_ids)}).scalars())


def set_evidence(connection: Connection, event_id: int, evidence: Evidence, reason: str | None) -> None:
    """Keep a judgement about an open or a click."""
    connection.execute(events.update().where(_e.event_id == event_id).values(evidence=evidence, evidence_reason=reason))


def mark_judged_again(connection: Connection, request_id: int) -> None:
    """Let readers of changes find the request, and with it the events whose evidence changed."""
    connection.execute(requests.update().where(_r.request_id == request_id).values(changed_at=database_now()))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A click or choice of an active invitation that would end it, once no burst can overturn its grade."""

    request_id: int
    person_id: int
    event_id: int


def find_waiting(connection: Connection) -> Sequence[Waiting]:
    """Clicks by a human and platforms chosen that no machine chose, received lately, where the policy stops on them."""
    documents = connection.execute(sa.select(policies.c.policy_id, policies.c.rules)).all()

    def stopping(condition: StopCondition) -> Collection[int]:
        return [row.policy_id for row in documents if condition in stops_when(row.rules)]

    by_human = sa.and_(
        _e.kind == EventKind.CLICKED,
        _e.evidence == Evidence.HUMAN,
        _r.policy_id.in_(stopping(StopCondition.CLICKED)),
    )
    chosen = sa.and_(
        _e.kind == EventKind.PLATFORM_CHOSEN,
        _e.evidence.is_distinct_from(Evidence.MACHINE),
        sa.or_(
            _r.policy_id.in_(stopping(StopCondition.PLATFORM_CHOSEN)),
            sa.and_(_e.evidence == Evidence.HUMAN, _r.policy_id.in_(stopping(StopCondition.CLICKED))),
        ),
    )
    since = connection.execute(sa.select(database_now())).scalar_one() - _LOOK_BACK
    rows = connection.execute(
        sa.select(_e.request_id, _i.person_id, _e.event_id)
        .join(requests, _r.request_id == _e.request_id)
        .join(invitations, _i.invitation_id == _r.invitation_id)
        .where(_e.recorded_at >= since, _i.status == InvitationStatus.ACTIVE, sa.or_(by_human, chosen))
        .order_by(_i.person_id, _e.event_id)
    )
    return [Waiting(**row._mapping) for row in rows]
