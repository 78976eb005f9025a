"""What is seen on the send form before its button is pressed: the message, what it costs, and what would come of it."""

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime

from markupsafe import Markup

from dashboard.components.icons import icon
from dashboard.wording import CHANNEL, counted, short_moment
from data.ledger.pictures import KeptPicture
from data.words import Channel
from invitations.actor import Refused
from invitations.consent import CHANNEL_NAMES
from invitations.foresee_ask import ForeseenAsk
from invitations.send_preview import Preview

NOTHING_YET = Markup(
    '<div class="aw-verdict"><p class="aw-faint">Enter a name and a phone number or email: what would come of the '
    "request then stands here, before anything is sent.</p></div>"
)


def messages_shown(messages: Sequence[Preview], pictures: Sequence[KeptPicture]) -> Markup:
    """Each message as it will read, with its size and price."""
    if not messages:
        return Markup('<p class="aw-faint">Choose a channel to see the message.</p>')
    return Markup("").join(_message(one, pictures) for one in messages)


def _message(one: Preview, pictures: Sequence[KeptPicture]) -> Markup:
    if one.problem:
        return Markup('<section class="aw-message"><header><strong>{}</strong></header>{}</section>').format(
            CHANNEL[one.channel], one.problem
        )
    subject = Markup('<p class="aw-subject">{}</p>').format(one.subject) if one.subject else ""
    carried = pictures if one.channel is not Channel.WHATSAPP else []
    return Markup(
        '<section class="aw-message" aria-label="Preview: {0}"><header><strong>{0}</strong><span>{1}</span></header>'
        "{2}<blockquote>{3}</blockquote>{4}</section>"
    ).format(CHANNEL[one.channel], _cost(one, len(carried)), subject, one.body, _shots(carried))


def _cost(one: Preview, pictures: int) -> str:
    """ "2 segments · about 0.0166 USD"."""
    size = [counted(one.segments, "segment")] if one.segments else []
    if one.channel is Channel.SMS and pictures:
        return "Goes as MMS, priced by the provider"
    price = "no price known" if one.price is None else f"about {one.price.normalize():f} {one.currency}"
    return " · ".join([*size, price])


def _shots(pictures: Sequence[KeptPicture]) -> Markup:
    if not pictures:
        return Markup("")
    images = Markup("").join(
        Markup('<img alt="Picture {}" src="data:{};base64,{}">').format(
            number, one.media_type, base64.b64encode(one.content).decode()
        )
        for number, one in enumerate(pictures, start=1)
    )
    return Markup('<div class="aw-shots">{}</div>').format(images)


def verdict_shown(found: ForeseenAsk | Refused, *, now: datetime, zone: str) -> Markup:
    """What would come of it: goes now, waits until when and why, or cannot be."""
    if isinstance(found, Refused):
        return _box("aw-refused", "cross", "failed", "Cannot be sent", [found.reason])
    by = _by(dict.fromkeys(CHANNEL_NAMES[message.channel] for message in found.messages))
    at = found.earliest_at
    reasons = [_sentence(reason) for reason in found.explanation.reasons]
    reasons += [_sentence(f"not used: {reason}") for reason in found.left_out]
    if at is None:
        return _box("aw-waits", "question", "note", f"Would wait{by}; nobody can say until when", reasons)
    if at > now:
        return _box("aw-waits", "clock", "note", f"Would go{by} from {short_moment(at, zone, now)}", reasons)
    return _box("aw-goes", "check", "delivered", f"Would go{by} with the next batch", reasons)


def _by(names: Iterable[str]) -> str:
    """ " by SMS, e-mail and WhatsApp"."""
    *others, last = [*names] or [""]
    return f" by {', '.join(others)} and {last}" if others else f" by {last}" if last else ""


def _box(kind: str, drawing: str, tone: str, heading: str, lines: Sequence[str]) -> Markup:
    items = Markup("").join(Markup("<li>{}</li>").format(line) for line in lines)
    listed = Markup('<ul class="aw-reasons">{}</ul>').format(items) if len(lines) > 1 else Markup("")
    only = Markup("<p>{}</p>").format(lines[0]) if len(lines) == 1 else Markup("")
    return Markup('<div class="aw-verdict {}" role="status"><p class="aw-strong aw-{}">{} {}</p>{}{}</div>').format(
        kind, tone, icon(drawing), heading, listed, only
    )


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}" + ("" if words.endswith((".", "!", "?")) else ".")
