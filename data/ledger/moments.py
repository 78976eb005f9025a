"""The named moments at which a dispatch run may die: a test puts a crash there, nothing else does anything.

`passing` stands in the code where losing the process would matter: between two durable steps, and inside a
transaction just before its commit.
"""

from collections.abc import Callable
from enum import StrEnum


class Moment(StrEnum):
    """Where a message is when the process dies. `…ING` is inside the transaction, before its commit."""

    CLAIMING = "claiming"
    CLAIMED = "claimed"
    WRITTEN = "written"  # the message's text is made
    HANDING_OVER = "handing_over"
    HANDED_OVER = "handed_over"  # marked; not a byte has left
    ANSWERED = "answered"  # the provider's answer is here, and nobody wrote it down
    RECORDING = "recording"
    RECORDED = "recorded"
    RUN_ENDING = "run_ending"
    RESOLVING = "resolving"  # the provider was asked about a doubt; the answer is not written down
    RESOLVED = "resolved"


_watchers: list[Callable[[Moment], None]] = []


def passing(moment: Moment) -> None:
    """Called by the code as it passes `moment`."""
    for watcher in _watchers:
        watcher(moment)


def watch(watcher: Callable[[Moment], None]) -> None:
    """Call `watcher` at every moment from now on. For tests."""
    _watchers.append(watcher)


def unwatch() -> None:
    """Call nobody any more."""
    _watchers.clear()
