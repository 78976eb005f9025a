"""Twilio: a message in doubt is found, absent after a complete read, or nobody can tell."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from connectors import Absent, CannotTell, Doubt, Found
from connectors.twilio.messenger import TwilioMessenger
from data.words import Channel
from tests.connectors.samples import ATTEMPT, LINK, NUMBER, SID, twilio_list, twilio_message, twilio_settings
from tests.connectors.server import PATIENT, Answer, Received, Stub, stub
from tests.world import NOON

DOUBT = Doubt(ATTEMPT, Channel.SMS, NUMBER, LINK, NOON)
OTHER = "SM" + "2" * 32


@pytest.fixture
def it() -> Iterator[Stub]:
    with stub() as started:
        yield started


def messenger(it: Stub, patience: tuple[float, float] = PATIENT, **values: Any) -> TwilioMessenger:
    return TwilioMessenger(twilio_settings(it.url, **values), patience)


def always(it: Stub, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
    it.answer = lambda _request: Answer(status, body, headers or {})


def test_a_message_is_found_by_the_link_that_only_it_contains(it: Stub) -> None:
    others = [
        twilio_message(sid=OTHER, body="another link"),
        twilio_message(sid=OTHER, direction="inbound"),
        twilio_message(sid=OTHER, date_created="Mon, 23 Nov 2026 12:00:00 +0000"),  # an attempt of this morning
    ]
    always(it, 200, twilio_list([*others, twilio_message()]))
    assert messenger(it).look_up(DOUBT) == Found(SID)
    assert it.received[0].query == {"To": [NUMBER], "PageSize": ["1000"]}


def test_a_message_is_found_although_the_public_address_has_changed_since(it: Stub) -> None:
    elsewhere = f"https://elsewhere.example/r/{LINK.rpartition('/')[2]}"
    always(it, 200, twilio_list([twilio_message()]))
    assert messenger(it).look_up(replace(DOUBT, link=elsewhere)) == Found(SID)


def test_an_older_message_with_the_link_is_neither_ours_nor_absence(it: Stub) -> None:
    always(it, 200, twilio_list([twilio_message(date_created="Mon, 23 Nov 2026 12:00:00 +0000")]))
    told = messenger(it).look_up(DOUBT)
    assert isinstance(told, CannotTell)
    assert told.is_final


def test_every_page_is_read_before_a_message_counts_as_absent(it: Stub) -> None:
    def answer(request: Received) -> Answer:
        page = int(request.query.get("Page", ["0"])[0])
        uri = f"{request.path}?PageSize=1000&Page={page + 1}&PageToken=PA{page}" if page < 2 else None
        return Answer(200, twilio_list([], uri))

    it.answer = answer
    assert messenger(it).look_up(DOUBT) == Absent(NOON)
    assert len(it.received) == 3
    it.answer = lambda r: Answer(200, twilio_list([twilio_message()])) if r.query.get("Page") == ["2"] else answer(r)
    assert messenger(it).look_up(DOUBT) == Found(SID)


def test_a_list_without_end_tells_nothing(it: Stub) -> None:
    it.answer = lambda request: Answer(200, twilio_list([], f"{request.path}?PageSize=1000&PageToken=PA1"))
    assert isinstance(messenger(it).look_up(DOUBT), CannotTell)
    assert len(it.received) < 50


@pytest.mark.slow
@pytest.mark.parametrize("answer", [Answer(500), Answer(401), Answer(200, b"[]"), Answer(hangs=True), Answer(429)])
def test_a_read_that_fails_is_never_absence(it: Stub, answer: Answer) -> None:
    it.answer = lambda _request: answer
    told = messenger(it, answer.patience).look_up(DOUBT)
    assert isinstance(told, CannotTell)
    assert not told.is_final
    assert NUMBER not in told.reason


def test_absence_needs_the_providers_clock(it: Stub) -> None:
    always(it, 200, twilio_list([]), {"Date": "some day"})
    assert isinstance(messenger(it).look_up(DOUBT), CannotTell)


def test_whatsapp_can_never_tell(it: Stub) -> None:
    told = messenger(it).look_up(Doubt(ATTEMPT, Channel.WHATSAPP, NUMBER, LINK, NOON))
    assert isinstance(told, CannotTell)
    assert told.is_final
    assert it.received == []


def test_a_message_whose_time_cannot_be_read_is_found_all_the_same(it: Stub) -> None:
    always(it, 200, twilio_list([twilio_message(date_created="yesterday")]))
    assert messenger(it).look_up(DOUBT) == Found(SID)
