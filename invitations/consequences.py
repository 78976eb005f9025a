"""What follows from a failure or a "no": the request's end, its event, and what must not be tried again.

What each code asks for is its provider's table (`connectors`); what that means here: a dead address and an opt-out are
suppressed; a sender or a country that is refused gets a breaker, which a person closes; a template that Meta has
withdrawn is not used again; and after some failures of an accepted message another may go later (`retries`).
"""

import random
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.engine import Connection

from connectors import ProviderEvent, Retry, TemporaryFailure
from data.ledger import breakers, outcomes, rates, retries
from data.ledger.fallback import OF_THE_CHANNEL, ask_to_plan, plan_if_another_channel
from data.ledger.happened import append_event
from data.ledger.people import stop_open_invitations
from data.ledger.stop_conditions import end_if_met
from data.ledger.suppressions import record, suppress_person
from data.ledger.withdrawn_templates import withdraw_template
from data.words import (
    AttemptOutcome,
    Channel,
    EventKind,
    FailureScope,
    RequestStatus,
    StopCondition,
    SuppressionEffect,
    SuppressionReason,
    TemplateApproval,
    address_kind,
)

log = structlog.get_logger(__name__)

TRIES = 8  # temporary failures of one request before it counts as failed
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=6)
_LONG_PAUSE = timedelta(seconds=10)  # that a provider asks for; what is shorter a run waits for (`gate`)
_AFTER_MIDNIGHT = (timedelta(minutes=5), timedelta(minutes=65))  # by then the carriers' clocks have turned as well

CUSTOMER = "the customer"  # who stopped it, where no user of ours did
PROVIDER = "the provider"


def try_later(connection: Connection, attempt_id: str, failure: TemporaryFailure, at: datetime) -> None:
    """Queue the request again, later each time; after the eighth try it has failed.

    A throttle is the sender's trouble, not the message's: it uses up no try. Where the provider says for how long, and
    it is long, nothing of the sender goes meanwhile, whoever sends.
    """
    attempt = outcomes.find_attempt(connection, attempt_id)
    if attempt is None:
        return
    if failure.template is not None:
        _withdraw_template(connection, attempt, failure.template, failure.code)
    if attempt.attempt_count >= TRIES and not failure.is_throttle:
        reason = f"gave up after {TRIES} tries: {failure.reason}"[:300]
        after_failure(connection, attempt_id, code=failure.code, reason=reason, scope=FailureScope.MESSAGE, at=at)
        return
    wait = failure.retry_after
    if failure.is_throttle and wait is not None and wait > _LONG_PAUSE:
        rates.shut_sender_of(connection, attempt_id, wait)
    if wait is None:
        doubled = min(FIRST_WAIT * 2 ** max(attempt.attempt_count - 1, 0), LONGEST_WAIT)
        wait = doubled * random.uniform(0.5, 1.0)  # noqa: S311  (spreads retries; no secret)
    outcomes.record_not_sent(
        connection,
        attempt_id,
        AttemptOutcome.TEMPORARY_FAILURE,
        code=failure.code,
        reason=failure.reason[:300],
        not_before=at + wait,
        is_counted=not failure.is_throttle,
    )


def after_failure(
    connection: Connection, attempt_id: str, *, code: str, reason: str, scope: FailureScope, at: datetime
) -> None:
    """The provider refused the message for good, before taking it. Ends the invitation where its policy says so."""
    if not outcomes.record_failed(connection, attempt_id, code=code, reason=reason[:300], scope=scope, at=at):
        return
    attempt = outcomes.find_attempt(connection, attempt_id)
    if attempt is None:
        return
    event_id = append_event(
        connection,
        attempt,
        kind=EventKind.FAILED,
        occurred_at=at,
        code=code,
        detail={"reason": reason[:300]},
    )
    _hold_sender(connection, attempt, scope, code=code, reason=reason)
    _suppress(connection, attempt, scope=scope, at=at, event_id=event_id)
    end_if_met(connection, attempt.request_id, [StopCondition.PERMANENT_FAILURE], at=at)


