"""One channel of a dispatch run: it hands over, calls and records, as many messages at a time as its gate lets through.

A refused account closes the lane and opens its sender's breaker; other channels go on.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors import (
    Accepted,
    ConfigurationError,
    Courier,
    Message,
    Outcome,
    PermanentFailure,
    TemporaryFailure,
)
from data.ledger.dispatch import Claim
from data.ledger.moments import Moment, passing
from data.pace import Pace
from data.words import AttemptOutcome, Channel
from invitations.clerk import Clerk
from invitations.deadline import before
from invitations.desk import Leaving
from invitations.endings import Endings
from invitations.gate import Gate
from invitations.segments import count_segments

DEADLINE_SECONDS = 45.0  # for one whole call, far below the lease
# That a sender's rate may ask for: two seconds for each segment of the longest text. A day's end is further away.
LONGEST_TURN = timedelta(minutes=1)


class AnswersMissing(Exception):
    """A provider answered for another number of messages than it was given: nobody knows which answer is whose."""


@dataclass(frozen=True, slots=True)
class Item:
    """A claimed message, written."""

    claim: Claim
    message: Message


class Lane:
    """Made and used inside the loop. `counted` is told each message's end; `refusal` is why the lane was closed."""

    def __init__(
        self,
        channel: Channel,
        courier: Courier,
        clerk: Clerk,
        gate: Gate,
        *,
        pace: Pace,
        per_call: int,
        now: Callable[[], datetime],
        ends: Callable[[], float],
        counted: Callable[[str, int], None],
        stirred: Callable[[], None],
    ) -> None:
        self.channel = channel
        self._courier, self._clerk, self._gate = courier, clerk, gate
        self._endings = Endings(clerk, pace, counted)
        self._per_call = per_call
        self._has_rate = pace.per_second(channel) is not None or pace.per_day(channel) is not None
        self._now, self._ends = now, ends
        self._counted, self._stirred = counted, stirred
        self._waiting: deque[Item] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._unwritten = 0  # accepted, and not yet durable
        self._alarm: asyncio.TimerHandle | None = None
        self._rate_opens_at = 0.0
        self._begun_at, self._carried = 0.0, 0
        self.is_closed = False
        self.refusal: ConfigurationError | None = None
        self.problem: BaseException | None = None
        gate.tell(self.go_on)

    @property
    def waiting(self) -> int:
        """Messages that wait for a call."""
        return len(self._waiting)

    @property
    def is_busy(self) -> bool:
        """Whether anything of it is under way."""
        return bool(self._tasks or self._waiting or self._unwritten)

    @property
    def per_second(self) -> float:
        """Messages that its calls have carried, a second since the first of them."""
        return self._carried / max(time.monotonic() - self._begun_at, 1.0)

    def add(self, items: Sequence[Item]) -> None:
        """Take claimed messages on."""
        self._waiting.extend(items)
        self._begun_at = self._begun_at or time.monotonic()
        self.go_on()

    def close(self) -> None:
        """Call nobody any more; what waits is given back."""
        self.is_closed = True
        self.go_on()

    def go_on(self) -> None:
        """Start as many calls as may be under way."""
        self.is_closed = self.is_closed or self._gate.is_shut
        if self.is_closed and self._waiting:
            self._start(self._endings.withdraw([item.claim for item in self._waiting]))
            self._waiting.clear()
        if self._waiting and (pause := max(self._gate.pause, self._rate_opens_at - time.monotonic())) > 0:
            self._wake_in(pause)
            return
        parcels = []
        while self._waiting and self._gate.enter():
            parcels.append(self._next_parcel())
        if parcels:
            self._start(self._send(parcels))
            self._stirred()

    def _wake_in(self, seconds: float) -> None:
        if self._alarm is None:
            self._alarm = self._loop.call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self.go_on()

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._failed(problem)
        if not self.is_busy:
            self._stirred()

    def _failed(self, problem: BaseException) -> None:
        self.problem = self.problem or problem
        self.close()
        self._stirred()

    def _next_parcel(self) -> list[Item]:
        """The next message, and those behind it that may travel in the same call."""
        first = self._waiting.popleft()
        parcel = [first]
        if self._per_call == 1 or first.claim.is_probe:
            return parcel
        kept: deque[Item] = deque()
        addresses = {first.message.to}
        while self._waiting and len(parcel) < self._per_call:
            item = self._waiting.popleft()
            if _together(item.message) == _together(first.message) and item.message.to not in addresses:
                addresses.add(item.message.to)
                parcel.append(item)
            else:
                kept.append(item)
        self._waiting.extendleft(reversed(kept))
        return parcel

    async def _send(self, parcels: Sequence[list[Item]]) -> None:
        """Hand the parcels over together; each that may go is a call of its own, and the others leave the gate."""
        entered = len(parcels)
        try:
            calls, held = await self._hand_over(parcels)
            for items, parcel_id in calls:
                self._start(self._carry(items, parcel_id))
                entered -= 1
            await self._endings.withdraw([item.claim for item in held])
        finally:
            for _ in range(entered):
                self._gate.leave()

    async def _carry(self, items: list[Item], parcel_id: str | None) -> None:
        try:
            answer = await self._call(items, parcel_id)
            self._carried += len(answer)
            for outcome in answer:
                self._learn(outcome)
        finally:
            self._gate.leave()  # the next call does not wait until this one is written down
        passing(Moment.ANSWERED)
        at = self._now()
        others = []
        for item, outcome in zip(items, answer, strict=True):
            if isinstance(outcome, Accepted) and not item.claim.is_probe:  # nearly all: nobody waits for each of them
                self._unwritten += 1
                self._clerk.accepted(item.claim.attempt_id, outcome.provider_message_id, at, self._written)
            else:
                others.append(self._endings.record(item.claim, outcome, at, self._segments_of(item.message)))
        if others:
            await asyncio.gather(*others)

    def _written(self, problem: BaseException | None) -> None:
        """What the provider accepted is durable, unless there was a problem."""
        self._unwritten -= 1
        if problem is not None:
            self._failed(problem)
            return
        self._counted(AttemptOutcome.ACCEPTED, 1)
        if not self.is_busy:
            self._stirred()

    async def _hand_over(self, parcels: Sequence[list[Item]]) -> tuple[list[tuple[list[Item], str | None]], list[Item]]:
        """What may go, call by call, marked as handed over; what goes back to the queue. Others wait for their rate."""
        at = self._now()
        is_over = self.is_closed or time.monotonic() >= self._ends()
        held: list[Item] = []
        asking: list[tuple[list[Item], str | None]] = []
        leaving = Leaving()
        for parcel in parcels:
            late = [item for item in parcel if is_over or at >= item.claim.not_after]  # a slow provider: it is night
            held += late
            rest = [item for item in parcel if item not in late] if late else parcel
            if rest:
                asking.append((rest, self._ask_for(rest, leaving)))
        if not asking:
            return [], held
        given = await self._clerk.hand_over(leaving)
        if not given.held and not given.waits:
            return asking, held
        asked = [item for items, _name in asking for item in items]
        held += [item for item in asked if item.claim.attempt_id in given.held]
        if waiting := [item for item in asked if item.claim.attempt_id in given.waits]:
            longest = max(given.waits[item.claim.attempt_id] for item in waiting)
            self._waiting.extendleft(reversed(waiting))
            self._rate_opens_at = time.monotonic() + longest.total_seconds()
            self.is_closed = self.is_closed or longest > LONGEST_TURN
        stays = given.held | given.waits.keys()
        calls = [([item for item in items if item.claim.attempt_id not in stays], name) for items, name in asking]
        return [(items, name) for items, name in calls if items], held

    def _ask_for(self, items: list[Item], leaving: Leaving) -> str | None:
        """Let a parcel leave with the others; its id, when it is of several messages."""
        attempt_ids = [item.claim.attempt_id for item in items]
        leaving.by_sender.setdefault((self.channel, items[0].claim.sender), []).extend(attempt_ids)
        for item in items:
            if (segments := self._segments_of(item.message)) > 1:
                leaving.segments[item.claim.attempt_id] = segments
        if len(items) == 1:
            return None
        parcel_id = secrets.token_hex(12)
        leaving.parcels[parcel_id] = attempt_ids
        return parcel_id

    def _segments_of(self, message: Message) -> int:
        """What it counts as at its sender's rate."""
        is_text = self._has_rate and self.channel is Channel.SMS and not message.media_urls
        return count_segments(message.text) if is_text else 1

    async def _call(self, items: list[Item], parcel_id: str | None) -> Sequence[Outcome | Exception]:
        """What the provider says to each; the exception where nobody knows."""
        try:
            call = self._courier.carry([item.message for item in items], parcel_id)
            answers = await before(DEADLINE_SECONDS, call)
        except ConfigurationError as refusal:  # nothing left, and nothing would
            return [refusal] * len(items)
        except Exception as problem:  # noqa: BLE001  (whatever it was, nobody knows whether it left)
            return [problem] * len(items)
        return answers if len(answers) == len(items) else [AnswersMissing()] * len(items)

    def _learn(self, outcome: Outcome | Exception) -> None:
        """What an answer says about the next call, before that is made."""
        match outcome:
            case Accepted() | PermanentFailure():
                self._gate.succeeded()
            case TemporaryFailure(retry_after=retry_after, is_throttle=True):
                self._gate.throttled(retry_after)
            case ConfigurationError():
                self.refusal = self.refusal or outcome
                self.is_closed = True


def _together(message: Message) -> tuple[object, ...]:
    """What must be the same of messages that travel in one call: it is said once for all of them."""
    return message.from_name, message.reply_to, message.pictures
