"""Alarms that only Dagster can raise and clear: a job that failed before it could write its run into the ledger."""

import dagster as dg
import sqlalchemy as sa
import structlog

from data.ledger import alerts
from data.ledger.store import Ledger
from data.ledger.tables import runs
from data.words import AlertKind, RunStatus
from invitations.alerts import DAGSTER_JOB, text_of_failed_job
from invitations.watch import end_alerts

log = structlog.get_logger(__name__)

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_TOLD_BY_THE_LEDGER = (RunStatus.FAILED, RunStatus.HALTED, RunStatus.DIED)


def raise_failed_job(ledger: Ledger, job: str, dagster_run_id: str) -> bool:
    """Raise an alarm about a job, unless a run of the ledger tells of the same failure; whether it is new."""
    told = sa.exists().where(runs.c.dagster_run_id == dagster_run_id, runs.c.status.in_(_TOLD_BY_THE_LEDGER))
    with ledger.write() as connection:
        if connection.execute(sa.select(told)).scalar_one():
            return False
        raised = alerts.raise_alert(
            connection, AlertKind.RUN_FAILED, f"{DAGSTER_JOB}{job}", text_of_failed_job(job, dagster_run_id)
        )
    if raised is not None:
        log.error("alert", alert_id=raised.alert_id, kind=raised.kind.value, subject=raised.subject, text=raised.text)
    return raised is not None


def clear_recovered_jobs(ledger: Ledger, instance: dg.DagsterInstance) -> int:
    """Clear the alarms about jobs whose last run succeeded; how many."""
    with ledger.read() as connection:
        standing = [alert for alert in alerts.read_open(connection) if alert.subject.startswith(DAGSTER_JOB)]
    recovered = [
        alert.alert_id for alert in standing if _has_succeeded(instance, alert.subject.removeprefix(DAGSTER_JOB))
    ]
    return end_alerts(ledger, recovered) if recovered else 0


def _has_succeeded(instance: dg.DagsterInstance, job: str) -> bool:
    last = instance.get_runs(dg.RunsFilter(job_name=job, statuses=_ENDED), limit=1)
    return bool(last) and last[0].status is dg.DagsterRunStatus.SUCCESS
