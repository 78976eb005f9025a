"""A process that has everything loaded and does nothing but fork: a child that costs no start can die a thousand times.

Reads one job a line (JSON), answers with two: {"child": pid} and {"exit": code}; between them a child that stalls
writes one of its own. Its first line is {"ready": true}. A job with "warm" is carried out in the nursery itself, once
for each kind of database, so that every child inherits compiled statements.
"""

import gc
import json
import logging
import os
import select
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import structlog

from tests.forked import fork_to_talk
from tests.reliability.jobs import DIED, Job, carry_out, forget_messengers, messengers_of

GO_ON = b"x"  # wakes a child that stalls


def main(words: list[str]) -> int:
    """Serve until stdin ends."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    _say(ready=True)
    while line := _read_line():
        job = json.loads(line)
        is_warming = job.pop("warm")
        task = Job.of(job)
        messengers_of(task)
        child = 0 if is_warming else os.fork()
        if child == 0:
            if not is_warming:
                gc.disable()
            code = _live(task)
            if not is_warming:
                os._exit(code)
            forget_messengers()
            gc.collect()
            gc.freeze()  # a child's collector would touch, and so copy, every page that it inherited
            _say(exit=code)
            continue
        _say(child=child)
        _, status = os.waitpid(child, 0)
        _say(exit=os.waitstatus_to_exitcode(status))
    return 0


def _live(job: Job) -> int:
    try:
        carry_out(job)
    except BaseException:  # noqa: BLE001  (told to the test, which fails)
        traceback.print_exc()
        return 1
    return 0


def _read_line() -> str:
    """One byte at a time: what follows may be meant for a child that stalls. What a dead one left is dropped."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            return ""
        line += byte
    return line.lstrip(GO_ON).decode()


def _say(**words: Any) -> None:
    print(json.dumps(words), flush=True)  # noqa: T201  (the contract)


class Nursery:
    """The nursery from outside."""

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes], errors: Path) -> None:
        self._errors = errors
        self._in = stdin
        self._out = stdout
        self._ended = b""  # read already: how the child ended
        self.child = 0  # its process id
        self._answer()

    def warm(self, job: Job) -> None:
        """Carry a job out in the nursery itself."""
        self._give({**job.as_words(), "warm": True})
        self._answer()

    def start(self, job: Job) -> None:
        """Let a child begin; `end` must follow."""
        self._give({**job.as_words(), "warm": False})
        self.child = int(self._answer()["child"])

    def wait_for_stall(self) -> bool:
        """Whether the child stalls now; False when it has ended instead."""
        line = self._read()
        if line == b"stalled\n":
            return True
        self._ended = line
        return False

    def go_on(self) -> None:
        """Wake the child that stalls."""
        self._in.write(GO_ON)
        self._in.flush()

    def has_said_something(self) -> bool:
        """Whether a line waits to be read: of a child that was started, that it has ended."""
        return bool(self._ended or select.select([self._out], [], [], 0)[0])

    def end(self) -> bool:
        """Wait for the child: whether it died, as it was to. AssertionError when it failed in another way."""
        code = self._answer()["exit"]
        died = (DIED, -signal.SIGKILL)
        assert code in (0, *died), f"a child ended with {code}: {self._errors.read_text()[-3000:]}"
        return code in died

    def live(self, job: Job) -> bool:
        """One child from beginning to end: whether it died at its moment."""
        self.start(job)
        return self.end()

    def _give(self, words: dict[str, Any]) -> None:
        self._in.write(json.dumps(words).encode() + b"\n")
        self._in.flush()

    def _answer(self) -> dict[str, Any]:
        words: dict[str, Any] = json.loads(self._read())
        return words

    def _read(self) -> bytes:
        line, self._ended = self._ended or self._out.readline(), b""
        assert line, f"the nursery died: {self._errors.read_text()[-3000:]}"
        return line


@contextmanager
def running_nursery(folder: Path) -> Iterator[Nursery]:
    """A nursery; what children say on stderr is kept in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    errors = folder / "nursery.log"
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TWILIO_", "MAILGUN_", "AFTERWORD_"))}
    process, stdin, stdout = fork_to_talk(main, [], inherited, errors)
    try:
        with stdin, stdout:
            yield Nursery(stdin, stdout, errors)
    finally:
        process.join(30)
