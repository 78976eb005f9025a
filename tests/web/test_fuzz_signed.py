"""Whatever a provider signs, or another system: read or refused, never a failure, and the same again the second time.

On both databases, which disagree about what a text or a number may be. AFTERWORD_EXAMPLES=5000 looks further.
"""

import hashlib
import hmac
import json
import os
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import hypothesis.strategies as st
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from pydantic import SecretStr
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from connectors import CallbackReader
from connectors.mailgun_api import MailgunSettings
from connectors.mailgun_events import MailgunCallbacks
from connectors.twilio.callbacks import TwilioCallbacks
from connectors.twilio.settings import TwilioSettings
from data.ledger.store import Ledger
from data.web_settings import WebSettings
from tests.web.client import PUBLIC_URL
from tests.web.conftest import Asked
from tests.web.raw import Answer, Line, line_to
from web.app import create_app
from web.signatures import sign

pytestmark = pytest.mark.slow

EXAMPLES = int(os.environ.get("AFTERWORD_EXAMPLES") or 12)
SECRET, HOOK_SECRET = "s" * 32, "h" * 40
CANARY = "zebra7"
FORM = (b"content-type", b"application/x-www-form-urlencoded")
JSON = (b"content-type", b"application/json")


@pytest.fixture
def line(ledger: Ledger, asked: Asked) -> Iterator[Line]:
    readers: dict[str, CallbackReader] = {
        "twilio": TwilioCallbacks(TwilioSettings(account_sid="AC" + "0" * 32, auth_token=SecretStr(SECRET))),
        "mailgun": MailgunCallbacks(
            MailgunSettings(api_key=SecretStr("k"), domain="mg.acme.example", webhook_key=SecretStr(SECRET))
        ),
    }
    own = WebSettings(hook_secret=(SecretStr(HOOK_SECRET),))
    with line_to(create_app(ledger, readers, public_url=PUBLIC_URL, settings=own)) as line:
        yield line


words = st.one_of(
    st.sampled_from([
        "", "STOP", "delivered", "received", "failed", "undelivered", "read", "nonsense", "+13125550100", "+1",
        "30007", "whatsapp:+13125550100", "ana@example.com", "@", "\x00", "\u202e", "😀" * 300, "a" * 3000, CANARY,
        "-1", "1e999", "9" * 400, "2026-11-22T10:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01", "permanent", "opened",
        "temporary", "complained", "unsubscribed", "clicked", "SM" + "b" * 32,
        "acme", "chicago", "en", "purchase", "sms",
    ]),
    st.text(max_size=12),
)  # fmt: skip
numbers = st.one_of(st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**400, 1e308, 1.5, 1795449600]), st.integers())
TWILIO_FIELDS = [
    "MessageStatus", "SmsStatus", "From", "To", "Body", "OptOutType", "ErrorCode", "NumSegments", "AccountSid",
    "ProfileName", "RawDlrDoneDate", "ChannelStatusMessage", "EventType", "MediaUrl0", "NumMedia",
]  # fmt: skip
MAILGUN_FIELDS = [
    "event", "id", "timestamp", "recipient", "severity", "reason", "message", "headers", "message-id", "user-variables",
    "attempt", "delivery-status", "code", "description", "client-info", "bot", "client-type", "url", "ip", "tags",
    "flags", "is-test-mode", "recipient-domain", "geolocation", "storage", "log-level", "envelope",
]  # fmt: skip
HOOK_FIELDS = [
    "id", "location", "name", "first_name", "last_name", "email", "phone", "locale", "employee", "service", "consent",
    "visited_at", "time_zone", "postal_code", "country", "relationship", "channels", "template", "send_at", "basis",
    "given_at", "wording", "more",
]  # fmt: skip
CUSTOMER = {"location": "chicago", "name": "Bo Li", "email": "bo@example.com", "phone": "+13125550111"}


def documents(fields: list[str]) -> st.SearchStrategy[object]:
    leaves = st.none() | st.booleans() | numbers | words
    inner = st.recursive(
        leaves,
        lambda more: st.lists(more, max_size=3) | st.dictionaries(st.sampled_from(fields), more, max_size=4),
        max_leaves=6,
    )
    return st.dictionaries(st.sampled_from(fields), inner, max_size=8)


both = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def said(answer: Answer) -> tuple[int, object]:
    """What an answer means: PostgreSQL keeps JSON in an order of its own."""
    is_json = answer.header("content-type") == "application/json"
    return answer.status, json.loads(answer.body) if is_json else answer.body


def twice(line: Line, path: str, body: bytes, *headers: tuple[bytes, bytes], query: str = "") -> int:
    """The status of both answers."""
    with structlog.testing.capture_logs() as lines:
        answers = [line("POST", path, query=query.encode(), headers=headers, parts=[body]) for _ in range(2)]
    assert answers[0].status < 500, answers[0]
    assert said(answers[1]) == said(answers[0]), "the same again was answered otherwise"
    assert not [secret for secret in (CANARY, SECRET, HOOK_SECRET, "ana@", "5550100") if secret in str(lines)]
    return answers[0].status


@both
@given(
    path=st.sampled_from(["/callbacks/twilio/status", "/callbacks/twilio/inbound"]),
    sid=st.sampled_from(["SM" + "b" * 32, "MM" + "1" * 32, "SM", "x"]),
    fields=st.dictionaries(st.sampled_from(TWILIO_FIELDS), words.filter(lambda word: "\ud800" not in word), max_size=9),
    query=st.sampled_from(["", "s=abc", "s=", "s=a&s=b", "s=%00"]),
)
def test_whatever_twilio_signs_is_read_or_refused(
    line: Line, path: str, sid: str, fields: dict[str, str], query: str
) -> None:
    form = {"MessageSid": sid, **fields}
    url = f"{PUBLIC_URL}{path}" + (f"?{query}" if query else "")
    signature = RequestValidator(SECRET).compute_signature(url, form)
    body = urlencode(form).encode()
    assert twice(line, path, body, FORM, (b"x-twilio-signature", signature.encode()), query=query) in {200, 400}


@both
@given(event=documents(MAILGUN_FIELDS), token=st.text("0123456789abcdef", min_size=50, max_size=50))
def test_whatever_mailgun_signs_is_read_or_refused(line: Line, event: object, token: str) -> None:
    stamp = str(int(time.time()))
    signature = hmac.new(SECRET.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    signed = {"timestamp": stamp, "token": token, "signature": signature}
    body = json.dumps({"signature": signed, "event-data": event}).encode()
    assert twice(line, "/callbacks/mailgun", body, JSON) in {200, 406}


changes = st.one_of(
    documents(HOOK_FIELDS),
    st.dictionaries(st.sampled_from(HOOK_FIELDS), words, max_size=2).map(lambda some: CUSTOMER | some),
)


@both
@given(customer=changes, key=st.none() | st.text("ab9-", min_size=1, max_size=3))
def test_whatever_another_system_signs_is_taken_or_refused_with_its_faults(
    line: Line, customer: object, key: str | None
) -> None:
    body = json.dumps(customer).encode()
    signature = sign(HOOK_SECRET.encode(), int(time.time()), body)
    more = [(b"idempotency-key", key.encode())] if key else []
    status = twice(line, "/hooks/customers", body, JSON, (b"afterword-signature", signature.encode()), *more)
    assert status in {200, 202, 400, 404, 409, 422}
