"""Whatever anybody sends: an answer that is none of ours failing, nothing stored of what nobody signed, no token told.

AFTERWORD_EXAMPLES=5000 looks further than `make test` does.
"""

import json
import os
from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
import structlog
from hypothesis import HealthCheck, given, settings
from pydantic import SecretStr
from starlette.routing import Route

from connectors import CallbackReader
from connectors.mailgun_api import MailgunSettings
from connectors.mailgun_events import MailgunCallbacks
from connectors.twilio.callbacks import TwilioCallbacks
from connectors.twilio.settings import TwilioSettings
from data.ledger import tables as t
from data.ledger.commits import Commits
from data.ledger.store import Ledger
from data.web_settings import WebSettings
from tests.web.client import PUBLIC_URL
from tests.web.conftest import LINK, UNSUBSCRIBE, Asked
from tests.web.raw import Line, line_to
from web import health
from web.app import create_app

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

EXAMPLES = int(os.environ.get("AFTERWORD_EXAMPLES") or 40)
SECRET = "zebra7"  # in whatever is sent: if a log holds it, the log holds what people send
_MOST = 70_000  # over the limit of a form


@pytest.fixture
def line(ledger: Ledger, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> Iterator[Line]:
    monkeypatch.setattr(health, "prove_writable", Ledger.policy_now)  # /readyz writes by itself: see test_health.py
    readers: dict[str, CallbackReader] = {
        "twilio": TwilioCallbacks(TwilioSettings(account_sid="AC" + "0" * 32, auth_token=SecretStr("t" * 32))),
        "mailgun": MailgunCallbacks(
            MailgunSettings(api_key=SecretStr("k"), domain="mg.acme.example", webhook_key=SecretStr("w" * 32))
        ),
    }
    own = WebSettings(hook_secret=(SecretStr("h" * 40),), metrics_token=SecretStr("m" * 40))
    with line_to(create_app(ledger, readers, public_url=PUBLIC_URL, settings=own)) as line:
        yield line


unsafe = st.text("abcXYZ019-_.~%/+:@!$&'()*,;= ", max_size=12).map(lambda text: text.replace(" ", "%20"))
percents = st.lists(
    st.sampled_from(["%00", "%0d%0a", "%2e%2e", "%2F", "%ff", "%c3%a9", "%F0%9F%98%80", "%ED%A0%80", "%", "%zz"]),
    max_size=4,
).map("".join)
unknown = st.one_of(
    st.just(SECRET), st.builds(lambda one, two: f"{SECRET}{one}{two}", unsafe, percents), st.just(SECRET * 2000)
)
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "EVIL"])
FIELDS = ["score", "stars", "comment", "scope", "after", "MessageSid", "From", "Body", "OptOutType", "List-Unsubscribe"]
VALUES = st.one_of(
    st.sampled_from(["9", "-1", "11", "1e3", "٣", "", "channel", "One-Click", SECRET, "\x00", "\ud800", "a" * 5000]),
    st.text(max_size=20),
)


def quoted(fields: list[tuple[str, str]]) -> bytes:
    return b"&".join(
        name.encode() + b"=" + "".join(f"%{byte:02x}" for byte in value.encode("utf-8", "surrogatepass")).encode()
        for name, value in fields
    )


forms = st.lists(st.tuples(st.sampled_from(FIELDS), VALUES), max_size=25).map(quoted)
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.just(SECRET),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["signature", "event-data", "timestamp", "token", "id", "event", "recipient", "phone"]),
            inner,
        )
    ),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())
