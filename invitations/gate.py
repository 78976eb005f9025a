"""How many calls one provider gets at a time, over all the channels that it carries.

Twilio limits what is under way for an account (20429): a throttle halves what may be, and pauses everything; as many
successes in a row as may be under way add one again, up to the operator's limit.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from datetime import timedelta

LONGEST_PAUSE = timedelta(seconds=10)  # who asks for more is left alone until the next run
THROTTLES = 5  # in a row, and they are left alone too
_LONGEST_WAIT = 30.0  # seconds, by our own guess


class Gate:
    """Used inside the loop, by every lane of one messenger."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.allowed = most
        self.under_way = 0
        self.is_shut = False  # for the rest of the run
        self._open_at = 0.0
        self._throttles = self._successes = 0
        self._told: deque[Callable[[], None]] = deque()
        self._is_telling = False

    def tell(self, is_free: Callable[[], None]) -> None:
        """Call `is_free` once a turn of the loop in which places were given back, each lane first in its turn."""
        self._told.append(is_free)

    @property
    def pause(self) -> float:
        """Seconds until the next call may be made."""
        return max(self._open_at - time.monotonic(), 0.0)

    def enter(self) -> bool:
        """Take a place among the calls under way, if one is free now."""
        if self.is_shut or self.under_way >= self.allowed or self.pause > 0:
            return False
        self.under_way += 1
        return True

    def leave(self) -> None:
        """Give the place back."""
        self.under_way -= 1
        if self._told and not self._is_telling:
            self._is_telling = True
            asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        """Once for all the answers that the loop has heard: what leaves next is handed over together."""
        self._is_telling = False
        self._told.rotate()
        for is_free in list(self._told):
            is_free()

    def succeeded(self) -> None:
        """The provider answered as it should."""
        self._throttles = 0
        self._successes += 1
        if self.allowed < self._most and self._successes >= self.allowed:
            self.allowed, self._successes = self.allowed + 1, 0

    def throttled(self, retry_after: timedelta | None) -> None:
        """The provider is asked too much. Those that were under way when it said so count once."""
        self._successes = 0
        if self.pause > 0:
            return
        self._throttles += 1
        self.allowed = max(self.allowed // 2, 1)
        guessed = min(2.0**self._throttles, _LONGEST_WAIT) * random.uniform(0.25, 0.5)  # noqa: S311  (no secret)
        wait = retry_after or timedelta(seconds=guessed)
        if wait > LONGEST_PAUSE or self._throttles >= THROTTLES:
            self.is_shut = True
        self._open_at = time.monotonic() + wait.total_seconds()
