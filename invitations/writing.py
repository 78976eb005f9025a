"""What was claimed becomes messages: read together, rendered one by one."""

from collections.abc import Sequence

from connectors import ConfigurationError, Message
from data.ledger.dispatch import Claim
from data.ledger.messages import read_contents
from data.ledger.pictures import read_going_along
from data.ledger.store import Ledger
from invitations.pictures import with_pictures
from invitations.render import content_of, render

Written = tuple[list[tuple[Claim, Message]], list[tuple[Claim, ConfigurationError]]]


def write(ledger: Ledger, claims: Sequence[Claim]) -> Written:
    """The claims' messages in the order of the claims, and those whose template cannot be used.

    Nothing is locked while they are written.
    """
    claim_of = {claim.request_id: claim for claim in claims}
    with ledger.read() as connection:
        contents = read_contents(connection, claim_of)
        carry_pictures = bool(read_going_along(connection, claim_of))
    public = ledger.settings.public_url.rstrip("/")
    messages: list[Message] = []
    unwritable = []
    for row in contents.rows:
        claim = claim_of[row[0]]
        try:
            messages.append(
                render(
                    content_of(claim.channel, row, contents),
                    attempt_id=claim.attempt_id,
                    to=row.address,
                    link=f"{public}/r/{row.link_token}",
                    unsubscribe_url=f"{public}/u/{row.unsubscribe_token}",
                )
            )
        except ConfigurationError as problem:
            unwritable.append((claim, problem))
    if carry_pictures:
        requests_of = {claim.attempt_id: claim.request_id for claim in claims}
        with ledger.write() as connection:
            messages = with_pictures(connection, requests_of, messages, public_url=public)
    written = {message.attempt_id: message for message in messages}
    # In the order of the claims: who has waited longest goes first.
    items = [(claim, written[claim.attempt_id]) for claim in claims if claim.attempt_id in written]
    return items, unwritable
