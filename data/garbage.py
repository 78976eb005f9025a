"""How seldom a busy process looks for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Objects that may come, beyond those that went, before anybody looks: what some hundred requests have while they wait
# for the disk, or messages for their provider. At Python's own 700 nearly all of them still wait, and seem to stay.
_COLLECT_AT = 20_000


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Look for garbage less often, and never among what is there now: all that was imported stays anyway.

    Under a flood of callbacks it was a fifth of web/'s event loop's time, and every answer waited a tenth of a second
    for each look at everything; in a dispatch run a fifth of both processes' time.
    """
    before = gc.get_threshold()
    is_ours = not gc.get_freeze_count()  # else somebody has done so already, and undoing ours would undo theirs
    if is_ours:
        gc.collect()
        gc.freeze()
    gc.set_threshold(_COLLECT_AT, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        if is_ours:
            gc.unfreeze()
