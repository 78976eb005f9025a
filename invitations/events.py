"""What providers tell us, pushed to web/ or polled: kept raw and applied in one transaction, once per key.

The state of a request is the highest of a total order (sent < failed < delivered), so events may repeat and come in
any order and the end is the same; a failure that may pass queues another message, which a late `delivered` withdraws.
Any word from the provider about an attempt also settles it: a message that was in doubt has been found, and one queued
again after doubt is taken back from the queue.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

import structlog
from sqlalchemy.engine import Connection

from connectors import EventSource, ProviderEvent
from data.ledger import outcomes, retries
from data.ledger.acceptance import record_accepted
from data.ledger.fetches import read_history
from data.ledger.happened import append_event, store_raw
from data.ledger.outcomes import Attempt
from data.ledger.polling import mark_polled, move_cursor, open_messages, read_cursor
from data.ledger.responses import lock_person
from data.ledger.runs import recorded_run
from data.ledger.store import Ledger, again_if_undone
from data.words import EventKind, RequestStatus, RunKind
from invitations.consequences import CUSTOMER, after_late_failure, no_more
from invitations.evidence import Visit, sign_of
from invitations.grading import machines_of, regrade, settle_clicks
from invitations.inbound import REASONS, apply_to_person

log = structlog.get_logger(__name__)

READ_AGAIN = timedelta(minutes=60)  # Mailgun slips late events into pages already read (provider-contracts 3.2)
FIRST_READ = timedelta(days=2)
POLL_LIMIT = 300  # messages asked about in one pass
_CHUNK = 200  # events a transaction

# A delivery dates what was too soon after it.
_GRADED = (EventKind.OPENED, EventKind.CLICKED, EventKind.ACCEPTED_BY_SERVER)


@dataclass(frozen=True)
class Received:
    """What became of some events: new ones applied, repeated ones ignored, and those about nobody of ours."""

    new: int = 0
    repeated: int = 0
    unmatched: int = 0

    def __add__(self, other: "Received") -> "Received":
        return Received(self.new + other.new, self.repeated + other.repeated, self.unmatched + other.unmatched)


@again_if_undone
def receive(ledger: Ledger, events: Sequence[ProviderEvent], *, now: datetime) -> Received:
    """Keep and apply events, durably, in one transaction. `now` is policy time.

    An event about no message and nobody of ours (another system's, on the same account) is kept and goes no further.
    """
    counts = Counter[str]()
    with ledger.write() as connection:
        for event in events:
            counts[_receive_one(connection, event, now)] += 1
    return Received(counts["new"], counts["repeated"], counts["unmatched"])


def _receive_one(connection: Connection, event: ProviderEvent, now: datetime) -> str:
    inbox_id = store_raw(connection, event.provider, event.key, event.raw)
    if inbox_id is None:
        return "repeated"
    attempt = _attempt_of(connection, event)
    if attempt is None:
        return apply_to_person(connection, event, inbox_id)
    is_graded = event.kind in _GRADED
    if is_graded:
        lock_person(connection, attempt.person_id)  # links fetched at once see each other
    event_id = append_event(
        connection,
        attempt,
        kind=event.kind,
        occurred_at=event.occurred_at,
        code=event.code,
        detail=_detail(connection, event, attempt),
        inbox_id=inbox_id,
    )
    record_accepted(connection, attempt.attempt_id, event.provider_message_id, now)
    _apply_to_request(connection, event, attempt, event_id, now)
    if is_graded:
        regrade(connection, attempt.request_id, new=event_id)
    return "new"


def _attempt_of(connection: Connection, event: ProviderEvent) -> Attempt | None:
    if event.attempt_id:
        found = outcomes.find_attempt(connection, event.attempt_id)
        if found is not None:
            return found
    if event.provider_message_id:
        return outcomes.find_attempt_by_message(connection, event.provider, event.provider_message_id)
    return None


def _detail(connection: Connection, event: ProviderEvent, attempt: Attempt) -> dict[str, str] | None:
    """The provider's reason; of an open or a click the sign of a machine it shows, never whose address it came from."""
    if event.kind not in (EventKind.OPENED, EventKind.CLICKED):
        return {"reason": event.reason} if event.reason else None
    visit = Visit(agent=event.agent, address=event.client_address, is_bot=event.is_machine)
    sign = sign_of(visit, machines_of(read_history(connection, attempt.request_id).rules))
    return {"sign": sign} if sign else None


def _apply_to_request(
    connection: Connection, event: ProviderEvent, attempt: Attempt, event_id: int, now: datetime
) -> None:
    at = event.occurred_at
    match event.kind:
        case EventKind.DELIVERED | EventKind.READ:
            outcomes.record_delivered(connection, attempt, at)
            retries.withdraw(connection, attempt, RequestStatus.DELIVERED, delivered_at=at)
        case EventKind.ACCEPTED_BY_SERVER:
            retries.withdraw(connection, attempt, RequestStatus.SENT, delivered_at=None)
        case EventKind.FAILED:
            after_late_failure(connection, attempt, event, event_id=event_id, now=now)
        case EventKind.UNSUBSCRIBED | EventKind.COMPLAINED:
            no_more(
                connection,
                account_id=attempt.account_id,
                person_id=attempt.person_id,
                reason=REASONS[event.kind],
                by=CUSTOMER,
                at=at,
                event_id=event_id,
            )
        case _:  # opens and clicks are graded; delays and the rest change nothing
            return


class PollFailed(Exception):
    """A provider could not be read; the message names it and the kind of failure."""


@dataclass(frozen=True)
class PollReport:
    """What polling brought, over all providers."""

    run_id: int
    counts: Mapping[str, int]

    def as_metadata(self) -> dict[str, int]:
        """The counts, for whoever shows them."""
        return {"run_id": self.run_id, **self.counts}


def poll_providers(ledger: Ledger, sources: Mapping[str, EventSource], *, now: datetime) -> PollReport:
    """Ask every provider what happened since the last time, and apply it. `now` is policy time.

    Each pass reads the last hour again, because providers' lists fill in late; keys make that harmless. The cursor
    moves only as far as the provider's list can be trusted. Clicks that have settled end what they end.
    Raises PollFailed when one could not be read, after reading the others.
    """
    with recorded_run(ledger, RunKind.EVENTS, policy_now=now) as run:
        total, unread = Received(), []
        for name, source in sources.items():
            try:
                total += _poll_one(ledger, name, source, now)
            except Exception as problem:  # noqa: BLE001  (the other providers are read first; then it is raised)
                log.warning("not polled", provider=name, reason=type(problem).__name__)
                unread.append(f"{name} ({type(problem).__name__})")
        settled = settle_clicks(ledger, now=now)
        run.counts = {
            "new": total.new, "repeated": total.repeated, "unmatched": total.unmatched, "settled": settled,
        }  # fmt: skip
        if unread:
            raise PollFailed(
                f"Could not be read: {', '.join(unread)}. Nothing is lost: the next pass reads on from there."
            )
    return PollReport(run.run_id, run.counts)


def _poll_one(ledger: Ledger, name: str, source: EventSource, now: datetime) -> Received:
    with ledger.read() as connection:
        cursor = read_cursor(connection, name)
        asked = open_messages(connection, name, ledger.now(connection), limit=POLL_LIMIT)
    since = (cursor - READ_AGAIN) if cursor else (now - FIRST_READ)
    total, newest = Received(), since
    for chunk in _chunks(source.poll(asked, since, now), _CHUNK):
        total += receive(ledger, chunk, now=now)
        newest = max(newest, *(event.occurred_at for event in chunk))
    _note_read(ledger, name, asked, min(newest, now - source.trust_delay))
    log.info("polled", provider=name, new=total.new, repeated=total.repeated, unmatched=total.unmatched)
    return total


@again_if_undone
def _note_read(ledger: Ledger, name: str, asked: Sequence[str], read_until: datetime) -> None:
    with ledger.write() as connection:
        mark_polled(connection, name, asked)
        move_cursor(connection, name, read_until)


def _chunks(events: Iterable[ProviderEvent], size: int) -> Iterator[list[ProviderEvent]]:
    iterator = iter(events)
    while chunk := list(islice(iterator, size)):
        yield chunk
