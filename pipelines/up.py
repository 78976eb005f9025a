"""`afterword up`: web/, the dashboard and Dagster against the accounts that the environment names."""

from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from sqlalchemy.engine import Connection

from connectors import ConfigurationError
from connectors.registry import missing_settings, open_messengers
from data.ledger.accounts import the_account
from data.ledger.migrate import current_revision
from data.ledger.store import open_ledger
from data.ledger.tables import users
from data.pace import Pace
from data.settings import Settings
from data.web_settings import WebSettings
from pipelines import children
from pipelines.children import LOOPBACK, Ports
from pipelines.processes import Group, child_environment, choose_port
from pipelines.safeguards import (
    UNKNOWN_USER,
    bring_up,
    refuse_absent_ledger,
    refuse_unreadable_address,
    refuse_unsafe_clock,
)
from pipelines.sign_in import SignIn, sign_in_of, write_secrets
from pipelines.ticks import Ticks


def run_up(console: Console, *, ports: Ports, web_host: str, dashboard_host: str = LOOPBACK) -> None:
    """Start everything and watch it until Ctrl-C or SIGTERM.

    Raises ConfigurationError naming everything that is missing, ValidationError for a value that cannot be used,
    ChildEnded when a process dies.
    """
    settings, ticks = Settings(), Ticks()
    Pace(), WebSettings()  # only runs and web/ read them, and each would fail
    _refuse_incomplete(settings)
    sign_in = sign_in_of(settings)
    _refuse_open_dashboard(sign_in, dashboard_host)
    has_dashboard = sign_in is not None or settings.local_user is not None
    _refuse_taken(ports, has_dashboard=has_dashboard)
    zone = _bring_up_ledger(settings)
    home = settings.home.resolve()
    dagster_home = children.prepare_dagster(home)
    variables = child_environment(
        AFTERWORD_HOME=str(home),
        AFTERWORD_LEDGER_URL=settings.ledger_address,
        AFTERWORD_NIGHTLY_ZONE=ticks.nightly_zone if "nightly_zone" in ticks.model_fields_set else zone,
        DAGSTER_HOME=str(dagster_home),
    )
    with Group(home / "logs") as group:
        dagster = children.start_dagster(group, variables, ports)
        web = children.start_web(group, variables, ports, host=web_host)
        if has_dashboard:
            file = write_secrets(sign_in, home) if sign_in else None
            dashboard = children.start_dashboard(group, variables, ports, sign_in_file=file, host=dashboard_host)
            group.wait_until_answers(dashboard, f"{ports.url(ports.dashboard)}/_stcore/health")
        group.wait_until_answers(web, f"{ports.url(ports.web)}/healthz")
        group.wait_until_answers(dagster, f"{ports.url(ports.dagster)}/server_info")
        console.print(_where(settings, sign_in, ports, home), highlight=False, soft_wrap=True)
        group.watch()
        console.print("Ending …")


def _refuse_incomplete(settings: Settings) -> None:
    refuse_unreadable_address(settings)
    refuse_unsafe_clock(settings)
    faults = missing_settings()
    if faults and not open_messengers():
        missing = "\n".join(f"- {fault.what}. {fault.mend}" for fault in faults)
        raise ConfigurationError(
            f"Nothing was started: no provider is configured.\n{missing}\n"
            "Copy .env.example to .env, fill it in and run `make up`, or try `make demo`, which needs no account."
        )


def _refuse_open_dashboard(sign_in: SignIn | None, host: str) -> None:
    """Without signing in whoever reaches the dashboard has a user's rights, so nobody beyond this machine may."""
    if sign_in is None and host != LOOPBACK:
        raise ConfigurationError(
            "--dashboard-host opens the dashboard to others, who have to sign in: set AFTERWORD_OIDC_ISSUER and what "
            "goes with it (.env.example), or leave --dashboard-host out."
        )


def _refuse_taken(ports: Ports, *, has_dashboard: bool) -> None:
    wanted = {"web": ports.web, "dagster": ports.dagster} | ({"dashboard": ports.dashboard} if has_dashboard else {})
    taken = [f"{port} (--{name}-port)" for name, port in wanted.items() if choose_port(port) != port]
    if taken:
        raise ConfigurationError(
            f"Something else listens on port {', '.join(taken)}. Is Afterword up already? End it, or choose others."
        )


def _bring_up_ledger(settings: Settings) -> str:
    """Migrate a ledger that is there already; the account's zone."""
    refuse_absent_ledger(settings)
    ledger = open_ledger(settings)
    try:
        if current_revision(ledger) is not None:
            bring_up(ledger)
            with ledger.read() as connection:
                account = the_account(connection)
                _refuse_unknown_user(connection, account.account_id, settings.local_user)
                return str(account.time_zone)
    except LookupError as problem:
        raise ConfigurationError(str(problem.args[0])) from None
    finally:
        ledger.close()
    raise ConfigurationError("There is no ledger here yet. Run `afterword init FILE` with your account's TOML file.")


def _refuse_unknown_user(connection: Connection, account_id: int, named: str | None) -> None:
    """Before the dashboard starts, and not on its first page."""
    is_known = sa.exists().where(users.c.account_id == account_id, users.c.email == named)
    if named is not None and not connection.execute(sa.select(is_known)).scalar_one():
        raise ConfigurationError(UNKNOWN_USER)


def _without_connection() -> str:
    """The channels that nobody carries, said where the person who started it looks."""
    faults = missing_settings()
    told = "\n".join(f"  {fault.what}: its messages wait in the queue. {fault.mend}" for fault in faults)
    return f"{told}\n\n" if told else ""


def _where(settings: Settings, sign_in: SignIn | None, ports: Ports, home: Path) -> str:
    if sign_in is not None:
        dashboard = f"{sign_in.dashboard_url}   for whoever signs in and is a user of the account"
    elif settings.local_user:
        dashboard = f"{ports.url(ports.dashboard)}   on this machine, as the user AFTERWORD_LOCAL_USER names"
    else:
        dashboard = (
            "not served: set AFTERWORD_LOCAL_USER to a user of the account file, or AFTERWORD_OIDC_ISSUER and what "
            "goes with it for people to sign in"
        )
    return (
        "[bold]Afterword is running.[/bold]\n\n"
        f"  [bold]Dashboard[/bold]  {dashboard}\n"
        f"  [bold]Dagster[/bold]    {ports.url(ports.dagster)}\n"
        f"  [bold]Customers[/bold]  {ports.url(ports.web)}   reached from outside as {settings.public_url}\n"
        f"  [bold]Logs[/bold]       {home / 'logs'}\n\n"
        f"{_without_connection()}"
        "`afterword doctor` looks for faults; `afterword halt` stops all sending at once. Ctrl-C ends everything."
    )