def after_late_failure(
    connection: Connection, attempt: outcomes.Attempt, event: ProviderEvent, *, event_id: int, now: datetime
) -> None:
    """A message that the provider had taken was not delivered: another goes later, or its request has failed.

    `now` is policy time. The breaker opens in either case: what was queued again waits behind it as well.
    """
    scope, code, reason = event.scope or FailureScope.MESSAGE, event.code or "unknown", event.reason or ""
    _hold_sender(connection, attempt, scope, code=code, reason=reason)
    if event.template is not None:
        _withdraw_template(connection, attempt, event.template, code)
    at = event.occurred_at
    if event.retry is not None:
        failure = retries.LateFailure(code, reason, scope, at)
        if _try_again(connection, attempt, failure, event.retry, now):
            return
    outcomes.record_failed_later(
        connection, attempt, code=code, reason=reason, scope=scope, at=at, is_final=event.retry is None
    )
    _suppress(connection, attempt, scope=scope, at=at, event_id=event_id)
    after = outcomes.find_attempt(connection, attempt.attempt_id)
    if after is not None and after.status is RequestStatus.FAILED:  # not delivered after all
        end_if_met(connection, attempt.request_id, [StopCondition.PERMANENT_FAILURE], at=at)


def _try_again(
    connection: Connection, attempt: outcomes.Attempt, failure: retries.LateFailure, retry: Retry, now: datetime
) -> bool:
    """Queue another message for later, unless as many as may have gone: whether one was queued."""
    gone = retries.count_accepted(connection, attempt.request_id)
    if gone > retry.most:
        return False
    not_before = _time_of(retry, gone, now)
    window_end = retries.queue_again(connection, attempt, failure, not_before=not_before, now=now)
    if window_end is None:
        return False
    if window_end <= not_before:
        ask_to_plan(connection, attempt.account_id)
    return True


def _time_of(retry: Retry, gone: int, now: datetime) -> datetime:
    """When the next message may go: hours later, twice as many each time, and not all at once."""
    if retry.day_zone is not None:
        zone = ZoneInfo(retry.day_zone)
        midnight = datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone)
        first, last = _AFTER_MIDNIGHT
        return midnight + first + (last - first) * random.random()  # noqa: S311  (spreads retries; no secret)
    return now + retry.after * (1 << max(gone - 1, 0)) * random.uniform(1.0, 1.5)  # noqa: S311


def _hold_sender(
    connection: Connection, attempt: outcomes.Attempt, scope: FailureScope, *, code: str, reason: str
) -> None:
    """Nothing more leaves from a sender that is refused, nor to a country that is not reached from it."""
    is_route = scope is FailureScope.ROUTE and attempt.channel is not Channel.EMAIL  # a mail's route is its recipient's
    if (is_route or scope is FailureScope.SENDER) and breakers.open_for(
        connection, attempt.attempt_id, code=code, reason=reason, is_for_country=is_route
    ):
        log.warning("breaker opened", channel=attempt.channel.value, code=code)


def _withdraw_template(
    connection: Connection, attempt: outcomes.Attempt, approval: TemplateApproval, code: str
) -> None:
    if withdraw_template(connection, attempt.request_id, approval):
        log.warning("template withdrawn by Meta", code=code)
        ask_to_plan(connection, attempt.account_id)  # another channel may carry what waits for it


def _suppress(
    connection: Connection, attempt: outcomes.Attempt, *, scope: FailureScope, at: datetime, event_id: int
) -> None:
    """A dead address is not tried again; somebody who opted out at the provider is not contacted again at all.

    Where the channel is dead and the step names another, planning is asked for.
    """
    if scope in OF_THE_CHANNEL:
        plan_if_another_channel(connection, attempt.account_id, attempt.request_id)
    if scope is FailureScope.ADDRESS:
        record(
            connection,
            [(address_kind(attempt.channel), attempt.address)],
            account_id=attempt.account_id,
            channel=attempt.channel,
            effect=SuppressionEffect.SUPPRESS,
            reason=SuppressionReason.UNDELIVERABLE,
            recorded_by=PROVIDER,
            occurred_at=at,
            event_id=event_id,
        )
    elif scope is FailureScope.OPT_OUT:
        no_more(
            connection,
            account_id=attempt.account_id,
            person_id=attempt.person_id,
            reason=SuppressionReason.PROVIDER_OPT_OUT,
            by=PROVIDER,
            at=at,
            event_id=event_id,
        )


def no_more(
    connection: Connection,
    *,
    account_id: int,
    person_id: int,
    reason: SuppressionReason,
    by: str,
    at: datetime,
    channel: Channel | None = None,
    event_id: int | None = None,
) -> None:
    """The person said no: suppressed on every channel (or one), and open invitations stop at once.

    The broadest scope is the default (field-rules R8): STOP on one channel covers all.
    """
    suppress_person(
        connection,
        account_id=account_id,
        person_id=person_id,
        channel=channel,
        reason=reason,
        recorded_by=by,
        occurred_at=at,
        event_id=event_id,
    )
    if channel is None:
        stop_open_invitations(connection, person_id, by=by, at=at)
