"""Twilio's create call from an event loop: many messages at once, each in a call of its own.

Not through the SDK: its synchronous client tops out near 800 calls a second, its asynchronous one ignores timeouts and
posts again after a 5xx (provider-contracts 1.8). What is posted and what an answer proves is the messenger's, shared
with its `send`; judged by Twilio's own OpenAPI file in tests/connectors/test_specs.py.
"""

from collections.abc import Callable, Sequence
from types import TracebackType

from connectors import Message, Outcome, TemporaryFailure
from connectors.posting import NeverLeft, Poster
from connectors.twilio.form import CONTENT_TYPE, Form, encoded


class TwilioCourier:
    """`carry` of one message a call. `compose` and `conclude` are the messenger's."""

    def __init__(
        self,
        poster: Poster,
        url: str,
        *,
        compose: Callable[[Message], Form | Outcome],
        conclude: Callable[[int, bytes, Message], Outcome],
    ) -> None:
        self._poster = poster
        self._url = url
        self._compose = compose
        self._conclude = conclude

    async def __aenter__(self) -> "TwilioCourier":
        await self._poster.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._poster.__aexit__(kind, error, trace)

    async def carry(self, messages: Sequence[Message], parcel_id: str | None = None) -> Sequence[Outcome]:
        """POST Messages.json, once. Raises as `TwilioMessenger.send` does."""
        (message,) = messages  # most_per_call is 1
        form = self._compose(message)
        if not isinstance(form, dict):
            return [form]
        try:
            answer = await self._poster.post(self._url, encoded(form), CONTENT_TYPE)
        except NeverLeft as error:
            return [TemporaryFailure("not_connected", f"Twilio was not reached: {error}", is_throttle=True)]
        return [self._conclude(answer.status, answer.content, message)]
