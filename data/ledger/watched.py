"""What the watch looks at, each minute: how runs stand, what is halted, refused or turned away, complaints, doubt.

Everything here comes from an index or from a few rows: a look must cost nothing. Times are the database's clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import accounts, attempts, events, requests, runs, system
from data.words import AttemptOutcome, Channel, EventKind, RequestStatus, RunKind, RunStatus

_BAD = (RunStatus.FAILED, RunStatus.HALTED, RunStatus.DIED)
_run = runs.c


@dataclass(frozen=True, slots=True)
class RunsOfKind:
    """How the runs of one kind stand, of those that changed within the time looked at."""

    newest: RunStatus
    running_since: datetime | None  # the newest that runs
    done_at: datetime | None  # the newest that ended well
    failed_at: datetime | None  # the newest that did not
    failed: RunStatus | None  # how that one ended, and why, without personal data
    problem: str | None


def read_runs(connection: Connection, since: datetime) -> dict[RunKind, RunsOfKind]:
    """Every kind that had a run since then."""
    found = connection.execute(
        sa.select(
            _run.kind,
            _run.status,
            sa.func.max(_run.run_id).label("run_id"),
            sa.func.max(_run.started_at).label("started_at"),
            sa.func.max(_run.ended_at).label("ended_at"),
        )
        .where(_run.changed_at >= since)
        .group_by(_run.kind, _run.status)
    ).all()
    standing = {}
    for kind in sorted({row.kind for row in found}):
        by_status = {row.status: row for row in found if row.kind is kind}
        failed = max(
            (by_status[status] for status in _BAD if status in by_status), key=lambda r: r.run_id, default=None
        )
        running, done = by_status.get(RunStatus.RUNNING), by_status.get(RunStatus.DONE)
        standing[kind] = RunsOfKind(
            newest=max(by_status.values(), key=lambda row: row.run_id).status,
            running_since=running.started_at if running else None,
            done_at=done.ended_at if done else None,
            failed_at=failed.ended_at if failed else None,
            failed=failed.status if failed else None,
            problem=_problem_of(connection, failed.run_id) if failed else None,
        )
    return standing


def _problem_of(connection: Connection, run_id: int) -> str | None:
    problem: str | None = connection.execute(sa.select(_run.problem).where(_run.run_id == run_id)).scalar_one()
    return problem


def read_halted_at(connection: Connection) -> datetime | None:
    """Since when the kill switch is thrown. Why is a person's free text: for the dashboard, not for an alert."""
    return connection.execute(sa.select(system.c.halted_at)).scalar_one_or_none()


def read_oldest_account(connection: Connection) -> datetime | None:
    """When the ledger got its account."""
    oldest: datetime | None = connection.execute(sa.select(sa.func.min(accounts.c.created_at))).scalar_one()
    return oldest


def read_complaints(connection: Connection, since: datetime, *, least: int) -> Mapping[int, int]:
    """How many said "this is spam" since then, by account; only accounts where at least so many did."""
    return {
        int(account_id): int(count)
        for account_id, count in connection.execute(
            sa.select(events.c.account_id, sa.func.count())
            .where(events.c.kind == sa.literal_column(f"'{EventKind.COMPLAINED.value}'"), events.c.recorded_at >= since)
            .group_by(events.c.account_id)
            .having(sa.func.count() >= least)
        )
    }


