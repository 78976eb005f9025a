"""One test message to a contact of one's own: the real template over the real provider, beside quota and customers."""

import secrets
from collections.abc import Mapping

from connectors import ConfigurationError, Messenger, Outcome
from data.ledger.messages import read_first_ask
from data.ledger.store import Ledger
from data.words import Channel
from invitations.render import Content, render


def send_test(
    ledger: Ledger,
    messengers: Mapping[Channel, Messenger],
    contact: str,
    *,
    template: str | None = None,
    location_id: int | None = None,
) -> Outcome:
    """Send the first ask to `contact` (an e-mail address, or a phone number in E.164) with invented values.

    `template`, `location_id`: another text, as another location would send it. Nothing is written: no customer, no
    request, no quota. The link leads to the public address, not to a survey.
    Raises ConfigurationError when the channel has no provider or the account no template for it.
    """
    channel = Channel.EMAIL if "@" in contact else Channel.SMS
    messenger = messengers.get(channel)
    if messenger is None:
        raise ConfigurationError(
            f"No provider for {channel.value} is configured. `afterword doctor` says what is missing."
        )
    with ledger.read() as connection:
        ask = read_first_ask(connection, channel, template=template, location_id=location_id)
    if ask is None:
        raise ConfigurationError(
            f"The account has no first message for {channel.value}. Add one and run `afterword init`."
        )
    public = ledger.settings.public_url.rstrip("/")
    content = Content(
        channel=channel,
        subject=ask.subject,
        body=ask.body,
        values={"first_name": "Alex", "last_name": "Example", "location": ask.location, "employee": "", "service": ""},
        account=ask.account,
        postal_address=ask.postal_address,
        reply_to=ask.reply_to,
        color=ask.color,
    )
    message = render(
        content,
        attempt_id=f"test-{secrets.token_hex(8)}",
        to=contact,
        link=f"{public}/",
        unsubscribe_url=f"{public}/",
    )
    return messenger.send(message)
