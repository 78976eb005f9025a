"""The far side of the inbox: groups of posts come down a line, each is stored in one transaction, and answered.

In web/ as it is served this is a process of its own, for in one process the event loop and the writing of rows would
take turns at one interpreter. In tests it is a thread, with the same line between.

A frame is four bytes of length and a pickle: both ends are ours, and nobody else holds one.
"""

import gc
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, BinaryIO

import sqlalchemy as sa
import structlog

from data.ledger.store import open_ledger
from data.settings import Settings
from invitations.events import Posted, receive_posted
from web.access import frames_of
from web.clock import PolicyClock

log = structlog.get_logger(__name__)

Store = Callable[[Sequence[Posted]], Sequence[bool]]  # in one transaction, all or nothing
OpenStore = Callable[[], AbstractContextManager[Store]]
Result = bool | str  # of a post: whether it was taken; in words what kind of thing the ledger raised

LENGTH = 4  # bytes of a frame that say how many follow
_HOPELESS = 3  # posts in a row that the ledger took neither together nor one by one: it is the ledger, not the posts


def as_frame(content: Any) -> bytes:
    """To be sent down the line."""
    pickled = pickle.dumps(content, protocol=pickle.HIGHEST_PROTOCOL)
    return len(pickled).to_bytes(LENGTH) + pickled


def write_on(line: socket.socket, open_store: OpenStore) -> None:
    """Say which process this is; then store every group that comes, and report results and seconds, until the end.

    Whether anybody still listens makes no difference: what has come is stored.
    """
    with line, line.makefile("rb") as coming, open_store() as store:
        _say(line, os.getpid())
        for group in _groups(coming):
            began = time.perf_counter()
            results = _stored(store, group)
            _say(line, (results, time.perf_counter() - began))


def _say(line: socket.socket, content: Any) -> None:
    with suppress(OSError):  # web/ was killed, and whoever posted was told nothing: they post again
        line.sendall(as_frame(content))


def _groups(coming: BinaryIO) -> Iterator[Sequence[Posted]]:
    with suppress(ConnectionResetError):  # killed with an answer unread
        while len(length := coming.read(LENGTH)) == LENGTH:
            pickled = coming.read(int.from_bytes(length))
            if len(pickled) < int.from_bytes(length):
                return  # killed in the middle of a frame
            yield pickle.loads(pickled)  # noqa: S301  (our own process wrote it)


def _stored(store: Store, group: Sequence[Posted]) -> list[Result]:
    try:
        return list(store(group))
    except Exception as problem:  # noqa: BLE001  (whoever waits must be told, and the writer must go on)
        if len(group) == 1:
            return [_kind(problem)]
        log.warning("callbacks_stored_one_by_one", posts=len(group), problem=type(problem).__name__)
    return _stored_one_by_one(store, group)


def _stored_one_by_one(store: Store, group: Sequence[Posted]) -> list[Result]:
    """One bad post must not fail its neighbours; but a ledger that cannot be written is not asked for each."""
    results: list[Result] = []
    failed = 0
    for one in group:
        if failed >= _HOPELESS:
            results.append(results[-1])
            continue
        try:
            results += store([one])
            failed = 0
        except Exception as problem:  # noqa: BLE001  (as above)
            results.append(_kind(problem))
            failed = failed + 1 if isinstance(problem, sa.exc.OperationalError) else 0
    return results


def _kind(problem: Exception) -> str:
    """What crosses the line, and is logged: never a message, which may quote what was posted."""
    kind = type(problem).__name__
    log.error("callback_not_stored", problem=kind, frames=frames_of(problem))
    return kind


@contextmanager
def ledger_store(settings: Settings) -> Iterator[Store]:
    """Stores and applies what was posted, over a ledger of its own."""
    ledger = open_ledger(settings)
    clock = PolicyClock(ledger)
    try:
        yield lambda posted: receive_posted(ledger, posted, now=clock())
    finally:
        ledger.close()


def start_thread(open_store: OpenStore) -> socket.socket:
    """A writer in a thread of this process; our end of the line. It ends with the line."""
    ours, theirs = socket.socketpair()
    threading.Thread(target=write_on, args=[theirs, open_store], name="inbox", daemon=True).start()
    return ours


class Nursery:
    """A process, forked while this one has no thread and no connection, that forks a writer whenever one is asked for.

    By the time a writer has died this process has threads, and what they hold at that moment a fork would hold forever.
    """

    def __init__(self, open_store: OpenStore) -> None:
        self._open_store = open_store
        self._ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        self._pid = _fork(lambda: self._serve(theirs))
        theirs.close()

    def start_writer(self) -> socket.socket:
        """A new writer; our end of the line to it. It ends with the line, having stored what has come."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._ours, [b"w"], [theirs.fileno()])
            except OSError:
                log.error("callbacks_writers_nursery_gone")  # slower by half, and nothing else
                ours.close()
                return start_thread(self._open_store)
        return ours

    def close(self) -> None:
        """No more writers. The one at work goes on until its line ends."""
        self._ours.close()
        os.waitpid(self._pid, 0)

    def _serve(self, asked: socket.socket) -> None:
        self._ours.close()
        # Ctrl-C reaches the whole group of processes, and systemd's SIGTERM as well: web/ answers what it has taken
        # first, and whoever writes ends after it.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a writer
        gc.freeze()  # or collecting would copy every page that forks share
        while lines := socket.recv_fds(asked, 1, 1)[1]:
            with socket.socket(fileno=lines[0]) as line:
                self._fork_writer(asked, line)

    def _fork_writer(self, asked: socket.socket, line: socket.socket) -> None:
        def write() -> None:
            asked.close()  # or nobody could tell that the nursery is gone
            write_on(line, self._open_store)

        _fork(write)


def _fork(work: Callable[[], None]) -> int:
    """The id of a new process that does this and nothing else."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except Exception as problem:  # noqa: BLE001  (nobody is there to catch it; `finally` ends the process)
        log.error("callbacks_writer_failed", problem=type(problem).__name__, frames=frames_of(problem))
    finally:
        sys.stdout.flush()
        os._exit(code)
