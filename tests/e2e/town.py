"""A whole installation for a test: sandbox, web/ and a home, driven through the `afterword` command."""

import csv
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from data.settings import Settings
from tests.e2e.forks import Forks, running_forks
from tests.forked import fork_to_file
from tests.sandbox import Sandbox, running_sandbox
from tests.waiting import wait_until
from web.__main__ import main as serve_web

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "data" / "samples"
_QUOTAS = re.compile(r"(?<=^invitations_per_cycle = )\d+", re.MULTILINE)


@dataclass
class Town:
    """What runs, and the environment that production code sees. `now` is the policy time of the next command."""

    sandbox: Sandbox
    settings: Settings
    public_url: str
    now: datetime
    logs: Path
    commands: Forks
    _said: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.sandbox.environment,
            "AFTERWORD_HOME": str(self.settings.home),
            "AFTERWORD_LEDGER_URL": self.settings.ledger_address,
            "AFTERWORD_PUBLIC_URL": self.public_url,
            "AFTERWORD_NOW": self.now.isoformat(),
            "AFTERWORD_SETTLE_SECONDS": "1",
        }

    def afterword(self, *words: str) -> Any:
        """What a command says with --json. What it logs is kept for the search for personal data."""
        return json.loads(self.run(*words, "--json"))

    def run(self, *words: str) -> str:
        """Run a command; what it prints."""
        said = self.logs.with_name("said")  # what a person asked to be told is no log
        self.commands.start(*words, said=said, **self.environment)
        code = self.commands.wait(120)
        assert code == 0, f"afterword {words[0]}: {said.read_text()}\n{(self.logs / 'commands').read_text()[-3000:]}"
        return said.read_text()

    def note(self, text: str) -> None:
        """Keep what something else logged, for the same search."""
        self._said.append(text)

    def said(self) -> str:
        """Everything that was logged: by commands, and by web/."""
        files = [*self.logs.glob("*"), *(self.settings.home / "logs").rglob("*")]
        return "\n".join([*self._said, *(path.read_text(errors="replace") for path in files if path.is_file())])


@contextmanager
def running_town(
    settings: Settings, folder: Path, *, now: datetime, idle: bool = False, quotas: float = 1
) -> Iterator[Town]:
    """Sandbox first (it needs web's address, web needs its accounts), then `init`, then web/: each a process.

    `quotas`: those of the sample's account are multiplied by it.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    public_url = f"http://127.0.0.1:{port}"
    logs = folder / "logs"
    logs.mkdir()
    with (
        running_sandbox(folder / "sandbox", idle=idle, public_url=public_url, pace=0.02) as sandbox,
        running_forks(logs / "commands", {}, is_all=True) as commands,
    ):
        town = Town(sandbox, settings, public_url, now, logs, commands)
        # The sandbox's customers live by its clock; theirs and the policy's must agree.
        offset = (now - datetime.now(tz=now.tzinfo)).total_seconds()
        sandbox.post("/_sandbox/clock", {"offset_seconds": offset})
        account = (SAMPLES / "account.toml").read_text(encoding="utf-8")
        file = folder / "account.toml"
        file.write_text(_QUOTAS.sub(lambda it: str(round(int(it[0]) * quotas)), account), encoding="utf-8")
        town.run("init", str(file))
        web = fork_to_file(serve_web, ["--port", str(port)], {**os.environ, **town.environment}, logs / "web.log")
        try:
            wait_until(lambda: _is_up(public_url), what="web/")
            yield town
        finally:
            web.terminate()
            web.join(20)


def some_of_the_samples(file: Path) -> Path:
    """A third of the sample's customers, and every row that is not like the others: who works there, who came twice."""
    with (SAMPLES / "customers.csv").open(encoding="utf-8", newline="") as whole:
        header, *lines = csv.reader(whole)
    emails = ["".join(line[2:3]).strip().lower() for line in lines]
    assert header[2] == "Email"
    kept = [
        line for number, (line, email) in enumerate(zip(lines, emails, strict=True))
        if number % 3 == 0 or line[-1:] != ["Patient"] or (email and emails.count(email) > 1)
    ]  # fmt: skip
    with file.open("w", encoding="utf-8", newline="") as part:
        csv.writer(part).writerows([header, *kept])
    return file


def _is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=2).status_code == 200
    except requests.ConnectionError:
        return False
