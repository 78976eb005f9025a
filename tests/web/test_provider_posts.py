"""What anybody may post to the providers' addresses: through the routes, with the providers' own readers.

Good posts are signed by the sandbox, which reckons signatures by itself.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from connectors import CallbackReader
from connectors.mailgun_events import MailgunCallbacks, provider_event
from connectors.sandbox.callbacks import mailgun_signature, twilio_signature
from connectors.twilio.callbacks import TwilioCallbacks
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Channel, EventKind
from invitations.events import poll_providers, receive_posted
from invitations.send import send_due
from tests.connectors.samples import DOMAIN, NUMBER, SENDER, SID, mailgun_event, mailgun_settings, twilio_settings
from tests.invitations.test_events import Source
from tests.recorder import Recorder
from tests.web.client import PUBLIC_URL, Client
from tests.world import NOON, make_customer, make_request, make_world

STATUS, INBOUND, MAILGUN = "/callbacks/twilio/status?s=abc", "/callbacks/twilio/inbound", "/callbacks/mailgun"
TEXT = {"MessageSid": SID, "SmsStatus": "received", "From": NUMBER, "To": SENDER, "Body": "STOP", "NumMedia": "0"}
DELIVERED = {"MessageSid": SID, "MessageStatus": "delivered", "To": NUMBER}
FORM = {"content-type": "application/x-www-form-urlencoded"}
TOKEN = "f" * 50
STAMP = str(int(NOON.timestamp()))

Post = tuple[str, bytes, Mapping[str, str]]  # address, body, headers


def twilio(path: str, fields: Mapping[str, str], *, body: bytes | None = None, url: str = PUBLIC_URL) -> Post:
    """A post that Twilio signed; `body`, `url`: and that came otherwise."""
    signature = twilio_signature("12345", url + path, fields)
    return path, urlencode(fields).encode() if body is None else body, {**FORM, "x-twilio-signature": signature}


def mailgun(item: Any, *, at: str = STAMP, token: str = TOKEN, key: str = "hook-1", encoding: str = "utf-8") -> Post:
    signed = {"timestamp": at, "token": token, "signature": mailgun_signature(key, at, token)}
    document = json.dumps({"signature": signed, "event-data": item}, ensure_ascii=False)
    return MAILGUN, document.encode(encoding), {"content-type": "application/json"}


def cut(post: Post, end: int) -> Post:
    return post[0], post[1][:end], post[2]


OPENED, GONE = mailgun_event("opened", id="o"), mailgun_event("unsubscribed", id="u")
LATER = str(int((NOON + timedelta(hours=2)).timestamp()))
LONG_AGO = str(int((NOON - timedelta(hours=13)).timestamp()))
AS_JSON = b'{"MessageSid": "' + SID.encode() + b'", "MessageStatus": "delivered"}'
REFUSED: dict[str, tuple[int, Post]] = {
    "twilio: unsigned": (403, (INBOUND, urlencode(TEXT).encode(), FORM)),
    "twilio: signed for another address": (403, twilio(INBOUND, TEXT, url="http://ask.acme.example")),
    "twilio: signed for another attempt": (403, ("/callbacks/twilio/status?s=abd", *twilio(STATUS, DELIVERED)[1:])),
    "twilio: a field changed": (403, twilio(INBOUND, TEXT, body=urlencode(TEXT | {"From": SENDER}).encode())),
    "twilio: a field added": (403, twilio(STATUS, DELIVERED, body=urlencode(DELIVERED | {"ErrorCode": "1"}).encode())),
    "twilio: truncated": (403, cut(twilio(INBOUND, TEXT), -5)),
    "twilio: empty": (403, cut(twilio(INBOUND, TEXT), 0)),
    "twilio: in latin-1": (403, twilio(INBOUND, TEXT, body=b"Body=%c3%28&From=%e9")),
    "twilio: in utf-16": (403, twilio(INBOUND, TEXT, body=urlencode(TEXT).encode("utf-16"))),
    "twilio: as JSON": (403, twilio(STATUS, {}, body=AS_JSON)),
    "twilio: giant": (413, twilio(INBOUND, TEXT | {"Body": "x" * 70_000})),
    "twilio: signed, with nothing in it": (400, twilio(STATUS, {})),
    "twilio: signed, about a call": (400, twilio(STATUS, {"CallSid": "CA" + "0" * 32})),
    "twilio: signed, one of two statuses": (
        400,
        (STATUS, (urlencode(DELIVERED) + "&MessageStatus=failed").encode(), {
            **FORM, "x-twilio-signature": twilio_signature("12345", PUBLIC_URL + STATUS, {
                **DELIVERED, "MessageStatus": "deliveredMessageStatusfailed",  # so are two values signed
            }),
        }),
    ),
    "mailgun: with another key": (403, mailgun(GONE, key="hook-2")),
    "mailgun: stale": (403, mailgun(GONE, at=LONG_AGO)),
    "mailgun: from the future": (403, mailgun(GONE, at=LATER)),
    "mailgun: truncated": (403, cut(mailgun(GONE), -1)),
    "mailgun: empty": (403, cut(mailgun(GONE), 0)),
    "mailgun: as a form": (403, (MAILGUN, b"timestamp=1&token=2&signature=3", FORM)),
    "mailgun: in utf-16": (403, mailgun(GONE, encoding="utf-16")),
    "mailgun: nested without end": (403, (MAILGUN, b"[" * 200_000, {})),
    "mailgun: giant": (413, mailgun(GONE | {"tags": ["x" * 1_100_000]})),
    "mailgun: signed, no event": (406, mailgun(None)),
    "mailgun: signed, an event without an id": (406, mailgun({"event": "opened", "timestamp": 1795456740.5})),
    "mailgun: signed, an endless id": (406, mailgun(GONE | {"id": "x" * 5_000})),
}  # fmt: skip


@pytest.fixture
def client(ledger: Ledger) -> Client:
    readers: dict[str, CallbackReader] = {
        "twilio": TwilioCallbacks(twilio_settings("https://api.twilio.com"), dated_by=lambda: NOON),
        "mailgun": MailgunCallbacks(
            mailgun_settings("https://api.mailgun.net"), dated_by=lambda: NOON, clock=lambda: NOON
        ),
    }
    return Client(ledger, readers, receive_posted)


def send(client: Client, post: Post) -> int:
    path, body, headers = post
    return client("POST", path, content=body, headers=dict(headers)).status_code


def stored(ledger: Ledger) -> list[int]:
    """How many inbox rows, tokens, events and suppressions there are."""
    with ledger.read() as c:
        return [
            c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (t.inbox, t.callback_tokens, t.events, t.suppressions)
        ]


@pytest.mark.one_database
@pytest.mark.slow
def test_what_is_not_a_providers_word_is_refused_each_in_its_way_and_nothing_of_it_is_kept(
    ledger: Ledger, client: Client
) -> None:
    make_customer(ledger, make_world(ledger), email="ana@example.com", phone=NUMBER)
    assert {name: send(client, post) for name, (_, post) in REFUSED.items()} == {
        name: status for name, (status, _) in REFUSED.items()
    }
    assert stored(ledger) == [0, 0, 0, 0]
    assert [send(client, post) for post in (twilio(INBOUND, TEXT), mailgun(GONE))] == [200, 200]
    assert stored(ledger) == [2, 1, 2, 4]


@pytest.mark.one_database
def test_mailguns_signature_is_the_one_that_openssl_reckons() -> None:
    # printf '1795456740ffff…' (50 f) | openssl dgst -sha256 -hmac key-hook-1
    vector = "9c198c277b284ad00f1cc393a89939f4d5abc85f9c28efe401e96469ee68fe0a"
    signed = {"timestamp": "1795456740", "token": TOKEN, "signature": vector}
    reader = MailgunCallbacks(
        mailgun_settings("https://api.mailgun.net", webhook_key=SecretStr("key-hook-1")), clock=lambda: NOON
    )
    body = json.dumps({"signature": signed, "event-data": OPENED}).encode()
    assert reader.read_callback("", {}, body).token == TOKEN


def test_posts_told_again_are_taken_and_add_nothing(ledger: Ledger, client: Client) -> None:
    make_customer(ledger, make_world(ledger), email="ana@example.com", phone=NUMBER)
    posts = [twilio(INBOUND, TEXT), mailgun(GONE)]
    assert [send(client, post) for post in posts + posts] == [200] * 4
    assert stored(ledger) == [2, 1, 2, 4]


def test_a_used_token_is_refused_with_another_body_and_nothing_of_that_is_kept(ledger: Ledger, client: Client) -> None:
    make_customer(ledger, make_world(ledger), email="ana@example.com")
    assert send(client, mailgun(OPENED)) == 200
    before = stored(ledger)
    assert send(client, mailgun(GONE)) == 406  # overheard, and made into something else
    assert stored(ledger) == before == [1, 1, 0, 0]
    assert send(client, mailgun(OPENED)) == 200


def test_what_mailgun_pushes_counts_once_polling_tells_the_same(ledger: Ledger, client: Client) -> None:
    """Only a no counts at once: made up, it errs on the safe side."""
    world = make_world(ledger)
    for name in ("ana", "bo"):
        customer = make_customer(ledger, world, email=f"{name}@example.com")
        make_request(ledger, world, customer, channel=Channel.EMAIL)
    send_due(ledger, Recorder().messengers, now=NOON)
    with ledger.read() as c:
        sent = sa.select(t.requests.c.address, t.attempts.c.attempt_id).join(t.attempts, IS_OF)
        attempts = {address: {"attempt_id": attempt_id} for address, attempt_id in c.execute(sent)}
    opened = mailgun_event("opened", **{"user-variables": attempts["ana@example.com"]})
    bounced = mailgun_event(
        "failed", id="b", severity="permanent", reason="bounce", **{"user-variables": attempts["bo@example.com"]}
    )
    assert send(client, mailgun(opened)) == send(client, mailgun(bounced, token="e" * 50)) == 200
    assert kinds(ledger) == [EventKind.FAILED]
    assert stored(ledger) == [2, 2, 1, 1]
    source = Source([provider_event(DOMAIN, opened), provider_event(DOMAIN, bounced)])
    assert poll_providers(ledger, {"mailgun": source}, now=NOON).counts["new"] == 1
    assert kinds(ledger) == [EventKind.FAILED, EventKind.OPENED]
    assert send(client, mailgun(opened, token="d" * 50)) == 200  # pushed again, late
    assert kinds(ledger) == [EventKind.FAILED, EventKind.OPENED]


IS_OF = t.attempts.c.request_id == t.requests.c.request_id


def kinds(ledger: Ledger) -> list[EventKind]:
    with ledger.read() as c:
        return list(c.execute(sa.select(t.events.c.kind).order_by(t.events.c.event_id)).scalars())
