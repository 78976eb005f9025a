"""Mailgun from an event loop: what `send` posts and concludes, and parcels in which everybody gets their own."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from connectors import (
    Accepted,
    AccountStopped,
    Doubt,
    Found,
    Message,
    Outcome,
    PermanentFailure,
    Picture,
    TemporaryFailure,
)
from connectors.mailgun import MailgunMessenger
from connectors.mailgun_events import provider_event
from connectors.registry import open_messengers
from connectors.transport import Unclear
from data.words import Channel, FailureScope
from tests.connectors.carried import carry, ending
from tests.connectors.samples import ATTEMPT, DOMAIN, LINK, mail_message, mailgun_event, mailgun_settings
from tests.connectors.server import PATIENT, Answer, Received, stub
from tests.sandbox import running_sandbox
from tests.specs import Exchange, judge
from tests.world import NOON

QUEUED = {"id": f"<{ATTEMPT}@{DOMAIN}>", "message": "Queued. Thank you."}
BAD_ADDRESS = {"message": "to parameter is not a valid address. please check documentation"}
PARCEL = "c" * 32
ANSWERS = [
    Answer(200, QUEUED), Answer(200, {}), Answer(200, b"ok"), Answer(200, {"id": ""}), Answer(201, QUEUED),
    Answer(302, None), Answer(400, b"<html>"), Answer(400, BAD_ADDRESS), Answer(400, {"message": "too long"}),
    Answer(400, {"message": "Please activate your Mailgun account."}), Answer(401, b"Forbidden"), Answer(402, None),
    Answer(403, {"message": "IP"}), Answer(404, {"message": "Domain not found"}), Answer(404, b"404"),
    Answer(408, {"message": "timeout"}), Answer(413, {"message": "too large"}), Answer(429, b"<html>"),
    Answer(429, {"message": "request limit exceeded, try again after Mon, 23 Nov 2026 18:05:00 UTC"}),
    Answer(500, {"message": "Internal Server Error"}), Answer(502, b""),
]  # fmt: skip


def fields(request: Received) -> list[tuple[str, str, bytes]]:
    """The parts of a multipart form, as the standard library reads them: name, file name, content."""
    form = message_from_bytes(b"Content-Type: " + request.headers["content-type"].encode() + b"\r\n\r\n" + request.body)
    parts: Any = form.get_payload()
    return [
        (part.get_param("name", header="content-disposition"), part.get_filename() or "", part.get_payload(decode=True))
        for part in parts
    ]


def texts(request: Received) -> dict[str, str]:
    return {name: content.decode() for name, _file, content in fields(request) if name != "to"}


def recipients(request: Received) -> list[str]:
    return [content.decode() for name, _file, content in fields(request) if name == "to"]


def mails(count: int, **values: Any) -> list[Message]:
    return [
        mail_message(
            attempt_id=f"{n:032x}", to=f"c{n}@example.com", subject=f"How was it, C{n}? ü", text=f"Hi C{n}\n{LINK}{n}",
            html=f"<p>C{n}</p>", unsubscribe_url=f"https://reviews.example/u/{n}", **values,
        )
        for n in range(count)
    ]  # fmt: skip


@pytest.mark.slow
def test_a_courier_posts_and_concludes_what_send_does_whatever_the_answer() -> None:
    with stub() as it:
        messenger = MailgunMessenger(mailgun_settings(it.url), PATIENT)
        it.answer = lambda _request: ANSWERS[0]
        for message in (
            mail_message(subject="Wie war’s? 🦷", text="a\r\nb\n.c ü \ud800"),
            mail_message(html=None, reply_to=None, unsubscribe_url=None, from_name=None, to="not one, but two"),
            mail_message(pictures=(Picture('ph"o\r\nto.jpg', "image/jpeg", b"\xff\xd8\r\n--x\0"),)),
        ):
            it.exchanges.clear()
            assert ending(lambda m=message: messenger.send(m)) == ending(lambda m=message: carry(messenger, [m])[0])  # type: ignore[misc]
            assert len({request.target for request in it.received}) <= 1
            assert all(fields(request) == fields(it.received[0]) for request in it.received)
        for answer in ANSWERS:
            it.exchanges.clear()
            it.answer = lambda _request, a=answer: a  # type: ignore[misc]
            sent = ending(lambda: messenger.send(mail_message()))
            assert sent == ending(lambda: carry(messenger, [mail_message()])[0])
            assert len(it.received) == 2


def test_a_parcel_is_one_call_with_everything_that_differs_as_variables() -> None:
    parcel = mails(3)
    with stub() as it:
        it.answer = lambda _request: Answer(200, {"id": f"<parcel.{PARCEL}.0@{DOMAIN}>", "message": "Queued."})
        outcomes = carry(MailgunMessenger(mailgun_settings(it.url), PATIENT), parcel, PARCEL)
        [(request, answer)] = it.exchanges
        exchange = Exchange(
            request.method, request.target, request.headers, request.body, answer.status, answer.content
        )
        assert judge("mailgun", [exchange]) == []
    assert outcomes == [Accepted(f"parcel.{PARCEL}.0@{DOMAIN}#{m.attempt_id}") for m in parcel]
    assert recipients(request) == [m.to for m in parcel]
    sent = texts(request)
    assert json.loads(sent.pop("recipient-variables")) == {
        m.to: {
            "subject": m.subject, "text": m.text, "html": m.html, "attempt_id": m.attempt_id,
            "unsubscribe_url": m.unsubscribe_url,
        }
        for m in parcel
    }  # fmt: skip
    assert sent == {
        "from": f"Acme Chicago <reviews@{DOMAIN}>", "subject": "%recipient.subject%", "text": "%recipient.text%",
        "html": "%recipient.html%", "h:Message-Id": f"<parcel.{PARCEL}.0@{DOMAIN}>",
        "v:attempt_id": "%recipient.attempt_id%", "o:tracking-opens": "yes", "o:tracking-clicks": "no",
        "h:Reply-To": "desk@acme.example", "h:List-Unsubscribe": "<%recipient.unsubscribe_url%>",
        "h:List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }  # fmt: skip


def test_names_differ_though_mailgun_gave_the_parcel_an_id_of_its_own() -> None:
    with stub() as it:
        it.answer = lambda _request: Answer(200, {"id": f"<20261123.1.X@{DOMAIN}>", "message": "Queued."})
        outcomes = carry(MailgunMessenger(mailgun_settings(it.url), PATIENT), mails(2), PARCEL)
    assert outcomes == [Accepted(f"20261123.1.X@{DOMAIN}#{m.attempt_id}") for m in mails(2)]
    event = mailgun_event("delivered", message={"headers": {"message-id": f"20261123.1.X@{DOMAIN}"}})
    assert provider_event(DOMAIN, event).provider_message_id == f"20261123.1.X@{DOMAIN}#{ATTEMPT}"


def test_what_may_not_share_a_call_gets_one_of_its_own() -> None:
    """Another sender, a picture, an address given twice, and words that Mailgun would fill in."""
    picture = Picture("photo-1.jpg", "image/jpeg", b"jpeg")
    odd = [
        mail_message(to="other@example.com", from_name="Acme Boston"),
        mail_message(to="pic@example.com", pictures=(picture,)), mail_message(to="C0@example.com"),
        mail_message(to="var@example.com", text=f"100 %recipient.name% {LINK}"),
        mail_message(to="a@b.example,c@d.example"),
        *(mail_message(to=f"named{n}@example.com", from_name="Acme %recipient.text%") for n in range(2)),
    ]  # fmt: skip
    with stub() as it:
        it.answer = lambda request: Answer(200, {"id": texts(request)["h:Message-Id"]})
        outcomes = carry(MailgunMessenger(mailgun_settings(it.url), PATIENT), [*mails(2), *odd], PARCEL)
        assert [recipients(request) for request in it.received] == [
            ["c0@example.com", "c1@example.com"], ["other@example.com"], ["pic@example.com"], ["C0@example.com"],
            ["var@example.com"], ["named0@example.com"], ["named1@example.com"],
        ]  # fmt: skip
    assert [isinstance(outcome, Accepted) for outcome in outcomes] == [True] * 6 + [False] + [True] * 2
    assert isinstance(outcomes[6], PermanentFailure)


@pytest.mark.slow
def test_a_parcel_too_heavy_for_one_call_goes_in_several() -> None:
    parcel = [replace(message, text="ü" * 400_000) for message in mails(13)]
    with stub() as it:
        it.answer = lambda request: Answer(200, {"id": texts(request)["h:Message-Id"]})
        outcomes = carry(MailgunMessenger(mailgun_settings(it.url), PATIENT), parcel, PARCEL)
        assert [len(recipients(request)) for request in it.received] == [6, 6, 1]
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)


@pytest.mark.parametrize(
    ("said", "scope"),
    [
        ("to parameter is not a valid address. please check documentation", FailureScope.ADDRESS),
        ("'to' parameter is not a valid address. please check documentation", FailureScope.ADDRESS),
        ("'from' parameter is not a valid address. please check documentation", FailureScope.MESSAGE),
        ("h:reply-to parameter is not a valid address", FailureScope.MESSAGE),
    ],
)
def test_only_what_is_said_of_the_recipient_is_held_against_the_recipient(said: str, scope: FailureScope) -> None:
    with stub() as it:
        it.answer = lambda _request: Answer(400, {"message": said})
        [outcome] = carry(MailgunMessenger(mailgun_settings(it.url), PATIENT), [mail_message()])
    assert getattr(outcome, "scope", None) is scope


def refusing(bad: Sequence[str]) -> Any:
    """Mailgun, which refuses a whole call for one address in it."""
    return lambda request: (
        Answer(400, BAD_ADDRESS)
        if set(bad) & set(recipients(request))
        else Answer(200, {"id": texts(request)["h:Message-Id"]})
    )


@pytest.mark.slow
def test_one_bad_address_costs_its_parcel_a_few_calls_and_nobody_a_message() -> None:
    parcel = mails(40)
    with stub() as it:
        it.answer = refusing(["c7@example.com"])
        outcomes = carry(MailgunMessenger(mailgun_settings(it.url), PATIENT), parcel, PARCEL)
        taken = [to for r in it.received for to in recipients(r) if "c7@example.com" not in recipients(r)]
        ids = [texts(request)["h:Message-Id"] for request in it.received]
    assert isinstance(outcomes[7], PermanentFailure)
    assert sum(isinstance(outcome, Accepted) for outcome in outcomes) == 39
    assert sorted(taken) == sorted(m.to for m in parcel if m.to != "c7@example.com")
    assert len(ids) == len(set(ids)) <= 13


def allowing(most: int) -> Any:
    """Mailgun, which allows a young account no call with more recipients than `most`."""

    def answer(request: Received) -> Answer:
        return Answer(403, {"message": "Forbidden"}) if len(recipients(request)) > most else Answer(200, QUEUED)

    return answer


def test_an_account_that_may_not_write_to_many_at_once_is_asked_for_fewer_and_not_taken_for_stopped() -> None:
    parcel = mails(60)
    with stub() as it:
        it.answer = allowing(20)
        messenger = MailgunMessenger(mailgun_settings(it.url), PATIENT)

        async def twice() -> list[Sequence[Outcome]]:
            async with messenger.courier(5) as courier:
                return [await courier.carry(parcel, PARCEL), await courier.carry(parcel, PARCEL)]

        outcomes = [outcome for once in asyncio.run(twice()) for outcome in once]
        sizes = [len(recipients(request)) for request in it.received]
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    assert sizes == [60, 1, 30, *[15] * 3, 14, *[15] * 4], "what was found out once holds for the next parcel"


def test_an_account_that_may_not_even_write_to_one_is_stopped_at_once() -> None:
    with stub() as it:
        it.answer = allowing(0)
        with pytest.raises(AccountStopped):
            carry(MailgunMessenger(mailgun_settings(it.url), PATIENT), mails(60), PARCEL)
        assert [len(recipients(request)) for request in it.received] == [60, 1]


@pytest.mark.slow
def test_a_parcel_full_of_faults_ends_and_what_did_not_leave_is_tried_again() -> None:
    parcel = mails(200)
    with stub() as it:
        it.answer = refusing([m.to for m in parcel])
        outcomes = carry(MailgunMessenger(mailgun_settings(it.url), PATIENT), parcel, PARCEL)
        assert len(it.received) == 32
    assert len(outcomes) == 200
    assert all(isinstance(outcome, TemporaryFailure) for outcome in outcomes)


@pytest.mark.slow
def test_a_fault_after_something_was_taken_never_says_that_nothing_was() -> None:
    parcel = [*mails(2), mail_message(to="other@example.com", from_name="Acme Boston")]
    limit = Answer(429, {"message": "request limit exceeded, try again after 9 seconds"})
    for second, expected in ((Answer(401, b"Forbidden"), "401"), (limit, "429")):
        with stub() as it:
            it.answer = lambda _r, a=second, it=it: Answer(200, {"id": "<x@y>"}) if len(it.exchanges) < 1 else a  # type: ignore[misc]
            first, again, last = carry(MailgunMessenger(mailgun_settings(it.url), PATIENT), parcel, PARCEL)
            assert (type(first), type(again)) == (Accepted, Accepted)
            assert isinstance(last, TemporaryFailure)
            assert (last.code, last.is_throttle) == (expected, True)
    with stub() as it:
        it.answer = lambda _r: Answer(401, b"Forbidden")
        with pytest.raises(AccountStopped):
            carry(MailgunMessenger(mailgun_settings(it.url), PATIENT), parcel, PARCEL)
        it.answer = lambda _r: Answer(500, b"") if len(it.exchanges) > 1 else Answer(200, {"id": "<x@y>"})
        with pytest.raises(Unclear):
            carry(MailgunMessenger(mailgun_settings(it.url), PATIENT), parcel, PARCEL)


def test_somebody_in_a_parcel_is_found_by_the_attempt_or_by_the_parcel_itself() -> None:
    doubt = Doubt(ATTEMPT, Channel.EMAIL, "ana@example.com", LINK, NOON, parcel_id=PARCEL)
    travelled = {"headers": {"message-id": f"parcel.{PARCEL}.1@{DOMAIN}"}}
    another = {"headers": {"message-id": f"parcel.{'d' * 32}.0@{DOMAIN}"}}
    with stub() as it:
        for event in (
            mailgun_event("accepted", message=travelled),
            mailgun_event("accepted", message=travelled, **{"user-variables": {}}),
        ):  # fmt: skip
            page = [mailgun_event("accepted", message=another, **{"user-variables": {"attempt_id": "x"}}), event]
            it.answer = lambda r, page=page: Answer(  # type: ignore[misc]
                200, {"items": [] if "message-id" in r.query else page, "paging": {}}
            )
            found = MailgunMessenger(mailgun_settings(it.url), PATIENT).look_up(doubt)
            assert found == Found(f"parcel.{PARCEL}.1@{DOMAIN}#{ATTEMPT}")


@pytest.mark.slow
def test_the_sandbox_plays_a_parcel_and_each_of_it_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_sandbox(tmp_path, pace=0.02) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        messenger = open_messengers()[Channel.EMAIL]
        assert isinstance(messenger, MailgunMessenger)
        parcel = mails(3)
        outcomes = carry(messenger, parcel, PARCEL)
        assert len({outcome.provider_message_id for outcome in outcomes if isinstance(outcome, Accepted)}) == 3
        rows = {row["attempt_id"]: row for row in sandbox.record()}
        assert {
            (m.attempt_id, m.to, m.subject, m.text) for m in parcel
        } == {(key, row["to"], row["subject"], row["text"]) for key, row in rows.items()}  # fmt: skip
        sandbox.post("/_sandbox/faults", {"kind": "accept_then_500", "count": 1})
        with pytest.raises(Unclear):
            carry(messenger, mails(5)[3:], "e" * 32)
        for message in mails(5)[3:]:
            doubt = Doubt(message.attempt_id, Channel.EMAIL, message.to, LINK, NOON, parcel_id="e" * 32)
            assert isinstance(messenger.look_up(doubt), Found)
