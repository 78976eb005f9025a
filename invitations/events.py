"""What providers tell us, pushed to web/ or polled: kept raw and applied in one transaction, once per key.

The state of a request is the highest of a total order (sent < failed < delivered), so events may repeat and come in
any order and the end is the same; a failure that may pass queues another message, which a late `delivered` withdraws.
Any word from the provider about an attempt also settles it: a message that was in doubt has been found, and one queued
again after doubt is taken back from the queue. `invitations.received` applies them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog

from connectors import BounceMailbox, Callback, EventSource, ProviderEvent, Unavailable
from data.ledger.callback_tokens import Claim, claim_tokens
from data.ledger.polling import mark_polled, move_cursor, open_messages, read_cursor
from data.ledger.runs import recorded_run
from data.ledger.store import Ledger, again_if_undone
from data.words import RunKind
from invitations.bounces import read_bounces
from invitations.grading import settle_clicks
from invitations.received import Received, apply_events

log = structlog.get_logger(__name__)

READ_AGAIN = timedelta(minutes=60)  # Mailgun slips late events into pages already read (provider-contracts 3.2)
FIRST_READ = timedelta(days=2)
POLL_LIMIT = 300  # messages asked about in one pass
_CHUNK = 200  # events a transaction


@dataclass(frozen=True, slots=True)
class Posted:
    """One post of a provider's, verified and read. `body_sha256`: hex, of its body as it came."""

    provider: str
    callback: Callback
    body_sha256: str

    def __reduce__(self) -> tuple[Any, ...]:
        """For pickle, as ProviderEvent."""
        return Posted, (self.provider, self.callback, self.body_sha256)


@again_if_undone
def receive(ledger: Ledger, events: Sequence[ProviderEvent], *, now: datetime) -> Received:
    """Keep and apply events, durably, in one transaction. `now` is policy time.

    An event about no message and nobody of ours (another system's, on the same account) is kept and goes no further.
    """
    with ledger.write() as connection:
        return apply_events(connection, events, now=now)


@again_if_undone
def receive_posted(ledger: Ledger, posted: Sequence[Posted], *, now: datetime) -> Sequence[bool]:
    """Keep and apply what many posts say, durably, in one transaction for all; for each, whether it was taken.

    False: its token came before with another body, and nothing of it is kept. The same post again is taken, and adds
    nothing. `now` is policy time. When it raises, nothing of any of them is stored.
    """
    with ledger.write() as connection:
        claims = [
            (place, Claim(one.provider, one.callback.token, one.body_sha256))
            for place, one in enumerate(posted)
            if one.callback.token is not None
        ]
        is_good = claim_tokens(connection, [claim for _, claim in claims])
        refused = {place for (place, _), good in zip(claims, is_good, strict=True) if not good}
        taken = [place not in refused for place in range(len(posted))]
        events = [
            event for one, is_taken in zip(posted, taken, strict=True) if is_taken for event in one.callback.events
        ]
        apply_events(connection, events, now=now)
    return taken


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


def poll_providers(
    ledger: Ledger, sources: Mapping[str, EventSource], *, now: datetime, bounces: BounceMailbox | None = None
) -> PollReport:
    """Ask every provider what happened since the last time, read what came by mail, and apply it. `now`: policy time.

    Each pass reads the last hour again, because providers' lists fill in late; keys make that harmless. The cursor
    moves only as far as the provider's list can be trusted. Clicks that have settled end what they end.
    Raises PollFailed when one could not be read, after reading the others.
    """
    with recorded_run(ledger, RunKind.EVENTS, policy_now=now) as run:
        total, by_mail, unread = Received(), Counter[str](), list[str]()
        for name, source in sources.items():
            try:
                total += _poll_one(ledger, name, source, now)
            except Exception as problem:  # noqa: BLE001  (the other providers are read first; then it is raised)
                log.warning("not polled", provider=name, reason=type(problem).__name__)
                unread.append(f"{name} ({type(problem).__name__})")
        if bounces is not None:
            try:
                by_mail = read_bounces(ledger, bounces, now=now)
            except Unavailable:  # a server is writing to it: the next pass reads on from the same place
                by_mail = Counter({"busy": 1})
            except Exception as problem:  # noqa: BLE001  (as above)
                log.warning("bounces not read", reason=type(problem).__name__)
                unread.append(f"the mailbox for bounces ({type(problem).__name__})")
        settled = settle_clicks(ledger, now=now)
        polled = Counter({"new": total.new, "repeated": total.repeated, "unmatched": total.unmatched})
        polled.update(by_mail)  # and what only mails are counted for
        run.counts = {**polled, "settled": settled}
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