def count_mails_taken(connection: Connection, account_id: int, since: datetime, *, up_to: int) -> int:
    """Mails that recipients' servers took since then, counted no further than `up_to`.

    A provider that tells nothing of it (SMTP) has handed-over mails counted instead; a relay tells it by mail of one or
    another, with a code of its own, and that says nothing of the rest.
    """
    taken = (
        sa.select(sa.literal(1))
        .where(
            events.c.kind == EventKind.ACCEPTED_BY_SERVER,
            events.c.code.is_(None),
            events.c.account_id == account_id,
            events.c.recorded_at >= since,
        )
        .limit(up_to)
    )
    counted = connection.execute(sa.select(sa.func.count()).select_from(taken.subquery())).scalar_one()
    if counted:
        return counted
    handed = (
        sa.select(sa.literal(1))
        .where(
            requests.c.channel == Channel.EMAIL,
            requests.c.account_id == account_id,
            requests.c.changed_at >= since,
            requests.c.handed_at.is_not(None),
        )
        .limit(up_to)
    )
    return connection.execute(sa.select(sa.func.count()).select_from(handed.subquery())).scalar_one()


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Messages of one channel that a provider did not take, each queued again; nothing else came from it meanwhile."""

    channel: Channel
    provider: str
    count: int
    code: str  # the newest try's
    is_pressing: bool  # one of them has waited, since its first try, as long as is left to it


def read_turned_away(connection: Connection, now: datetime, since: datetime) -> list[TurnedAway]:
    """By channel and provider, of runs that changed since then. `now` and `since` are the database's clock.

    Runs say whether a try was turned away at all: hardly ever, and then nothing else is read.
    """
    outcome = AttemptOutcome.TEMPORARY_FAILURE
    lately = connection.execute(
        sa.select(_run.run_id, _run.counts).where(_run.changed_at >= since, _run.kind == RunKind.SEND)
    ).all()
    batches = [row.run_id for row in lately if row.counts.get(outcome.value)]
    if not batches:
        return []
    policy_now = now + timedelta(seconds=connection.execute(sa.select(system.c.clock_offset_seconds)).scalar() or 0)
    tried = attempts.alias()
    first = sa.select(sa.func.min(tried.c.claimed_at)).where(tried.c.request_id == requests.c.request_id)
    waiting = connection.execute(
        sa.select(
            requests.c.channel,
            attempts.c.provider,
            attempts.c.code,
            requests.c.not_after,
            first.scalar_subquery().label("first_at"),
        )
        .join_from(attempts, requests, requests.c.attempt_id == attempts.c.attempt_id)
        .where(
            attempts.c.batch_id.in_(batches),
            attempts.c.outcome == outcome,
            attempts.c.handed_at.is_not(None),  # else it never came to the provider: a text of ours that fails
            requests.c.status == RequestStatus.QUEUED,
            requests.c.paused_at.is_(None),
            requests.c.not_after > policy_now,
        )
        .order_by(attempts.c.finished_at)
    ).all()
    away = []
    for channel, provider in sorted({(row.channel, row.provider) for row in waiting}):
        mine = [row for row in waiting if (row.channel, row.provider) == (channel, provider)]
        if not _is_answering(connection, provider, channel, [row.run_id for row in lately]):
            is_pressing = any(now - row.first_at >= row.not_after - policy_now for row in mine)
            away.append(TurnedAway(channel, provider, len(mine), mine[-1].code or "", is_pressing))
    return away


def _is_answering(connection: Connection, provider: str, channel: Channel, batches: Sequence[int]) -> bool:
    """Whether the provider took or refused any message of the channel in these runs."""
    answered = (AttemptOutcome.ACCEPTED, AttemptOutcome.PERMANENT_FAILURE)
    one = (
        sa.select(sa.literal(1))
        .join_from(attempts, requests, requests.c.request_id == attempts.c.request_id)
        .where(
            attempts.c.batch_id.in_(batches),
            attempts.c.provider == provider,
            attempts.c.outcome.in_(answered),
            requests.c.channel == channel,
        )
        .limit(1)
    )
    return connection.execute(one).first() is not None


def count_left_to_people(connection: Connection) -> int:
    """Messages in doubt of which no provider keeps a record that could be asked."""
    return connection.execute(
        sa.select(sa.func.count())
        .join_from(requests, attempts, attempts.c.attempt_id == requests.c.attempt_id)
        .where(
            requests.c.status == RequestStatus.IN_DOUBT,
            attempts.c.outcome == AttemptOutcome.IN_DOUBT,
            attempts.c.is_left_to_person.is_(sa.true()),
        )
    ).scalar_one()
