"""Production's connectors and the sandbox, over HTTP: what one says the other understands."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from connectors import Absent, Accepted, AccountStopped, Doubt, Found, Message, PermanentFailure, TemporaryFailure
from connectors.registry import open_callback_readers, open_event_sources, open_messengers, require_loopback
from data.words import Channel, EventKind, FailureScope
from tests.connectors.server import Answer, Stub, stub
from tests.sandbox import Sandbox, running_sandbox
from tests.waiting import wait_until

pytestmark = pytest.mark.slow  # starts processes
ADDRESSES = {Channel.SMS: "+13125550111", Channel.EMAIL: "ana@example.com"}
CHANNELS = list(ADDRESSES)


@pytest.fixture(scope="module")
def listener() -> Iterator[Stub]:
    """Where web/ would be."""
    with stub() as it:
        it.answer = lambda _: Answer(200)
        yield it


@pytest.fixture(scope="module")
def running(listener: Stub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox"), public_url=listener.url, pace=0.02) as it:
        yield it


@pytest.fixture
def sandbox(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, with production's environment set to it."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return running


def message(channel: Channel, attempt_id: str, to: str | None = None) -> Message:
    link = f"https://reviews.example/r/{attempt_id}-link"
    return Message(
        attempt_id=attempt_id, channel=channel, to=to or ADDRESSES[channel], text=f"How was it? {link}", link=link,
        subject="How was it?", html=f'<a href="{link}">Tell us</a>', from_name="Acme Chicago",
        unsubscribe_url="https://reviews.example/u/abc",
    )  # fmt: skip


def doubt_about(sent: Message) -> Doubt:
    return Doubt(sent.attempt_id, sent.channel, sent.to, sent.link, datetime.now(UTC) - timedelta(seconds=5))


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_message_is_taken_once_and_names_its_attempt(sandbox: Sandbox, channel: Channel) -> None:
    require_loopback()
    sent = message(channel, f"taken{channel}")
    outcome = open_messengers()[channel].send(sent)
    assert isinstance(outcome, Accepted)
    (row,) = [row for row in sandbox.record() if row["attempt_id"] == sent.attempt_id]
    assert row["provider_message_id"] == outcome.provider_message_id.strip("<>")
    assert sent.link in row["text"]


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("fault", ["accept_then_500", "accept_then_reset"])
def test_what_was_taken_without_a_word_is_found_by_asking(sandbox: Sandbox, channel: Channel, fault: str) -> None:
    sent = message(channel, f"{fault}{channel}")
    messenger = open_messengers()[channel]
    sandbox.post("/_sandbox/faults", {"kind": fault, "count": 1})
    with pytest.raises(Exception):  # noqa: B017, PT011 - any that is no outcome is doubt
        messenger.send(sent)
    assert isinstance(messenger.look_up(doubt_about(sent)), Found)
    assert sum(row["attempt_id"] == sent.attempt_id for row in sandbox.record()) == 1


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_never_arrived_is_absent_by_the_providers_clock(sandbox: Sandbox, channel: Channel) -> None:
    sent = message(channel, f"absent{channel}")
    messenger = open_messengers()[channel]
    sandbox.post("/_sandbox/faults", {"kind": "refuse_500", "count": 1})
    with pytest.raises(Exception):  # noqa: B017, PT011 - any that is no outcome is doubt
        messenger.send(sent)
    found = messenger.look_up(doubt_about(sent))
    assert isinstance(found, Absent)
    assert abs(found.provider_time - datetime.now(UTC)) < timedelta(seconds=10)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_throttle_is_temporary_and_a_wrong_key_stops_the_account(sandbox: Sandbox, channel: Channel) -> None:
    messenger = open_messengers()[channel]
    sandbox.post("/_sandbox/faults", {"kind": "throttle_429", "count": 1})
    outcome = messenger.send(message(channel, f"throttled{channel}"))
    assert isinstance(outcome, TemporaryFailure)
    assert outcome.is_throttle
    sandbox.post("/_sandbox/faults", {"kind": "unauthorised_401", "count": 1})
    with pytest.raises(AccountStopped):
        messenger.send(message(channel, f"stopped{channel}"))


@pytest.mark.parametrize(
    ("number", "code", "scope"),
    [("+15005550001", "21211", FailureScope.ADDRESS), ("+15005550004", "21610", FailureScope.OPT_OUT),
     ("+15005550003", "21408", FailureScope.ROUTE)],
)  # fmt: skip
def test_a_magic_number_fails_for_good(sandbox: Sandbox, number: str, code: str, scope: FailureScope) -> None:
    outcome = open_messengers()[Channel.SMS].send(message(Channel.SMS, f"magic{code}", number))
    assert isinstance(outcome, PermanentFailure)
    assert (outcome.code, outcome.scope) == (code, scope)


@pytest.mark.parametrize("channel", CHANNELS)
def test_polled_and_pushed_events_have_the_same_keys(sandbox: Sandbox, listener: Stub, channel: Channel) -> None:
    sent = message(
        channel, f"events{channel}", {Channel.SMS: "+13125550177", Channel.EMAIL: "poll@example.com"}[channel]
    )
    outcome = open_messengers()[channel].send(sent)
    assert isinstance(outcome, Accepted)
    sandbox.wait_until_quiet()
    name = "twilio" if channel is Channel.SMS else "mailgun"
    now = datetime.now(UTC)
    polled = [
        event
        for event in open_event_sources()[name].poll([outcome.provider_message_id], now - timedelta(minutes=5), now)
        if event.provider_message_id == outcome.provider_message_id
    ]
    reader = open_callback_readers()[name]
    posts = [r for r in listener.received if f"callbacks/{name}" in r.path]
    pushed = [event for r in posts for event in reader.read_callback(listener.url + r.target, r.headers, r.body).events]
    own = [event for event in pushed if event.attempt_id == sent.attempt_id]
    last = EventKind.DELIVERED if channel is Channel.SMS else EventKind.ACCEPTED_BY_SERVER
    assert {event.key for event in polled if event.kind is last} == {event.key for event in own if event.kind is last}
    assert len([event for event in polled if event.kind is last]) == 1


def test_a_stop_reaches_us_pushed_and_polled_as_one_event(sandbox: Sandbox, listener: Stub) -> None:
    sid = sandbox.post("/_sandbox/texts", {"from": "+13125550188", "body": "STOP"})["sid"]
    sandbox.wait_until_quiet()
    now = datetime.now(UTC)
    polled = open_event_sources()["twilio"].poll([], now - timedelta(minutes=5), now)
    reader = open_callback_readers()["twilio"]
    posts = [r for r in listener.received if r.path == "/callbacks/twilio/inbound" and sid.encode() in r.body]
    pushed = [event for r in posts for event in reader.read_callback(listener.url + r.target, r.headers, r.body).events]
    found = [event for event in polled if event.key == f"{sid}:received:"]
    assert [event.key for event in pushed] == [event.key for event in found] == [f"{sid}:received:"]
    assert {event.kind for event in [*pushed, *found]} == {EventKind.UNSUBSCRIBED}
    assert {event.address for event in [*pushed, *found]} == {"+13125550188"}


def test_a_bounce_and_an_undelivered_text_say_why(sandbox: Sandbox) -> None:
    messengers = open_messengers()
    mail = messengers[Channel.EMAIL].send(message(Channel.EMAIL, "bounced", "bounce@example.com"))
    text = messengers[Channel.SMS].send(message(Channel.SMS, "undelivered", "+13125530005"))
    assert isinstance(mail, Accepted)
    assert isinstance(text, Accepted)
    sandbox.wait_until_quiet()
    now = datetime.now(UTC)
    sources = open_event_sources()
    window = (now - timedelta(minutes=5), now)
    events = [*sources["mailgun"].poll([], *window), *sources["twilio"].poll([text.provider_message_id], *window)]
    failed = {e.provider_message_id: e.scope for e in events if e.kind is EventKind.FAILED}
    assert failed[mail.provider_message_id] is FailureScope.ADDRESS
    assert failed[text.provider_message_id] is FailureScope.ADDRESS


def test_a_moved_clock_is_seen_in_what_is_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_sandbox(tmp_path, pace=0.02) as own:
        for name, value in own.environment.items():
            monkeypatch.setenv(name, value)
        own.post("/_sandbox/clock", {"offset_seconds": 3 * 86_400})
        later = datetime.now(UTC) + timedelta(days=3)
        open_messengers()[Channel.EMAIL].send(message(Channel.EMAIL, "moved"))
        wait_until(lambda: own.get("/_sandbox/health")["mail_events"].get("delivered"))
        window = (later - timedelta(minutes=1), later + timedelta(minutes=1))
        kinds = {event.kind for event in open_event_sources()["mailgun"].poll([], *window)}
        assert kinds == {EventKind.ACCEPTED_BY_PROVIDER, EventKind.ACCEPTED_BY_SERVER}
        assert requests.get(f"{own.url}/_sandbox/clock", timeout=10).json()["offset_seconds"] == 3 * 86_400
