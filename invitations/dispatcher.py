"""One dispatch run at work: claims in good time for every channel, and each channel's lane sends.

The loop runs in a thread of its own, so that Ctrl-C and a terminated Dagster run never cut a call in two: they ask it
to wind down, and what is under way is finished and written down.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.exc import DBAPIError

from connectors import ConfigurationError, Courier, ManyAtOnce, Message, Messenger, Outcome
from data.ledger import dispatch
from data.ledger.claimable import count_claimable
from data.ledger.moments import Moment, passing
from data.ledger.outcomes import record_not_sent
from data.ledger.runs import Progress, advance_run
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import AttemptOutcome, Channel
from invitations.by_threads import ByThreads
from invitations.clerk import Clerk
from invitations.desk import Desk
from invitations.far_desk import MANY_CALLS, FarDesk
from invitations.gate import Gate
from invitations.lane import Item, Lane
from invitations.late import record_late
from invitations.writing import Written

log = structlog.get_logger(__name__)

CHUNK = 100  # requests a claim takes at least: at five at a time and a second each, a fifteenth of the lease
MANY = 2_000  # and a lane holds at most
AT_ONCE = 500  # a claim takes at most: what waits to leave or to be written down waits behind it
SOON_SECONDS = 1.0  # of what a lane does in fact: a claim costs much, whether of ten messages or of a thousand
AHEAD_SECONDS = 20  # of a sender's rate, so that no claim waits for its turn longer than a small part of the lease
COUNTED = 5_000  # due messages, beyond which nobody counts before the first one leaves
TOLD_EVERY = 1.0  # seconds between two words about progress


class Dispatcher:
    """What a run works with, and what it counted."""

    def __init__(
        self,
        ledger: Ledger,
        messengers: Mapping[Channel, Messenger],
        run_id: int,
        *,
        now: datetime,
        cap: timedelta | None,
        pace: Pace,
        limit: int | None,
        seconds: float,
        tell: Callable[[Progress], None],
    ) -> None:
        self._ledger, self._messengers, self._run_id = ledger, messengers, run_id
        self._cap, self._pace, self._limit, self._tell = cap, pace, limit, tell
        self._senders = {channel: messenger.sender(channel) for channel, messenger in messengers.items()}
        self._started = (now, time.monotonic())
        self._ends = time.monotonic() + seconds
        self.counts: Counter[str] = Counter()
        self.refusals: dict[Channel, ConfigurationError] = {}
        self._total: int | None = None
        self._claimed = 0
        self._told = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lanes: dict[Channel, Lane] = {}
        self._gates: dict[int, Gate] = {}  # a provider's channels share one

    def now(self) -> datetime:
        """Policy time, going on while the run does."""
        start, ticks = self._started
        return start + timedelta(seconds=time.monotonic() - ticks)

    def wind_down(self) -> None:
        """From another thread: start nothing more, finish what is under way."""
        self._ends = 0.0
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stir)

    async def work(self) -> None:
        """Send until nothing is due, the limit is reached or the time is up."""
        self._loop = asyncio.get_running_loop()
        self._stirred = asyncio.Event()
        is_far = self._pace.parallel >= MANY_CALLS
        self._desk = FarDesk(self._ledger, self._pace) if is_far else Desk(self._ledger, self._pace)
        self._clerk = Clerk(self._desk)
        try:
            async with AsyncExitStack() as open_couriers:
                for channel, messenger in self._messengers.items():
                    self._lanes[channel] = await self._open_lane(channel, messenger, open_couriers)
                try:
                    await self._feed()
                finally:
                    await self._finish()
        finally:
            self._clerk.close()
            if isinstance(self._desk, FarDesk):
                self._desk.close()

    async def _open_lane(self, channel: Channel, messenger: Messenger, open_couriers: AsyncExitStack) -> Lane:
        parallel = self._pace.parallel
        courier = await open_couriers.enter_async_context(_courier(messenger, parallel, self._late))
        gate = self._gates.setdefault(id(messenger), Gate(parallel))
        per_call = messenger.most_per_call if isinstance(messenger, ManyAtOnce) else 1
        if channel is Channel.EMAIL:
            per_call = min(per_call, self._pace.mailgun_batch)
        return Lane(
            channel, courier, self._clerk, gate, pace=self._pace, per_call=per_call, now=self.now,
            ends=lambda: self._ends, counted=self._count, stirred=self._stir,
        )  # fmt: skip

    async def _feed(self) -> None:
        """Claim for every lane that runs low, until nobody finds anything."""
        self._total = await self._clerk.alone(self._count_due)
        dry: set[Channel] = set()
        while time.monotonic() < self._ends and not self._problem():
            hungry = {
                channel: min(room - lane.waiting, AT_ONCE)
                for channel, lane in self._lanes.items()
                if channel not in dry and not lane.is_closed and (room := self._room_of(channel)) >= 2 * lane.waiting
            }
            room = sum(hungry.values()) if self._limit is None else self._limit - self._claimed
            if room <= 0 or not hungry:
                if not any(lane.is_busy for lane in self._lanes.values()):
                    return
                await self._wait()
                continue
            written, unwritable = await self._clerk.alone(partial(self._take, hungry, room))
            if not written and not unwritable:
                dry |= hungry.keys()
                continue
            self._claimed += len(written) + len(unwritable)
            for claim, problem in unwritable:
                await self._put_aside(claim, problem)
            for channel, lane in self._lanes.items():
                if mine := [Item(claim, message) for claim, message in written if claim.channel is channel]:
                    lane.add(mine)

    def _room_of(self, channel: Channel) -> int:
        """How many claimed messages a lane may hold that are not under way."""
        per_second = self._pace.per_second(channel)
        at_once = self._pace.parallel * 4 * self._per_call(channel)
        soon = int(self._lanes[channel].per_second * SOON_SECONDS)
        room = min(max(CHUNK, at_once, soon), MANY)
        return room if per_second is None else max(1, min(room, int(per_second * AHEAD_SECONDS)))

    def _per_call(self, channel: Channel) -> int:
        return self._pace.mailgun_batch if channel is Channel.EMAIL else 1

    def _take(self, hungry: Mapping[Channel, int], room: int) -> Written:
        carriers = {
            channel: dispatch.Carrier(self._messengers[channel].name, self._senders[channel], most)
            for channel, most in hungry.items()
        }
        return self._desk.take(self._run_id, carriers, self.now(), min(room, AT_ONCE), self._cap)

    def _count_due(self) -> int | None:
        """How many may leave as it stands now; more may become due meanwhile."""
        with self._ledger.read() as connection:
            due = count_claimable(connection, self.now(), self._senders, cap=self._cap, most=COUNTED)
        if due >= COUNTED:
            return self._limit
        return due if self._limit is None else min(due, self._limit)

    async def _put_aside(self, claim: dispatch.Claim, problem: ConfigurationError) -> None:
        """A template that cannot be used stops its own messages for an hour, not the others."""
        self.refusals.setdefault(claim.channel, problem)
        at = self.now() + timedelta(hours=1)
        await self._clerk.write(
            lambda c: record_not_sent(
                c, claim.attempt_id, AttemptOutcome.TEMPORARY_FAILURE, code="template", reason=str(problem)[:300],
                not_before=at, is_counted=False,
            )
        )  # fmt: skip
        self._count(AttemptOutcome.TEMPORARY_FAILURE, 1)

    def _late(self, message: Message, outcome: Outcome) -> None:
        """An answer after the deadline, in the thread that waited for it: it settles the doubt."""
        record_late(self._ledger, message.attempt_id, outcome, self.now())

    def _count(self, word: str, number: int) -> None:
        self.counts[word] += number

    def _problem(self) -> BaseException | None:
        return next((lane.problem for lane in self._lanes.values() if lane.problem), None)

    def _stir(self) -> None:
        self._stirred.set()

    async def _wait(self) -> None:
        """Until a lane has something to say, or a second: the time may be up."""
        self._stirred.clear()
        try:
            async with asyncio.timeout(TOLD_EVERY):
                await self._stirred.wait()
        except TimeoutError:
            log.debug("nothing has ended for a second")
        await self._advance()

    async def _finish(self) -> None:
        """Let what is under way end, whatever happened; then say what was wrong."""
        while any(lane.is_busy for lane in self._lanes.values()):
            if time.monotonic() >= self._ends:
                for lane in self._lanes.values():
                    lane.close()
            await self._wait()
        await self._advance(is_last=True)
        for channel, lane in self._lanes.items():
            if lane.refusal is not None:
                self.refusals[channel] = lane.refusal
        passing(Moment.RUN_ENDING)
        if problem := self._problem():
            raise problem

    async def _advance(self, *, is_last: bool = False) -> None:
        if not is_last and time.monotonic() - self._told < TOLD_EVERY:
            return
        self._told = time.monotonic()
        done, counts = sum(self.counts.values()), dict(self.counts)
        total = None if self._total is None else max(self._total, done)
        try:
            await self._clerk.alone(lambda: advance_run(self._ledger, self._run_id, done, total, counts))
        except DBAPIError as problem:  # a busy ledger: no reason to leave the calls that are under way
            log.warning("progress not written", reason=type(problem).__name__)
        self._tell(Progress(done, total, counts, self._told - self._started[1]))


@asynccontextmanager
async def _courier(
    messenger: Messenger, parallel: int, on_late: Callable[[Message, Outcome], None]
) -> AsyncIterator[Courier]:
    if isinstance(messenger, ManyAtOnce):
        async with messenger.courier(parallel) as courier:
            yield courier
        return
    threads = ByThreads(messenger, on_late)
    try:
        yield threads
    finally:
        threads.close()
