"""Who is connected, by address: none may hold so many connections that there are none for others.

Whoever holds more than their share loses one on which nothing is under way, which costs a browser or a provider a new
connection at most; only who has a request under way on each is turned away.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Protocol


class Held(Protocol):
    """A connection."""

    @property
    def is_idle(self) -> bool:
        """Whether no request on it is whole and unanswered."""

    def give_up(self) -> None:
        """Close it without a word: nobody waits for one."""


class Crowd:
    """For one event loop. `owner_of` says to whom an address belongs; None: it says nothing, and is not counted."""

    def __init__(self, most: int, owner_of: Callable[[str], str | None]) -> None:
        self._most = most
        self.owner_of = owner_of
        self._held: defaultdict[str, dict[Held, None]] = defaultdict(dict)  # each the longest connected first

    def enter(self, connection: Held, owner: str) -> bool:
        """Count one more connection; False where it is one too many, and none of the others can be given up for it."""
        held = self._held[owner]
        if len(held) >= self._most:
            idle = next((other for other in held if other.is_idle), None)
            if idle is None:
                return False
            del held[idle]
            idle.give_up()
        held[connection] = None
        return True

    def leave(self, connection: Held, owner: str) -> None:
        """It is gone; of one that was turned away or given up this changes nothing."""
        held = self._held.get(owner, {})
        held.pop(connection, None)
        if not held:
            self._held.pop(owner, None)
