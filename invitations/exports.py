"""Taking data away: who may is asked here, that it was done is kept in the audit before a file is handed over, and no
text of a customer's may act as a formula in it."""

import re

from data.ledger.controls import record_audit
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action, may
from invitations.actor import Actor, Answer, Done, Refused

_ACTS = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_E164 = re.compile(r"\+[1-9]\d{6,14}")


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


def harmless(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet would run it; phone numbers in E.164 stay as they are.

    It runs what begins with = + - @ and some others (owasp.org/www-community/attacks/CSV_Injection).
    """
    return f"'{text}" if _ACTS.match(text) and not _E164.fullmatch(text) else text
