"""The `afterword` command without its start: each run is forked from a process that has everything loaded.

What a run does from `main` on is what the script does, in a process of its own that can be killed. Only the second of
loading is left out, which tests that start it twenty times would spend twenty times.

Reads {"words": […], "environment": {…}, "forked": bool, "said": path or null} a line, answers {"child": pid} and then
{"exit": code}. What a run prints goes to the file named, or to the log.
"""

import gc
import json
import os
import select
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from tests.compiled import share_compiled_statements
from tests.forked import fork_to_talk


def serve(arguments: list[str]) -> int:
    """Serve until stdin ends."""
    share_compiled_statements()
    if "--all" in arguments:
        from pipelines.cli import command_line  # noqa: PLC0415

        command_line()  # loads every command; runs none, of whose threads a child would have only the locks
    while line := sys.stdin.readline():
        job = json.loads(line)
        is_forked = job["forked"]
        child = os.fork() if is_forked else os.getpid()
        if child in (0, os.getpid()):
            code = _run(job["words"], job["environment"], job["said"])
            if is_forked:
                os._exit(code)
            gc.collect()
            gc.freeze()  # a child's collector would touch, and so copy, every page that it inherited
            _say(child=child)
        else:
            _say(child=child)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        _say(exit=code)
    return 0


def _run(words: list[str], environment: Mapping[str, str], said: str | None) -> int:
    from pipelines.cli import main  # noqa: PLC0415  (the process that only starts this one needs none of it)

    os.environ.update(environment)
    sys.argv = ["afterword", *words]
    answers, sys.stdout = sys.stdout, open(said, "w", encoding="utf-8") if said else sys.stderr  # noqa: SIM115
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stdout = answers
    return 0


def _say(**words: int) -> None:
    print(json.dumps(words), flush=True)  # noqa: T201  (the contract)


class Forks:
    """The process from outside. One run at a time."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], environment: Mapping[str, str]) -> None:
        self._in = stdin
        self._out = stdout
        self._environment = dict(environment)
        self._child = 0

    def load(self, *words: str, **environment: str) -> None:
        """Run a command in the process itself, so that every child inherits what it loads and compiles."""
        self._give(words, {**self._environment, **environment}, forked=False)
        assert self.wait(None) == 0

    def start(self, *words: str, said: Path | None = None, **environment: str) -> None:
        """Let a run begin; `wait` or `kill` must follow. What it prints is written to `said`."""
        self._give(words, {**self._environment, **environment}, forked=True, said=said)

    def has_ended(self, seconds: float = 0.0) -> bool:
        """Whether it ends by itself within so many seconds."""
        return bool(select.select([self._out], [], [], seconds)[0])

    def kill(self) -> int:
        """SIGKILL; the exit code, which is not -9 when it was faster."""
        os.kill(self._child, signal.SIGKILL)
        return self.wait(None)

    def wait(self, seconds: float | None) -> int:
        """Its exit code. AssertionError when it takes longer than `seconds` (None: however long)."""
        assert seconds is None or self.has_ended(seconds), f"not done after {seconds:g} seconds"
        return int(self._answer()["exit"])

    def _give(
        self, words: tuple[str, ...], environment: Mapping[str, str], *, forked: bool, said: Path | None = None
    ) -> None:
        job = {"words": words, "environment": environment, "forked": forked, "said": str(said) if said else None}
        self._in.write(json.dumps(job).encode() + b"\n")
        self._in.flush()
        self._child = int(self._answer()["child"])

    def _answer(self) -> dict[str, Any]:
        line = self._out.readline()
        assert line, "the process that forks has died: see its log"
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def running_forks(log: Path, environment: Mapping[str, str], *, is_all: bool = False) -> Iterator[Forks]:
    """A process to fork from, with every command loaded where `is_all`; what is printed and logged goes to `log`."""
    process, stdin, stdout = fork_to_talk(serve, ["--all"] if is_all else [], os.environ, log)
    try:
        with stdin, stdout:
            yield Forks(stdin, stdout, environment)
    finally:
        process.join(30)
