"""`afterword demo`: everything on this machine, with pretend providers and pretend customers.

All that is pretended is on the other side of the providers' protocols (`connectors.sandbox`); what runs here is what
runs in production. Customers come in through the inbox folder, and Dagster does the work, not this process.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import requests
import sqlalchemy as sa
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from data.ledger.accounts import apply_account, has_account, the_account
from data.ledger.demo_clock import begin_demo, clock_offset, move_clock, to_weekday_noon
from data.ledger.store import Ledger, open_ledger
from data.ledger.tables import locations
from data.settings import Settings
from invitations.settings_check import load_settings
from pipelines import children, demo_templates
from pipelines.demo_news import News
from pipelines.demo_state import (
    DemoState,
    claim_home,
    clear_home,
    demo_home,
    environment,
    load_or_make_state,
    save_state,
)
from pipelines.logs import configure_logs
from pipelines.problems import HOUSE
from pipelines.processes import Group
from pipelines.safeguards import bring_up

SAMPLES = HOUSE / "data" / "samples"
LIST_NAME = "November visits"


def demo_settings(home: Path, state: DemoState) -> Settings:
    """This demo's settings, whatever the environment says."""
    return Settings(
        home=home, ledger_url=None, public_url=state.ports.url(state.ports.web), now=None, settle_seconds=60,
        local_user=None,
    )  # fmt: skip


def run_demo(console: Console, *, fresh: bool) -> None:
    """Start everything, say what to look at, wait for Ctrl-C, end everything.

    Raises ConfigurationError when the folder is not a demo's or one is running there, ChildEnded when a process dies.
    """
    home = demo_home()
    with claim_home(home):
        configure_logs(home / "logs" / "afterword.log")
        if fresh:
            clear_home(home)
        is_first = not (home / "ledger.sqlite").exists()
        state = load_or_make_state(home)
        ledger = open_ledger(demo_settings(home, state))
        try:
            with Group(home / "logs") as group:
                with _steps(console, is_first=is_first) as step:
                    zone = _prepare_ledger(ledger, is_first=is_first)
                    children.prepare_dagster(home)
                    variables = environment(home, state, nightly_zone=zone)
                    step("The sandbox: Twilio, Mailgun, and the customers")
                    _start_sandbox(group, home, state, variables)
                    tell_sandbox(state, ledger)
                    _start_the_rest(group, ledger, state, variables, step)
                    step("Customers into the inbox folder")
                    _seed(ledger, home, state)
                console.print(_welcome(ledger, state, is_first=is_first), highlight=False, soft_wrap=True)
                group.watch(News(console, ledger, home).tell)
                console.print("\nEnding what this demo started …")
        finally:
            ledger.close()
    console.print("Ended. `make demo` goes on from here; `make demo-fresh` starts over.")


def _prepare_ledger(ledger: Ledger, *, is_first: bool) -> str:
    """The ledger made or brought up, its clock at working hours; the account's zone."""
    account, policy = load_settings(SAMPLES / "account.toml")
    bring_up(ledger)
    begin_demo(ledger)
    zone = ZoneInfo(account.account.time_zone)
    move_clock(ledger, to_weekday_noon(ledger.policy_now(), zone, may_go_back=is_first))
    with ledger.read() as connection:
        is_there = has_account(connection)
    if not is_there:  # later its settings are those of the dashboard
        apply_account(ledger, account, rules=policy.document(), now=ledger.policy_now())
    return zone.key


def _start_sandbox(group: Group, home: Path, state: DemoState, variables: dict[str, str]) -> None:
    command = [sys.executable, "-m", "connectors.sandbox", "--port", str(state.ports.sandbox),
               "--folder", str(home / "sandbox")]  # fmt: skip
    child = group.start("sandbox", command, variables, folder=HOUSE)
    group.wait_until_answers(child, f"{state.ports.url(state.ports.sandbox)}/_sandbox/health")


