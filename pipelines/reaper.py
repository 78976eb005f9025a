"""Finding Dagster runs whose process died: `kill -9` leaves a run STARTED and its pool's slot held, forever.

Dagster's own launcher has no health check for runs on this machine (tried). A run notes the pid it runs under in an
engine event; a run process that outlived Ctrl-C still has its pid and is left alone.
"""

import os

import dagster as dg
import structlog
from dagster._core.launcher import DefaultRunLauncher

log = structlog.get_logger(__name__)


def reap_dagster_runs(instance: dg.DagsterInstance) -> list[str]:
    """Fail every run whose process is gone and free the slots it held; their ids.

    Does nothing where runs are launched elsewhere (Kubernetes, Celery): those launchers look after their own.
    """
    if not isinstance(instance.run_launcher, DefaultRunLauncher):
        return []
    under_way = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    reaped = []
    for run in instance.get_runs(under_way):
        pid = _pid_of(instance, run.run_id)
        if pid is None or _is_alive(pid):
            continue
        instance.report_run_failed(run, "The run's process vanished; the ledger's leases settle what it left.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        log.warning("dagster run reaped", dagster_run_id=run.run_id, job=run.job_name)
        reaped.append(run.run_id)
    return reaped


def _pid_of(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """The pid of a run's newest process, if it noted one yet."""
    records = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records
    for record in reversed(records):
        event = record.event_log_entry.dagster_event
        noted = event.engine_event_data.metadata.get("pid") if event else None
        if noted is not None:
            return int(str(noted.value))
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
