"""Where providers call back: believed only when signed, answered only when stored."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from connectors import ProviderEvent
from data.ledger.store import Ledger
from tests.web.client import PUBLIC_URL, Client, SignedReader

SIGNED = {"x-signature": "sesame"}
TWILIO = ["/callbacks/twilio/status", "/callbacks/twilio/inbound"]
ALL = [*TWILIO, "/callbacks/mailgun"]


class Inbox:
    """What `invitations.events.receive` would have been given."""

    def __init__(self, *, is_broken: bool = False) -> None:
        self.keys: list[str] = []
        self.is_broken = is_broken

    def __call__(self, ledger: Ledger, events: Sequence[ProviderEvent], *, now: Any) -> None:
        if self.is_broken:
            raise OSError("disk full")
        assert now.tzinfo is not None
        self.keys += [event.key for event in events]


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


@pytest.mark.parametrize("path", ALL)
def test_a_provider_that_is_not_configured_and_other_methods_find_nothing(ledger: Ledger, path: str) -> None:
    client = Client(ledger, {})
    assert client("POST", path, content=b"{}", headers=SIGNED).status_code == 404
    for method in ("GET", "HEAD", "PUT"):
        assert client(method, path).status_code == 405
