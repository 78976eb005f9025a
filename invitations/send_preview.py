"""What a review request will look like and cost, before it is asked for: the text filled as it will be when it goes.

Nothing is written; the link is one of the same length as the real one, so that segments are counted rightly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import polars as pl

from connectors import ConfigurationError
from data.ledger.form_texts import Recipient, Sender, Text, read_sender, texts_of
from data.ledger.store import Ledger
from data.recipients import locate
from data.words import Channel
from invitations.actor import Actor
from invitations.consent import CHANNEL_NAMES
from invitations.prices import Prices, Volume, cost_of, load_prices
from invitations.render import clean, fill
from invitations.segments import count_segments
from invitations.volumes import link_like

_SHOWN = "their-own-link"
_FALLBACK_LANGUAGE = "en"  # as `data.ledger.candidates` chooses a text


@dataclass(frozen=True, slots=True)
class Preview:
    """One message. `segments`: of a text, else 0. `price`, in `currency`: None where the table has none."""

    channel: Channel
    subject: str | None = field(default=None, repr=False)
    body: str = field(default="", repr=False)
    segments: int = 0
    category: str | None = None  # WhatsApp only
    price: Decimal | None = None
    currency: str = ""
    problem: str | None = None  # why there is nothing to show, in one sentence


def preview(
    ledger: Ledger, actor: Actor, person: Recipient, *, channels: Sequence[Channel], template_slug: str | None
) -> list[Preview]:
    """The first message by each of the channels; [] where the text or the location is none of the account's.

    Whoever calls has the person from `find_recipient` or `read_newcomer`, which know how far the actor reaches.
    """
    locale = person.locale or ""
    languages = (locale, locale.split("-")[0], _FALLBACK_LANGUAGE)
    with ledger.read() as c:
        sender = read_sender(c, actor.account_id, person.location_id)
        texts = {} if template_slug is None else texts_of(c, actor.account_id, template_slug, languages)
    if sender is None or template_slug is None:
        return []
    prices, country = load_prices(), _country(person, sender)
    values = {
        "first_name": person.first_name, "last_name": person.last_name, "location": sender.location,
        "employee": person.employee or "", "service": person.service or "",
    }  # fmt: skip
    link = link_like(ledger.settings.public_url)
    filled = {name: clean(value) for name, value in values.items()} | {"link": link}
    made = [_priced(_message(channel, texts.get(channel), sender, filled), country, prices) for channel in channels]
    return [replace(one, body=with_readable_link(one.body, link)) for one in made]


def with_readable_link(body: str, link: str) -> str:
    """Once it is counted: a row of x, as long as a real link's token, would puzzle people."""
    return body.replace(link, f"{link.rpartition('/')[0]}/{_SHOWN}")


def _message(channel: Channel, text: Text | None, sender: Sender, values: dict[str, str]) -> Preview:
    if text is None:
        return Preview(channel, problem=f"This template has no words for {CHANNEL_NAMES[channel]}.")
    try:
        body = fill(text.body, values).strip()
        subject = clean(fill(text.subject or "", values)) if channel is Channel.EMAIL else None
    except ConfigurationError as problem:
        return Preview(channel, problem=str(problem))
    if channel is Channel.EMAIL:
        body = f"{body}\n\n{sender.account}\n{sender.postal_address}".strip()
    segments = count_segments(body) if channel is Channel.SMS else 0
    category = text.category.value if text.category else None
    return Preview(channel, subject, body, segments, category)


def _priced(one: Preview, country: str, prices: Prices) -> Preview:
    if one.problem:
        return one
    volume = Volume(one.channel, country, one.category, messages=1, segments=one.segments)
    return replace(one, price=cost_of([volume], prices).charges[0].amount, currency=prices.currency)


def _country(person: Recipient, sender: Sender) -> str:
    """Where the recipient is, as planning reckons it: prices are by country."""
    row = {
        "time_zone": person.time_zone, "postal_code": person.postal_code, "country": person.country,
        "phone": person.phone, "location_zone": sender.time_zone, "location_region": sender.region,
    }  # fmt: skip
    found: str = locate(pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)))["recipient_country"][0]
    return found
