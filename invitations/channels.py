"""Which channels a form may offer at a location, and in plain words why not the others.

Whether a provider is configured is not known here: the page that asks holds no credentials. Planning and the claim hold
the same channels back by their own rules; this only keeps people from choosing what would wait.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import channels, locations, templates
from data.words import Channel, TemplateApproval

_NAMES = {Channel.SMS: "SMS", Channel.EMAIL: "Email", Channel.WHATSAPP: "WhatsApp"}
_STANDS = {  # of several templates, the one nearest to approval is spoken of: the first of these
    TemplateApproval.PENDING: "Meta has not answered yet",
    TemplateApproval.PAUSED: "Meta paused the one there is",
    TemplateApproval.UNSUBMITTED: "none has been submitted yet",
    TemplateApproval.REJECTED: "Meta rejected the one there is",
    TemplateApproval.DISABLED: "Meta disabled the one there is",
}


@dataclass(frozen=True, slots=True)
class ChannelOffer:
    """`reason` is one sentence for the screen, empty where the channel is available."""

    channel: Channel
    is_available: bool
    reason: str = ""


def offered_channels(connection: Connection, location_id: int) -> list[ChannelOffer]:
    """Every channel, in the order of words.Channel, and whether it can be chosen at this location now."""
    found = {
        row.channel: row for row in connection.execute(sa.select(channels).where(channels.c.location_id == location_id))
    }
    texts = _newest_texts(connection, location_id)
    offers = []
    for channel in Channel:
        row = found.get(channel)
        if row is None or not row.is_enabled:
            reason = f"{_NAMES[channel]} is switched off for this location in the account's settings."
        elif row.paused_at is not None:
            reason = f"{_NAMES[channel]} is paused for this location."
        else:
            reason = _text_missing(channel, texts.get(channel, []))
        offers.append(ChannelOffer(channel, is_available=not reason, reason=reason))
    return offers


def _text_missing(channel: Channel, approvals: list[TemplateApproval | None]) -> str:
    if not approvals:
        return f"There is no template for {_NAMES[channel]} yet."
    if channel is not Channel.WHATSAPP or TemplateApproval.APPROVED in approvals:
        return ""
    nearest = next((one for one in _STANDS if one in approvals), TemplateApproval.UNSUBMITTED)
    return f"WhatsApp needs a template that Meta approved: {_STANDS[nearest]}."


def _newest_texts(connection: Connection, location_id: int) -> dict[Channel, list[TemplateApproval | None]]:
    """How the newest version of each text of the location's account stands, by channel."""
    rows = connection.execute(
        sa.select(templates.c.slug, templates.c.channel, templates.c.language, templates.c.approval)
        .join(locations, locations.c.account_id == templates.c.account_id)
        .where(locations.c.location_id == location_id)
        .order_by(templates.c.version)
    )
    newest = {(row.slug, row.channel, row.language): row.approval for row in rows}
    texts: dict[Channel, list[TemplateApproval | None]] = {}
    for (_, channel, _), approval in newest.items():
        texts.setdefault(channel, []).append(approval)
    return texts