bodies = st.one_of(
    st.just(b""), forms, anything, st.binary(max_size=200), st.just(SECRET.encode() * 9000), st.just(b"[" * _MOST),
    st.just(b"a&" * 5000),
)  # fmt: skip
kinds = st.sampled_from([
    b"application/x-www-form-urlencoded", b"application/x-www-form-urlencoded; charset=utf-16", b"application/json",
    b"application/json; charset=\xff", b"multipart/form-data; boundary=x", b"multipart/form-data", b"text/plain", b"",
    b";;;=", b"\xc3\xa9",
])  # fmt: skip
names = st.sampled_from([
    b"accept-language", b"x-forwarded-for", b"user-agent", b"sec-purpose", b"sec-fetch-mode", b"range", b"forwarded",
    b"content-encoding", b"content-length", b"x-twilio-signature", b"afterword-signature", b"idempotency-key",
    b"host", b"if-none-match", b"transfer-encoding", b"authorization", b"x-twilio-webhooks-signature-settings",
    b"cookie",
])  # fmt: skip
told = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([
        b"gzip", b"-1", b"99999999999999999999", "²".encode("latin-1"), b"bytes=0-", b"Bearer " + SECRET.encode(),
        b"de;q=x,*;q=0.1", b"zz-" * 300, b"203.0.113.9, , [::1", b"t=1,v1=" + SECRET.encode(), b"t=\xff,v1=\xff",
    ]),
)  # fmt: skip
headers = st.lists(st.tuples(names, told), max_size=6)
queries = st.one_of(st.just(b""), forms, st.binary(max_size=40), st.just(f"after={SECRET}&{SECRET}={SECRET}".encode()))
addresses = st.sampled_from([("127.0.0.1", 1), ("2001:db8::1", 1), ("10.0.0.1", 1), ("testclient", 1), None])


@st.composite
def sent(draw: st.DrawFn, tokens: st.SearchStrategy[str]) -> dict[str, object]:
    """A request: to one of our patterns, or to nowhere."""
    pattern = draw(st.sampled_from(PATTERNS))
    path = pattern
    while "{" in path:
        before, _, rest = path.partition("{")
        path = f"{before}{draw(tokens)}{rest.partition('}')[2]}"
    body, at = draw(bodies), draw(st.integers(0, 100))
    parts: list[bytes | None] = [body[:at], body[at:]]
    if draw(st.integers(0, 9)) == 0:
        parts[1] = None  # gone in the middle
    return {
        "method": draw(methods), "path": path, "query": draw(queries), "parts": parts, "client": draw(addresses),
        "headers": [(b"content-type", draw(kinds)), *draw(headers)],
        "version": draw(st.sampled_from(["1.1", "1.0"])),
    }  # fmt: skip


PATTERNS = [
    "/r/{token}", "/r/{token}/p/{platform}", "/o/{token}.gif", "/u/{token}", "/m/{token}", "/l/{hash}", "/metrics",
    "/callbacks/twilio/status", "/callbacks/twilio/inbound", "/callbacks/mailgun", "/hooks/customers", "/", "/readyz",
    "/healthz", "/favicon.ico", "/{anything}", "//{anything}", "/r/{token}/{more}/{more}",
]  # fmt: skip

few = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def test_every_route_is_among_those_that_are_tried(line: Line) -> None:
    heads = {pattern.partition("{")[0] for pattern in PATTERNS}
    known = {route.path for route in line.app.routes if isinstance(route, Route)}  # type: ignore[attr-defined]
    assert {path for path in known if path.partition("{")[0] not in heads} == set()


@pytest.mark.sqlite_only
@few
@given(request=sent(unknown))
def test_what_nobody_signed_and_no_link_led_to_writes_nothing(
    line: Line, ledger: Ledger, request: dict[str, object]
) -> None:
    commits = Commits(ledger)
    before = commits.mark()
    with structlog.testing.capture_logs() as lines:
        answer = line(**request)  # type: ignore[arg-type]
    after = commits.mark()
    assert answer.status < 500, answer
    assert answer.status or None in request["parts"]  # type: ignore[operator]
    assert after == before, "something was written"
    assert SECRET not in str(lines)
    assert "set-cookie" not in dict(answer.headers)
    if answer.status:
        assert answer.header("content-security-policy")
        assert answer.header("referrer-policy") == "no-referrer"
    if answer.status == 404 or str(request["path"]).startswith("/callbacks"):
        assert SECRET.encode() not in answer.body, "an answer repeats what was sent"


@few
@given(request=sent(st.sampled_from([LINK, UNSUBSCRIBE, "1", "2"])))
def test_a_link_that_leads_somewhere_never_fails_and_is_never_told(
    line: Line, ledger: Ledger, request: dict[str, object]
) -> None:
    before = decided(ledger)
    with structlog.testing.capture_logs() as lines:
        answer = line(**request)  # type: ignore[arg-type]
    assert answer.status < 500, answer
    assert not [secret for secret in (SECRET, LINK, UNSUBSCRIBE) if secret in str(lines)]
    if request["method"] != "POST":
        assert decided(ledger) == before, "looking decided something"


def decided(ledger: Ledger) -> list[int]:
    """What only a person's press may change."""
    with ledger.read() as connection:
        return [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (t.suppressions, t.scores, t.inbox)
        ]
