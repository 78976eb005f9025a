"""Allowing e-mail to an address again, by hand: the person changed their mind, or the mailbox is alive again.

For that address on e-mail only; texts stay as they are, for only the person's own START gives those back. What a
provider lists against the address goes with the next `sync_suppressions`, if it was listed before this.
"""

from datetime import datetime

from data.ledger import said_about_mail as words
from data.ledger.barred import is_known_at
from data.ledger.controls import record_audit
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action, may
from data.words import AddressKind, Channel, SuppressionEffect, SuppressionReason
from invitations.actor import NOT_YOURS, Actor, Answer, Done, Refused
from invitations.contacts import clean_email
from invitations.said import Book

_AUDITED = "restore"


@again_if_undone
def restore_email(ledger: Ledger, actor: Actor, contact: str, *, because: str, now: datetime) -> Answer:
    """Lift what was said against e-mail to this address until now; `because` is kept in the audit.

    Refused without the right to change settings, for somebody of other locations only, without a reason, and where
    nothing is suppressed.
    """
    if not may(actor.role, Action.CHANGE_SETTINGS):
        return Refused("Only an owner or admin of the account can allow email to somebody again.")
    address = clean_email(contact)
    if address is None:
        return Refused("This is not an email address. Expected one such as name@example.com.")
    if not because.strip():
        return Refused("Say why: it is kept, in case somebody asks who allowed it.")
    with ledger.write() as c:
        words.lock_people(c, set(words.read_said(c, actor.account_id, [address]).owners.values()))
        asked = words.read_said(c, actor.account_id, [address])
        if actor.location_ids is not None and not is_known_at(c, asked.owners.get(address), actor.location_ids):
            return Refused(NOT_YOURS)
        if not Book(asked).is_off(address):
            return Refused("Email to this address is not suppressed: nothing changed.")
        lifted = {
            "kind": AddressKind.EMAIL, "address": address, "channel": Channel.EMAIL,
            "effect": SuppressionEffect.RESTORE, "reason": SuppressionReason.ASKED_BY_PERSON,
            "recorded_by": actor.email, "occurred_at": now,
        }  # fmt: skip
        words.append(c, actor.account_id, [lifted])
        record_audit(
            c, actor.account_id, actor=actor.email, action=_AUDITED,
            subject=f"suppression {asked.said[-1].suppression_id}", before=None,
            after={"channel": Channel.EMAIL.value, "because": because.strip()[:300]},
        )  # fmt: skip
    return Done("Email to this address is allowed again. Texts stay as they were.")
