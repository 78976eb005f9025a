"""How seldom a busy process looks for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Objects that may come, beyond those that went, before anybody looks: what some hundred requests have while they wait
# for the disk, or messages for their provider. At Python's own 700 nearly all of them still wait, and seem to stay.
_COLLECT_AT = 20_000


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Look for garbage less often: under a flood of callbacks, or while messages leave, it was a fifth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(_COLLECT_AT, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
