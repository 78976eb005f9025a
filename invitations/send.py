"""The main job: send what is due, each request exactly once.

No provider here takes an idempotency key, so the order is everything:

1. Claim, in a short transaction: due requests that nothing stops become `sending` under an attempt with a lease.
2. Hand over: just before the bytes leave, one conditional UPDATE looks again (lease, pause, stop, suppression, kill
   switch) and sets `handed_at`. An attempt without it sent nothing; one with it may have.
3. Record what the provider said: accepted, failed for good, certainly not sent (queued again), else in doubt.
4. Doubt is never sent again blindly: `invitations.resolve` asks the provider.

A crash at any instruction, a second run beside this one, or a run started twice sends nobody the same request twice
and loses nobody.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import local

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from connectors import (
    Accepted,
    AccountStopped,
    ConfigurationError,
    Message,
    Messenger,
    Outcome,
    PermanentFailure,
    TemporaryFailure,
)
from data.ledger import dispatch, outcomes
from data.ledger.acceptance import record_accepted
from data.ledger.group_commit import GroupCommit
from data.ledger.lapses import end_lapsed
from data.ledger.messages import read_contents
from data.ledger.runs import advance_run, end_run, reap_dead_runs, start_run
from data.ledger.store import Ledger
from data.ledger.tables import accounts
from data.words import AttemptOutcome, Channel, RunKind, RunStatus
from invitations.consequences import after_failure, try_later
from invitations.deadline import Caller
from invitations.policy import read_policy
from invitations.render import content_of, render

log = structlog.get_logger(__name__)

PARALLEL = 5  # creates at a time: Twilio limits concurrency per account (provider-contracts 1.9)
CHUNK = 100  # requests a claim takes: at five at a time and a second each, a fifteenth of the lease
DEADLINE_SECONDS = 45.0  # for one whole call, far below the lease
BATCH_SECONDS = 540.0  # a run ends within ten minutes and the next goes on


class SendingHalted(Exception):
    """A provider refuses the account: everything is halted until a person resumes."""


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
    on_progress: Callable[[int, Mapping[str, int]], None] | None = None,
) -> Batch:
    """Send every request that is due at the policy time `now`, at most `limit`, within ten minutes.

    Raises SendingHalted when a provider refuses the account; what had not left goes back to the queue. Raises NoPolicy
    or PolicyRefused (`invitations.policy`) before anything is claimed.
    """
    reap_dead_runs(ledger)
    end_lapsed(ledger)
    with ledger.read() as connection:
        cap = cap_at(connection, now)
    run_id = start_run(ledger, RunKind.SEND, now)
    dispatcher = _Dispatcher(ledger, messengers, run_id, now, cap)
    try:
        dispatcher.work_through(limit, on_progress)
    except BaseException as problem:
        dispatcher.release()
        halted = isinstance(problem, SendingHalted)
        end_run(
            ledger, run_id, RunStatus.HALTED if halted else RunStatus.FAILED, dispatcher.counts,
            problem=str(problem) if halted else type(problem).__name__,
        )  # fmt: skip
        raise
    finally:
        dispatcher.close()
    end_run(ledger, run_id, RunStatus.DONE, dispatcher.counts)
    return Batch(run_id, dict(dispatcher.counts))


def cap_at(connection: Connection, now: datetime) -> timedelta | None:
    """How long after one ask a person may be asked again, by the policy in effect at `now`; None: no cap.

    Raises NoPolicy or PolicyRefused (`invitations.policy`).
    """
    account_ids = connection.scalars(sa.select(accounts.c.account_id)).all()
    caps = [read_policy(connection, account_id, now)[1].cap for account_id in account_ids]
    return max((cap for cap in caps if cap), default=None)


class _Dispatcher:
    """One pass: what it works with, and what it counted."""

    def __init__(
        self,
        ledger: Ledger,
        messengers: Mapping[Channel, Messenger],
        run_id: int,
        now: datetime,
        cap: timedelta | None,
    ) -> None:
        self.ledger = ledger
        self.messengers = dict(messengers)
        self.run_id = run_id
        self._cap = cap
        self.counts: Counter[str] = Counter()
        self._started = (now, time.monotonic())
        self._commits = GroupCommit(ledger)
        self._lanes = local()
        self._callers: list[Caller[Outcome]] = []
        self._ends = time.monotonic() + BATCH_SECONDS
        self._closing: dict[str, datetime] = {}  # when each claimed message's window does, by attempt
        self._throttled: set[Channel] = set()  # left alone until the next batch
        self._refusal: ConfigurationError | None = None

    def now(self) -> datetime:
        """Policy time, going on while the batch runs."""
        start, ticks = self._started
        return start + timedelta(seconds=time.monotonic() - ticks)

    def work_through(self, limit: int | None, on_progress: Callable[[int, Mapping[str, int]], None] | None) -> None:
        done = 0
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="send") as lanes:
            while time.monotonic() < self._ends and (limit is None or done < limit):
                claims = self._claim(CHUNK if limit is None else min(CHUNK, limit - done))
                if not claims:
                    return
                for outcome in lanes.map(self._send_one, self._write(claims)):
                    self.counts[outcome] += 1
                done += len(claims)
                advance_run(self.ledger, self.run_id, done, counts=self.counts)
                if on_progress:
                    on_progress(done, self.counts)
                if self._refusal:
                    self._halt(self._refusal)

    def _claim(self, limit: int) -> list[dispatch.Claim]:
        providers = {
            channel: messenger.name for channel, messenger in self.messengers.items() if channel not in self._throttled
        }
        return dispatch.claim(
            self.ledger, batch_id=self.run_id, providers=providers, now=self.now(), limit=limit, cap=self._cap
        )

    def _write(self, claims: Sequence[dispatch.Claim]) -> list[Message]:
        """The claims' messages, in the same order; nothing is locked while they are written."""
        attempt_of = {claim.request_id: claim.attempt_id for claim in claims}
        self._closing = {claim.attempt_id: claim.not_after for claim in claims}
        with self.ledger.read() as connection:
            rows = {row.request_id: row for row in read_contents(connection, list(attempt_of))}
        public = self.ledger.settings.public_url.rstrip("/")
        return [
            render(
                content_of(rows[request_id]),
                attempt_id=attempt_id,
                to=rows[request_id].address,
                link=f"{public}/r/{rows[request_id].link_token}",
                unsubscribe_url=f"{public}/u/{rows[request_id].unsubscribe_token}",
            )
            for request_id, attempt_id in attempt_of.items()
        ]

    def _send_one(self, message: Message) -> str:
        """Hand one message over and record what came of it; the word it is counted under."""
        attempt_id = message.attempt_id
        is_off = self._refusal is not None or message.channel in self._throttled
        is_over = time.monotonic() >= self._ends  # of a slow provider's chunk the next batch takes the rest
        is_late = self.now() >= self._closing[attempt_id]  # the provider was slow, and it is night by now
        if is_off or is_over or is_late or not self._commits.run(lambda c: dispatch.hand_over(c, attempt_id)):
            self._commits.run(lambda c: outcomes.record_not_sent(c, attempt_id, AttemptOutcome.WITHDRAWN))
            return AttemptOutcome.WITHDRAWN.value
        messenger = self.messengers[message.channel]
        try:
            outcome = self._caller().call(
                lambda: messenger.send(message),
                seconds=DEADLINE_SECONDS,
                on_late=lambda late: self._record(attempt_id, message.channel, late),
            )
        except ConfigurationError as refusal:  # nothing left, and nothing would
            self._refusal = refusal
            code = refusal.code if isinstance(refusal, AccountStopped) else "configuration"
            return self._record(
                attempt_id, message.channel,
                TemporaryFailure(code, "the account is refused", timedelta(0), is_throttle=True),
            )  # fmt: skip
        except Exception as problem:  # noqa: BLE001  (whatever it was, nobody knows whether it left)
            reason = type(problem).__name__
            log.warning("in doubt", attempt_id=attempt_id, reason=reason)
            self._commits.run(lambda c: outcomes.record_in_doubt(c, attempt_id, reason))
            return AttemptOutcome.IN_DOUBT.value
        return self._record(attempt_id, message.channel, outcome)

    def _caller(self) -> "Caller[Outcome]":
        """This lane's own calling thread: a provider's client keeps one connection per thread."""
        if not hasattr(self._lanes, "caller"):
            self._lanes.caller = Caller[Outcome]()
            self._callers.append(self._lanes.caller)
        caller: Caller[Outcome] = self._lanes.caller
        return caller

    def _record(self, attempt_id: str, channel: Channel, outcome: Outcome) -> str:
        at = self.now()
        match outcome:
            case Accepted(provider_message_id):
                self._commits.run(lambda c: record_accepted(c, attempt_id, provider_message_id, at))
                return AttemptOutcome.ACCEPTED.value
            case PermanentFailure(code, reason, scope):
                self._commits.run(lambda c: after_failure(c, attempt_id, code=code, reason=reason, scope=scope, at=at))
                return AttemptOutcome.PERMANENT_FAILURE.value
            case TemporaryFailure(is_throttle=is_throttle):
                if is_throttle:
                    self._throttled.add(channel)
                self._commits.run(lambda c: try_later(c, attempt_id, outcome, at))
                return AttemptOutcome.TEMPORARY_FAILURE.value

    def _halt(self, refusal: ConfigurationError) -> None:
        code = refusal.code if isinstance(refusal, AccountStopped) else "configuration"
        reason = f"A provider refuses the account ({code})."
        with self.ledger.write() as connection:
            dispatch.halt(connection, by="Automation", reason=reason)
        raise SendingHalted(f"{reason} Everything is halted; mend it, then run `afterword resume`.")

    def close(self) -> None:
        """Let the calling threads end; a process may send many batches."""
        for caller in self._callers:
            caller.close()

    def release(self) -> None:
        """Give back what was claimed and has not left."""
        dispatch.release(self.ledger, self.run_id)
