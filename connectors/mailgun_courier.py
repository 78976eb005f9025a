"""Mailgun from an event loop: one recipient a call, or up to a thousand with recipient variables.

In a parcel everything that differs travels as a variable of its recipient's and is put in by Mailgun: subject, texts,
attempt, one-click address. https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/batch-sending
speaks of the message only; that variables work in `h:` and `v:` too is what Ghost (h:List-Unsubscribe, its newsletters)
and django-anymail (merge_headers, merge_metadata) rely on. They have not been seen in a sender's name, so messages of
different senders do not share a call; nor do pictures, which everybody in a call would get.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType

from connectors import Accepted, AccountStopped, Message, Outcome, PermanentFailure, TemporaryFailure
from connectors.mail_headers import one_line
from connectors.mailgun_api import PARCEL, Part, multipart, own_name
from connectors.posting import NeverLeft, Poster

MOST_RECIPIENTS = 1000
_MOST_BYTES = 5_000_000  # of what differs in a call: two megabits a second bring it there before silence is doubt
_TOO_MANY = "403"  # of a call with many recipients: not allowed to this account yet; of one with one: the account
_MOST_CALLS = 32  # of one parcel: what it is split into must fit into one deadline
_MAILGUNS_OWN = re.compile(r"%(recipient|unsubscribe|mailing_list|tag_)", re.IGNORECASE)  # it would fill something in
_VARIED = ("subject", "text", "html", "unsubscribe_url", "attempt_id")


class MailgunCourier:
    """`carry` of one message or of a parcel. `compose` and `conclude` are the messenger's."""

    def __init__(
        self,
        poster: Poster,
        url: str,
        domain: str,
        *,
        compose: Callable[[Message], list[Part] | Outcome],
        conclude: Callable[[int, Mapping[str, str], bytes], Outcome],
    ) -> None:
        self._poster = poster
        self._url = url
        self._domain = domain
        self._compose = compose
        self._conclude = conclude
        self._largest = MOST_RECIPIENTS  # what this account is found to be allowed

    async def __aenter__(self) -> "MailgunCourier":
        await self._poster.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._poster.__aexit__(kind, error, trace)

    async def carry(self, messages: Sequence[Message], parcel_id: str | None = None) -> Sequence[Outcome]:
        """Post to Mailgun, each message once. A parcel is one call where its messages allow it.

        One that Mailgun refuses whole (one address in it is none; it is too large) is halved until the fault is found:
        a refusal proves that nobody was written to. Where Mailgun allows this account no call so large, it is made
        smaller, once one recipient alone has shown that it is not the account. Raises AccountStopped only while nothing
        was accepted; Unclear is for all, also for those accepted before it: asking Mailgun finds them.
        """
        outcomes, sendable = self._unsendable(messages)
        waiting = deque(part for group in _groups(messages, sendable) for part in self._allowed(group))
        ending: Outcome | None = None  # what ended the parcel early holds for all that did not leave
        for call in range(_MOST_CALLS):
            if not waiting or ending:
                break
            group = waiting.popleft()
            try:
                outcome = await self._post([messages[n] for n in group], f"{PARCEL}{parcel_id}.{call}@{self._domain}")
            except AccountStopped as stop:
                is_taking = any(isinstance(known, Accepted) for known in outcomes.values())
                if stop.code == _TOO_MANY and len(group) > 1:
                    waiting = self._smaller(group, waiting, is_taking=is_taking)
                    continue
                if not is_taking:
                    self._largest = MOST_RECIPIENTS
                    raise
                outcome = TemporaryFailure(stop.code, stop.reason, is_throttle=True)
            if isinstance(outcome, PermanentFailure) and len(group) > 1:
                middle = len(group) // 2
                waiting.extend((group[:middle], group[middle:]))
                continue
            outcomes.update(_each(outcome, group, messages))
            ending = outcome if isinstance(outcome, TemporaryFailure) else None
        rest = ending or TemporaryFailure("parcel_refused", "its parcel was refused: too many faults in it")
        outcomes.update((n, rest) for group in waiting for n in group)
        return [outcomes[n] for n in range(len(messages))]

    def _unsendable(self, messages: Sequence[Message]) -> tuple[dict[int, Outcome], list[int]]:
        """What is known of messages that cannot be written, and the others, by their place."""
        composed = enumerate(map(self._compose, messages))
        known = {n: written for n, written in composed if not isinstance(written, list)}
        return known, [n for n in range(len(messages)) if n not in known]

    def _allowed(self, group: Sequence[int]) -> list[Sequence[int]]:
        """In calls as large as this account may make them."""
        return [group[at : at + self._largest] for at in range(0, len(group), self._largest)]

    def _smaller(
        self, group: Sequence[int], waiting: Iterable[Sequence[int]], *, is_taking: bool
    ) -> deque[Sequence[int]]:
        """Those calls made half as large as the one that was refused, behind one recipient alone if none was taken."""
        self._largest = min(self._largest, len(group) // 2)
        alone, rest = ([], group) if is_taking else ([group[:1]], group[1:])
        return deque([*alone, *(part for later in (rest, *waiting) for part in self._allowed(later))])

    async def _post(self, messages: Sequence[Message], message_id: str) -> Outcome:
        """One call: what its answer proves for all of them."""
        fields = self._compose(messages[0]) if len(messages) == 1 else self._compose_parcel(messages, message_id)
        if not isinstance(fields, list):
            return fields
        try:
            answer = await self._poster.post(self._url, *multipart(fields))
        except NeverLeft as error:
            return TemporaryFailure("not_connected", f"Mailgun was not reached: {error}", is_throttle=True)
        return self._conclude(answer.status, answer.headers, answer.content)

    def _compose_parcel(self, messages: Sequence[Message], message_id: str) -> list[Part] | Outcome:
        """The first one's fields with a variable wherever they differ."""
        first = messages[0]
        names = [name for name in _VARIED if getattr(first, name) is not None]
        fields = self._compose(replace(first, **{name: f"%recipient.{name}%" for name in names}))  # type: ignore[arg-type]
        if not isinstance(fields, list):
            return fields
        variables = {message.to: {name: _value(name, getattr(message, name)) for name in names} for message in messages}
        return [
            *(field for field in fields if field[0] not in ("to", "h:Message-Id")),
            *(("to", message.to) for message in messages),
            ("h:Message-Id", f"<{message_id}>"),
            ("recipient-variables", json.dumps(variables, ensure_ascii=False)),
        ]


def _value(name: str, value: str) -> str:
    return value if name in ("text", "html") else one_line(value)


def _each(outcome: Outcome, group: Sequence[int], messages: Sequence[Message]) -> Iterable[tuple[int, Outcome]]:
    """One outcome for each of a call's messages: they share a Message-Id, and each gets a name of its own."""
    for n in group:
        if isinstance(outcome, Accepted) and len(group) > 1:
            yield n, Accepted(own_name(outcome.provider_message_id, messages[n].attempt_id))
        else:
            yield n, outcome


def _groups(messages: Sequence[Message], sendable: Iterable[int]) -> list[list[int]]:
    """What may share a call: the same sender and parts, no address twice (Mailgun drops the second), not too much."""
    groups: dict[tuple[object, ...], list[int]] = {}
    seen: set[str] = set()
    for n in sendable:
        message = messages[n]
        written = (
            message.to, message.subject or "", message.text, message.html or "", message.from_name or "",
            message.reply_to or "",
        )  # fmt: skip
        is_alone = (
            bool(message.pictures)
            or message.to.casefold() in seen
            or any(_MAILGUNS_OWN.search(text) for text in written)
        )
        seen.add(message.to.casefold())
        likeness = (message.from_name, message.reply_to, *(getattr(message, name) is None for name in _VARIED))
        groups.setdefault((n,) if is_alone else likeness, []).append(n)
    return [part for group in groups.values() for part in _cut(group, messages)]


def _cut(group: Sequence[int], messages: Sequence[Message]) -> Iterable[list[int]]:
    """Parts that Mailgun (25 MB) and a slow line can take: one refused by a proxy for its size would be doubt."""
    part: list[int] = []
    size = 0
    for n in group:
        weight = sum(len((getattr(messages[n], name) or "").encode("utf-8", "replace")) for name in _VARIED)
        if part and size + weight > _MOST_BYTES:
            yield part
            part, size = [], 0
        part.append(n)
        size += weight
    yield part
