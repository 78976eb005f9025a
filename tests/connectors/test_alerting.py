"""Alerts leave by a signed webhook and by mail, and never quote a secret or an address when they do not."""

import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from connectors import AccountStopped, ConfigurationError, Message, Outcome, TemporaryFailure, Unavailable
from connectors.alerting import AlertSettings, Mail, Webhook, open_ways
from data.words import Channel, NoticeWay
from tests.connectors.server import Answer, Stub, refused_url, stub
from tests.recorder import Recorder

WRITTEN_AT = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
NOTICE = ("alert 12 raised", "Acme Dental: sending is halted", "All sending is halted.", WRITTEN_AT)
SECRET = "s3cret"
OURS = ("AFTERWORD_", "TWILIO_", "MAILGUN_")


@pytest.fixture
def it() -> Iterator[Stub]:
    with stub() as started:
        yield started


def webhook(url: str, *, only_loopback: bool = False) -> Webhook:
    settings = AlertSettings(webhook=SecretStr(url), webhook_secret=SecretStr(SECRET))
    return Webhook(settings, only_loopback=only_loopback)


def test_a_webhook_is_told_in_json_that_its_receiver_can_verify(it: Stub) -> None:
    it.answer = lambda _request: Answer(204)
    webhook(f"{it.url}/hook?key=1").tell(*NOTICE)
    [request] = it.received
    signed = request.headers["afterword-timestamp"].encode() + b"." + request.body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(request.headers["afterword-signature"], expected)
    assert (request.method, request.target, request.headers["content-type"]) == (
        "POST", "/hook?key=1", "application/json",
    )  # fmt: skip
    assert json.loads(request.body) == {
        "topic": "alert 12 raised", "subject": "Acme Dental: sending is halted", "text": "All sending is halted.",
        "written_at": "2026-11-23T18:00:00+00:00",
    }  # fmt: skip


@pytest.mark.parametrize(
    "answer", [Answer(500), Answer(404), Answer(302, headers={"Location": "/x"}), Answer(resets=True)]
)
def test_anything_but_a_yes_means_that_it_was_not_told(it: Stub, answer: Answer) -> None:
    it.answer = lambda _request: answer
    with pytest.raises(Unavailable) as refused:
        webhook(f"{it.url}/token-in-path").tell(*NOTICE)
    assert len(it.received) == 1  # not repeated, not redirected
    assert "token-in-path" not in str(refused.value)


def test_a_webhook_that_nobody_serves_is_not_told() -> None:
    with pytest.raises(Unavailable, match="did not answer"):
        webhook(refused_url()).tell(*NOTICE)


@pytest.mark.parametrize("url", ["http://hooks.example.com/x", "ftp://127.0.0.1/x", "hooks.example.com", ""])
def test_an_address_that_would_tell_in_the_open_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ConfigurationError, match="AFTERWORD_ALERT_WEBHOOK is no https address") as refused:
        webhook(url)
    assert not url or url not in str(refused.value)


class Post:
    """A messenger that answers as a test says."""

    name = "post"
    channels = frozenset({Channel.EMAIL})

    def __init__(self, outcome: Outcome | Exception) -> None:
        self.outcome = outcome

    def send(self, message: Message) -> Outcome:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def test_a_mail_is_the_same_message_when_it_is_told_again() -> None:
    recorder = Recorder()
    mail = Mail("ops@acme.example", {Channel.EMAIL: recorder})
    mail.tell(*NOTICE)
    mail.tell(*NOTICE)
    mail.tell("alert 12 cleared", *NOTICE[1:])
    first, again, other = recorder.taken
    assert (first.to, first.subject, first.text) == ("ops@acme.example", NOTICE[1], NOTICE[2])
    assert first.attempt_id == again.attempt_id != other.attempt_id
    assert len(first.attempt_id) <= 32
    assert first.unsubscribe_url is None


@pytest.mark.parametrize(
    "outcome",
    [
        TemporaryFailure("421", "try later, ops@acme.example"),
        AccountStopped("401", "refused ops@acme.example"),
        RuntimeError("ops@acme.example"),
    ],
)
def test_a_mail_that_was_not_taken_says_so_without_the_address(outcome: Outcome | Exception) -> None:
    with pytest.raises(Unavailable) as refused:
        Mail("ops@acme.example", {Channel.EMAIL: Post(outcome)}).tell(*NOTICE)  # type: ignore[dict-item]
    assert "ops@acme.example" not in str(refused.value)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for variable in [name for name in os.environ if name.startswith(OURS)]:
        monkeypatch.delenv(variable)
    return monkeypatch


def test_without_settings_nothing_leaves_by_any_way(bare: pytest.MonkeyPatch) -> None:
    ways = open_ways(only_loopback=False)
    assert (list(ways.carriers), list(ways.faults)) == ([], [])


def test_a_way_that_is_configured_wrongly_does_not_silence_the_other(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AFTERWORD_ALERT_EMAIL", "ops@acme.example")
    bare.setenv("AFTERWORD_ALERT_WEBHOOK", "https://hooks.example.com/x")
    bare.setenv("AFTERWORD_SMTP_URL", "smtp://127.0.0.1:2525?from=reviews@acme.example")
    ways = open_ways(only_loopback=False)
    assert [carrier.way for carrier in ways.carriers] == [NoticeWay.EMAIL]
    assert [fault.what for fault in ways.faults] == ["AFTERWORD_ALERT_WEBHOOK has no secret to sign with."]
    assert "AFTERWORD_ALERT_WEBHOOK_SECRET" in ways.faults[0].mend


def test_of_a_demo_nothing_leaves_this_machine(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AFTERWORD_ALERT_EMAIL", "ops@acme.example")
    bare.setenv("AFTERWORD_SMTP_URL", "smtps://relay.example.com?from=reviews@acme.example")
    bare.setenv("AFTERWORD_ALERT_WEBHOOK", "https://hooks.example.com/x")
    bare.setenv("AFTERWORD_ALERT_WEBHOOK_SECRET", SECRET)
    ways = open_ways(only_loopback=True)
    assert list(ways.carriers) == []
    assert len(ways.faults) == 2
    bare.setenv("AFTERWORD_ALERT_WEBHOOK", "http://127.0.0.1:9/x")
    assert [carrier.way for carrier in open_ways(only_loopback=True).carriers] == [NoticeWay.WEBHOOK]


def test_mail_without_anybody_who_carries_it_is_a_fault(bare: pytest.MonkeyPatch) -> None:
    bare.setenv("AFTERWORD_ALERT_EMAIL", "ops@acme.example")
    [fault] = open_ways(only_loopback=False).faults
    assert "nobody carries email" in fault.what
