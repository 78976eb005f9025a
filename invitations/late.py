"""An answer that came after its call's deadline: nobody waited for it any more, and it settles the doubt."""

from datetime import datetime

from connectors import Accepted, Outcome, PermanentFailure, TemporaryFailure
from data.ledger.acceptance import record_accepted
from data.ledger.store import Ledger, again_if_undone
from invitations.consequences import after_failure, try_later


@again_if_undone
def record_late(ledger: Ledger, attempt_id: str, outcome: Outcome, at: datetime) -> None:
    """Write a late answer down, whatever has become of the request meanwhile. `at` is policy time."""
    with ledger.write() as connection:
        match outcome:
            case Accepted(provider_message_id):
                record_accepted(connection, attempt_id, provider_message_id, at)
            case PermanentFailure(code, reason, scope):
                after_failure(connection, attempt_id, code=code, reason=reason, scope=scope, at=at)
            case TemporaryFailure():
                try_later(connection, attempt_id, outcome, at)
