"""What may be told of an exception, and to whom.

`tell` is for logs, Dagster and the ledger, which keep what they are given: foreseeable problems in their own words, the
rest by kind and place, because an exception's text may quote a row (PostgreSQL's DETAIL does). `tell_person` is for
whoever typed the command or uploaded the file: it may quote their own input back to them.
"""

import traceback
from pathlib import Path

import pydantic
from pydantic_core import ErrorDetails

from connectors import AccountStopped, ConfigurationError
from connectors.csv_file import UnreadableFile
from data.account_file import AccountFileError
from data.ledger.accounts import AccountChangeRefused
from data.ledger.demo_clock import NotADemo
from data.ledger.migrate import WrongRevision
from data.warehouse import WarehouseBusy
from invitations.events import PollFailed
from invitations.policy import NoPolicy, PolicyRefused
from invitations.send import SendingHalted
from invitations.suppression_sync import SyncFailed
from invitations.take_in import ImportRefused, UnknownLocation
from pipelines.processes import ChildEnded


class DagsterRefused(Exception):
    """Dagster did not do what it was asked; the message says what."""


HOUSE = Path(__file__).resolve().parents[1]

# Their words quote what a person gave: an account file names staff, a CSV file customers, a folder anything.
QUOTING = (AccountFileError, AccountChangeRefused, PolicyRefused, UnreadableFile, UnknownLocation, ImportRefused)
# The operator's to mend before anything can work: exit code 2.
MISCONFIGURED = (
    ConfigurationError,
    WrongRevision,
    NotADemo,
    NoPolicy,
    pydantic.ValidationError,
    *QUOTING,
)
# Foreseeable while working: exit code 1, and their messages hold no personal data.
FORESEEN = (AccountStopped, SendingHalted, PollFailed, SyncFailed, WarehouseBusy, ChildEnded, DagsterRefused)


def tell(problem: BaseException) -> str:
    """One paragraph that holds no personal data."""
    if isinstance(problem, pydantic.ValidationError):
        return " ".join(_variable(error) for error in problem.errors(include_input=False, include_url=False))
    if isinstance(problem, (*MISCONFIGURED, *FORESEEN)) and not isinstance(problem, QUOTING):
        return str(problem)
    return f"{type(problem).__name__} at {place(problem)}"


def tell_person(problem: BaseException) -> str:
    """The same for whoever gave the input, in full. Never log it, nor give it to Dagster."""
    return str(problem) if isinstance(problem, QUOTING) else tell(problem)


def place(problem: BaseException) -> str:
    """The innermost line of ours that the exception went through."""
    frames = traceback.extract_tb(problem.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(HOUSE) and ".venv" not in frame.filename]
    if not ours:
        return "an unknown place"
    return f"{Path(ours[-1].filename).relative_to(HOUSE)}:{ours[-1].lineno}"


def _variable(error: ErrorDetails) -> str:
    variable = "_".join(("AFTERWORD", *(str(part).upper() for part in error["loc"])))
    return f"{variable} is wrong: {error['msg']}. Every variable is explained in .env.example."
