"""Where providers call back: believed only when signed, answered only when stored."""

import hashlib
import hmac
import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

import web.inbox
from connectors.mailgun_api import MailgunSettings
from connectors.mailgun_events import MailgunCallbacks
from connectors.twilio.callbacks import TwilioCallbacks
from connectors.twilio.settings import TwilioSettings
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import SuppressionReason
from invitations.events import Posted, receive_posted
from tests.web.client import PUBLIC_URL, Client, SignedReader
from tests.world import make_customer, make_world

SIGNED = {"x-signature": "sesame"}
TWILIO = ["/callbacks/twilio/status", "/callbacks/twilio/inbound"]
ALL = [*TWILIO, "/callbacks/mailgun"]


class Inbox:
    """What `invitations.events.receive_posted` would have been given."""

    def __init__(self, *, is_broken: bool = False) -> None:
        self.keys: list[str] = []
        self.is_broken = is_broken

    def __call__(self, ledger: Ledger, posted: Sequence[Posted], *, now: Any) -> Sequence[bool]:
        if self.is_broken:
            raise OSError("disk full")
        assert now.tzinfo is not None
        self.keys += [event.key for one in posted for event in one.callback.events]
        return [True] * len(posted)


@pytest.fixture
def reader() -> SignedReader:
    return SignedReader()


def connect(ledger: Ledger, reader: SignedReader, inbox: Inbox, public_url: str = PUBLIC_URL) -> Client:
    return Client(ledger, {"twilio": reader, "mailgun": reader}, inbox, public_url)


@pytest.mark.parametrize("path", ALL)
def test_a_signed_callback_is_stored_and_then_answered(ledger: Ledger, reader: SignedReader, path: str) -> None:
    inbox = Inbox()
    answer = connect(ledger, reader, inbox)("POST", path, content=b'{"key": "1"}', headers=SIGNED)
    assert answer.status_code == 200
    assert inbox.keys == ["1"]


def test_twilio_is_told_to_say_nothing_back(ledger: Ledger, reader: SignedReader) -> None:
    answer = connect(ledger, reader, Inbox())("POST", TWILIO[1], content=b'{"key": "1"}', headers=SIGNED)
    assert answer.headers["content-type"].startswith("text/xml")
    assert answer.text.endswith("<Response/>")


def test_the_signature_is_checked_over_the_configured_address_to_the_byte(ledger: Ledger, reader: SignedReader) -> None:
    client = connect(ledger, reader, Inbox(), "https://ask.acme.example/")
    odd = "/callbacks/twilio/status?s=ab%2Fc%20d+e&s=2&empty="
    lies = {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "http"}
    client("POST", odd, content=b'{"key": "1"}', headers=SIGNED | lies)
    assert reader.urls == [f"https://ask.acme.example{odd}"]


@pytest.mark.parametrize("path", ALL)
def test_a_forged_callback_is_refused_and_stored_nowhere(ledger: Ledger, reader: SignedReader, path: str) -> None:
    inbox = Inbox()
    client = connect(ledger, reader, inbox)
    for headers in ({}, {"x-signature": "guess"}):
        assert client("POST", path, content=b'{"key": "1"}', headers=headers).status_code == 403
    assert inbox.keys == []


def test_what_cannot_be_read_is_given_up_in_each_providers_way(ledger: Ledger, reader: SignedReader) -> None:
    client = connect(ledger, reader, Inbox())
    codes = [client("POST", path, content=b"\xff{", headers=SIGNED).status_code for path in ALL]
    assert codes == [400, 400, 406]


