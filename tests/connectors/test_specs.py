"""What our connectors send, judged by the providers' own OpenAPI files; and the judge itself."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from pydantic import SecretStr

from connectors import Accepted, Doubt, PermanentFailure, Picture
from connectors.mailgun import MailgunMessenger
from connectors.mailgun_events import MailgunEvents
from connectors.twilio.events import TwilioEvents
from connectors.twilio.messenger import TwilioMessenger
from data.words import Channel, EventKind
from tests.connectors.carried import carry
from tests.connectors.samples import (
    ACCOUNT,
    ATTEMPT,
    DOMAIN,
    LINK,
    NUMBER,
    SID,
    mail_message,
    mailgun_event,
    mailgun_settings,
    text_message,
    twilio_list,
    twilio_message,
    twilio_settings,
)
from tests.connectors.server import Answer, Received, Stub, stub
from tests.sandbox import MAILGUN_DOMAIN, MAILGUN_KEY, TWILIO_FROM, TWILIO_SID, TWILIO_TOKEN, running_sandbox
from tests.specs import Exchange, form_names, judge, specs_folder, specs_header
from tests.world import NOON

SERVICE = "MG" + "0" * 32
MEDIA = ("https://ask.acme.example/m/abcdefghijkl", "https://ask.acme.example/m/mnopqrstuvwx")
PICTURES = (
    Picture("photo-1.jpg", "image/jpeg", b"\xff\xd8\xff\r\n"),
    Picture("photo-2.png", "image/png", b"\x89PNG"),
)


def captured(it: Stub) -> list[Exchange]:
    return [
        Exchange(r.method, r.target, r.headers, r.body, a.status, a.content) for r, a in it.exchanges
    ]  # fmt: skip


def twilio(request: Received) -> Answer:
    if request.method == "POST":
        return Answer(201, twilio_message())
    if request.path.endswith("/Messages.json"):
        following = None if "Page" in request.query else f"{request.path}?PageSize=1000&Page=1&PageToken=PASM1"
        return Answer(200, twilio_list([twilio_message()], following))
    return Answer(200, twilio_message(status="delivered", date_sent="Mon, 23 Nov 2026 18:00:05 +0000"))


def mailgun(it: Stub) -> None:
    """Pages link to the stub itself, as Mailgun's link to Mailgun: by a token in the path."""
    base = f"{it.url}/v3/{DOMAIN}/events"

    def answer(request: Received) -> Answer:
        if request.method == "POST":
            return Answer(200, {"id": f"<{ATTEMPT}@{DOMAIN}>", "message": "Queued. Thank you."})
        items = [mailgun_event("delivered")] if request.path.endswith("/events") else []
        return Answer(200, {"items": items, "paging": {"next": f"{base}/WzE=", "previous": f"{base}/WzA="}})

    it.answer = answer


@pytest.mark.slow
def test_everything_we_ask_of_twilio_is_as_its_own_file_says() -> None:
    with stub() as it:
        it.answer = twilio
        for values in ({}, {"sender": None, "messaging_service_sid": SERVICE}):
            TwilioMessenger(twilio_settings(it.url, **values)).send(text_message())
        whatsapp = TwilioMessenger(twilio_settings(it.url, whatsapp_from="+13125550199"))
        whatsapp.send(text_message(channel=Channel.WHATSAPP))
        carry(whatsapp, [text_message()])
        carry(whatsapp, [text_message(media_urls=MEDIA)])
        whatsapp.send(text_message(media_urls=MEDIA))
        carry(whatsapp, [text_message(channel=Channel.WHATSAPP)])
        whatsapp.look_up(Doubt(ATTEMPT, Channel.SMS, NUMBER, LINK, NOON))
        whatsapp.check()
        list(TwilioEvents(twilio_settings(it.url)).poll([SID], NOON - timedelta(hours=1), NOON))
        assert len(it.exchanges) == 13
        assert judge("twilio", captured(it)) == []


@pytest.mark.slow
def test_everything_we_ask_of_mailgun_is_as_its_own_file_says() -> None:
    with stub() as it:
        mailgun(it)
        messenger = MailgunMessenger(mailgun_settings(it.url))
        messenger.send(mail_message())
        messenger.send(mail_message(pictures=PICTURES))
        messenger.send(mail_message(html=None, reply_to=None, unsubscribe_url=None, from_name=None))
        messenger.look_up(Doubt("f" * 32, Channel.EMAIL, "ana@example.com", LINK, NOON))
        messenger.check()
        list(MailgunEvents(mailgun_settings(it.url)).poll([], NOON - timedelta(hours=1), NOON))
        # A page's link is a path that the file does not describe: what follows `events/` is Mailgun's secret.
        described = [e for e in captured(it) if "/events/" not in e.target]
        assert len(described) >= 5
        assert judge("mailgun", described) == []


