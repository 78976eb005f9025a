"""A messenger whose `send` goes through its courier, so that what holds for one is asked of the other."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from connectors import ManyAtOnce, Message, Outcome


class Carried:
    """Everything of a messenger's, `send` by way of `courier(1).carry`."""

    def __init__(self, messenger: Any) -> None:
        assert isinstance(messenger, ManyAtOnce)
        self._messenger = messenger

    def __getattr__(self, name: str) -> Any:
        return getattr(self._messenger, name)

    def send(self, message: Message) -> Outcome:
        return carry(self._messenger, [message])[0]


def carry(messenger: ManyAtOnce, messages: Sequence[Message], parcel_id: str | None = None) -> Sequence[Outcome]:
    """One call of a courier's, in a loop of its own."""

    async def once() -> Sequence[Outcome]:
        async with messenger.courier(1) as courier:
            return await courier.carry(messages, parcel_id)

    return asyncio.run(once())


def ending(hand_over: Callable[[], object]) -> object:
    """What came of it: an outcome, or the exception as kind and words."""
    try:
        return hand_over()
    except Exception as problem:  # noqa: BLE001
        return type(problem).__name__, str(problem)
