"""What every command shares: the ledger opened and checked, who is acting, and how a report is shown."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from connectors import ConfigurationError, Messenger
from connectors.registry import missing_settings, open_messengers
from data.ledger.access import access_of
from data.ledger.migrate import require_current
from data.ledger.store import Ledger, open_ledger
from data.ledger.tables import system
from data.ledger.the_account import the_account
from data.permissions import Action
from data.settings import Settings
from data.words import Channel, Role
from invitations.actor import Actor, Answer, Done, refuse_role
from pipelines.logs import configure_logs
from pipelines.safeguards import UNKNOWN_USER, refuse_absent_ledger, refuse_unreadable_address, refuse_unsafe_clock

COMMAND_LINE = "command line"
LARGEST_NUMBER = 2**63 - 1  # that a database takes
AsJson = Annotated[bool, typer.Option("--json", help="Report as JSON, for programs.")]

console = Console()
errors = Console(stderr=True)


@contextmanager
def working_ledger() -> Iterator[Ledger]:
    """The environment's ledger, of the right revision, with a safe clock; what is logged goes to AFTERWORD_HOME/logs.

    Raises ConfigurationError or WrongRevision with the mend.
    """
    settings = Settings()
    refuse_unreadable_address(settings)
    refuse_absent_ledger(settings)
    configure_logs(settings.home / "logs" / "afterword.log")
    refuse_unsafe_clock(settings)
    ledger = open_ledger(settings)
    try:
        require_current(ledger)
        _refuse_without_account(ledger)
        yield ledger
    finally:
        ledger.close()


def _refuse_without_account(ledger: Ledger) -> None:
    with ledger.read() as connection:
        try:
            the_account(connection)
        except LookupError as problem:
            raise ConfigurationError(str(problem.args[0])) from None


def required_messengers() -> Mapping[Channel, Messenger]:
    """Who carries messages. Raises ConfigurationError naming every missing variable when nobody does."""
    messengers = open_messengers()
    if not messengers:
        faults = "\n".join(f"- {fault.what}. {fault.mend}" for fault in missing_settings())
        raise ConfigurationError(f"No provider is configured, so nothing can be sent.\n{faults}")
    return messengers


def acting(ledger: Ledger) -> Actor:
    """Who acts at this terminal: the user AFTERWORD_LOCAL_USER names, with their rights and reach; else the operator.

    Whoever has a shell here could write to the ledger anyway, so without a name the operator counts as an owner.
    Raises ConfigurationError when the account has no such user.
    """
    named = ledger.settings.local_user
    with ledger.read() as connection:
        account_id = the_account(connection).account_id
        if named is None:
            return Actor(COMMAND_LINE, Role.OWNER, account_id)
        access = access_of(connection, named)
    if access is None:
        raise ConfigurationError(UNKNOWN_USER)
    places = None if access.is_every_place else frozenset(place.location_id for place in access.places)
    return Actor(access.email, access.role, account_id, places)


def looking(ledger: Ledger) -> Actor:
    """`acting`, for a command that only shows something. Raises ConfigurationError where the role may not look."""
    actor = acting(ledger)
    if refusal := refuse_role(actor, Action.VIEW):
        raise ConfigurationError(refusal.reason)
    return actor


def is_halted(ledger: Ledger) -> bool:
    """Whether the kill switch is thrown."""
    with ledger.read() as connection:
        return connection.execute(sa.select(system.c.halted_at)).scalar_one() is not None


def say(answer: Answer, *, as_json: bool, stands: bool = False) -> None:
    """An answer in its own words; 1 for a refusal, but 0 when what was asked for `stands` already."""
    is_done = isinstance(answer, Done)
    words = answer.message if isinstance(answer, Done) else answer.reason
    if as_json:
        typer.echo(json.dumps({"done": is_done, "message": words}))
    elif is_done or stands:
        console.print(words, markup=False, soft_wrap=True)
    else:
        errors.print(words, style="red", markup=False, soft_wrap=True)
    if not is_done and not stands:
        raise typer.Exit(1)


def show(title: str, report: Mapping[str, Any], *, as_json: bool) -> None:
    """A report of counts: a small table for people, one JSON object for programs."""
    if as_json:
        typer.echo(json.dumps(report, default=str))
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for name, value in report.items():
        table.add_row(name.replace("_", " "), Text(str(value), style="bold"))
    if not table.row_count:
        console.print(f"{title}: nothing to report.", markup=False)
        return
    console.print(Text(f"{title}:", style="italic"))
    console.print(table)


def show_rows(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, as_json: bool) -> None:
    """A report of rows: a table for people, a JSON list of objects for programs."""
    if as_json:
        typer.echo(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], default=str))
        return
    table = Table(title=title, title_justify="left")
    for column in columns:  # folded: an ellipsis would eat the half of a number or of a command to type
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    console.print(table)
