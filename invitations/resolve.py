"""Settling doubt: messages that were handed over and about which the provider's answer never came.

Doubt is never sent again blindly. The provider is asked: found, it was sent; absent, only three complete reads over
half an hour of the provider's own clock prove that it never arrived, and then it is queued again. Where nobody keeps a
record to ask (SMTP, WhatsApp, a provider or a sender that was given up), a person decides.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from connectors import Absent, CannotTell, Doubt, Found, LookUp, Messenger
from data.ledger import outcomes
from data.ledger.acceptance import record_accepted
from data.ledger.doubt import DoubtRow, is_sent_anew, note_absence, note_asked, read_doubt
from data.ledger.lapses import end_lapsed
from data.ledger.moments import Moment, passing
from data.ledger.runs import reap_dead_runs, recorded_run
from data.ledger.store import Ledger, again_if_undone
from data.words import AttemptOutcome, Channel, RunKind
from invitations.actor import Actor

log = structlog.get_logger(__name__)

READS = 3  # complete reads that must all miss the message


@dataclass(frozen=True)
class StillInDoubt:
    """A message that stays in doubt, and what is being done about it."""

    attempt_id: str
    request_id: int
    location_id: int
    channel: Channel
    handed_at: datetime
    note: str


@dataclass(frozen=True)
class ResolveReport:
    """How many were settled and how, and what remains."""

    run_id: int
    counts: Mapping[str, int]
    rows: tuple[StillInDoubt, ...]

    def as_metadata(self) -> dict[str, int]:
        """The counts, for whoever shows them."""
        return {"run_id": self.run_id, **self.counts}

    def seen_by(self, actor: Actor) -> tuple[StillInDoubt, ...]:
        """Those that remain at the locations that this person looks after."""
        if actor.location_ids is None:
            return self.rows
        return tuple(row for row in self.rows if row.location_id in actor.location_ids)


def resolve_doubt(ledger: Ledger, messengers: Mapping[Channel, Messenger], *, now: datetime) -> ResolveReport:
    """Take attempts from senders that are gone, then ask about every message in doubt. `now` is policy time."""
    with recorded_run(ledger, RunKind.RESOLVE, policy_now=now) as run:
        reap_dead_runs(ledger)
        counts = Counter(end_lapsed(ledger))
        remaining = []
        with ledger.read() as connection:
            doubts = read_doubt(connection)
        for row in doubts:
            word, note = _settle(ledger, messengers.get(row.channel), row, now)
            counts[word] += 1
            if note:
                remaining.append(
                    StillInDoubt(row.attempt_id, row.request_id, row.location_id, row.channel, row.handed_at, note)
                )
        run.counts = dict(counts)
    return ResolveReport(run.run_id, dict(counts), tuple(remaining))


def _settle(ledger: Ledger, messenger: Messenger | None, row: DoubtRow, now: datetime) -> tuple[str, str | None]:
    """The word it is counted under, and a note when it stays in doubt."""
    if messenger is None:
        return _leave_to_person(ledger, row, f"no {row.channel.value} provider is configured, so nobody can be asked")
    if messenger.name != row.provider:  # what another provider does not know of proves nothing
        return _leave_to_person(ledger, row, f"{row.provider} is not configured any more, so nobody can be asked")
    link = f"{ledger.settings.public_url.rstrip('/')}/r/{row.link_token}"
    answer = _ask(messenger, Doubt(row.attempt_id, row.channel, row.address, link, row.handed_at, row.parcel_id))
    if isinstance(answer, Absent) and row.sender not in ("", messenger.sender(row.channel)):
        answer = CannotTell("it left from another sender than the one configured now", is_final=True)
    passing(Moment.RESOLVING)
    settled = _write_down(ledger, row, answer, now)
    passing(Moment.RESOLVED)
    return settled


def _ask(messenger: Messenger, doubt: Doubt) -> LookUp:
    try:
        return messenger.look_up(doubt)
    except Exception as problem:  # noqa: BLE001  (a read that failed proves nothing, and the others go on)
        log.warning("look-up failed", attempt_id=doubt.attempt_id, reason=type(problem).__name__)
        return CannotTell(f"asking failed ({type(problem).__name__}); it is tried again")


def _write_down(ledger: Ledger, row: DoubtRow, answer: LookUp, now: datetime) -> tuple[str, str | None]:
    match answer:
        case Found(provider_message_id):
            return _found(ledger, row.attempt_id, provider_message_id, now), None
        case Absent(provider_time):
            return _count_absence(ledger, row, provider_time)
        case CannotTell(reason, is_final):
            if is_final:
                return _leave_to_person(ledger, row, reason)
            _note(ledger, row, reason, is_left_to_person=False)
            return "could_not_ask", reason


def _leave_to_person(ledger: Ledger, row: DoubtRow, note: str) -> tuple[str, str]:
    _note(ledger, row, note, is_left_to_person=True)
    return "needs_a_person", note


@again_if_undone
def _note(ledger: Ledger, row: DoubtRow, note: str, *, is_left_to_person: bool) -> None:
    with ledger.write() as connection:
        note_asked(connection, row.attempt_id, note, is_left_to_person=is_left_to_person)


@again_if_undone
def _found(ledger: Ledger, attempt_id: str, provider_message_id: str, now: datetime) -> str:
    with ledger.write() as connection:
        # Another resolver has proved it absent while this one asked, and the request has been sent anew: what was seen
        # may be that message, which its own attempt answers for.
        if is_sent_anew(connection, attempt_id):
            return "settled_meanwhile"
        record_accepted(connection, attempt_id, provider_message_id, now)
    return "found"


@again_if_undone
def _count_absence(ledger: Ledger, row: DoubtRow, provider_time: datetime) -> tuple[str, str | None]:
    settle = ledger.settings.settle
    minutes = settle.total_seconds() / 60
    with ledger.write() as connection:
        counted = note_absence(connection, row.attempt_id, provider_time)
        if counted is None:
            return "settled_meanwhile", None
        reads, first, last = counted
        note = f"not found in {reads} of at least {READS} reads over {minutes:g} minutes; asked again"
        note_asked(connection, row.attempt_id, note, is_left_to_person=False)
        if reads < READS or last - first < settle:
            return "still_in_doubt", note
        outcomes.record_not_sent(
            connection, row.attempt_id, AttemptOutcome.PROVED_ABSENT, reason=f"not found in {reads} reads"
        )
        return "proved_absent", None
