"""What would come of asking a customer by hand, before anybody asks: the plan itself, with the ask laid over the state.

A refusal is the one that asking would get. Nothing is written, so others may change it until the ask.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
from sqlalchemy.engine import Connection

from data.ledger import last_seen, manual_asks
from data.ledger.ask_settings import read_ask_settings
from data.ledger.candidate_sources import Sources
from data.ledger.controls import open_channels
from data.ledger.manual_asks import Wish
from data.ledger.store import Ledger
from data.pace import Pace
from data.permissions import Action, may
from data.words import AddressKind, Channel, InvitationStatus, Rule
from invitations.actor import Actor, Refused
from invitations.asking import read_wish, why_not_by
from invitations.by_hand import barred, may_not_ask
from invitations.consent import CHANNEL_NAMES
from invitations.held_senders import Hold, read_holds
from invitations.why import Explanation, coming_of, explain, held_by, plan_for, reasons_of

_SET_ASIDE = (Rule.FREQUENCY_CAP, Rule.ALREADY_INVITED)


@dataclass(frozen=True, slots=True)
class ForeseenMessage:
    """One message that would be queued."""

    channel: Channel
    address: str = field(repr=False)
    template_id: int
    earliest_at: datetime | None  # UTC, policy time; None: nobody knows when
    reasons: Sequence[str]  # what holds it back until then, in words
    rules: Sequence[Rule] = ()  # and by name


@dataclass(frozen=True, slots=True)
class ForeseenAsk:
    """`explanation` is what `why` would say after the ask. `left_out`: why a channel that was named carries nothing."""

    explanation: Explanation
    messages: Sequence[ForeseenMessage]
    left_out: Sequence[str] = ()

    @property
    def earliest_at(self) -> datetime | None:
        """When the first message would go (UTC, policy time); None: nobody knows."""
        return self.explanation.earliest_at

    @property
    def is_too_soon(self) -> bool:
        """Whether the frequency cap or "invite again" holds it, which a reason would set aside."""
        return any(rule in _SET_ASIDE for message in self.messages for rule in message.rules)

    def lines(self) -> list[str]:
        """The same as lines of text."""
        names = " and ".join(CHANNEL_NAMES[message.channel] for message in self.messages)
        by = [f"by {names}"] if len(self.messages) > 1 else []
        return [*self.explanation.lines(), *by, *(f"not used: {reason}" for reason in self.left_out)]


def foresee_ask(
    ledger: Ledger,
    actor: Actor,
    customer_id: int,
    *,
    channels: Sequence[Channel] | None = None,
    template_slug: str | None = None,
    send_at: datetime | None = None,
    override_reason: str | None = None,
    now: datetime,
    pace: Pace | None = None,
) -> ForeseenAsk | Refused:
    """What `by_hand.ask` with the same arguments would come to at `now` (policy time). `pace`: as for `why`."""
    if not may(actor.role, Action.SEND):
        return may_not_ask(actor)
    read = read_wish(channels, template_slug, send_at, override_reason)
    if isinstance(read, Refused):
        return read
    wish, _ = read
    with ledger.read() as c:
        return foresee_in(
            c, actor, customer_id, wish, holds=read_holds(c, pace or Pace(), clock=ledger.now(c), now=now), now=now
        )


def foresee_in(
    c: Connection,
    actor: Actor,
    customer_id: int,
    wish: Wish,
    *,
    holds: Sequence[Hold],
    now: datetime,
    is_brief: bool = False,
) -> ForeseenAsk | Refused:
    """The same in a transaction that is open already; only reads. `holds`: what holds senders back at present.

    `is_brief`: the rules are not laid over everybody else who waits for the last units of quota.
    """
    found = manual_asks.find_customer(c, actor.account_id, actor.location_ids, customer_id)
    if found is None:
        return Refused("There is no such customer among the locations you look after.")
    if refused := barred(c, actor, found, wish, now=now):
        return refused
    verdicts, policy = plan_for(
        c, actor.account_id, [found.person_id], now, besides=customer_id, is_brief=is_brief,
        supposing=lambda sources: _with_ask(sources, found, wish, actor.email, now),
    )  # fmt: skip
    [row] = [row for row in last_seen.customers_of(c, [found.person_id]) if row.customer_id == customer_id]
    explanation = explain(c, row, verdicts, policy, holds=holds, now=now)
    addresses = {AddressKind.EMAIL: found.email, AddressKind.PHONE: found.phone}
    why_not = why_not_by(
        wish,
        found,
        read_ask_settings(c, actor.account_id, found.location_id),
        open_channels(c, found.person_id, addresses),
    )
    zone = ZoneInfo(row.time_zone)
    messages = [
        ForeseenMessage(
            Channel(verdict["channel"]), verdict["address"], verdict["template_id"], verdict["earliest_at"],
            [*reasons_of(verdict, zone, now), *held_by(verdict, holds, zone, now)], [Rule(r) for r in verdict["rules"]],
        )
        for verdict in coming_of(verdicts, customer_id)
        if verdict["address"] is not None and verdict["template_id"] is not None
    ]  # fmt: skip
    return ForeseenAsk(explanation, messages, _left_out(wish, messages, why_not))


def _with_ask(sources: Sources, found: manual_asks.Asked, wish: Wish, by: str, now: datetime) -> Sources:
    """The state as it would be with the ask: in the invitation that waits for its turn, or as the newest ask."""
    named = wish.as_named()
    if found.status is InvitationStatus.ACTIVE:
        is_theirs = pl.col("invitation_id") == found.invitation_id
        own = {name if name == "override_reason" else f"invitation_{name}": value for name, value in named.items()}
        schema = sources.people.schema
        people = sources.people.with_columns(
            pl.when(is_theirs).then(pl.lit(value, schema[name])).otherwise(name).alias(name)
            for name, value in own.items()
        )
        return replace(sources, people=people)
    ask: dict[str, Any] = {"customer_id": found.customer_id, "asked_at": now, "sent_by": by, **named}
    schema = sources.manual_asks.schema
    newest = pl.DataFrame({name: [ask.get(name)] for name in schema}, schema=schema)
    others = sources.manual_asks.filter(pl.col("customer_id") != found.customer_id)
    return replace(sources, manual_asks=pl.concat([others, newest]))


def _left_out(wish: Wish, messages: Sequence[ForeseenMessage], why_not: dict[Channel, str]) -> list[str]:
    carrying = {message.channel for message in messages}
    return [
        why_not.get(channel, f"{CHANNEL_NAMES[channel]} waits for consent, or for Meta to approve the text")
        for channel in wish.channels or ()
        if channel not in carrying
    ]
