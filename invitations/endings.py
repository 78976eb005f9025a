"""How calls ended, written down one by one: whatever is not simply accepted, which the clerk writes many at a time."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.engine import Connection

from connectors import (
    Accepted,
    AccountStopped,
    ConfigurationError,
    Outcome,
    PermanentFailure,
    TemporaryFailure,
)
from data.ledger import breakers, outcomes, rates
from data.ledger.acceptance import record_accepted
from data.ledger.dispatch import Claim
from data.pace import Pace
from data.words import AttemptOutcome
from invitations.clerk import Clerk
from invitations.consequences import after_failure, try_later

log = structlog.get_logger(__name__)


class Endings:
    """Of one lane's calls. `counted` is told each message's end once it is durable."""

    def __init__(self, clerk: Clerk, pace: Pace, counted: Callable[[str, int], None]) -> None:
        self._clerk, self._pace, self._counted = clerk, pace, counted

    async def record(self, claim: Claim, outcome: Outcome | Exception, at: datetime, segments: int) -> None:
        """What the provider said to one message; an exception: nobody knows. `at` is policy time. `segments`: what it
        counted as at its sender's rate."""
        match outcome:
            case Accepted(provider_message_id):
                await self._clerk.write(partial(_accept, claim, provider_message_id, at))
                self._counted(AttemptOutcome.ACCEPTED, 1)
            case PermanentFailure():
                await self._clerk.write(partial(self._fail, claim, outcome, at, segments))
                self._counted(AttemptOutcome.PERMANENT_FAILURE, 1)
            case TemporaryFailure():
                await self._clerk.write(partial(self._try_later, claim, outcome, at, segments))
                self._counted(AttemptOutcome.TEMPORARY_FAILURE, 1)
            case ConfigurationError():
                await self._refused(claim, outcome, at, segments)
                self._counted(AttemptOutcome.TEMPORARY_FAILURE, 1)
            case _:
                reason = type(outcome).__name__
                log.warning("in doubt", attempt_id=claim.attempt_id, reason=reason)
                await self._clerk.write(lambda c: outcomes.record_in_doubt(c, claim.attempt_id, reason))
                self._counted(AttemptOutcome.IN_DOUBT, 1)

    async def withdraw(self, claims: Sequence[Claim]) -> None:
        """Give back to the queue what was never handed over."""
        for claim in claims:
            await self._clerk.write(partial(_withdraw, claim))
            self._counted(AttemptOutcome.WITHDRAWN, 1)

    async def _refused(self, claim: Claim, refusal: ConfigurationError, at: datetime, segments: int) -> None:
        """The account or the configuration is refused: nothing left, and nothing of this sender will for now."""
        code = refusal.code if isinstance(refusal, AccountStopped) else "configuration"
        failure = TemporaryFailure(code, "the account is refused", timedelta(0), is_throttle=True)

        def keep(connection: Connection) -> None:
            self._try_later(claim, failure, at, segments, connection)
            breakers.open_breaker(connection, claim.channel, claim.sender, code=code, reason=str(refusal)[:300])

        await self._clerk.write(keep)

    def _fail(
        self, claim: Claim, failure: PermanentFailure, at: datetime, segments: int, connection: Connection
    ) -> None:
        after_failure(
            connection, claim.attempt_id, code=failure.code, reason=failure.reason, scope=failure.scope, at=at
        )
        self._give_back(claim, segments, connection)

    def _try_later(
        self, claim: Claim, failure: TemporaryFailure, at: datetime, segments: int, connection: Connection
    ) -> None:
        try_later(connection, claim.attempt_id, failure, at)
        self._give_back(claim, segments, connection)

    def _give_back(self, claim: Claim, segments: int, connection: Connection) -> None:
        """Nothing left: the sender's day does not count it."""
        if self._pace.per_day(claim.channel) is not None:
            rates.give_back(connection, claim.channel, claim.sender, segments, day_zone=self._pace.sending_day_zone)


def _accept(claim: Claim, provider_message_id: str, at: datetime, connection: Connection) -> None:
    record_accepted(connection, claim.attempt_id, provider_message_id, at)
    if claim.is_probe:
        breakers.close_by_probe(connection, [claim.attempt_id])


def _withdraw(claim: Claim, connection: Connection) -> None:
    outcomes.record_not_sent(connection, claim.attempt_id, AttemptOutcome.WITHDRAWN)
