"""Correcting a customer's name, e-mail address or phone number by hand.

The address that was wrong stays the person's: what was said against it (STOP, an unsubscribe) goes on holding for them,
on the corrected one too, so nobody is freed of a no by a new spelling. What was said of that address alone (a dead
mailbox) stays with it. Messages that wait go to the corrected address.
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection

from data.ledger import contact_changes as rows
from data.ledger.contact_changes import Contact
from data.ledger.controls import open_channels
from data.ledger.identities import lock_identities
from data.ledger.people import lock_people
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action
from data.words import AddressKind
from invitations.actor import NOT_YOURS, Actor, Answer, Done, Refused, refuse_role, write_audit
from invitations.contacts import clean_email, clean_phone, email_fault, phone_fault
from invitations.controls import ask_to_plan, must_not_be_contacted

_LONGEST_NAME = 100
_SOMEBODY_ELSES = (
    "The {what} belongs to another customer. If both are the same person, say so: their records and histories become "
    "one, which cannot be undone."
)


@dataclass(frozen=True, slots=True)
class Corrected:
    """How a customer is called and reached from now on; an empty text: not at all. As typed, in any usual spelling."""

    first_name: str = field(repr=False)
    last_name: str = field(repr=False)
    email: str = field(repr=False)
    phone: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SomebodyElses(Refused):
    """Refused because an address is another customer's: asked again with `is_same_person`, both become one."""


@again_if_undone
def correct_contact(
    ledger: Ledger, actor: Actor, customer_id: int, corrected: Corrected, *, is_same_person: bool = False, now: datetime
) -> Answer:
    """Write what was typed over the customer's record, with a line in the audit that keeps what it was before.

    Refused without the right, for somebody else's location, for what is no address, with no address left, and where an
    address is another person's unless `is_same_person`. `now` is policy time.
    """
    if refusal := refuse_role(actor, Action.CORRECT_CONTACT):
        return refusal
    with ledger.write() as c:
        lock_identities(c, actor.account_id)
        found = rows.find_contact(c, actor.account_id, actor.location_ids, customer_id)
        if found is None:
            return Refused(NOT_YOURS)
        wanted = _read(corrected, found)
        if isinstance(wanted, Refused):
            return wanted
        before, after = _differences(found, wanted)
        if not after:
            return Refused("Nothing was changed.", is_so_already=True)
        others = rows.others_of(c, actor.account_id, found.person_id, wanted.addresses)
        if others and not is_same_person:
            return SomebodyElses(_SOMEBODY_ELSES.format(what=_whose(c, actor, found, wanted)))
        lock_people(c, sorted({found.person_id, *others}))
        person_id = rows.give_addresses(c, actor.account_id, found, wanted.addresses, now=now)
        kept_id = rows.customer_at(c, found.location_id, person_id)
        rows.set_contact(c, kept_id, after)
        waiting = _readdress(c, kept_id, found, wanted, now)
        became = {"customer": kept_id} if kept_id != customer_id else {}
        write_audit(
            c, actor, Action.CORRECT_CONTACT, f"customer {customer_id}", before=before, after={**after, **became}
        )
        ask_to_plan(c, actor)
        is_barred = not open_channels(c, person_id, {AddressKind.EMAIL: wanted.email, AddressKind.PHONE: wanted.phone})
        told = must_not_be_contacted(c, actor, person_id) if is_barred else ""
    return Done(" ".join(filter(None, ["Corrected.", waiting, told])))


def _read(corrected: Corrected, found: Contact) -> Contact | Refused:
    """What was typed, in our spelling."""
    names = [" ".join(name.split())[:_LONGEST_NAME] for name in (corrected.first_name, corrected.last_name)]
    email = clean_email(corrected.email) if corrected.email.strip() else None
    phone = clean_phone(corrected.phone, found.region) if corrected.phone.strip() else None
    if corrected.email.strip() and email is None:
        return Refused(f"The email is {email_fault(corrected.email)}")
    if corrected.phone.strip() and phone is None:
        return Refused(f"The phone number is {phone_fault(corrected.phone, found.region)}")
    if email is None and phone is None:
        return Refused("Keep an email address or a phone number: without either, nobody can be reached.")
    return Contact(
        found.customer_id, found.person_id, found.location_id, found.region, names[0], names[1], email, phone
    )


def _differences(found: Contact, wanted: Contact) -> tuple[dict[str, object], dict[str, object]]:
    names = ("first_name", "last_name", "email", "phone")
    changed = [name for name in names if getattr(found, name) != getattr(wanted, name)]
    return ({name: getattr(found, name) for name in changed}, {name: getattr(wanted, name) for name in changed})


def _whose(c: Connection, actor: Actor, found: Contact, wanted: Contact) -> str:
    """Which of the addresses is somebody else's."""
    theirs = [
        kind for kind, address in wanted.addresses
        if rows.others_of(c, actor.account_id, found.person_id, [(kind, address)])
    ]  # fmt: skip
    return " and the ".join("email" if kind is AddressKind.EMAIL else "phone number" for kind in theirs)


def _readdress(c: Connection, customer_id: int, found: Contact, wanted: Contact, now: datetime) -> str:
    """What becomes of the messages that wait, in words."""
    moved, leaving = 0, 0
    for kind, old, new in (
        (AddressKind.EMAIL, found.email, wanted.email),
        (AddressKind.PHONE, found.phone, wanted.phone),
    ):
        if old != new:
            its_moved, its_leaving = rows.readdress_waiting(c, customer_id, kind, new, now=now)
            moved, leaving = moved + (its_moved if new else 0), leaving + its_leaving
    told = []
    if moved:
        told.append("1 queued message goes there." if moved == 1 else f"{moved} queued messages go there.")
    if leaving:
        told.append("One is on its way to the old address." if leaving == 1 else f"{leaving} are on their way already.")
    return " ".join(told)
