"""Ending process sessions whole, and the watchdog that does it when the parent can no longer.

A child started in a session of its own may have children that it does not end (Dagster's runs outlive `dagster dev`
on Ctrl-C). On Linux the kernel tells who belongs to a session; elsewhere the process group has to do.

`python -m pipelines.sessions` is the watchdog: it reads session ids from standard input, one a line. When the other
end closes, because the parent was killed, it ends every session it was told of.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path

GRACE_SECONDS = 8.0
_LOOK_EVERY_SECONDS = 0.05


def members(session: int) -> list[int]:
    """The live processes of a session, its leader included."""
    proc = Path("/proc")
    if not (proc / "self/stat").exists():
        try:
            os.killpg(session, 0)
        except (ProcessLookupError, PermissionError):
            return []
        return [-session]  # the whole group, as kill() spells it
    found = []
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, _parent, _group, of_session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it ended while we looked
            continue
        if int(of_session) == session and state != "Z":
            found.append(int(entry.name))
    return found


def end_sessions(sessions: Iterable[int], *, grace_seconds: float = GRACE_SECONDS) -> None:
    """Ask every process of these sessions to end, and kill what has not within the grace."""
    sessions = list(sessions)
    for session in sessions:  # the leader first: it knows how to end its own children in order
        _signal([pid for pid in members(session) if abs(pid) == session], signal.SIGTERM)
    _all_gone(sessions, grace_seconds, leaders_only=True)
    _signal([pid for session in sessions for pid in members(session)], signal.SIGTERM)
    if _all_gone(sessions, 2.0):
        return
    _signal([pid for session in sessions for pid in members(session)], signal.SIGKILL)
    _all_gone(sessions, 2.0)


def _all_gone(sessions: list[int], within_seconds: float, *, leaders_only: bool = False) -> bool:
    deadline = time.monotonic() + within_seconds
    while any(abs(pid) == session or not leaders_only for session in sessions for pid in members(session)):
        if time.monotonic() > deadline:
            return False
        for session in sessions:  # children of ours become nobody's zombies
            with contextlib.suppress(ChildProcessError):
                os.waitpid(session, os.WNOHANG)
        time.sleep(_LOOK_EVERY_SECONDS)
    return True


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def watch() -> None:
    """Wait for the parent to go, then end what it left. A line `done` means that it tidied up by itself."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sessions = []
    for line in sys.stdin:
        if line.strip() == "done":
            return
        sessions.append(int(line))
    end_sessions(sessions)


if __name__ == "__main__":
    watch()
