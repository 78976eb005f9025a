"""The processes that `up` and `demo` start, as one group that lives and ends together.

    with Group(log_folder) as group:
        web = group.start("web", [...], environment)
        group.wait_until_answers(web, "http://127.0.0.1:8080/healthz")
        group.watch()          # returns on Ctrl-C or SIGTERM, raises ChildEnded when one dies

Leaving the block ends every one of them, and what they started. A watchdog does so when this process is killed.
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from pipelines.sessions import end_sessions

_LOOK_EVERY_SECONDS = 0.2
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ChildEnded(Exception):
    """A process that should live ended by itself; the message names its log."""


@dataclass(frozen=True)
class Child:
    """One process, leader of a session of its own."""

    name: str
    process: subprocess.Popen[bytes]
    log_file: Path

    def refuse_if_ended(self) -> None:
        """Raises ChildEnded with the last lines of its log's place."""
        code = self.process.poll()
        if code is not None:
            raise ChildEnded(f"{self.name} ended by itself (code {code}). What it said last is in {self.log_file}.")


class Group:
    """Starts, watches and ends processes together."""

    def __init__(self, log_folder: Path) -> None:
        self.log_folder = log_folder
        self.children: list[Child] = []
        self._watchdog: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.log_folder.mkdir(parents=True, exist_ok=True)
        # Whatever asks this process to end counts as Ctrl-C while the group lives.
        self._handlers = {number: signal.getsignal(number) for number in _ENDING}
        for number in _ENDING:
            signal.signal(number, _interrupt)
        self._watchdog = subprocess.Popen(
            [sys.executable, "-m", "pipelines.sessions"],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=Path(__file__).parents[1],
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)  # once ending, nothing may leave a process behind
        end_sessions([child.process.pid for child in reversed(self.children)])
        if self._watchdog is not None:
            self._watchdog.communicate("done\n")
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], *, folder: Path) -> Child:
        """Start a process in `folder`; what it prints goes to `<name>.log`."""
        log_file = self.log_folder / f"{name}.log"
        with log_file.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  (commands are ours, never from input)
                list(command),
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, process, log_file)
        self.children.append(child)
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.stdin.write(f"{process.pid}\n")
            self._watchdog.stdin.flush()
        return child

    def wait_until_answers(self, child: Child, url: str, *, within_seconds: float = 90) -> None:
        """Wait until `url` answers below 500. Raises ChildEnded when the process ends first or takes too long."""
        deadline = time.monotonic() + within_seconds
        while not answers(url):
            child.refuse_if_ended()
            if time.monotonic() > deadline:
                raise ChildEnded(
                    f"{child.name} did not answer within {within_seconds:.0f} s. What it said is in {child.log_file}."
                )
            time.sleep(_LOOK_EVERY_SECONDS)

    def watch(self, meanwhile: Callable[[], None] | None = None) -> None:
        """Wait for Ctrl-C or SIGTERM, calling `meanwhile` about once a second. Raises ChildEnded when one dies."""
        try:
            while True:
                for child in self.children:
                    child.refuse_if_ended()
                if meanwhile is not None:
                    meanwhile()
                time.sleep(1)
        except KeyboardInterrupt:
            return


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def answers(url: str) -> bool:
    """Whether a server on this machine answers `url` with anything below 500; proxies are never asked."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=2)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def choose_port(wanted: int) -> int:
    """`wanted` if it is free on loopback, else one that is."""
    for candidate in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free on 127.0.0.1")


def child_environment(**variables: str) -> dict[str, str]:
    """This process's environment with `variables` laid over it, and bytecode allowed: starts take half as long."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", **variables}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment
