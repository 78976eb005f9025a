"""A Messenger of our own Protocol that writes down what it was handed and answers as a test says.

It plays no provider (connectors/sandbox does): it is for what only shows inside a process, such as a STOP that
comes between claim and hand-over.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock

from connectors import Absent, Accepted, Doubt, Found, LookUp, Message, Outcome
from data.words import Channel


class Recorder:
    """Accepts everything, unless `answer` says otherwise. `taken` is what really arrived."""

    name = "recorder"
    channels = frozenset(Channel)

    def __init__(self, answer: Callable[[Message], Outcome | None] | None = None) -> None:
        self.answer = answer
        self.taken: list[Message] = []
        self.clock = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
        self._lock = Lock()

    def take(self, message: Message) -> Accepted:
        """The provider has it now, whatever the caller gets to hear."""
        with self._lock:
            self.taken.append(message)
        return Accepted(f"PM-{message.attempt_id}")

    def send(self, message: Message) -> Outcome:
        outcome = self.answer(message) if self.answer else None
        return outcome or self.take(message)

    def sender(self, channel: Channel) -> str:
        return "recorder"

    def look_up(self, doubt: Doubt) -> LookUp:
        self.clock += timedelta(minutes=16)
        with self._lock:
            for message in self.taken:
                if message.link == doubt.link:
                    return Found(f"PM-{message.attempt_id}")
        return Absent(self.clock)

    @property
    def messengers(self) -> "dict[Channel, Recorder]":
        return dict.fromkeys((Channel.SMS, Channel.EMAIL), self)
