"""The "Send review request" form: somebody typed in by hand comes in by the rules of an import, and is asked for.

Whoever is a customer already is asked by `by_hand.ask`; this is for those who are typed in, and for what the form
offers before: channels, texts. The rules hold as for every ask, the rights are checked here, nothing is sent from here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors.csv_file import LINE, TextTable
from data.ledger import controls, pictures
from data.ledger.arrivals import Coming, Known, bring_in
from data.ledger.ask_settings import AskSettings, read_ask_settings
from data.ledger.candidate_sources import count_without_unit
from data.ledger.consents import BasisGiven
from data.ledger.form_texts import Recipient
from data.ledger.identities import Address, owners
from data.ledger.manual_asks import Wish
from data.ledger.standing import read_standing
from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables import customers
from data.pace import Pace
from data.permissions import Action, may
from data.words import AddressKind, Channel, ConsentBasis, Source
from invitations.actor import NOT_YOURS, Actor, Answer, Done, Refused
from invitations.asking import read_wish
from invitations.by_hand import may_not_ask, note_ask
from invitations.channels import ChannelOffer, offered_channels
from invitations.controls import ask_to_plan
from invitations.customers_file import account_places
from invitations.foresee_ask import ForeseenAsk, foresee_in
from invitations.held_senders import Hold, read_holds
from invitations.import_report import ImportRefused
from invitations.intake import take_rows
from invitations.list_speed_text import read_send_at

_HOW = "said by whoever asked for the review request by hand"
_FIELDS = {"name": "Name", "email": "Email", "phone": "Phone"}
_TWO_PEOPLE = (
    "The email belongs to one customer and the phone number to another. Leave one of them out, or correct it: with "
    "both, the two would become one person."
)
_NO_NAME = "Enter the name."
_NO_ADDRESS = "Enter a phone number or an email address."
_OTHERS_WAIT = "others may be waiting for the same units of quota: planning decides whose turn it is"


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody as typed in. `consent`: on what basis they may be written to; None: nobody said."""

    location_id: int
    name: str = field(repr=False)
    email: str = field(repr=False)
    phone: str = field(repr=False)
    consent: ConsentBasis | None = None

    @property
    def is_whole(self) -> bool:
        """Whether there is a name, and anything to write to."""
        return bool(self.name.strip() and (self.email.strip() or self.phone.strip()))


@dataclass(frozen=True, slots=True)
class Choices:
    """What may be chosen at a location. `texts`: the names of all, the sequence's own first."""

    offers: Sequence[ChannelOffer]
    texts: Sequence[str]
    usual: Sequence[Channel]  # those that the sequence's first step goes by

    def first_text(self) -> str | None:
        """The one that goes unless another is chosen."""
        return next(iter(self.texts), None)


def read_choices(ledger: Ledger, actor: Actor, location_id: int) -> Choices:
    """The channels with the reasons of those that are off, and the texts, at one of the actor's locations."""
    with ledger.read() as c:
        settings = read_ask_settings(c, actor.account_id, location_id)
        return Choices(offered_channels(c, location_id), _texts(settings), settings.first_channels)


def _texts(settings: AskSettings) -> list[str]:
    own = [settings.first_slug] if settings.first_slug in settings.slugs else []
    return [*own, *(slug for slug in settings.slugs if slug != settings.first_slug)]


def read_newcomer(ledger: Ledger, actor: Actor, newcomer: Newcomer, *, now: datetime) -> Recipient | Refused:
    """The customer that would come of what was typed, or what is wrong with it, field by field."""
    with ledger.read() as c:
        read = _read(c, actor, newcomer, now)
    if isinstance(read, Refused):
        return read
    [row] = read.rows
    named = ("location_id", "email", "phone", "locale", "time_zone", "postal_code", "country")
    return Recipient(
        **{name: row[name] for name in named}, first_name=row["first_name"] or "", last_name=row["last_name"] or ""
    )


def foresee_newcomer(
    ledger: Ledger,
    actor: Actor,
    newcomer: Newcomer,
    *,
    channels: Sequence[Channel] | None = None,
    template_slug: str | None = None,
    send_at: datetime | None = None,
    override_reason: str | None = None,
    now: datetime,
    pace: Pace | None = None,
) -> ForeseenAsk | Refused:
    """What `ask_newcomer` with the same arguments would come to at `now` (policy time). Nothing stays written.

    They are brought in as they would be and the rules laid over them, in one short transaction that is then undone; so
    whoever else waits for the last units of quota is left out of the reckoning, and the answer says so.
    """
    read = read_wish(channels, template_slug, send_at, override_reason)
    if isinstance(read, Refused):
        return read
    wish, _ = read
    with ledger.read() as c:
        known = _read(c, actor, newcomer, now)
        if isinstance(known, Refused):
            return known
        holds = read_holds(c, pace or Pace(), clock=ledger.now(c), now=now)
        left = read_standing(c, actor.account_id, now).quota.left
        is_scarce = count_without_unit(c, actor.account_id, up_to=left) >= left
    found = _foresee(ledger, actor, newcomer, known, wish=wish, holds=holds, now=now)
    if isinstance(found, Refused) or not is_scarce:
        return found
    reasons = [*found.explanation.reasons, _OTHERS_WAIT]
    return replace(found, explanation=replace(found.explanation, reasons=reasons))


