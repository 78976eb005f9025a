"""The desk in a process of its own, for runs that make many calls at a time.

In one process the calls and the rows are Python both, and take turns at one interpreter: each waited for the other
longer than it worked. The process is told what to do down a line, one thing at a time, and does it in a transaction of
its own before it answers. It knows no provider and ends with the line, so that it cannot outlive who started it.

When it is gone before it has answered, nobody knows whether that transaction was committed. The same thing is then done
with the ledger at hand: what was accepted is recorded once, however often it is told; what was handed over and not
told is not handed over again, and is in doubt when its lease ends; what was claimed and not told lapses.
"""

import gc
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import datetime, timedelta
from multiprocessing import Pipe
from multiprocessing.connection import Connection as Line
from operator import attrgetter
from pickle import PicklingError
from typing import Any

import structlog

from connectors import ConfigurationError, Message
from data.garbage import rarely_collected
from data.ledger.dispatch import Carrier, Claim
from data.ledger.store import Ledger, open_ledger
from data.pace import Pace
from data.words import Channel
from invitations.desk import Change, Desk, Given, Leaving, Taken
from invitations.writing import Written

log = structlog.get_logger(__name__)

MANY_CALLS = 64  # at a time: with fewer, whoever makes them waits for the provider and not for the interpreter
_ENDS_SECONDS = 20.0  # longer than the ledger makes anybody wait


class FarDesk:
    """Used by one thread, as a Desk; works with the ledger at hand until the process is ready, and when it is gone."""

    def __init__(self, ledger: Ledger, pace: Pace) -> None:
        self._near = Desk(ledger, pace)
        self._line, theirs = Pipe()
        self._is_ready = self._is_gone = False
        with theirs:
            words = [sys.executable, "-m", "invitations.far_desk", str(theirs.fileno())]
            self.process = subprocess.Popen(  # noqa: S603  (our own module)
                words,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for whoever started it
            )
        with suppress(OSError):  # it has ended already, which is found when it is asked
            self._line.send((ledger.settings, pace))

    def take(
        self, batch_id: int, carriers: Mapping[Channel, Carrier], now: datetime, limit: int, cap: timedelta | None
    ) -> Written:
        """As Desk's."""
        return _unfolded(*self._ask("take", batch_id, carriers, now, limit, cap))

    def put_down(
        self, taken: Taken | None, leaving: Leaving | None, changes: Sequence[Change] = ()
    ) -> tuple[Given, list[Any]]:
        """As Desk's. Changes, of which there are few, cannot travel."""
        if changes:
            return self._near.put_down(taken, leaving, changes)
        return self._ask("put_down", taken, leaving)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Let the process end, after what it does; waits for it."""
        self._line.close()
        try:
            self.process.wait(_ENDS_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _ask(self, what: str, *words: Any) -> Any:
        if self.is_at_work():
            try:
                self._line.send((what, words))
                answer, problem = self._line.recv()
            except (OSError, EOFError):
                self._is_gone = True
                log.warning("the desk is gone", exit_status=self.process.poll())
            else:
                if problem is not None:
                    raise problem
                return answer
        return _done(self._near, what, words)

    def is_at_work(self, within: float = 0.0) -> bool:
        """Whether the process is there; waits so many seconds for it to come."""
        if self._is_ready or self._is_gone:
            return not self._is_gone
        try:
            self._is_ready = self._line.poll(within) and self._line.recv() is None
        except (OSError, EOFError):
            self._is_gone = True
            log.warning("the desk did not come to work", exit_status=self.process.poll())
        return self._is_ready


def serve(line: Line) -> None:
    """The process's own work, until the line ends."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # systemd tells every process: whoever started it still needs it
    settings, pace = line.recv()
    ledger = open_ledger(settings)
    desk = Desk(ledger, pace)
    gc.freeze()
    try:
        with rarely_collected(), suppress(EOFError, OSError):  # whoever started it has ended, in whatever way
            line.send(None)
            while True:
                what, words = line.recv()
                told: tuple[Any, Exception | None]
                try:
                    told = _done(desk, what, words), None
                except Exception as problem:  # noqa: BLE001  (travels to whoever waits)
                    told = None, problem
                _tell(line, told)
    finally:
        ledger.close()


def _done(desk: Desk, what: str, words: Sequence[Any]) -> Any:
    answer = getattr(desk, what)(*words)
    return _folded(*answer) if what == "take" else answer


# Messages travel as tuples: to pickle their classes takes fifteen times as long.
_CLAIM, _MESSAGE = (attrgetter(*(one.name for one in fields(kind))) for kind in (Claim, Message))


def _folded(
    written: list[tuple[Claim, Message]], unwritable: list[tuple[Claim, ConfigurationError]]
) -> tuple[list[Any], list[Any]]:
    return [(_CLAIM(claim), _MESSAGE(message)) for claim, message in written], unwritable


def _unfolded(written: list[Any], unwritable: list[Any]) -> Written:
    return [(Claim(*claim), Message(*message)) for claim, message in written], unwritable


def _tell(line: Line, told: tuple[Any, Exception | None]) -> None:
    try:
        line.send(told)
    except (PicklingError, TypeError, AttributeError):
        line.send((None, RuntimeError(type(told[1]).__name__)))


if __name__ == "__main__":
    serve(Line(int(sys.argv[1])))
