"""What a person does by hand for the sake of one customer, or of the quota: asks for an invitation, buys more units.

The rules hold for an ask by hand as for every other, save that a reason written down sets the frequency cap and "invite
again" aside. Nothing is sent from here: planning is asked for, and the claim checks everything once more.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.engine import Connection

from data.ledger import controls, manual_asks, pictures
from data.ledger.jobs import ask_for
from data.ledger.queueing import lock_people
from data.ledger.store import Ledger, again_if_undone
from data.permissions import Action, may
from data.words import AddressKind, InvitationStatus, JobKind, Plan
from invitations.controls import Actor, Answer, Done, Refused, must_not_be_contacted
from invitations.picture_files import PictureRefused, make_versions

LONGEST_REASON = 300
LARGEST_BOOST = 1_000_000
_WITHOUT_BOOSTS = (Plan.FREE, Plan.FREE_TRIAL, Plan.STARTER)


def ask(
    ledger: Ledger,
    actor: Actor,
    customer_id: int,
    *,
    override_reason: str | None = None,
    attached: Sequence[tuple[str, bytes]] = (),
    now: datetime,
) -> Answer:
    """Ask for an invitation of one customer at `now` (policy time).

    `override_reason` sets the frequency cap and "invite again after" aside, and is kept with the invitation and in the
    audit; nothing sets aside a suppression, a stop, or that somebody is staff. `attached`: up to five pictures, each
    (what to call it, its bytes), for the first messages by SMS and e-mail.
    """
    if not may(actor.role, Action.SEND):
        return Refused(_not_for(actor, "ask customers for a review"))
    reason = override_reason.strip() if override_reason is not None else None
    if reason is not None and not 0 < len(reason) <= LONGEST_REASON:
        return Refused(
            f"Setting the frequency cap aside needs a reason of 1 to {LONGEST_REASON} characters, and {len(reason)} "
            "were given. Say why this customer may be asked again so soon."
        )
    try:
        versions = make_versions(attached)
    except PictureRefused as refusal:
        return Refused(f"{refusal} Nothing was asked for.")
    return _ask(ledger, actor, customer_id, reason, versions, now=now)


@again_if_undone
def _ask(
    ledger: Ledger, actor: Actor, customer_id: int, reason: str | None, versions: pictures.Versions, *, now: datetime
) -> Answer:
    number = max(map(len, versions.values()))
    with ledger.write() as c:
        found = manual_asks.find_customer(c, actor.account_id, actor.location_ids, customer_id)
        if found is None:
            return Refused("There is no such customer among the locations you look after.")
        lock_people(c, [found.person_id])
        found = manual_asks.find_customer(c, actor.account_id, actor.location_ids, customer_id) or found
        if refusal := _barred(c, actor, found, reason):
            return refusal
        kept = pictures.keep(c, actor.account_id, versions, by=actor.email)
        if found.status is InvitationStatus.ACTIVE and found.invitation_id is not None:
            manual_asks.override(c, found.invitation_id, by=actor.email, reason=reason or "")
            if number:
                pictures.attach_to_invitation(c, found.invitation_id, kept)
        else:
            asked = manual_asks.record_ask(
                c, actor.account_id, customer_id, by=actor.email, at=now, override_reason=reason
            )
            pictures.attach_to_ask(c, asked, kept)
        controls.record_audit(
            c, actor.account_id, actor=actor.email, action="ask", subject=f"customer {customer_id}",
            before={"invitation_id": found.invitation_id, "status": found.status.value if found.status else None},
            after={"asked_at": now.isoformat(), "override_reason": reason, "pictures": number},
        )  # fmt: skip
        _ask_to_plan(c, actor)
    return Done(" ".join([_asked_for(reason), *_go_along(number)]))


def _asked_for(reason: str | None) -> str:
    if reason:
        return 'Asked for. The frequency cap and "invite again" are set aside; planning finds it a time.'
    return "Asked for. Planning finds it a time; every rule holds, the frequency cap among them."


def _go_along(number: int) -> Sequence[str]:
    if not number:
        return []
    which = "One picture goes" if number == 1 else f"{number} pictures go"
    return [f"{which} along with the first message, by SMS or e-mail."]


def _barred(c: Connection, actor: Actor, found: manual_asks.Asked, reason: str | None) -> Refused | None:
    """Why this customer cannot be asked by hand, if so."""
    addresses = {AddressKind.EMAIL: found.email, AddressKind.PHONE: found.phone}
    if not controls.open_channels(c, found.person_id, addresses):
        return Refused(f"{must_not_be_contacted(c, actor, found.person_id)} Nothing sets this aside.")
    if found.is_excluded:
        return Refused("They work here, or are related to somebody who does: staff and relatives are not asked.")
    if found.status is InvitationStatus.STOPPED:
        return Refused("Messages to this customer were stopped. Restart the invitation instead of asking anew.")
    is_again = reason is None or found.override_reason is not None
    if found.status is InvitationStatus.ACTIVE:
        if found.has_unit:
            return Refused("They are being asked already: an invitation is under way.")
        if is_again:
            return Refused("They are being asked already: an invitation waits for its turn.")
        return None
    is_unspent = found.asked_at is not None and (found.started_at is None or found.asked_at > found.started_at)
    if is_unspent and is_again:
        return Refused("Somebody asked for this already; `afterword why` says what it waits for.")
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
        if plan in _WITHOUT_BOOSTS:
            name = plan.value.replace("_", " ").title()
            return Refused(f"The {name} plan has no boosts. Upgrade to Growth or Scale to buy more invitations.")
        allowance, left, resets = manual_asks.add_boost(c, actor.account_id, invitations, by=actor.email, at=now)
        controls.record_audit(
            c, actor.account_id, actor=actor.email, action=Action.BUY_MORE.value, subject="quota",
            before={"allowance": allowance - invitations}, after={"allowance": allowance, "bought": invitations},
        )  # fmt: skip
        _ask_to_plan(c, actor)
    return Done(
        f"Bought {invitations:,} more invitations: {left:,} of {allowance:,} are left until {resets.day} {resets:%B}. "
        "What is not used by then is not carried over."
    )


def _not_for(actor: Actor, what: str) -> str:
    return f"The {actor.role.value.replace('_', ' ').title()} role cannot {what}. Ask an owner or admin of the account."


def _ask_to_plan(c: Connection, actor: Actor) -> None:
    ask_for(c, account_id=actor.account_id, kind=JobKind.PLAN, payload={}, asked_by=actor.email)
