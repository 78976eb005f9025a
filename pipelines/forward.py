"""`afterword demo --forward 3d`: moves a running demo's clock, and has Dagster do what that makes due."""

import re
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import requests
import sqlalchemy as sa
from rich.console import Console

from connectors import ConfigurationError
from data.ledger.accounts import the_account
from data.ledger.demo_clock import move_clock
from data.ledger.store import Ledger, open_ledger
from data.ledger.tables import requests as messages
from pipelines.demo import demo_settings, in_words, tell_sandbox
from pipelines.demo_state import demo_home, load_state
from pipelines.problems import DagsterRefused
from pipelines.processes import answers

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=60)
_RUN_SECONDS = 180.0
_LAUNCH = """
mutation Launch($job: String!) {
  launchRun(executionParams: {
    selector: {repositoryLocationName: "pipelines", repositoryName: "__repository__", jobName: $job}, runConfigData: {}
  }) { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } }
}"""
_STATUS = """
query Status($id: ID!) { runOrError(runId: $id) { __typename ... on Run { status } } }"""


def parse_span(text: str) -> timedelta:
    """`3d`, `12h`, `90m`, `1w`. Raises ValueError in words."""
    found = re.fullmatch(r"(\d{1,4})([mhdw])", text.strip().lower())
    span = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < span <= _LONGEST:
        raise ValueError(f"{text!r} is not a span such as 3d, 12h, 90m or 1w (at most 60 days).")
    return span


@dataclass(frozen=True)
class Forwarded:
    """Where the demo's clock stands now, in words, and how many messages that made go."""

    now: datetime
    now_in_words: str
    handed_over: int


def forward(console: Console, span: timedelta) -> Forwarded:
    """Move the running demo's clock by `span`, plan, send. Raises ConfigurationError when no demo is running.

    `console` shows what is being done while it is.
    """
    home = demo_home()
    state = load_state(home)
    dagster = state.ports.url(state.ports.dagster)
    if not answers(f"{dagster}/server_info"):
        raise ConfigurationError("The demo is not running. Start it with `afterword demo`, then try again.")
    ledger = open_ledger(demo_settings(home, state))
    try:
        before = _handed_over(ledger)
        move_clock(ledger, span)
        tell_sandbox(state, ledger)
        with ledger.read() as connection:
            zone = the_account(connection).time_zone
        for job, words in (("nightly", "Planning, as every night"), ("dispatch", "Sending what is due")):
            with console.status(words):
                run_job(dagster, job)
        now = ledger.policy_now()
        return Forwarded(now, in_words(now, zone), _handed_over(ledger) - before)
    finally:
        ledger.close()


def told(forwarded: Forwarded) -> str:
    """What came of it, and where to look."""
    return f"In the demo it is now {forwarded.now_in_words}.\n{forwarded.handed_over} messages were handed over. " + (
        "On the dashboard, Requests shows them with their step; open a customer to see the follow-up in the timeline. "
        "Answers arrive within a minute."
        if forwarded.handed_over
        else "Either nothing was due yet (follow-ups come 3 and 7 days after the first message), or it is night where "
        "the customers are and they wait for the morning. "
        f"`AFTERWORD_HOME={demo_home()} afterword why CONTACT` tells for one of them."
    )


def run_job(dagster: str, job: str) -> None:
    """Launch a job through Dagster and wait for its end. Raises DagsterRefused unless it succeeds."""
    launched = _ask(dagster, _LAUNCH, {"job": job})["launchRun"]
    if "run" not in launched:
        raise DagsterRefused(f"Dagster did not launch {job}: {launched['__typename']}. Its log is in the demo's logs.")
    run_id = launched["run"]["runId"]
    deadline = time.monotonic() + _RUN_SECONDS
    while (status := _ask(dagster, _STATUS, {"id": run_id})["runOrError"].get("status")) != "SUCCESS":
        if status in ("FAILURE", "CANCELED", None):
            raise DagsterRefused(f"The {job} run ended as {status}: see {dagster}/runs/{run_id}.")
        if time.monotonic() > deadline:
            raise DagsterRefused(
                f"The {job} run still goes on after {_RUN_SECONDS:.0f} s: see {dagster}/runs/{run_id}."
            )
        time.sleep(0.5)


def _ask(dagster: str, query: str, variables: dict[str, str]) -> dict[str, dict[str, Any]]:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(f"{dagster}/graphql", json={"query": query, "variables": variables}, timeout=30)
    found: dict[str, dict[str, Any]] = answer.json().get("data") or {}
    if not found:
        raise DagsterRefused("Dagster does not know what it was asked: is it another version?")
    return found


def _handed_over(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return connection.execute(
            sa.select(sa.func.count()).select_from(messages).where(messages.c.handed_at.is_not(None))
        ).scalar_one()
