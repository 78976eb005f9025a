"""Taking data away: who may is asked here, and that it was done is kept in the audit before a file is handed over."""

from data.ledger.controls import record_audit
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action, may
from invitations.actor import Actor, Answer, Done, Refused


@again_if_undone
def note_export(ledger: Ledger, actor: Actor, table: str, *, rows: int) -> Answer:
    """Keep that this person took `rows` rows of `table` away. Refused where the role may not."""
    if not may(actor.role, Action.EXPORT):
        role = actor.role.value.replace("_", " ").title()
        return Refused(f"The {role} role cannot export tables. Ask an owner or admin of the account.")
    with ledger.write() as c:
        record_audit(
            c, actor.account_id, actor=actor.email, action=Action.EXPORT.value, subject=table,
            before={}, after={"rows": rows},
        )  # fmt: skip
    return Done(f"Exported {rows:,} {'row' if rows == 1 else 'rows'}.")
