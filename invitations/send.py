"""The main job: send what is due, each request exactly once.

No provider here takes an idempotency key, so the order is everything:

1. Claim, in a short transaction: due requests that nothing stops become `sending` under an attempt with a lease.
2. Hand over: just before the bytes leave, one conditional UPDATE looks again (lease, pause, stop, suppression, kill
   switch, breaker), the sender's rate gives its turn, and `handed_at` is set. An attempt without it
   sent nothing; one with it may have.
3. Record what the provider said: accepted, failed for good, certainly not sent (queued again), else in doubt.
4. Doubt is never sent again blindly: `invitations.resolve` asks the provider.

A crash at any instruction, a second run beside this one, or a run started twice sends nobody the same request twice
and loses nobody.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import SimpleQueue
from threading import Thread

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from connectors import AccountStopped, ConfigurationError, Messenger
from data.garbage import rarely_collected
from data.ledger import dispatch
from data.ledger.lapses import end_lapsed
from data.ledger.runs import Progress, end_run, reap_dead_runs, start_run
from data.ledger.store import Ledger
from data.ledger.tables import accounts
from data.pace import Pace
from data.words import Channel, RunKind, RunStatus
from invitations.dispatcher import Dispatcher
from invitations.policy import read_policy

log = structlog.get_logger(__name__)

BATCH_SECONDS = 540.0  # a run ends within ten minutes and the next goes on


class SendingHalted(Exception):
    """A provider refuses a sender: its breaker is open. Everything else that was due has been sent."""


@dataclass(frozen=True)
class Batch:
    """One dispatch pass and how its messages ended, by outcome."""

    run_id: int
    counts: Mapping[str, int]

    def as_metadata(self) -> dict[str, int]:
        """The counts, for whoever shows them."""
        return {"run_id": self.run_id, **self.counts}


def send_due(
    ledger: Ledger,
    messengers: Mapping[Channel, Messenger],
    *,
    now: datetime,
    limit: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    pace: Pace | None = None,
) -> Batch:
    """Send every request that is due at the policy time `now`, at most `limit`, within ten minutes.

    `on_progress` is called about once a second, in the caller's thread. Raises SendingHalted when a provider refuses
    one of our senders, after everything else was sent; ConfigurationError when a template cannot be used, likewise.
    Raises NoPolicy or PolicyRefused (`invitations.policy`) before anything is claimed.
    """
    reap_dead_runs(ledger)
    end_lapsed(ledger)
    with ledger.read() as connection:
        cap = cap_at(connection, now)
    run_id = start_run(ledger, RunKind.SEND, now)
    told: SimpleQueue[Progress | None] = SimpleQueue()
    dispatcher = Dispatcher(
        ledger, messengers, run_id, now=now, cap=cap, pace=pace or Pace(), limit=limit, seconds=BATCH_SECONDS,
        tell=told.put,
    )  # fmt: skip
    try:
        _run(dispatcher, told, on_progress)
        _complain(dispatcher.refusals)
    except BaseException as problem:
        dispatch.release(ledger, run_id)
        is_told = isinstance(problem, SendingHalted | ConfigurationError)
        status = RunStatus.HALTED if isinstance(problem, SendingHalted) else RunStatus.FAILED
        end_run(ledger, run_id, status, dispatcher.counts, str(problem) if is_told else type(problem).__name__)
        raise
    end_run(ledger, run_id, RunStatus.DONE, dispatcher.counts)
    return Batch(run_id, dict(dispatcher.counts))


def _run(
    dispatcher: Dispatcher, told: "SimpleQueue[Progress | None]", on_progress: Callable[[Progress], None] | None
) -> None:
    """Work in a thread of its own, and tell about it here until it ends."""
    problems: list[BaseException] = []

    def work() -> None:
        try:
            with rarely_collected(), asyncio.Runner(loop_factory=new_loop) as runner:
                runner.run(dispatcher.work())
        except BaseException as problem:  # noqa: BLE001  (raised where somebody waits for it)
            problems.append(problem)
        finally:
            told.put(None)

    thread = Thread(target=work, name="dispatch")
    thread.start()
    try:
        while (progress := told.get()) is not None:
            if on_progress:
                on_progress(progress)
    except BaseException:
        dispatcher.wind_down()
        raise
    finally:
        thread.join()
        _tell_last(told, on_progress)  # when it was interrupted: with what was under way then
    if problems:
        raise problems[0]


def new_loop() -> asyncio.AbstractEventLoop:
    """What the calls are made in: uvloop's, where the machine has it; a fifth less of a core for each message."""
    try:
        import uvloop  # noqa: PLC0415
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _tell_last(told: "SimpleQueue[Progress | None]", on_progress: Callable[[Progress], None] | None) -> None:
    last = None
    while not told.empty():
        last = told.get() or last
    if last is not None and on_progress:
        on_progress(last)


def _complain(refusals: Mapping[Channel, ConfigurationError]) -> None:
    """Say at the end of a run what went wrong in it."""
    for channel, problem in refusals.items():
        if isinstance(problem, AccountStopped):
            raise SendingHalted(
                f"{problem.reason} ({problem.code}). Nothing more leaves by {channel.value} from this sender until it "
                "works again: one message tries every now and then. Mend it, then run `afterword breakers`."
            )
    for problem in refusals.values():
        raise problem


def cap_at(connection: Connection, now: datetime) -> timedelta | None:
    """How long after one ask a person may be asked again, by the policy in effect at `now`; None: no cap.

    Raises NoPolicy or PolicyRefused (`invitations.policy`).
    """
    account_ids = connection.scalars(sa.select(accounts.c.account_id)).all()
    caps = [read_policy(connection, account_id, now)[1].cap for account_id in account_ids]
    return max((cap for cap in caps if cap), default=None)
