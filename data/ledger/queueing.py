"""Writing what planning decided: invitations, queued requests, their windows, and what is canceled or ended.

Every write is conditional on the state it was decided from, or barred by a constraint, so that two planners at once, or
one that is late, change nothing they should not. Statements take rows in bulk; the caller keeps transactions short.
On PostgreSQL the people concerned are locked first (lock order: quota, people, requests).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from data.ledger.asks import came_again, counting
from data.ledger.fallback import OF_THE_CHANNEL
from data.ledger.rows_of import items_of
from data.ledger.tables import accounts, customers, invitations, lists, people, requests, sequence_steps
from data.plans import without_follow_ups
from data.words import InvitationStatus, RequestStatus

_c, _i, _r = customers.c, invitations.c, requests.c
_SETTLED = (RequestStatus.SENT, RequestStatus.DELIVERED, RequestStatus.FAILED, RequestStatus.CANCELED)
_OVER = (RequestStatus.SENT, RequestStatus.DELIVERED, RequestStatus.FAILED)

Values = Mapping[str, Any]


def is_deadlock(error: sa.exc.DBAPIError) -> bool:
    """Whether PostgreSQL ended this transaction so that another could go on: the work may be done again."""
    return getattr(error.orig, "sqlstate", None) == "40P01"


def lock_people(connection: Connection, person_ids: Collection[int]) -> None:
    """Make others who would plan for, claim for or merge these people wait (SQLite's writers take turns anyway)."""
    query = sa.select(people.c.person_id).where(people.c.person_id.in_(person_ids)).order_by(people.c.person_id)
    connection.execute(query.with_for_update(key_share=True)).all()


def start_invitations(connection: Connection, rows: Sequence[Values]) -> dict[int, int]:
    """Start an invitation for each customer among `rows` who still has none that goes on: customer id -> invitation id.

    Whoever was invited meanwhile, or turned out to be somebody else (people are merged), is left alone; whoever was
    invited before must have come again since. Of a list that was taken back meanwhile nobody is.
    """
    undone = _undone_since(connection, rows)
    rows = [row for row in rows if row["list_id"] not in undone]
    other = invitations.alias()
    newest = (
        sa.select(counting(other)).where(other.c.customer_id == _c.customer_id).correlate(customers).scalar_subquery()
    )
    has_active = sa.exists().where(other.c.customer_id == _c.customer_id, other.c.status == InvitationStatus.ACTIVE)
    free = connection.execute(
        sa.select(_c.customer_id, _c.person_id)
        .select_from(customers)
        .outerjoin(invitations, _i.invitation_id == newest)
        .where(
            _c.customer_id.in_([row["customer_id"] for row in rows]),
            sa.or_(_i.invitation_id.is_(None), sa.and_(came_again(), ~has_active)),
        )
    )
    person_of = {row.customer_id: row.person_id for row in free}
    fresh = [dict(row) for row in rows if person_of.get(row["customer_id"]) == row["person_id"]]
    if not fresh:
        return {}
    insert = _insert(connection, invitations).on_conflict_do_nothing().returning(_i.customer_id, _i.invitation_id)
    return {row.customer_id: row.invitation_id for row in connection.execute(insert, fresh)}


def _undone_since(connection: Connection, rows: Sequence[Values]) -> set[int]:
    """The lists among the rows' that were taken back since their pass began; who would take one back waits for us."""
    began = {row["list_id"]: row["started_at"] for row in rows if row["list_id"] is not None}
    if not began:
        return set()
    query = sa.select(lists.c.list_id, lists.c.undone_at).where(lists.c.list_id.in_(began)).order_by(lists.c.list_id)
    found = connection.execute(query.with_for_update(read=True))
    return {row.list_id for row in found if row.undone_at is not None and row.undone_at >= began[row.list_id]}


def still_open_steps(connection: Connection, invitation_ids: Collection[int]) -> dict[tuple[int, int], set[str]]:
    """The steps of active invitations: (invitation, step) -> the channels by which a message goes or has gone.

    What was canceled or failed for the sake of its channel carries nothing, so another channel may carry the step. An
    active invitation without any message appears as (invitation, -1).
    """
    is_vain = sa.and_(_r.status == RequestStatus.FAILED, _r.failure_scope.in_(OF_THE_CHANNEL))
    query = (
        sa.select(_i.invitation_id, _r.step, sa.type_coerce(_r.channel, sa.String))
        .select_from(invitations)
        .outerjoin(
            requests,
            sa.and_(
                _r.invitation_id == _i.invitation_id,
                _r.status != RequestStatus.CANCELED,
                ~sa.func.coalesce(is_vain, sa.false()),
            ),
        )
        .where(_i.invitation_id.in_(invitation_ids), _i.status == InvitationStatus.ACTIVE)
    )  # fmt: skip
    found: dict[tuple[int, int], set[str]] = {}
    for invitation_id, step, channel in connection.execute(query):
        found.setdefault((invitation_id, -1), set())
        if step is not None:
            found.setdefault((invitation_id, step), set()).add(channel)
    return found


def queue_requests(connection: Connection, rows: Sequence[Values]) -> int:
    """Queue one request per row; the number written. One that exists for the step and channel stays as it is."""
    if not rows:
        return 0
    insert = _insert(connection, requests).on_conflict_do_nothing().returning(_r.request_id)
    return len(connection.execute(insert, [dict(row) for row in rows]).all())


def revive_requests(connection: Connection, rows: Sequence[Values]) -> int:
    """Queue canceled requests again, which never left (an invitation was restarted); the number changed.

    Rows: request_id and what `requests` is to hold: address, template_id, policy_id, not_before, not_after.
    """
    return _update_each(
        connection,
        rows,
        {"status": RequestStatus.QUEUED},
        sa.and_(_r.status == RequestStatus.CANCELED, _r.handed_at.is_(None)),
    )


def refresh_requests(connection: Connection, rows: Sequence[Values]) -> int:
    """Give queued requests a new window, address or text; the number changed.

    One claimed or paused meanwhile keeps what it has.

    Rows: request_id and what `requests` is to hold.
    """
    free = _free(connection, [row["request_id"] for row in rows])
    is_unchanged = sa.and_(_r.status == RequestStatus.QUEUED, _r.paused_at.is_(None))
    return _update_each(connection, [row for row in rows if row["request_id"] in free], {}, is_unchanged)


def queued_for_ended(connection: Connection, account_id: int) -> list[int]:
    """The requests still queued for invitations that are no longer active."""
    query = (
        sa.select(_r.request_id)
        .join(invitations, _i.invitation_id == _r.invitation_id)
        .where(
            _r.account_id == account_id,
            _r.status == RequestStatus.QUEUED,
            _i.status != InvitationStatus.ACTIVE,
        )
        .order_by(_r.request_id)
    )
    return list(connection.scalars(query))


def cancel_requests(connection: Connection, request_ids: Collection[int]) -> int:
    """Cancel those of the requests that are still queued; the number changed.

    One that was queued again after a message of it had left (`retries`) has failed, which it says of itself already.
    """
    free = _free(connection, request_ids)
    failed, canceled = (sa.literal(status, _r.status.type) for status in (RequestStatus.FAILED, RequestStatus.CANCELED))
    return connection.execute(
        requests.update()
        .where(_r.request_id.in_(free), _r.status == RequestStatus.QUEUED)
        .values(status=sa.case((_r.handed_at.is_not(None), failed), else_=canceled))
    ).rowcount


def with_nothing_left(connection: Connection, account_id: int) -> list[int]:
    """Active invitations of which the last step went out (or failed) and nothing is open."""
    return list(connection.scalars(_nothing_left().where(_i.account_id == account_id).order_by(_i.invitation_id)))


def end_finished(connection: Connection, invitation_ids: Collection[int], at: datetime) -> int:
    """End those of the invitations with nothing left to send; the number changed."""
    return _end(connection, _nothing_left().where(_i.invitation_id.in_(invitation_ids)), InvitationStatus.FINISHED, at)


def end_at_the_first(connection: Connection, invitation_ids: Collection[int], at: datetime) -> int:
    """End those of the invitations that have no follow-ups by the account's plan, their first message being over.

    As `end_finished`, the number changed.
    """
    has_none = sa.exists().where(accounts.c.account_id == _i.account_id, accounts.c.plan.in_(without_follow_ups()))
    over = sa.select(_i.invitation_id).where(
        _i.invitation_id.in_(invitation_ids), _i.status == InvitationStatus.ACTIVE, has_none, _is_over(), ~_is_open()
    )
    return _end(connection, over, InvitationStatus.FINISHED, at)


def end_answered(connection: Connection, invitation_ids: Collection[int], at: datetime) -> int:
    """End those of the invitations that are active, their stop condition being met; the number changed."""
    active = sa.select(_i.invitation_id).where(
        _i.invitation_id.in_(invitation_ids), _i.status == InvitationStatus.ACTIVE
    )
    return _end(connection, active, InvitationStatus.ANSWERED, at)


def _nothing_left() -> sa.Select[tuple[int]]:
    steps = sequence_steps.c
    named, offered = items_of(_i.channels), items_of(steps.channels)
    # An ask that named channels has no follow-ups by others (`candidate_ladders`).
    is_its_own = sa.or_(
        steps.step == 0,
        _i.channels.is_(None),
        sa.exists(sa.select(named.c.value).join(offered, named.c.value == offered.c.value)),
    )
    last_step = (
        sa.select(sa.func.max(steps.step))
        .where(steps.sequence_id == _i.sequence_id, is_its_own)
        .correlate(invitations)
        .scalar_subquery()
    )
    is_at_its_end = _is_over(_r.step >= last_step)
    return sa.select(_i.invitation_id).where(_i.status == InvitationStatus.ACTIVE, is_at_its_end, ~_is_open())


def _is_over(*which: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.exists().where(_r.invitation_id == _i.invitation_id, _r.status.in_(_OVER), *which)


def _is_open() -> sa.ColumnElement[bool]:
    return sa.exists().where(_r.invitation_id == _i.invitation_id, _r.status.not_in(_SETTLED))


def _end(connection: Connection, which: sa.Select[tuple[int]], status: InvitationStatus, at: datetime) -> int:
    free = connection.scalars(which.with_for_update(of=invitations, skip_locked=True)).all()
    return connection.execute(
        invitations.update()
        .where(_i.invitation_id.in_(free), _i.status == InvitationStatus.ACTIVE)
        .values(status=status, ended_at=at)
    ).rowcount


def _free(connection: Connection, request_ids: Collection[int]) -> set[int]:
    """Those of the requests that nobody else is working on. Dispatch must never wait for planning, nor the reverse."""
    query = sa.select(_r.request_id).where(_r.request_id.in_(request_ids), _r.status == RequestStatus.QUEUED)
    return set(connection.scalars(query.with_for_update(skip_locked=True)))


def _update_each(
    connection: Connection, rows: Sequence[Values], fixed: Values, condition: sa.ColumnElement[bool]
) -> int:
    if not rows:
        return 0
    changed = [name for name in rows[0] if name != "request_id"]
    statement = (
        requests.update()
        .where(_r.request_id == sa.bindparam("of_request"), condition)
        .values({name: sa.bindparam(f"new_{name}") for name in changed} | dict(fixed))
    )
    parameters = [{"of_request": row["request_id"]} | {f"new_{name}": row[name] for name in changed} for row in rows]
    return connection.execute(statement, parameters).rowcount


def _insert(connection: Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