@pytest.mark.slow
def test_what_the_sandbox_answers_is_as_the_providers_files_say(tmp_path: Path) -> None:
    """Our connectors talk to the sandbox through a stub that passes everything on and remembers it."""
    with stub() as it, running_sandbox(tmp_path) as sandbox:

        def pass_on(request: Received) -> Answer:
            headers = {k: v for k, v in request.headers.items() if k not in ("connection", "content-length")}
            answer = requests.request(
                request.method, sandbox.url + request.target, headers=headers, data=request.body or None, timeout=10
            )
            return Answer(answer.status_code, answer.content, {"Date": answer.headers["Date"]})

        it.answer = pass_on
        since = datetime.now(UTC) - timedelta(hours=1)
        settings = twilio_settings(
            it.url, account_sid=TWILIO_SID, auth_token=SecretStr(TWILIO_TOKEN), sender=TWILIO_FROM,
            public_url=sandbox.environment["AFTERWORD_PUBLIC_URL"],
        )  # fmt: skip
        texts = TwilioMessenger(settings)
        accepted = texts.send(text_message())
        assert isinstance(accepted, Accepted)
        refused = texts.send(text_message(to="+15005550004"))  # Twilio's magic number that opted out
        assert isinstance(refused, PermanentFailure)
        mailgun_of_it = mailgun_settings(it.url, api_key=SecretStr(MAILGUN_KEY), domain=MAILGUN_DOMAIN)
        assert isinstance(MailgunMessenger(mailgun_of_it).send(mail_message()), Accepted)
        sandbox.post("/_sandbox/texts", {"from": NUMBER, "body": "STOP"})
        sandbox.wait_until_quiet()
        until = datetime.now(UTC) + timedelta(minutes=1)
        kinds = [e.kind for e in TwilioEvents(settings).poll([accepted.provider_message_id], since, until)]
        assert kinds == [EventKind.UNSUBSCRIBED, EventKind.DELIVERED]
        mailed = [e for e in MailgunEvents(mailgun_of_it).poll([], since, until) if e.attempt_id == ATTEMPT]
        assert EventKind.ACCEPTED_BY_SERVER in {e.kind for e in mailed}
        exchanges = [e for e in captured(it) if "/events/" not in e.target]
        assert judge("twilio", [e for e in exchanges if e.target.startswith("/2010")]) == []
        assert judge("mailgun", [e for e in exchanges if e.target.startswith("/v3")]) == []


def exchange(fields: str, answer: object = None, status: int = 201) -> Exchange:
    content = json.dumps(answer or twilio_message()).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic eDp5"}
    return Exchange("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json", form, fields.encode(), status, content)


BAD: Sequence[tuple[str, Exchange]] = [
    ("no recipient", exchange("Body=x&From=%2B13125550100")),
    ("a service that is none", exchange("To=%2B13125550001&Body=x&MessagingServiceSid=MG1")),
    ("a misspelt field", exchange("To=%2B13125550001&Body=x&From=%2B13125550100&StatusCallBack=https://x.example")),
    ("a status Twilio lacks", exchange("To=%2B13125550001&Body=x", twilio_message(status="posted"))),
    ("a key Twilio lacks", exchange("To=%2B13125550001&Body=x", twilio_message(attempt="1"))),
]


@pytest.mark.parametrize("bad", [bad for _, bad in BAD], ids=[name for name, _ in BAD])
def test_the_judge_sees_what_is_wrong_where_there_are_files_to_judge_by(bad: Exchange) -> None:
    assert bool(judge("twilio", [bad])) is bool(specs_folder())


def test_the_header_says_whether_anything_is_judged() -> None:
    assert ("NONE HERE" in specs_header()) is (specs_folder() is None)


def test_a_named_folder_without_the_files_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("AFTERWORD_SPECS", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        specs_folder()


def test_field_names_are_read_from_both_kinds_of_form() -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="h:Reply-To"\r\n\r\na\r\n--x--\r\n'
    assert form_names("multipart/form-data; boundary=x", body) == ["h:Reply-To"]
    assert form_names("application/x-www-form-urlencoded", b"To=1&Body=") == ["To", "Body"]
