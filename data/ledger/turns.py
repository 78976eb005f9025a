"""Taking turns at writing: on SQLite one writes at a time, and who waits must not be overtaken for ever.

SQLite lets waiters look again and again, ever more seldom. A dispatcher or a flood of callbacks that begins its next
transaction as soon as the last one has ended is always there first: a customer's answer waited for six seconds at the
median, and others for as long as the busy timeout. So there are two locks: whoever writes has the floor, and of those
who wait one is next. Only who is next may take the floor, so that nobody who comes later can.
"""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_NEXT, _FLOOR = 0, 1  # bytes of the file, each a lock
_LOOK_AGAIN = 0.001  # seconds


class Turns:
    """The turns of one ledger's file, between threads and between processes.

    Locks on a file beside it, by fcntl itself: 2 us a transaction where filelock takes 200. They are the process's own:
    a child does not inherit them, and whoever dies gives them back.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}-turn")
        self._threads = {_NEXT: threading.Lock(), _FLOOR: threading.Lock()}
        self._file: int | None = None

    @contextmanager
    def one(self, seconds: float) -> Iterator[None]:
        """Have the floor for the block. Who does not get it in so many seconds goes on: then the database decides."""
        ends = time.monotonic() + seconds
        with ExitStack() as held:
            with ExitStack() as waiting:
                self._take(_NEXT, ends, waiting)
                self._take(_FLOOR, ends, held)
            yield

    def close(self) -> None:
        """Give the file back. It is opened again for the next turn."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take(self, lock: int, ends: float, held: ExitStack) -> None:
        threads = self._threads[lock]
        if not threads.acquire(timeout=max(0.0, ends - time.monotonic())):
            return
        held.callback(threads.release)
        try:
            file = self._opened()
            while not _is_taken(file, lock):
                if time.monotonic() >= ends:
                    return
                time.sleep(_LOOK_AGAIN)  # no lock of processes can be waited for with a limit
        except OSError:  # the folder is gone, or nothing may be written there: the database says that better
            return
        held.callback(_give_back, file, lock)

    def _opened(self) -> int:
        if self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return self._file


def _is_taken(file: int, lock: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, lock)
    except (BlockingIOError, PermissionError):  # EAGAIN here, EACCES on other systems
        return False
    return True


def _give_back(file: int, lock: int) -> None:
    try:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, lock)
    except OSError:  # closed meanwhile, which gave it back
        return
