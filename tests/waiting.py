"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], *, seconds: float = 20.0, what: str = "the condition") -> None:
    """Return as soon as `condition()` is true; AssertionError when it is not within `seconds`."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.02)
