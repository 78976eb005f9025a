"""Mailgun: a message in doubt is found, absent after a complete read, or nobody can tell."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from connectors import Absent, CannotTell, Doubt, Found
from connectors.mailgun import MailgunMessenger
from data.words import Channel
from tests.connectors.mailgun_pages import paged
from tests.connectors.samples import ATTEMPT, DOMAIN, LINK, mailgun_event, mailgun_settings
from tests.connectors.server import PATIENT, Answer, Stub, stub
from tests.world import NOON

DOUBT = Doubt(ATTEMPT, Channel.EMAIL, "ana@example.com", LINK, NOON)


@pytest.fixture
def it() -> Iterator[Stub]:
    with stub() as started:
        yield started


def messenger(it: Stub, patience: tuple[float, float] = PATIENT, **values: Any) -> MailgunMessenger:
    return MailgunMessenger(mailgun_settings(it.url, **values), patience)


def test_a_message_is_found_by_its_own_id(it: Stub) -> None:
    paged(it, [mailgun_event("accepted")])
    assert messenger(it).look_up(DOUBT) == Found(f"{ATTEMPT}@{DOMAIN}")
    assert it.received[0].query["message-id"] == [f"{ATTEMPT}@{DOMAIN}"]


def test_a_message_whose_id_was_not_honoured_is_found_by_its_attempt(it: Stub) -> None:
    renamed = mailgun_event("accepted", message={"headers": {"message-id": "20261123.1.X@mg.acme.example"}})
    another = mailgun_event("accepted", **{"user-variables": {"attempt_id": "another"}})
    paged(it, [another], [renamed])
    base = it.answer
    it.answer = lambda r: Answer(200, {"items": [], "paging": {}}) if "message-id" in r.query else base(r)
    assert messenger(it).look_up(DOUBT) == Found("20261123.1.X@mg.acme.example")


def test_absence_is_a_complete_read_by_mailguns_clock(it: Stub) -> None:
    paged(it)
    assert messenger(it).look_up(DOUBT) == Absent(NOON)
    [by_id, by_recipient] = it.received
    assert by_id.query["begin"] == [str(int((NOON - timedelta(days=4)).timestamp()))]
    assert by_recipient.query["recipient"] == ["ana@example.com"]


def test_events_that_may_be_gone_prove_no_absence(it: Stub) -> None:
    paged(it)
    told = messenger(it).look_up(Doubt(ATTEMPT, Channel.EMAIL, "ana@example.com", LINK, NOON - timedelta(days=2)))
    assert isinstance(told, CannotTell)
    assert told.is_final


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer", [Answer(500), Answer(401), Answer(200, b"[]"), Answer(200, {}), Answer(hangs=True), Answer(429)]
)
def test_a_read_that_fails_is_never_absence(it: Stub, answer: Answer) -> None:
    it.answer = lambda _request: answer
    told = messenger(it, answer.patience).look_up(DOUBT)
    assert isinstance(told, CannotTell)
    assert not told.is_final
    assert "ana@" not in told.reason
