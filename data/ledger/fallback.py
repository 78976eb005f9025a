"""A channel turned out dead: the step may go by another one, and must not wait for the next night's planning."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.jobs import ask_for
from data.ledger.tables import invitations, jobs, requests, sequence_steps
from data.words import FailureScope, InvitationStatus, JobKind

# A failure of this kind says nothing about the person's other channels. (An opt-out suppresses the person.)
OF_THE_CHANNEL = (FailureScope.ADDRESS, FailureScope.ROUTE, FailureScope.SENDER)

_i, _j, _r, _s = invitations.c, jobs.c, requests.c, sequence_steps.c
_BY = "Automation"

_CHANNELS_OF_STEP = (
    sa.select(_s.channels)
    .select_from(requests)
    .join(invitations, _i.invitation_id == _r.invitation_id)
    .join(sequence_steps, sa.and_(_s.sequence_id == _i.sequence_id, _s.step == _r.step))
    .where(_r.request_id == sa.bindparam("failed_request"), _i.status == InvitationStatus.ACTIVE)
)


def plan_if_another_channel(connection: Connection, account_id: int, request_id: int) -> None:
    """Ask for planning if the failed request's step names other channels, unless planning is asked for already."""
    channels = connection.execute(_CHANNELS_OF_STEP, {"failed_request": request_id}).scalar_one_or_none()
    if channels is not None and len(channels) > 1:
        ask_to_plan(connection, account_id)


def ask_to_plan(connection: Connection, account_id: int) -> None:
    """Ask for planning, unless it is asked for already by a job that nobody can begin before we are through."""
    waits = sa.select(_j.job_id).where(
        _j.account_id == account_id, _j.kind == JobKind.PLAN, _j.started_at.is_(None), _j.ended_at.is_(None)
    )
    # Begun while we write, it would plan without what we write (PostgreSQL; SQLite's writers take turns).
    held = waits.limit(1).with_for_update(read=True, skip_locked=True)
    if connection.execute(held).first() is None:
        ask_for(connection, account_id=account_id, kind=JobKind.PLAN, payload={}, asked_by=_BY)