@again_if_undone
def _foresee(
    ledger: Ledger, actor: Actor, newcomer: Newcomer, known: Known, *, wish: Wish, holds: Sequence[Hold], now: datetime
) -> ForeseenAsk | Refused:
    with ledger.write() as c:
        customer_id, _ = _bring_in(c, actor, newcomer, known, now)
        found = foresee_in(c, actor, customer_id, wish, holds=holds, now=now, is_brief=True)
        c.rollback()  # it was only to look
        return found


def ask_newcomer(
    ledger: Ledger,
    actor: Actor,
    newcomer: Newcomer,
    *,
    channels: Sequence[Channel] | None = None,
    template_slug: str | None = None,
    send_at: datetime | None = None,
    override_reason: str | None = None,
    attached: Sequence[tuple[str, bytes]] = (),
    now: datetime,
) -> Answer:
    """Take somebody in who was typed in by hand, and ask for their invitation; the arguments are `by_hand.ask`'s.

    All or nothing: whoever cannot be asked is not taken in either, and the reason is told.
    """
    read = read_wish(channels, template_slug, send_at, override_reason, attached)
    if isinstance(read, Refused):
        return read
    wish, versions = read
    with ledger.read() as c:
        known = _read(c, actor, newcomer, now)
    if isinstance(known, Refused):
        return known
    return _ask(ledger, actor, newcomer, known, wish=wish, versions=versions, now=now)


@again_if_undone
def _ask(
    ledger: Ledger,
    actor: Actor,
    newcomer: Newcomer,
    known: Known,
    *,
    wish: Wish,
    versions: pictures.Versions,
    now: datetime,
) -> Answer:
    with ledger.write() as c:
        customer_id, is_new = _bring_in(c, actor, newcomer, known, now)
        noted = note_ask(c, actor, customer_id, wish, versions, now=now)
        if isinstance(noted, Refused):
            c.rollback()
            return noted
        controls.record_audit(
            c, actor.account_id, actor=actor.email, action="take_in", subject=f"customer {customer_id}",
            before={"is_known": not is_new},
            after={"location_id": newcomer.location_id, "consent": newcomer.consent and newcomer.consent.value},
        )  # fmt: skip
        ask_to_plan(c, actor)
    return Done(noted.message)


def _read(c: Connection, actor: Actor, newcomer: Newcomer, now: datetime) -> Known | Refused:
    """What was typed, as an import would read it; but a bad field can be mended at once, so it is refused."""
    if not may(actor.role, Action.SEND):
        return may_not_ask(actor)
    _, places = account_places(c)
    place = next((place for place in places if place.location_id == newcomer.location_id), None)
    if place is None or (actor.location_ids is not None and place.location_id not in actor.location_ids):
        return Refused(NOT_YOURS)
    if not newcomer.name.strip():
        return Refused(_NO_NAME)
    if not newcomer.email.strip() and not newcomer.phone.strip():
        return Refused(_NO_ADDRESS)
    cells = {"name": newcomer.name, "email": newcomer.email, "phone": newcomer.phone}
    frame = pl.DataFrame({LINE: [1], **{name: [text.strip() or None] for name, text in cells.items()}}, schema=_SCHEMA)
    taken = take_rows(TextTable(frame, (), "utf-8", ","), place, [place], now=now)
    if taken.rejected:
        return Refused(
            " ".join(f"{_FIELDS.get(one.column_name, one.column_name)}: {one.reason}." for one in taken.rejected)
        )
    row = taken.rows.row(0, named=True)
    addresses: list[Address] = [(kind, row[kind.value]) for kind in AddressKind if row[kind.value]]
    if len(set(owners(c, actor.account_id, addresses).values())) > 1:
        return Refused(_TWO_PEOPLE)
    said = () if newcomer.consent is None else (BasisGiven(newcomer.consent, now, _HOW, is_declared=True),)
    return Known(addresses, [row], [said])


_SCHEMA = {LINE: pl.Int64, "name": pl.String, "email": pl.String, "phone": pl.String}


def _bring_in(c: Connection, actor: Actor, newcomer: Newcomer, known: Known, now: datetime) -> tuple[int, bool]:
    """Their customer's id, and whether they are new here."""
    coming = Coming(actor.account_id, newcomer.location_id, Source.MANUAL, actor.email)
    fresh, _ = bring_in(c, coming, [known], now=now)
    [person] = set(owners(c, actor.account_id, known.addresses).values())
    columns = customers.c
    here = sa.and_(columns.location_id == newcomer.location_id, columns.person_id == person)
    customer_id: int = c.execute(sa.select(columns.customer_id).where(here)).scalar_one()
    return customer_id, bool(fresh)


def read_time(text: str, zone: str, now: datetime) -> datetime | Refused:
    """The moment of "2026-12-01 10:00" on the clock of a zone; what it is not, in words."""
    try:
        return read_send_at(text, ZoneInfo(zone), now)
    except ImportRefused as refusal:
        return Refused(str(refusal))
