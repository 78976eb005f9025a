"""Events of providers, applied to what they are about: many at once, and in any order and grouping to the same end.

What comes in floods (a message was taken, sent, delivered, read) takes a few statements for all of a group; what is
rarer follows one by one, the oldest first. Nothing is lost by that order, for the state of a request is the highest of
a total order, whichever word of it comes first.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from connectors import ProviderEvent
from data.ledger import outcomes, retries
from data.ledger.acceptance import record_accepted, record_many_accepted
from data.ledger.fetches import fetched_requests, read_history
from data.ledger.happened import Raw, Told, append_event, append_events, keep_raw
from data.ledger.outcomes import Attempt
from data.ledger.people import lock_people
from data.words import AttemptOutcome, EventKind, FailureScope, RequestStatus
from invitations.complaint_rate import hold_if_called_spam
from invitations.consequences import CUSTOMER, after_late_failure, no_more
from invitations.evidence import Visit, sign_of
from invitations.grading import machines_of, regrade
from invitations.inbound import REASONS, apply_to_person

# These change a request by its status alone, or nothing but the list of events.
_IN_FLOODS = frozenset({
    EventKind.ACCEPTED_BY_PROVIDER, EventKind.SENT, EventKind.ACCEPTED_BY_SERVER, EventKind.DELIVERED, EventKind.READ,
    EventKind.DELAYED, EventKind.UNKNOWN,
})  # fmt: skip
_ARRIVED = (EventKind.DELIVERED, EventKind.READ)
_FETCHES = (EventKind.OPENED, EventKind.CLICKED)


@dataclass(frozen=True)
class Received:
    """What became of some events: new ones applied, repeated ones ignored, and those about nobody of ours.

    `waiting`: nothing vouches for them, so they are kept until polling brings them too.
    """

    new: int = 0
    repeated: int = 0
    unmatched: int = 0
    waiting: int = 0

    def __add__(self, other: "Received") -> "Received":
        return Received(
            self.new + other.new,
            self.repeated + other.repeated,
            self.unmatched + other.unmatched,
            self.waiting + other.waiting,
        )


@dataclass(frozen=True, slots=True)
class _Fresh:
    """An event that was not applied before, and the attempt it is about, if it is one of ours."""

    event: ProviderEvent
    inbox_id: int
    attempt: Attempt | None


def is_believed(event: ProviderEvent) -> bool:
    """Whether it is applied at once: it is vouched for, or it forbids us something, which errs on the safe side."""
    return event.is_confirmed or event.kind in REASONS or event.scope in (FailureScope.ADDRESS, FailureScope.OPT_OUT)


def apply_events(connection: Connection, events: Sequence[ProviderEvent], *, now: datetime) -> Received:
    """Keep and apply events, each key once, in the transaction of whoever calls. `now` is policy time.

    An event about no message and nobody of ours (another system's, on the same account) is kept and goes no further.
    """
    told: dict[tuple[str, str], ProviderEvent] = {}
    for event in events:  # told twice in a group: what is believed is told
        name = (event.provider, event.key)
        if name not in told or (is_believed(event) and not is_believed(told[name])):
            told[name] = event
    raw = [Raw(event.provider, event.key, event.raw, is_believed(event)) for event in told.values()]
    kept = keep_raw(connection, raw)
    new = [(event, kept[name]) for name, event in told.items() if name in kept]
    fresh = _with_attempts(connection, [(event, inbox_id) for event, inbox_id in new if is_believed(event)])
    # Before any of their requests is changed, which is the order that everybody keeps (PostgreSQL): and links fetched
    # at once see each other.
    lock_people(
        connection,
        {one.attempt.person_id for one in fresh if one.attempt and not _is_plain(one.event)},
    )
    flood = [(one, one.attempt) for one in fresh if one.attempt and one.event.kind in _IN_FLOODS]
    _apply_flood(connection, flood, now)
    rare = [one for one in fresh if not (one.attempt and one.event.kind in _IN_FLOODS)]
    counts = Counter({"new": len(flood)})
    for one in sorted(rare, key=lambda one: (one.event.occurred_at, one.event.provider, one.event.key)):
        counts[_apply_one(connection, one, now)] += 1
    return Received(counts["new"], len(events) - len(new), counts["unmatched"], len(new) - len(fresh))


def _is_plain(event: ProviderEvent) -> bool:
    """Whether nothing of the person behind it is read or written. A delivery dates what was fetched too soon after."""
    return event.kind in _IN_FLOODS and event.kind is not EventKind.ACCEPTED_BY_SERVER


def _with_attempts(connection: Connection, new: Sequence[tuple[ProviderEvent, int]]) -> list[_Fresh]:
    """By our own id where the provider gives it back, else by the provider's."""
    ours = outcomes.find_attempts(connection, {event.attempt_id for event, _ in new if event.attempt_id})
    others = {
        (event.provider, event.provider_message_id)
        for event, _ in new
        if event.attempt_id not in ours and event.provider_message_id
    }
    theirs = outcomes.find_attempts_by_message(connection, others)
    return [
        _Fresh(
            event,
            inbox_id,
            ours.get(event.attempt_id or "") or theirs.get((event.provider, event.provider_message_id or "")),
        )
        for event, inbox_id in new
    ]


def _is_settled(event: ProviderEvent, attempt: Attempt) -> bool:
    """Whether the ledger knows already what any word about an attempt says: that the provider has the message."""
    is_named = attempt.provider_message_id is not None or not event.provider_message_id
    return attempt.outcome is AttemptOutcome.ACCEPTED and is_named


def _apply_flood(connection: Connection, flood: Sequence[tuple[_Fresh, Attempt]], now: datetime) -> None:
    if not flood:
        return
    told = [_told(one, attempt) for one, attempt in flood]
    append_events(connection, told)
    accepted: dict[str, str | None] = {}
    for one, attempt in flood:
        if not _is_settled(one.event, attempt):
            accepted[attempt.attempt_id] = one.event.provider_message_id or accepted.get(attempt.attempt_id)
    if accepted:
        record_many_accepted(connection, sorted(accepted.items()), now)
    arrived = [(attempt, one.event.occurred_at) for one, attempt in flood if one.event.kind in _ARRIVED]
    arrived.sort(key=lambda each: (each[1], each[0].attempt_id), reverse=True)  # the earliest last: it counts
    if not outcomes.record_delivered(connection, {attempt.request_id: at for attempt, at in arrived}):
        retries.withdraw(connection, arrived, RequestStatus.DELIVERED)
    taken = [attempt for one, attempt in flood if one.event.kind is EventKind.ACCEPTED_BY_SERVER]
    retries.withdraw(connection, [(attempt, None) for attempt in taken], RequestStatus.SENT)
    fetched = fetched_requests(connection, {attempt.invitation_id for attempt in taken})
    for request_id in sorted(fetched & {attempt.request_id for attempt in taken}):
        regrade(connection, request_id)


def _told(one: _Fresh, attempt: Attempt) -> Told:
    event = one.event
    return Told(attempt.attempt_id, event.kind, event.occurred_at, one.inbox_id, event.code, _reason(event))


def _reason(event: ProviderEvent) -> Mapping[str, str] | None:
    return {"reason": event.reason} if event.reason else None


def _apply_one(connection: Connection, one: _Fresh, now: datetime) -> str:
    event, attempt = one.event, one.attempt
    if attempt is None:
        return apply_to_person(connection, event, one.inbox_id)
    is_fetch = event.kind in _FETCHES
    event_id = append_event(
        connection,
        attempt,
        kind=event.kind,
        occurred_at=event.occurred_at,
        code=event.code,
        detail=_sign(connection, event, attempt) if is_fetch else _reason(event),
        inbox_id=one.inbox_id,
    )
    if not _is_settled(event, attempt):
        record_accepted(connection, attempt.attempt_id, event.provider_message_id, now)
    if is_fetch:
        regrade(connection, attempt.request_id, new=event_id)
    elif event.kind is EventKind.FAILED:
        after_late_failure(connection, attempt, event, event_id=event_id, now=now)
    elif event.kind in REASONS:
        no_more(
            connection,
            account_id=attempt.account_id,
            person_id=attempt.person_id,
            reason=REASONS[event.kind],
            by=CUSTOMER,
            at=event.occurred_at,
            event_id=event_id,
        )
        if event.kind is EventKind.COMPLAINED:
            hold_if_called_spam(connection, attempt)
    return "new"  # whatever else: kept as an event, and changes nothing


def _sign(connection: Connection, event: ProviderEvent, attempt: Attempt) -> Mapping[str, str] | None:
    """Of an open or a click the sign of a machine it shows, never whose address it came from."""
    visit = Visit(agent=event.agent, address=event.client_address, is_bot=event.is_machine)
    sign = sign_of(visit, machines_of(read_history(connection, attempt.request_id).rules))
    return {"sign": sign} if sign else None
