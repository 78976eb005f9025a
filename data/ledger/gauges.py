"""How the ledger stands, in a few numbers for monitoring: from indexes and small tables, whatever its size."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import quota
from data.ledger.tables import accounts, alerts, breakers, requests, runs, system
from data.ledger.tables.metadata import database_now
from data.words import AlertKind, RequestStatus, RunKind, RunStatus

_UNDER_WAY = (RequestStatus.QUEUED, RequestStatus.SENDING, RequestStatus.IN_DOUBT)
_LOOK_BACK = timedelta(days=2)  # every kind of run that is alive has finished since then


@dataclass(frozen=True, slots=True)
class Gauges:
    """One look. Ages are seconds by the database's clock; of a kind that did not finish in two days there is none."""

    requests: Mapping[RequestStatus, int]  # queued, sending, in doubt; 0 where there are none
    breakers_open: int
    alerts_open: Mapping[AlertKind, int]
    is_halted: bool
    quota: Mapping[str, tuple[int, int]]  # by account: used, allowance of this cycle
    run_ages: Mapping[RunKind, float]  # since the newest run of a kind finished well


def read_gauges(connection: Connection, *, now: datetime) -> Gauges:
    """Six statements and two for each account. `now` is policy time, which says what quota cycle it is."""
    counted = connection.execute(
        sa.select(requests.c.status, sa.func.count())
        .where(requests.c.status.in_(_UNDER_WAY))
        .group_by(requests.c.status)
    )
    found = {status: int(count) for status, count in counted}
    wrong = connection.execute(
        sa.select(alerts.c.kind, sa.func.count()).where(alerts.c.cleared_at.is_(None)).group_by(alerts.c.kind)
    )
    open_breakers = connection.execute(
        sa.select(sa.func.count()).select_from(breakers).where(breakers.c.closed_at.is_(None))
    ).scalar_one()
    halted_at = connection.execute(sa.select(system.c.halted_at)).scalar_one_or_none()
    used = {}
    for account_id, slug in connection.execute(sa.select(accounts.c.account_id, accounts.c.slug)).all():
        standing = quota.standing(connection, account_id, now)
        used[slug] = (standing.used, standing.allowance)
    return Gauges(
        requests={status: found.get(status, 0) for status in _UNDER_WAY},
        breakers_open=int(open_breakers),
        alerts_open={kind: int(count) for kind, count in wrong},
        is_halted=halted_at is not None,
        quota=used,
        run_ages=_run_ages(connection),
    )


def _run_ages(connection: Connection) -> dict[RunKind, float]:
    clock: datetime = connection.execute(sa.select(database_now())).scalar_one()
    ended = connection.execute(
        sa.select(runs.c.kind, sa.func.max(runs.c.ended_at))
        .where(runs.c.changed_at >= clock - _LOOK_BACK, runs.c.status == RunStatus.DONE)
        .group_by(runs.c.kind)
    )
    return {kind: max(0.0, (clock - at).total_seconds()) for kind, at in ended if at is not None}
