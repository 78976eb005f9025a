"""The command line on a scratch home, and the ledger that it will open."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from pipelines.cli import command_line
from tests.pipelines.commands import Result, Run

OURS = ("AFTERWORD_", "TWILIO_", "MAILGUN_")


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `afterword …` on a scratch home, with no provider configured unless the test says so."""
    for variable in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AFTERWORD_HOME", str(home))

    def run(*arguments: str, **variables: str) -> Result:
        result = CliRunner().invoke(command_line(), list(arguments), env=variables)
        return Result(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def ledger(home: Path, sqlite_template: Path) -> Iterator[Ledger]:
    """The ledger that the command will open."""
    shutil.copy2(sqlite_template, home / "ledger.sqlite")
    ledger = open_ledger(Settings(home=home))
    yield ledger
    ledger.close()
