"""A test of a review request to oneself: asked for on the send form, carried out by a sensor.

To oneself: a mail goes to the address one signs in with; a text to a number that is no customer's, so that nobody is
written to past the rules by way of a test. A test leaves no request, uses no quota, and is limited to some a day.
"""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.controls import record_audit
from data.ledger.form_texts import read_sender
from data.ledger.identities import owners
from data.ledger.jobs import ask_for
from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables import jobs, suppressions
from data.permissions import Action, may
from data.words import AddressKind, Channel, JobKind
from invitations.actor import NOT_YOURS, Actor, Answer, Done, Refused
from invitations.by_hand import may_not_ask
from invitations.contacts import clean_phone, phone_fault

MOST_A_DAY = 20
_DAY = timedelta(days=1)


@again_if_undone
def ask_for_test(
    ledger: Ledger, actor: Actor, *, channel: Channel, template_slug: str, location_id: int, phone: str = ""
) -> Answer:
    """Ask for one test message to the actor: by e-mail to their own address, by text to `phone`."""
    if not may(actor.role, Action.SEND):
        return may_not_ask(actor)
    if channel is Channel.WHATSAPP:
        return Refused("A test goes by SMS or email: WhatsApp shows its text in the preview, as Meta approved it.")
    with ledger.write() as c:
        sender = read_sender(c, actor.account_id, location_id)
        if sender is None or (actor.location_ids is not None and location_id not in actor.location_ids):
            return Refused(NOT_YOURS)
        if _asked_today(c, ledger, actor) >= MOST_A_DAY:
            return Refused(f"{MOST_A_DAY} tests were sent within a day, and that is the most. Try again tomorrow.")
        contact = actor.email if channel is Channel.EMAIL else clean_phone(phone, sender.region)
        if contact is None:
            return Refused(f"Phone: {phone_fault(phone, sender.region)}.")
        if channel is Channel.SMS and _is_somebodys(c, actor, contact):
            return Refused("This is a customer's number. A test goes to yourself: enter your own.")
        payload = {"contact": contact, "template": template_slug, "location_id": location_id}
        ask_for(c, account_id=actor.account_id, kind=JobKind.SEND_TEST, payload=payload, asked_by=actor.email)
        record_audit(
            c, actor.account_id, actor=actor.email, action=JobKind.SEND_TEST.value, subject=f"location {location_id}",
            before={}, after={"channel": channel.value, "template": template_slug},
        )  # fmt: skip
    return Done(f"A test goes to {contact} within a minute or so. It uses no quota and is not listed here.")


def last_problem(ledger: Ledger, actor: Actor) -> str | None:
    """What went wrong with the actor's newest test, in words; None when it went, or is still to go."""
    columns = jobs.c
    with ledger.read() as c:
        return c.execute(
            sa.select(columns.problem).where(*_mine(actor)).order_by(columns.job_id.desc()).limit(1)
        ).scalar_one_or_none()


def _mine(actor: Actor) -> list[sa.ColumnElement[bool]]:
    columns = jobs.c
    return [
        columns.account_id == actor.account_id, columns.kind == JobKind.SEND_TEST, columns.asked_by == actor.email,
    ]  # fmt: skip


def _asked_today(c: Connection, ledger: Ledger, actor: Actor) -> int:
    since = ledger.now(c) - _DAY
    query = sa.select(sa.func.count()).select_from(jobs).where(*_mine(actor), jobs.c.asked_at > since)
    return int(c.execute(query).scalar_one())


def _is_somebodys(c: Connection, actor: Actor, phone: str) -> bool:
    if owners(c, actor.account_id, [(AddressKind.PHONE, phone)]):
        return True
    columns = suppressions.c
    told = sa.select(columns.suppression_id).where(
        columns.account_id == actor.account_id, columns.kind == AddressKind.PHONE, columns.address == phone
    )
    return c.execute(told.limit(1)).first() is not None
