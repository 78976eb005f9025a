"""What follows from a failure or a "no": the request's end, its event, and what must not be tried again."""

import random
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from connectors import TemporaryFailure
from data.ledger import outcomes
from data.ledger.fallback import OF_THE_CHANNEL, plan_if_another_channel
from data.ledger.happened import append_event
from data.ledger.people import stop_open_invitations
from data.ledger.stop_conditions import end_if_met
from data.ledger.suppressions import record, suppress_person
from data.words import (
    AttemptOutcome,
    Channel,
    EventKind,
    FailureScope,
    StopCondition,
    SuppressionEffect,
    SuppressionReason,
    address_kind,
)

TRIES = 8  # temporary failures of one request before it counts as failed
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=6)

CUSTOMER = "the customer"  # who stopped it, where no user of ours did
PROVIDER = "the provider"


def try_later(connection: Connection, attempt_id: str, failure: TemporaryFailure, at: datetime) -> None:
    """Queue the request again, later each time; after the eighth try it has failed.

    A throttle is the sender's trouble, not the message's: it uses up no try.
    """
    attempt = outcomes.find_attempt(connection, attempt_id)
    if attempt is None:
        return
    if attempt.attempt_count >= TRIES and not failure.is_throttle:
        reason = f"gave up after {TRIES} tries: {failure.reason}"[:300]
        after_failure(connection, attempt_id, code=failure.code, reason=reason, scope=FailureScope.MESSAGE, at=at)
        return
    wait = failure.retry_after
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
    suppress_after_failure(connection, attempt, scope=scope, at=at, event_id=event_id)
    end_if_met(connection, attempt.request_id, [StopCondition.PERMANENT_FAILURE], at=at)


def suppress_after_failure(
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
