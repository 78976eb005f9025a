"""Settling one message in doubt by hand, where no provider can be asked (SMTP, WhatsApp): a person has looked.

It is the one place where somebody's word stands for a provider's. If they are wrong about "never arrived", the
customer is asked twice; so it takes the right to send, names one attempt, and is written down with who said it.
"""

from datetime import datetime

import structlog

from data.ledger import outcomes
from data.ledger.acceptance import record_accepted
from data.ledger.controls import record_audit
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action, may
from data.words import AttemptOutcome, RequestStatus
from invitations.controls import Actor, Answer, Done, Refused

log = structlog.get_logger(__name__)


@again_if_undone
def settle_by_hand(ledger: Ledger, actor: Actor, attempt_id: str, *, was_sent: bool, now: datetime) -> Answer:
    """Settle an attempt that is in doubt: it arrived, or it never did and is queued again. `now` is policy time."""
    if not may(actor.role, Action.SEND):
        return Refused("Your role cannot decide about messages. Ask an owner or admin of the account.")
    with ledger.write() as c:
        found = outcomes.find_attempt(c, attempt_id)
        if found is None or found.account_id != actor.account_id:
            return Refused("No attempt has this id. `afterword resolve` lists what is in doubt, with ids.")
        if found.outcome is not AttemptOutcome.IN_DOUBT or found.status is not RequestStatus.IN_DOUBT:
            return Refused("This message is not in doubt (any more), so nothing was changed.")
        if was_sent:
            record_accepted(c, attempt_id, None, now)
        else:
            outcomes.record_not_sent(
                c, attempt_id, AttemptOutcome.PROVED_ABSENT, reason="a person found that it never arrived"
            )
        word = "sent" if was_sent else "not_sent"
        record_audit(
            c, actor.account_id, actor=actor.email, action="settle", subject=f"attempt {attempt_id}",
            before={"outcome": found.outcome.value}, after={"found": word},
        )  # fmt: skip
    log.warning("settled by hand", attempt_id=attempt_id, found=word)
    return Done("Kept as sent." if was_sent else "It never arrived, so it is queued again and goes with the next send.")
