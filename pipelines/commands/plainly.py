"""How a command ends: in words and an exit code, never in a traceback.

0 done, 1 the work failed, 2 wrong use or configuration. A foreseeable fault is one paragraph saying what, where and
how to mend it; any other names its kind and place.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import structlog
import typer
from sqlalchemy.exc import DatabaseError, OperationalError

from pipelines.commands.frame import errors
from pipelines.logs import release_logs
from pipelines.problems import (
    FORESEEN,
    MISCONFIGURED,
    kinds,
    tell,
    tell_of_database,
    tell_of_files,
    tell_of_warehouse,
    tell_person,
)

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130  # the last as shells count Ctrl-C
P = ParamSpec("P")


def plainly(command: Callable[P, None]) -> Callable[P, None]:
    """The command, with every exception told."""

    @wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except kinds(FORESEEN) as problem:  # before the others: AccountStopped is a ConfigurationError too
            _end(tell(problem), FAILED)
        except kinds(MISCONFIGURED) as problem:
            _end(tell_person(problem), WRONG_USE)
        except DatabaseError as problem:
            _end(_of_database(problem), FAILED)
        except OSError as problem:
            _end(tell_of_files(problem) or _unforeseen(problem), FAILED)
        except KeyboardInterrupt:
            _end("Interrupted. Nothing is left half done that the next run does not settle.", INTERRUPTED)
        except Exception as problem:  # noqa: BLE001  (the last stop: a person at a terminal wants words)
            _end(tell_of_warehouse(problem) or _unforeseen(problem), FAILED)
        finally:
            release_logs()

    return told


def _of_database(problem: DatabaseError) -> str:
    if foreseen := tell_of_database(problem):
        return foreseen
    if not isinstance(problem, OperationalError):  # a statement of ours was wrong
        return _unforeseen(problem)
    return (
        f"The ledger's database does not answer ({type(problem.orig).__name__}). "
        "Is it running, and is AFTERWORD_LEDGER_URL right? `afterword doctor` looks closer."
    )


def _unforeseen(problem: Exception) -> str:
    if logging.getLogger("afterword").handlers:  # else it would go to standard output, between the JSON
        structlog.get_logger(__name__).error("command failed", problem=tell(problem))
    return f"This was not foreseen: {tell(problem)}. Please report it. It is safe to run the command again."


def _end(words: str, code: int) -> None:
    errors.print(words, style="red", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)
