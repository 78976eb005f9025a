"""Settling one message in doubt by hand, where no provider can be asked (SMTP, WhatsApp): a person has looked.

It is the one place where somebody's word stands for a provider's. If they are wrong about "never arrived", the
customer is asked twice; so it takes the right to send, names one attempt, and is written down with who said it.
"""

from datetime import datetime

import structlog

from data.ledger import outcomes
from data.ledger.acceptance import record_accepted
from data.ledger.controls import record_audit
from data.ledger.doubt import standing_of
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action
from data.words import AttemptOutcome
from invitations.actor import NOT_YOURS, Actor, Answer, Done, Refused, refuse_role

log = structlog.get_logger(__name__)


@again_if_undone
def settle_by_hand(ledger: Ledger, actor: Actor, attempt_id: str, *, was_sent: bool, now: datetime) -> Answer:
    """Settle an attempt that is in doubt: it arrived, or it never did and is queued again. `now` is policy time.

    That it never arrived is taken from a person only where nobody can be asked: elsewhere the provider's own record
    is the proof, and it may show the message yet.
    """
    if refusal := refuse_role(actor, Action.SEND):
        return refusal
    with ledger.write() as c:
        found = outcomes.find_attempt(c, attempt_id)
        if found is None or found.account_id != actor.account_id:
            return Refused("No attempt has this id. `afterword resolve` lists what is in doubt, with ids.")
        if actor.location_ids is not None and found.location_id not in actor.location_ids:
            return Refused(NOT_YOURS)
        standing = standing_of(c, attempt_id)
        if standing is None:
            return Refused("This message is not in doubt (any more), so nothing was changed.")
        if not was_sent and not standing.is_left_to_person:
            return Refused(
                "The provider keeps a record of its messages and is asked about this one: what never arrived is queued "
                "again by itself. `afterword resolve` asks at once."
            )
        if was_sent:
            record_accepted(c, attempt_id, None, now)
        else:
            outcomes.record_not_sent(
                c, attempt_id, AttemptOutcome.PROVED_ABSENT, reason="a person found that it never arrived"
            )
        word = "sent" if was_sent else "not_sent"
        record_audit(
            c, actor.account_id, actor=actor.email, action="settle", subject=f"attempt {attempt_id}",
            before={"outcome": AttemptOutcome.IN_DOUBT.value}, after={"found": word},
        )  # fmt: skip
    log.warning("settled by hand", attempt_id=attempt_id, found=word)
    return Done("Kept as sent." if was_sent else "It never arrived, so it is queued again and goes with the next send.")