def test_bodies_are_limited(ledger: Ledger, reader: SignedReader) -> None:
    inbox = Inbox()
    client = connect(ledger, reader, inbox)

    def post(path: str, size: int, *, is_announced: bool) -> int:
        body = json.dumps({"key": "1", "more": "x" * size}).encode()

        async def parts() -> Any:
            yield body[: size // 2]
            yield body[size // 2 :]

        content = body if is_announced else parts()
        return client("POST", path, content=content, headers=SIGNED).status_code

    for is_announced in (True, False):
        assert post(TWILIO[0], 65_600, is_announced=is_announced) == 413
        assert post("/callbacks/mailgun", 65_600, is_announced=is_announced) == 200
        assert post("/callbacks/mailgun", 1_100_000, is_announced=is_announced) == 413
    assert inbox.keys == ["1", "1"]


def test_nothing_is_acknowledged_that_could_not_be_stored(ledger: Ledger, reader: SignedReader) -> None:
    answer = connect(ledger, reader, Inbox(is_broken=True))("POST", ALL[2], content=b'{"key": "1"}', headers=SIGNED)
    assert answer.status_code == 500


def test_a_used_token_is_given_up_and_a_flood_is_told_to_come_again(
    ledger: Ledger, reader: SignedReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(ledger, {"mailgun": reader}, lambda _, posted, **__: [False] * len(posted))
    assert client("POST", ALL[2], content=b'{"key": "1"}', headers=SIGNED).status_code == 406
    monkeypatch.setattr(web.inbox, "MOST_POSTS", 0)
    answer = client("POST", ALL[2], content=b'{"key": "1"}', headers=SIGNED)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")


@pytest.mark.parametrize("path", ALL)
def test_a_provider_that_is_not_configured_and_other_methods_find_nothing(ledger: Ledger, path: str) -> None:
    client = Client(ledger, {})
    assert client("POST", path, content=b"{}", headers=SIGNED).status_code == 404
    for method in ("GET", "HEAD", "PUT"):
        assert client(method, path).status_code == 405


def test_a_stop_signed_by_twilio_reaches_the_ledger_and_a_changed_one_does_not(ledger: Ledger) -> None:
    make_customer(ledger, make_world(ledger), email="ana@example.com", phone="+13125550100")
    settings = TwilioSettings(account_sid="AC" + "a" * 32, auth_token=SecretStr("12345"))
    client = Client(ledger, {"twilio": TwilioCallbacks(settings)}, receive_posted)
    form = {"MessageSid": "SM" + "b" * 32, "AccountSid": "AC" + "a" * 32, "From": "+13125550100", "Body": "Stop"}
    form |= {"To": "+13125550000", "SmsStatus": "received", "Empty": ""}
    signature = RequestValidator("12345").compute_signature(PUBLIC_URL + TWILIO[1], form)
    headers = {"x-twilio-signature": signature}
    assert client.post(TWILIO[1], form | {"From": "+13125550199"}, headers=headers).status_code == 403
    assert client.post(f"{TWILIO[1]}?s=1", form, headers=headers).status_code == 403
    for _ in range(2):
        assert client.post(TWILIO[1], form, headers=headers).status_code == 200
    with ledger.read() as c:
        reasons = set(c.execute(sa.select(t.suppressions.c.reason)).scalars())
        stored = c.execute(sa.select(sa.func.count()).select_from(t.inbox)).scalar_one()
    assert reasons == {SuppressionReason.STOP_KEYWORD}
    assert stored == 1


def test_an_event_signed_by_mailgun_is_stored_once(ledger: Ledger) -> None:
    make_world(ledger)
    settings = MailgunSettings(domain="mail.acme.example", webhook_key=SecretStr("key"))
    client = Client(ledger, {"mailgun": MailgunCallbacks(settings)}, receive_posted)
    stamp, token = str(int(time.time())), "f" * 50
    signature = hmac.new(b"key", (stamp + token).encode(), hashlib.sha256).hexdigest()
    signed = {"timestamp": stamp, "token": token, "signature": signature}
    event = {"event": "opened", "id": "e1", "timestamp": time.time(), "recipient": "ana@example.com"}

    def post(signature: dict[str, str], event: dict[str, Any]) -> int:
        return client("POST", ALL[2], json={"signature": signature, "event-data": event}).status_code

    assert post(signed | {"signature": "0" * 64}, event) == 403
    assert [post(signed, event), post(signed, event)] == [200, 200]
    assert post(signed, event | {"id": "e2"}) in {403, 406}  # the token is used up
    with ledger.read() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(t.inbox)).scalar_one() == 1
