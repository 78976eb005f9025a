"""What Dagster is told: it loads, its sensors decide rightly, and running anything twice changes nothing more."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.events import EngineEventData

from connectors import Accepted, EventSource, LookUp, Message, Messenger, Outcome
from data.ledger.jobs import ask_for
from data.ledger.runs import start_run
from data.ledger.store import Ledger, open_ledger
from data.ledger.tables import events, jobs, requests, runs
from data.settings import Settings
from data.words import Channel, JobKind, RequestStatus, RunKind, RunStatus
from pipelines import assets, automation, checks
from pipelines.definitions import defs
from pipelines.reaper import reap_dagster_runs
from pipelines.resources import LedgerOpener, ProvidersOpener
from tests.world import NOON, World, make_customer, make_request, make_world

pytestmark = pytest.mark.slow


class Recorder:
    """A messenger that takes everything and remembers it."""

    name = "recorder"
    channels = frozenset(Channel)

    def __init__(self) -> None:
        self.sent: list[Message] = []

    def send(self, message: Message) -> Outcome:
        self.sent.append(message)
        return Accepted(f"m-{message.attempt_id}")

    def sender(self, channel: Channel) -> str:
        return "recorder"

    def look_up(self, doubt: object) -> LookUp:
        raise AssertionError("nothing is in doubt here")


class Recorders(ProvidersOpener):
    """One recorder for every channel."""

    def __init__(self) -> None:
        self.recorder = Recorder()

    def messengers(self) -> Mapping[Channel, Messenger]:
        return dict.fromkeys(Channel, self.recorder)

    def event_sources(self) -> Mapping[str, EventSource]:
        return {}


@pytest.fixture
def settings(home: Path) -> Settings:
    """A ledger on SQLite whose policy clock stands at noon."""
    return Settings(home=home, now=NOON)


@pytest.fixture
def ledger(settings: Settings, sqlite_template: Path) -> Iterator[Ledger]:
    shutil.copy2(sqlite_template, settings.home / "ledger.sqlite")
    ledger = open_ledger(settings)
    yield ledger
    ledger.close()


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


@pytest.fixture
def providers() -> Recorders:
    return Recorders()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def resources(settings: Settings, providers: Recorders) -> dict[str, Any]:
    return {"ledger": LedgerOpener(settings), "providers": providers}


def materialize(settings: Settings, providers: Recorders, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [*assets.ALL, *checks.ALL],
        resources=resources(settings, providers),
        instance=instance,
        partition_key=assets.DAYS.get_partition_key_for_timestamp(datetime.now(UTC).timestamp()),
    )


def contents(ledger: Ledger) -> dict[str, Sequence[object]]:
    """The ledger's rows that tell what was sent and what came back."""
    with ledger.read() as connection:
        return {
            table.name: connection.execute(sa.select(*[c for c in table.c if c.name != "changed_at"])).all()
            for table in (requests, events)
        }


def test_the_definitions_load_and_every_sensor_and_schedule_runs_by_itself() -> None:
    dg.Definitions.validate_loadable(defs)
    assert all(sensor.default_status is dg.DefaultSensorStatus.RUNNING for sensor in automation.SENSORS)
    assert all(schedule.default_status is dg.DefaultScheduleStatus.RUNNING for schedule in automation.SCHEDULES)


def test_sending_has_a_pool_and_no_retry() -> None:
    for asset in assets.ALL:
        for node in asset.node_def.iterate_op_defs():
            assert node.retry_policy is None
            assert node.pool is not None, node.name
    assert assets.core_requests_sent.op.pool == "dispatch"


@pytest.mark.slow
def test_every_asset_twice_and_a_day_again_sends_nothing_more(
    ledger: Ledger, world: World, settings: Settings, providers: Recorders, instance: dg.DagsterInstance
) -> None:
    for _ in range(5):
        make_customer(ledger, world)
    inbox = settings.inbox_folder / "chicago"
    inbox.mkdir(parents=True)
    file = inbox / "May.csv"
    file.write_text("first name,email\nAna,ana@example.com\n")
    os.utime(file, (0, 0))
    first = materialize(settings, providers, instance)
    assert len(providers.recorder.sent) == 6
    assert all(check.passed for check in first.get_asset_check_evaluations())
    assert len(first.get_asset_check_evaluations()) == len(checks.ALL)
    before = contents(ledger)
    second = materialize(settings, providers, instance)
    assert second.success
    assert len(providers.recorder.sent) == 6
    assert contents(ledger) == before


@pytest.mark.slow
def test_a_failure_in_an_asset_quotes_nothing(
    ledger: Ledger, world: World, settings: Settings, instance: dg.DagsterInstance
) -> None:
    class Leaking(Recorders):
        def messengers(self) -> Mapping[Channel, Messenger]:
            raise ValueError("Ana Ruiz, ana@example.com")

    result = dg.materialize(
        [assets.core_requests_sent], resources=resources(settings, Leaking()), instance=instance, raise_on_error=False
    )
    assert not result.success
    kept = "".join(str(event) for event in result.all_events)
    assert "ValueError at " in kept
    assert "ana@example.com" not in kept


