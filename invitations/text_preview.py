"""A text as it would read before it is saved: filled with an example's values, with its size and its price."""

from connectors import ConfigurationError
from data.ledger.form_texts import read_sender
from data.ledger.store import Ledger
from data.words import Channel, TemplateCategory
from invitations.prices import Volume, cost_of, load_prices
from invitations.render import clean, fill
from invitations.segments import count_segments
from invitations.send_preview import Preview, with_readable_link
from invitations.volumes import link_like

EXAMPLE = {"first_name": "Ana", "last_name": "Ruiz", "employee": "Dr. Lee", "service": "Cleaning"}


def preview_text(
    ledger: Ledger,
    account_id: int,
    location_id: int,
    channel: Channel,
    *,
    subject: str | None,
    body: str,
    category: TemplateCategory | None = None,
) -> Preview:
    """What EXAMPLE would get from this location; the link is as long as a real one, the price that of its country."""
    with ledger.read() as c:
        sender = read_sender(c, account_id, location_id)
    if sender is None:
        return Preview(channel, problem="This location is none of the account's.")
    values = {name: clean(value) for name, value in (EXAMPLE | {"location": sender.location}).items()}
    values["link"] = link_like(ledger.settings.public_url)
    try:
        shown = fill(body, values).strip()
        heading = clean(fill(subject or "", values)) if channel is Channel.EMAIL else None
    except ConfigurationError as problem:
        return Preview(channel, problem=str(problem))
    if channel is Channel.EMAIL:
        shown = f"{shown}\n\n{sender.account}\n{sender.postal_address}".strip()
    segments = count_segments(shown) if channel is Channel.SMS else 0
    named = category.value if category else None
    prices = load_prices()
    cost = cost_of([Volume(channel, sender.region, named, messages=1, segments=segments)], prices)
    told = with_readable_link(shown, values["link"])
    return Preview(channel, heading, told, segments, named, cost.charges[0].amount, prices.currency)
