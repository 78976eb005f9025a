"""What may be told of an exception, and to whom.

`tell` is for logs, Dagster and the ledger, which keep what they are given: foreseeable problems in their own words, the
rest by kind and place, because an exception's text may quote a row (PostgreSQL's DETAIL does). `tell_person` is for
whoever typed the command or uploaded the file: it may quote their own input back to them.
"""

import errno
import sys
import traceback
from pathlib import Path

import pydantic
from pydantic_core import ErrorDetails


class DagsterRefused(Exception):
    """Dagster did not do what it was asked; the message says what."""


HOUSE = Path(__file__).resolve().parents[1]

# Kinds of exceptions by "module:name", so that telling of them imports nothing: `send` starts each minute, and most of
# what can go wrong elsewhere takes longer to import than it takes to send.
# Their words quote what a person gave: an account file names staff, a CSV file customers, a folder anything.
QUOTING = (
    "data.account_file:AccountFileError",
    "data.ledger.accounts:AccountChangeRefused",
    "invitations.policy:PolicyRefused",
    "connectors.csv_file:UnreadableFile",
    "invitations.take_in:UnknownLocation",
    "invitations.take_in:ImportRefused",
)
# The operator's to mend before anything can work: exit code 2.
MISCONFIGURED = (
    "connectors:ConfigurationError",
    "data.ledger.migrate:WrongRevision",
    "data.ledger.demo_clock:NotADemo",
    "invitations.policy:NoPolicy",
    "pydantic:ValidationError",
    *QUOTING,
)
# Foreseeable while working: exit code 1, and their messages hold no personal data.
FORESEEN = (
    "connectors:AccountStopped",
    "invitations.send:SendingHalted",
    "invitations.events:PollFailed",
    "invitations.suppression_sync:SyncFailed",
    "data.warehouse:WarehouseBusy",
    "pipelines.processes:ChildEnded",
    "pipelines.problems:DagsterRefused",
)

_HELD = (
    "Something else held the ledger for longer than this waits, so this gave up and wrote nothing of it; it is safe to "
    'run it again. docs/operations.md, "Something holds the ledger", shows how to find what it is.'
)
_FULL = "The disk that the ledger is on is full. Nothing is written until it has room; what was written before stays."
_CLOSED = (
    "This user may not open or write the ledger's file, or its folder: give this user the right to read and write all "
    "of AFTERWORD_HOME, or run the command as the user whose it is."
)
DAMAGED = (
    "The ledger's file is damaged, or no SQLite database at all. End what works with it and keep it: a copy takes its "
    'place, and docs/operations.md, "Backups", says what is to be done before anything is sent from one.'
)
_DATABASE_WORDS = {
    "55P03": _HELD,
    "SQLITE_BUSY": _HELD,
    "53100": _FULL,
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR_SHMSIZE": _FULL,  # no room for the 32 kB that whoever opens it first needs beside it
    "SQLITE_CANTOPEN": _CLOSED,
    "SQLITE_READONLY": _CLOSED,
    "SQLITE_READONLY_DIRECTORY": _CLOSED,
    "SQLITE_CORRUPT": DAMAGED,
    "SQLITE_NOTADB": DAMAGED,
}
# What DuckDB says of a file that is not one of its own, was cut off, or was written over.
_WAREHOUSE_MARKS = ("not a valid DuckDB database file", "Could not read enough bytes", "Corrupt database file")
_WAREHOUSE_DAMAGED = (
    "The warehouse is damaged. Delete the folder warehouse in AFTERWORD_HOME and run `afterword events`: it "
    "makes it again from the ledger."
)


def kinds(names: tuple[str, ...]) -> tuple[type[BaseException], ...]:
    """Those of the named kinds that can have been raised: the ones whose module is imported."""
    parts = (name.split(":") for name in names)
    return tuple(getattr(sys.modules[module], kind) for module, kind in parts if module in sys.modules)


def tell(problem: BaseException) -> str:
    """One paragraph that holds no personal data."""
    if isinstance(problem, pydantic.ValidationError):
        told = map(_variable, problem.errors(include_input=False, include_url=False))
        return " ".join(dict.fromkeys(told))
    if isinstance(problem, kinds((*MISCONFIGURED, *FORESEEN))) and not isinstance(problem, kinds(QUOTING)):
        return str(problem)
    return tell_of_database(problem) or tell_of_warehouse(problem) or f"{type(problem).__name__} at {place(problem)}"


def tell_of_database(problem: BaseException) -> str | None:
    """What the ledger's database could not do, if that is foreseeable: PostgreSQL's SQLSTATE, or SQLite's name for it.

    https://www.postgresql.org/docs/current/errcodes-appendix.html, https://www.sqlite.org/rescode.html
    """
    cause = getattr(problem, "orig", None)
    code = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None)
    return _DATABASE_WORDS.get(code) if isinstance(code, str) else None


def tell_of_warehouse(problem: BaseException) -> str | None:
    """What is wrong with the warehouse's file, if that is foreseeable; DuckDB has no code for it, only words."""
    is_theirs = type(problem).__module__ in ("duckdb", "_duckdb")
    return _WAREHOUSE_DAMAGED if is_theirs and any(mark in str(problem) for mark in _WAREHOUSE_MARKS) else None


def tell_of_files(problem: OSError) -> str | None:
    """What a file or folder did not allow, if that is foreseeable. For a person: it names the path."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return "The disk is full. Make room, then run this again; what was written before stays."
    if problem.filename and problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR):
        return (
            f"{problem.filename} cannot be read or written ({problem.strerror}). Give this user the right to, or run "
            "the command as the user whose it is."
        )
    return None


def tell_person(problem: BaseException) -> str:
    """The same for whoever gave the input, in full. Never log it, nor give it to Dagster."""
    return str(problem) if isinstance(problem, kinds(QUOTING)) else tell(problem)


def place(problem: BaseException) -> str:
    """The innermost line of ours that the exception went through."""
    frames = traceback.extract_tb(problem.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(HOUSE) and ".venv" not in frame.filename]
    if not ours:
        return "an unknown place"
    return f"{Path(ours[-1].filename).relative_to(HOUSE)}:{ours[-1].lineno}"


def _variable(error: ErrorDetails) -> str:
    variable = f"AFTERWORD_{str(error['loc'][0]).upper()}"  # of several values in it, whichever is wrong
    return f"{variable} is wrong: {error['msg']}. Every variable is explained in .env.example."