def tell_sandbox(state: DemoState, ledger: Ledger) -> None:
    """Give the pretend providers the demo's clock, so that their times and ours agree."""
    address = f"{state.ports.url(state.ports.sandbox)}/_sandbox/clock"
    offset = {"offset_seconds": int(clock_offset(ledger).total_seconds())}
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the person's own must not see this, and could not reach it
        session.post(address, json=offset, timeout=10).raise_for_status()


def _start_the_rest(group: Group, ledger: Ledger, state: DemoState, variables: dict[str, str], step: "Step") -> None:
    """web/, the dashboard and Dagster beside each other: Dagster takes longest, and Meta's approval no longer."""
    ports = state.ports
    dagster = children.start_dagster(group, variables, ports)
    web = children.start_web(group, variables, ports)
    dashboard = children.start_dashboard(group, variables, ports)
    step("The WhatsApp text, for Meta to approve")
    desk = demo_templates.desk_of(state)
    demo_templates.submit(ledger, desk)
    step("web/: the pages that customers see")
    group.wait_until_answers(web, f"{ports.url(ports.web)}/healthz")
    step("The dashboard")
    group.wait_until_answers(dashboard, f"{ports.url(ports.dashboard)}/_stcore/health")
    step("Dagster")
    group.wait_until_answers(dagster, f"{ports.url(ports.dagster)}/server_info")
    demo_templates.ask(ledger, desk)


def _seed(ledger: Ledger, home: Path, state: DemoState) -> None:
    """Drop the sample customers where a clinic would drop its own; the sensor does the rest. Once for each demo."""
    if state.is_seeded:
        return
    with ledger.read() as connection:
        first = connection.execute(sa.select(locations.c.slug).order_by(locations.c.location_id).limit(1)).scalar_one()
    folder = home / "inbox" / first
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / ".customers.part"  # a sensor must never see half a file
    draft.write_bytes((SAMPLES / "customers.csv").read_bytes())
    draft.replace(folder / f"{LIST_NAME}.csv")
    state.is_seeded = True
    save_state(home, state)


class Step:
    """Says what is being prepared, and moves the bar on."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task = progress.add_task("The ledger", total=total)

    def __call__(self, what: str) -> None:
        self._progress.update(self._task, advance=1, description=what)


@contextmanager
def _steps(console: Console, *, is_first: bool) -> Iterator[Step]:
    console.print("Preparing a demo: nothing leaves this machine." if is_first else "Going on with the demo.")
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield Step(progress, total=7)


def _welcome(ledger: Ledger, state: DemoState, *, is_first: bool) -> str:
    ports = state.ports
    with ledger.read() as connection:
        account = the_account(connection)
    now = in_words(ledger.policy_now(), account.time_zone)
    first = (
        f"About 500 made-up customers of {account.name} are on their way in; first answers come within a minute.\n"
        if is_first
        else ""
    )
    return (
        f"\n[bold]Afterword is running.[/bold] In the demo it is {now}.\n\n"
        f"  [bold]Dashboard[/bold]  {ports.url(ports.dashboard)}   what the team sees\n"
        f"  [bold]Dagster[/bold]    {ports.url(ports.dagster)}   what runs, and when\n"
        f"  [bold]Customers[/bold]  {ports.url(ports.web)}   web/: review pages and callbacks\n\n"
        f"{first}"
        "Look first at the dashboard's Overview: quota, funnel, NPS. Then Customers: open one, read the timeline.\n"
        "In Dagster, Assets shows the way from raw file to dashboard; running anything again sends nothing more.\n"
        "Follow-ups come after days: [bold]afterword demo --forward 3d[/bold] in another terminal moves the clock "
        "(.venv/bin/afterword, if .venv is not active).\n"
        "Ctrl-C ends everything.\n"
    )


def in_words(moment: datetime, zone: str) -> str:
    """A moment as a person would say it in that zone."""
    return f"{moment.astimezone(ZoneInfo(zone)):%A, %d %B, %H:%M} in {zone.rpartition('/')[2].replace('_', ' ')}"
