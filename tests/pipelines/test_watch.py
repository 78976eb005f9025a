"""The watch by hand, and by Dagster: its failures, its recoveries, its morning."""

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from data.ledger.alerts import read_open
from data.ledger.runs import end_run, inside_dagster_run, start_run
from data.ledger.store import Ledger, open_ledger
from data.ledger.tables import accounts, digests, system
from data.settings import Settings
from data.words import RunKind, RunStatus
from pipelines import assets, automation
from pipelines.alarms import clear_recovered_jobs, raise_failed_job
from pipelines.definitions import defs
from pipelines.resources import LedgerOpener, ProvidersOpener
from tests.pipelines.commands import Run
from tests.world import NOON, make_world


def test_the_command_says_what_is_wrong_and_that_nothing_is(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    assert run("watch").output == "Nothing is wrong.\n"
    with ledger.write() as connection:
        connection.execute(system.update().values(halted_at=NOON, halted_by="a@b.example", halt_reason="Ana Ruiz"))
    told = run("watch", "--json")
    assert told.code == 0
    assert [(row["what"], row["which"], row["told"]) for row in json.loads(told.output)] == [
        ("halted", "all sending", None)
    ]
    assert "Ana" not in told.output


def test_the_command_fails_when_nobody_could_be_told(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    with ledger.write() as connection:
        connection.execute(system.update().values(halted_at=NOON))
    hook = {"AFTERWORD_ALERT_WEBHOOK": "http://127.0.0.1:9/x", "AFTERWORD_ALERT_WEBHOOK_SECRET": "s"}
    assert run("watch", **hook).code == 1
    wrong = run("watch", AFTERWORD_ALERT_EMAIL="ops@acme.example")
    assert wrong.code == 1
    assert "nobody carries email" in wrong.errors


@pytest.fixture
def settings(home: Path, sqlite_template: Path) -> Settings:
    shutil.copy2(sqlite_template, home / "ledger.sqlite")
    return Settings(home=home, now=NOON)


@pytest.fixture
def kept(settings: Settings) -> Iterator[Ledger]:
    """A ledger whose policy clock stands at noon."""
    kept = open_ledger(settings)
    make_world(kept)
    yield kept
    kept.close()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def subjects(ledger: Ledger) -> list[str]:
    with ledger.read() as connection:
        return [alert.subject for alert in read_open(connection)]


@pytest.mark.slow
def test_dagsters_sensor_watches_and_tells_what_web_does_not(
    kept: Ledger, settings: Settings, instance: dg.DagsterInstance
) -> None:
    with kept.write() as connection:
        connection.execute(accounts.update().values(created_at=kept.now(connection) - timedelta(days=2)))
    given: dict[str, Any] = {"ledger": LedgerOpener(settings), "providers": ProvidersOpener()}
    answer = automation.watch_each_minute(dg.build_sensor_context(instance=instance, resources=given))
    assert isinstance(answer, dg.SkipReason)
    assert "1 raised" in (answer.skip_message or "")
    assert subjects(kept) == ["nothing"]


@pytest.mark.slow
def test_a_job_that_failed_before_it_had_a_run_is_an_alarm_until_it_succeeds(
    kept: Ledger, instance: dg.DagsterInstance
) -> None:
    job = defs.resolve_job_def("dispatch")
    failed = instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE)
    assert raise_failed_job(kept, "dispatch", failed.run_id)
    assert not raise_failed_job(kept, "dispatch", failed.run_id)
    assert clear_recovered_jobs(kept, instance) == 0
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS)
    assert clear_recovered_jobs(kept, instance) == 1
    assert subjects(kept) == []


@pytest.mark.slow
def test_a_failure_that_the_ledger_knows_is_not_told_a_second_time(kept: Ledger) -> None:
    with inside_dagster_run("abc"):
        end_run(kept, start_run(kept, RunKind.SEND, NOON), RunStatus.FAILED, {}, "ValueError")
    assert not raise_failed_job(kept, "dispatch", "abc")


@pytest.mark.slow
def test_the_failure_sensor_raises_the_alarm(kept: Ledger, settings: Settings, instance: dg.DagsterInstance) -> None:
    @dg.op
    def break_down() -> None:
        raise ValueError("ana@example.com")

    @dg.job
    def broken() -> None:
        break_down()

    result = broken.execute_in_process(instance=instance, raise_on_error=False)
    context = dg.build_run_status_sensor_context(
        "alert_on_failure", result.get_run_failure_event(), instance, result.dagster_run,
        resources={"ledger": LedgerOpener(settings)},
    ).for_run_failure()  # fmt: skip
    automation.alert_on_failure(context)
    assert subjects(kept) == ["job broken"]
    with kept.read() as connection:
        assert "ana@example.com" not in read_open(connection)[0].text


@pytest.mark.slow
def test_the_morning_s_asset_writes_the_digest_once(
    kept: Ledger, settings: Settings, instance: dg.DagsterInstance
) -> None:
    end_run(kept, start_run(kept, RunKind.PLAN, NOON), RunStatus.DONE, {})
    given: dict[str, Any] = {"ledger": LedgerOpener(settings), "providers": ProvidersOpener()}
    for _ in range(2):
        assert dg.materialize([assets.out_digests], resources=given, instance=instance).success
    with kept.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(digests)).scalar_one() == 1
    assert automation.digest_at_eight.cron_schedule == "0 8 * * *"
