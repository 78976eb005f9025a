"""Ending somebody's review links by hand: a phone was lost, a mail forwarded to strangers, a mistake made.

From the next look on each of them shows the page of a link that never was; what was answered stays. Unsubscribing goes
on working for ever, and nothing is stopped: messages that have yet to leave bring links of their own.
"""

from collections.abc import Collection

from sqlalchemy.engine import Connection

from data.ledger.controls import record_audit
from data.ledger.last_seen import find_people, regions
from data.ledger.people import lock_people
from data.ledger.revoking import Revoked
from data.ledger.revoking import revoke as revoke_rows
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action, may
from data.words import AddressKind
from invitations.actor import Actor, Answer, Done, Refused
from invitations.contacts import clean_email, clean_phone

_AUDITED = "revoke_links"


@again_if_undone
def revoke_links(ledger: Ledger, actor: Actor, contact: str) -> Answer:
    """End every review link of whoever has this address, in messages that have left, at the actor's locations.

    Kept in the audit with who did it, without the address. Refused without the right to stop messages, where nobody
    has the address, and where no link is left to end (`is_so_already` when all had ended before).
    """
    if not may(actor.role, Action.STOP):
        role = actor.role.value.replace("_", " ").title()
        return Refused(f"The {role} role cannot end links. Ask an owner or admin of the account.")
    with ledger.write() as c:
        people = _people(c, contact)
        if people is None:
            return Refused(
                "This is neither an email address nor a phone number. Expected name@example.com or +13125550100."
            )
        if not people:
            return Refused("Nobody has this address. Check the spelling.")
        lock_people(c, people)
        revoked = revoke_rows(c, actor.account_id, actor.location_ids, people, by=actor.email)
        if not revoked.now:
            return _nothing(revoked)
        named = ", ".join(map(str, people))
        record_audit(
            c, actor.account_id, actor=actor.email, action=_AUDITED,
            subject=f"person {named}"[:200], before=None, after={"links": revoked.now},
        )  # fmt: skip
    return Done(" ".join([_ended(revoked.now), *_to_come(revoked.to_come)]))


def _people(c: Connection, contact: str) -> Collection[int] | None:
    """Whoever has the address, in any of our countries' spelling; None when it is no address."""
    if "@" in contact:
        email = clean_email(contact)
        return None if email is None else find_people(c, AddressKind.EMAIL, [email])
    numbers = {number for region in regions(c) if (number := clean_phone(contact, region))}
    return find_people(c, AddressKind.PHONE, numbers) if numbers else None


def _nothing(revoked: Revoked) -> Refused:
    if revoked.before:
        return Refused(" ".join(["Their links had ended already.", *_to_come(revoked.to_come)]), is_so_already=True)
    return Refused(" ".join(["No message with a link has left to them.", *_to_come(revoked.to_come)]))


def _ended(count: int) -> str:
    links = "link leads" if count == 1 else "links lead"
    return f"{count} {links} nowhere any more. Unsubscribing by them still works."


def _to_come(count: int) -> list[str]:
    if not count:
        return []
    waiting = "1 message has" if count == 1 else f"{count} messages have"
    return [f"{waiting} yet to leave, with a link that works: stop the invitation if none should."]