def evaluate(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, **given: Any) -> dg.RunRequest | dg.SkipReason:
    context = dg.build_sensor_context(instance=instance, resources=given)
    answer = sensor(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def test_dispatch_is_launched_only_when_something_can_be_claimed(
    ledger: Ledger, world: World, settings: Settings, providers: Recorders, instance: dg.DagsterInstance
) -> None:
    given = resources(settings, providers)
    assert isinstance(evaluate(automation.dispatch_when_due, instance, **given), dg.SkipReason)
    request = make_request(ledger, world, make_customer(ledger, world))
    assert isinstance(evaluate(automation.dispatch_when_due, instance, **given), dg.RunRequest)
    with ledger.write() as connection:
        connection.execute(requests.update().where(requests.c.request_id == request).values(status=RequestStatus.SENT))
    assert isinstance(evaluate(automation.dispatch_when_due, instance, **given), dg.SkipReason)


def test_no_run_is_launched_beside_one_of_the_same_job(
    ledger: Ledger, world: World, settings: Settings, providers: Recorders, instance: dg.DagsterInstance
) -> None:
    make_request(ledger, world, make_customer(ledger, world))
    instance.create_run_for_job(defs.resolve_job_def("dispatch"), status=dg.DagsterRunStatus.STARTED)
    answer = evaluate(automation.dispatch_when_due, instance, **resources(settings, providers))
    assert isinstance(answer, dg.SkipReason)
    assert "under way" in (answer.skip_message or "")


def test_a_file_is_asked_for_by_its_content(
    ledger: Ledger, world: World, settings: Settings, instance: dg.DagsterInstance
) -> None:
    given = {"ledger": LedgerOpener(settings)}
    assert isinstance(evaluate(automation.inbox_files, instance, **given), dg.SkipReason)
    folder = settings.inbox_folder / "chicago"
    folder.mkdir(parents=True)
    file = folder / "May.csv"
    keys = []
    for content in ("email\na@example.com\n", "email\na@example.com\n", "email\nb@example.com\n"):
        file.write_text(content)
        os.utime(file, (0, 0))
        answer = evaluate(automation.inbox_files, instance, **given)
        assert isinstance(answer, dg.RunRequest)
        keys.append(answer.run_key)
    assert keys[0] == keys[1] != keys[2]
    assert "May" not in (keys[0] or "")


def test_events_are_asked_for_once_anything_was_done(
    ledger: Ledger, world: World, settings: Settings, instance: dg.DagsterInstance
) -> None:
    given = {"ledger": LedgerOpener(settings)}
    assert isinstance(evaluate(automation.events_each_minute, instance, **given), dg.SkipReason)
    start_run(ledger, RunKind.SEND, NOON)
    answer = evaluate(automation.events_each_minute, instance, **given)
    assert isinstance(answer, dg.RunRequest)
    assert answer.partition_key == f"{datetime.now(UTC):%Y-%m-%d}"


@pytest.mark.slow
def test_what_was_asked_for_is_done_and_a_failure_is_told_to_the_asker(
    ledger: Ledger, world: World, settings: Settings, providers: Recorders, instance: dg.DagsterInstance
) -> None:
    given = resources(settings, providers)
    assert isinstance(evaluate(automation.jobs_asked_for, instance, ledger=given["ledger"]), dg.SkipReason)
    (settings.home / "uploads").mkdir()
    (settings.home / "uploads" / "may.csv").write_text("first name,email\nAna,ana@example.com\n")
    asked: list[tuple[JobKind, dict[str, Any]]] = [
        (JobKind.IMPORT, {"path": "uploads/may.csv", "location": "chicago", "list_name": "May"}),
        (JobKind.IMPORT, {"path": "../../secret.csv", "location": "chicago", "list_name": "May"}),
        (JobKind.PLAN, {}),
        (JobKind.SEND_TEST, {"contact": "me@example.com"}),
    ]
    with ledger.write() as connection:
        for kind, payload in asked:
            ask_for(connection, account_id=world.account_id, kind=kind, payload=payload, asked_by="owner@acme.example")
    assert isinstance(evaluate(automation.jobs_asked_for, instance, ledger=given["ledger"]), dg.RunRequest)
    assert dg.materialize([assets.core_jobs_done], resources=given, instance=instance).success
    with ledger.read() as connection:
        rows = connection.execute(sa.select(jobs).order_by(jobs.c.job_id)).all()
        queued = connection.execute(sa.select(sa.func.count()).select_from(requests)).scalar_one()
    assert all(row.ended_at is not None for row in rows)
    assert [row.problem is None for row in rows] == [True, False, True, True]
    assert "Upload it again" in rows[1].problem
    assert queued == 1
    assert [message.to for message in providers.recorder.sent] == ["me@example.com"]


def test_the_reaper_finds_what_died(
    ledger: Ledger, world: World, settings: Settings, instance: dg.DagsterInstance
) -> None:
    dead = start_run(ledger, RunKind.SEND, NOON)
    with ledger.write() as connection:
        process = connection.execute(sa.select(runs.c.process)).scalar_one()
        host, pid, start = process.split(":")
        connection.execute(runs.update().values(process=f"{host}:{pid}:{int(start) - 1}"))
    answer = evaluate(automation.reaper, instance, ledger=LedgerOpener(settings))
    assert isinstance(answer, dg.SkipReason)
    with ledger.read() as connection:
        assert connection.execute(sa.select(runs.c.status).where(runs.c.run_id == dead)).scalar_one() is RunStatus.DIED


@pytest.mark.slow
def test_a_dagster_run_whose_process_is_gone_is_failed_and_a_living_one_is_left(tmp_path: Path) -> None:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        job = defs.resolve_job_def("dispatch")
        gone, living = (instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED) for _ in range(2))
        for run, pid in ((gone, finished.pid), (living, os.getpid())):
            instance.report_engine_event("Started", run, EngineEventData({"pid": dg.MetadataValue.text(str(pid))}))
        assert reap_dagster_runs(instance) == [gone.run_id]
        assert reap_dagster_runs(instance) == []
        for run, status in ((gone, dg.DagsterRunStatus.FAILURE), (living, dg.DagsterRunStatus.STARTED)):
            found = instance.get_run_by_id(run.run_id)
            assert found is not None
            assert found.status is status
