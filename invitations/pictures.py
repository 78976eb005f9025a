"""Pictures that go along with a first message: laid beside a mail, or linked from a text for the provider to fetch."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.engine import Connection

from connectors import Message, Picture
from data.ledger import pictures as kept
from data.words import Channel

_ENDINGS = {"image/jpeg": "jpg", "image/png": "png"}


def with_pictures(
    connection: Connection, requests_of: Mapping[str, int], messages: Sequence[Message], *, public_url: str
) -> list[Message]:
    """The messages, in order, each with the pictures that its request carries: one query when none carries any.

    `requests_of`: attempt id -> request id. `connection` writes: links are minted, one a picture and attempt, under
    `public_url`; they live for a day.
    """
    of_request: dict[int, list[tuple[int, str]]] = defaultdict(list)  # attachment id and media type
    for row in kept.read_going_along(connection, list(requests_of.values())):
        of_request[row.request_id].append((row.attachment_id, row.media_type))
    if not of_request:
        return list(messages)
    going = {message.attempt_id: of_request.get(requests_of[message.attempt_id], []) for message in messages}
    mailed = {one for m in messages if m.channel is Channel.EMAIL for one, _ in going[m.attempt_id]}
    linked = [(m.attempt_id, one) for m in messages if m.channel is Channel.SMS for one, _ in going[m.attempt_id]]
    contents = kept.read_contents(connection, mailed)
    urls: dict[str, list[str]] = defaultdict(list)
    for (attempt_id, _), token in zip(linked, kept.mint_links(connection, linked), strict=True):
        urls[attempt_id].append(f"{public_url.rstrip('/')}/m/{token}")
    return [
        replace(message, media_urls=tuple(urls[message.attempt_id]))
        if message.channel is Channel.SMS
        else replace(message, pictures=_laid_beside(going[message.attempt_id], contents))
        if message.channel is Channel.EMAIL
        else message
        for message in messages
    ]


def _laid_beside(going: Sequence[tuple[int, str]], contents: Mapping[int, bytes]) -> tuple[Picture, ...]:
    """Named by their place alone: the name of somebody's file may say more than the customer should know."""
    return tuple(
        Picture(f"photo-{number}.{_ENDINGS[media_type]}", media_type, contents[attachment_id])
        for number, (attachment_id, media_type) in enumerate(going, start=1)
    )
