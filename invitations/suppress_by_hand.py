"""The do-not-contact list, by hand: one person who said so, or a list of them. Lifting is `invitations.restore`.

One person's no is taken from whoever may tell it, whatever locations they look after: the person said it to the
business, not to a location, and it holds everywhere. A list is taken from who looks after every location only.
"""

from datetime import datetime

from connectors.csv_file import UnreadableFile
from data.ledger.store import Ledger
from data.permissions import Action
from invitations.actor import Actor, Answer, Done, Refused, refuse_role
from invitations.do_not_contact import do_not_contact, import_do_not_contact
from invitations.import_report import ImportRefused, ImportReport

LONGEST_REASON = 300
_WHOLE_ACCOUNT = "A list holds at every location, and you look after some of them. Ask somebody who looks after all."


def suppress_by_hand(ledger: Ledger, actor: Actor, contact: str, *, because: str, now: datetime) -> Answer:
    """Never contact whoever has this e-mail address or number again, on any channel; `because` is kept in the audit.

    The answer is the same whether or not we know them: it gives nobody away.
    """
    if refusal := refuse_role(actor, Action.DO_NOT_CONTACT):
        return refusal
    try:
        is_new = do_not_contact(
            ledger, contact.strip(), recorded_by=actor.email, reason=because.strip()[:LONGEST_REASON] or None, now=now
        )
    except ImportRefused as problem:
        return Refused(f"{problem} Nothing was changed.")
    if not is_new:
        return Refused("They were not to be contacted already.", is_so_already=True)
    return Done("They will not be contacted again, on any channel or at any location.")


def suppress_list(
    ledger: Ledger, actor: Actor, content: bytes, *, file_name: str, because: str, now: datetime
) -> ImportReport | Refused:
    """Never contact anybody in this file again; its report. Safe to do again: what is known adds nothing."""
    if refusal := refuse_role(actor, Action.DO_NOT_CONTACT):
        return refusal
    if actor.location_ids is not None:
        return Refused(_WHOLE_ACCOUNT)
    reason = because.strip()[:LONGEST_REASON] or None
    try:
        return import_do_not_contact(
            ledger, content, file_name=file_name, imported_by=actor.email, reason=reason, now=now
        )
    except UnreadableFile as problem:
        return Refused(f"{problem} Nothing was changed.")
