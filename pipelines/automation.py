"""When things run by themselves: the jobs, the nightly schedule, and the sensors.

A sensor asks the ledger one cheap question and names a job; it never does the work. None starts a run beside one of
the same job that is still under way: run keys do not prevent that, and the next look comes soon.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import structlog

from data.ledger.claimable import has_claimable
from data.ledger.demo_clock import is_demo
from data.ledger.jobs import end_abandoned_jobs, waiting_job_ids
from data.ledger.runs import has_any_run, reap_dead_runs
from data.pace import Pace
from data.settings import utc_now
from invitations.digest import HOUR as DIGEST_HOUR
from invitations.send import cap_at
from invitations.take_in import waiting_files
from pipelines.alarms import clear_recovered_jobs, raise_failed_job
from pipelines.assets import (
    DAYS,
    core_attempts_resolved,
    core_customers,
    core_events,
    core_jobs_done,
    core_requests_sent,
    core_reviews,
    core_suppressions,
    out_dashboard,
    out_digests,
    planned,
    raw_events,
)
from pipelines.inbox_reviews import review_files
from pipelines.passes import watch_over
from pipelines.reaper import reap_dagster_runs
from pipelines.resources import LedgerResource, ProvidersResource
from pipelines.ticks import Ticks

log = structlog.get_logger(__name__)

_ticks = Ticks()
TICK_SECONDS = _ticks.tick_seconds
_RUNNING = dg.DefaultSensorStatus.RUNNING
Tick = dg.RunRequest | dg.SkipReason

nightly = dg.define_asset_job(
    "nightly",
    [core_customers, core_suppressions, planned],
    description="Take in, ask who must not be contacted, plan, queue. Sends nothing.",
)
intake = dg.define_asset_job("intake", [core_customers, planned], description="A file came in: take it in and plan.")
dispatch = dg.define_asset_job("dispatch", [core_requests_sent], description="Send what is due: the main job.")
events = dg.define_asset_job(
    "events",
    [core_attempts_resolved, raw_events, core_events, out_dashboard],
    description="Ask what happened, settle doubt, keep the history, give the dashboard a new copy.",
)
reviews = dg.define_asset_job("reviews", [core_reviews], description="A file of reviews came in: take it in.")
asked = dg.define_asset_job("asked", [core_jobs_done], description="What people asked for on the dashboard.")

digest = dg.define_asset_job("digest", [out_digests], description="Write the morning digest of yesterday.")

JOBS = [nightly, intake, dispatch, events, reviews, asked, digest]

# Before the first quiet hours end anywhere in the account's country; planning looks 36 hours ahead.
nightly_at_three = dg.ScheduleDefinition(
    name="nightly_at_three",
    job=nightly,
    cron_schedule="0 3 * * *",
    execution_timezone=_ticks.nightly_zone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


# On the account's clock. Whoever starts later writes it too, until midnight: the watch does.
digest_at_eight = dg.ScheduleDefinition(
    name="digest_at_eight",
    job=digest,
    cron_schedule=f"0 {DIGEST_HOUR} * * *",
    execution_timezone=_ticks.nightly_zone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)


def is_under_way(instance: dg.DagsterInstance, job_name: str) -> bool:
    """Whether a run of this job waits or works."""
    unfinished = [
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ]
    return instance.get_runs_count(dg.RunsFilter(job_name=job_name, statuses=unfinished)) > 0


@dg.sensor(job=dispatch, minimum_interval_seconds=TICK_SECONDS, default_status=_RUNNING)
def dispatch_when_due(
    context: dg.SensorEvaluationContext, ledger: LedgerResource, providers: ProvidersResource
) -> Tick:
    """Launch a dispatch run when something can be claimed."""
    if is_under_way(context.instance, dispatch.name):
        return dg.SkipReason("A dispatch run is under way.")
    with ledger.opened() as opened:
        now = opened.policy_now()
        senders = {channel: messenger.sender(channel) for channel, messenger in providers.messengers().items()}
        with opened.read() as connection:
            is_due = has_claimable(connection, now, senders, cap=cap_at(connection, now), pace=Pace())
    return dg.RunRequest() if is_due else dg.SkipReason("Nothing is due.")


@dg.sensor(job=events, minimum_interval_seconds=max(15, TICK_SECONDS), default_status=_RUNNING)
def events_each_minute(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> Tick:
    """Ask the providers, always, once there is anything to ask about: a callback may have been lost."""
    if is_under_way(context.instance, events.name):
        return dg.SkipReason("An events run is under way.")
    with ledger.opened() as opened, opened.read() as connection:
        if not has_any_run(connection):
            return dg.SkipReason("Nothing was ever done here.")
    return dg.RunRequest(partition_key=DAYS.get_partition_key_for_timestamp(utc_now().timestamp()))


@dg.sensor(job=intake, minimum_interval_seconds=min(30, TICK_SECONDS), default_status=_RUNNING)
def inbox_files(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> Tick:
    """Launch an intake run when the inbox folder holds a file that was not taken in; by content, so once."""
    if is_under_way(context.instance, intake.name):
        return dg.SkipReason("An intake run is under way.")
    with ledger.opened() as opened:
        waiting = waiting_files(opened.settings.inbox_folder)
    if not waiting:
        return dg.SkipReason("The inbox is empty.")
    return dg.RunRequest(run_key=_key_of(waiting))


@dg.sensor(job=reviews, minimum_interval_seconds=min(30, TICK_SECONDS), default_status=_RUNNING)
def inbox_reviews(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> Tick:
    """Launch a run when a file of reviews is new or has grown."""
    if is_under_way(context.instance, reviews.name):
        return dg.SkipReason("A run that takes reviews in is under way.")
    with ledger.opened() as opened:
        found = review_files(opened.settings.inbox_folder)
    return dg.RunRequest(run_key=_key_of(found)) if found else dg.SkipReason("There are no reviews in the inbox.")


def _key_of(files: Sequence[tuple[Path, str]]) -> str:
    """A run key that is another one as soon as any file is new or changed, and that names none of them."""
    told = "\n".join(sorted(f"{path.parent.name}/{path.name} {sha256}" for path, sha256 in files))
    return hashlib.sha256(told.encode()).hexdigest()


@dg.sensor(job=asked, minimum_interval_seconds=min(10, TICK_SECONDS), default_status=_RUNNING)
def jobs_asked_for(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> Tick:
    """Launch a run when somebody asked for something on the dashboard."""
    if is_under_way(context.instance, asked.name):
        return dg.SkipReason("What was asked for is being done.")
    with ledger.opened() as opened, opened.read() as connection:
        waiting = waiting_job_ids(connection)
    return dg.RunRequest() if waiting else dg.SkipReason("Nobody asked for anything.")


@dg.sensor(minimum_interval_seconds=min(30, TICK_SECONDS), default_status=_RUNNING)
def reaper(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> dg.SkipReason:
    """Find what died: Dagster runs, runs of the ledger, jobs. Its first look is when the daemon starts."""
    dagster_runs = len(reap_dagster_runs(context.instance))
    with ledger.opened() as opened:
        runs, jobs = reap_dead_runs(opened), end_abandoned_jobs(opened)
    return dg.SkipReason(f"Found dead: {dagster_runs} Dagster runs, {runs} runs of the ledger, {jobs} jobs.")


@dg.sensor(minimum_interval_seconds=60, default_status=_RUNNING)
def watch_each_minute(
    context: dg.SensorEvaluationContext, ledger: LedgerResource, providers: ProvidersResource
) -> dg.SkipReason:
    """Look for what somebody must be told about, and tell it; web/ does the same, in case Dagster is what died."""
    with ledger.opened() as opened:
        ways = providers.ways(only_loopback=is_demo(opened))
        for fault in ways.faults:
            log.error("alerts cannot leave", what=fault.what, mend=fault.mend)
        clear_recovered_jobs(opened, context.instance)
        counts = watch_over(opened, ways).as_metadata()
    return dg.SkipReason(", ".join(f"{count} {what}" for what, count in counts.items()))


@dg.run_failure_sensor(minimum_interval_seconds=min(30, TICK_SECONDS), default_status=_RUNNING)
def alert_on_failure(context: dg.RunFailureSensorContext, ledger: LedgerResource) -> None:
    """Which job and run, never what the failure quoted: a line in the log, and an alarm if the ledger has none yet."""
    run = context.dagster_run
    log.error("run failed", job=run.job_name, dagster_run_id=run.run_id)
    with ledger.opened() as opened:
        raise_failed_job(opened, run.job_name, run.run_id)


SENSORS = [
    dispatch_when_due,
    events_each_minute,
    inbox_files,
    inbox_reviews,
    jobs_asked_for,
    reaper,
    watch_each_minute,
    alert_on_failure,
]
SCHEDULES = [nightly_at_three, digest_at_eight]
