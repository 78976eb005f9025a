"""What a person does by hand for the sake of one customer, or of the quota: asks for an invitation, buys more units.

The rules hold for an ask by hand as for every other, save that a reason written down sets the frequency cap and "invite
again" aside. Nothing is sent from here: planning is asked for, and the claim checks everything once more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from data import plans
from data.ledger import controls, manual_asks, pictures
from data.ledger.ask_settings import read_ask_settings
from data.ledger.jobs import ask_for
from data.ledger.manual_asks import Wish
from data.ledger.queueing import lock_people
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action, may
from data.words import AddressKind, Channel, InvitationStatus, JobKind
from invitations.asking import faults_of, in_words, read_wish, unreachable
from invitations.controls import Actor, Answer, Done, Refused, must_not_be_contacted

LARGEST_BOOST = 1_000_000


@dataclass(frozen=True, slots=True)
class Noted:
    """An ask is written down: by itself, or in the invitation that waits for its turn already."""

    message: str
    manual_ask_id: int | None = None
    invitation_id: int | None = None


def ask(
    ledger: Ledger,
    actor: Actor,
    customer_id: int,
    *,
    channels: Sequence[Channel] | None = None,
    template_slug: str | None = None,
    send_at: datetime | None = None,
    override_reason: str | None = None,
    attached: Sequence[tuple[str, bytes]] = (),
    now: datetime,
) -> Answer:
    """Ask for an invitation of one customer at `now` (policy time).

    `channels`: the first message goes by each of them, follow-ups by no other; None: as the list and the sequence say.
    `template_slug`: the text of the first message; None: the sequence's. `send_at`: nothing before it (policy time);
    None: as soon as the rules allow. `override_reason` sets the frequency cap and "invite again after" aside, and is
    kept with the invitation and in the audit; nothing sets aside a suppression, a stop, or that somebody is staff.
    `attached`: up to five pictures, each (what to call it, its bytes), for the first messages by SMS and e-mail.
    `invitations.foresee_ask` tells what would come of it.
    """
    if not may(actor.role, Action.SEND):
        return may_not_ask(actor)
    read = read_wish(channels, template_slug, send_at, override_reason, attached)
    if isinstance(read, Refused):
        return read
    wish, versions = read
    return _ask(ledger, actor, customer_id, wish, versions, now=now)


@again_if_undone
def _ask(
    ledger: Ledger, actor: Actor, customer_id: int, wish: Wish, versions: pictures.Versions, *, now: datetime
) -> Answer:
    with ledger.write() as c:
        noted = note_ask(c, actor, customer_id, wish, versions, now=now)
        if isinstance(noted, Refused):
            return noted
        _ask_to_plan(c, actor)
    return Done(noted.message)


def note_ask(
    c: Connection, actor: Actor, customer_id: int, wish: Wish, versions: pictures.Versions, *, now: datetime
) -> Noted | Refused:
    """Write an ask down with what it names and its line in the audit; planning is for the caller to ask for."""
    number = max(map(len, versions.values()), default=0)
    found = manual_asks.find_customer(c, actor.account_id, actor.location_ids, customer_id)
    if found is None:
        return Refused("There is no such customer among the locations you look after.")
    if c.dialect.name != "sqlite":  # whose writers take turns: nothing changed since
        lock_people(c, [found.person_id])
        found = manual_asks.find_customer(c, actor.account_id, actor.location_ids, customer_id) or found
    if refusal := barred(c, actor, found, wish, now=now):
        return refusal
    kept = pictures.keep(c, actor.account_id, versions, by=actor.email)
    asked: int | None = None
    if found.status is InvitationStatus.ACTIVE and found.invitation_id is not None:
        manual_asks.override(c, found.invitation_id, by=actor.email, wish=wish)
        if number:
            pictures.attach_to_invitation(c, found.invitation_id, kept)
    else:
        asked = manual_asks.record_ask(c, actor.account_id, customer_id, by=actor.email, at=now, wish=wish)
        pictures.attach_to_ask(c, asked, kept)
    named = wish.as_named()
    controls.record_audit(
        c, actor.account_id, actor=actor.email, action="ask", subject=f"customer {customer_id}",
        before={"invitation_id": found.invitation_id, "status": found.status.value if found.status else None},
        after={
            "asked_at": now.isoformat(), "override_reason": wish.override_reason, "pictures": number,
            **named, **({"send_at": wish.send_at.isoformat()} if wish.send_at else {}),
        },
    )  # fmt: skip
    message = " ".join([_asked_for(wish.override_reason), *in_words(wish, found.time_zone), *_go_along(number)])
    return Noted(message, asked, None if asked else found.invitation_id)


def may_not_ask(actor: Actor) -> Refused:
    """What somebody is told whose role cannot ask."""
    return Refused(_not_for(actor, "ask customers for a review"))


def _asked_for(reason: str | None) -> str:
    if reason:
        return 'Asked for. The frequency cap and "invite again" are set aside; planning finds it a time.'
    return "Asked for. Planning finds it a time; every rule holds, the frequency cap among them."


def _go_along(number: int) -> Sequence[str]:
    if not number:
        return []
    which = "One picture goes" if number == 1 else f"{number} pictures go"
    return [f"{which} along with the first message, by SMS or email."]


def barred(c: Connection, actor: Actor, found: manual_asks.Asked, wish: Wish, *, now: datetime) -> Refused | None:
    """Why this customer cannot be asked by hand, or not so, if so. Only reads."""
    addresses = {AddressKind.EMAIL: found.email, AddressKind.PHONE: found.phone}
    on_which = controls.open_channels(c, found.person_id, addresses)
    if not on_which:
        return Refused(f"{must_not_be_contacted(c, actor, found.person_id)} Nothing sets this aside.")
    if found.is_excluded:
        return Refused("They work here, or are related to somebody who does: staff and relatives are not asked.")
    if found.status is InvitationStatus.STOPPED:
        return Refused("Messages to this customer were stopped. Restart the invitation instead of asking anew.")
    if refusal := _barred_already(found, wish.override_reason):
        return refusal
    settings = read_ask_settings(c, actor.account_id, found.location_id)
    if faults := faults_of(wish, settings, now):
        return Refused(" ".join(fault.expected for fault in faults))
    why_not = unreachable(wish, found, settings, on_which)
    return Refused(why_not) if why_not else None


def _barred_already(found: manual_asks.Asked, reason: str | None) -> Refused | None:
    """Why not, of somebody who is being asked, or was asked for, already."""
    is_again = reason is None or found.override_reason is not None
    if found.status is InvitationStatus.ACTIVE:
        if found.has_unit:
            return Refused("They are being asked already: an invitation is under way.")
        if is_again:
            return Refused("They are being asked already: an invitation waits for its turn.")
        return None
    is_unspent = found.asked_at is not None and (found.started_at is None or found.asked_at > found.started_at)
    if is_unspent and is_again:
        return Refused("Somebody asked for this already; their panel, or `afterword why`, says what it waits for.")
    return None


@again_if_undone
def buy_more(ledger: Ledger, actor: Actor, invitations: int, *, now: datetime) -> Answer:
    """Add units to the cycle that holds `now` (policy time), for that cycle only."""
    if not may(actor.role, Action.BUY_MORE):
        return Refused(_not_for(actor, "buy more invitations"))
    if not 0 < invitations <= LARGEST_BOOST:
        return Refused(f"{invitations} invitations cannot be bought; name a number from 1 to {LARGEST_BOOST:,}.")
    with ledger.write() as c:
        plan = manual_asks.plan_of(c, actor.account_id)
        if not plans.allowance(plan).boosts:
            name = plans.plan_name(plan)
            return Refused(f"The {name} plan has no boosts. Upgrade to Growth or Scale to buy more invitations.")
        allowance, left, resets = manual_asks.add_boost(c, actor.account_id, invitations, by=actor.email, at=now)
        controls.record_audit(
            c, actor.account_id, actor=actor.email, action=Action.BUY_MORE.value, subject="quota",
            before={"allowance": allowance - invitations}, after={"allowance": allowance, "bought": invitations},
        )  # fmt: skip
        _ask_to_plan(c, actor)
    return Done(
        f"Bought {invitations:,} more {'invitation' if invitations == 1 else 'invitations'}: {left:,} of "
        f"{allowance:,} {'is' if left == 1 else 'are'} left until {resets.day} {resets:%B}. "
        "What is not used by then is not carried over."
    )


def _not_for(actor: Actor, what: str) -> str:
    return f"The {actor.role.value.replace('_', ' ').title()} role cannot {what}. Ask an owner or admin of the account."


def _ask_to_plan(c: Connection, actor: Actor) -> None:
    ask_for(c, account_id=actor.account_id, kind=JobKind.PLAN, payload={}, asked_by=actor.email)
