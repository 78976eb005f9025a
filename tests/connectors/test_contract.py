"""What every messenger owes dispatch: one line in MESSENGERS adds a connector to the suite."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from connectors import Accepted, AccountStopped, ConfigurationError, Message, Messenger, TemporaryFailure
from connectors.mailgun import MailgunMessenger
from connectors.smtp import SmtpMessenger
from connectors.smtp_settings import SmtpSettings
from connectors.twilio.messenger import TwilioMessenger
from data.words import Channel
from tests.connectors import relay
from tests.connectors.carried import Carried
from tests.connectors.samples import (
    ATTEMPT,
    DOMAIN,
    SID,
    mail_message,
    mailgun_settings,
    text_message,
    twilio_error,
    twilio_message,
    twilio_settings,
)
from tests.connectors.server import HASTY, PATIENT, Answer, refused_url, stub


def patience(subject: "Subject", case: str) -> tuple[float, float]:
    """Seconds to connect and to wait: short only towards a provider that never answers."""
    if case != "hangs":
        return PATIENT
    # A relay is given one number for every word of the talk, so it cannot be as short as HTTP's wait for one answer.
    return (HASTY[0], 2.0) if subject in RELAYS else HASTY


@dataclass(frozen=True)
class Played:
    """A provider as told: its address, and how many messages it was handed."""

    url: str
    handed: Callable[[], int]


@dataclass(frozen=True)
class Subject:
    """One messenger: how to open it at an address, a message for it, and its provider's stand-in."""

    open: Callable[[str, tuple[float, float]], Messenger]
    message: Message
    accepted_id: str
    play: Callable[[str], AbstractContextManager[Played]]


def http_player(answers: dict[str, Answer]) -> Callable[[str], AbstractContextManager[Played]]:
    """Plays the cases named in `answers` over HTTP."""

    @contextmanager
    def play(case: str) -> Iterator[Played]:
        with stub() as it:
            it.answer = lambda _request: answers[case]
            yield Played(it.url, lambda: len(it.exchanges))

    return play


@contextmanager
def play_relay(case: str) -> Iterator[Played]:
    with relay.relay(case) as it:
        yield Played(it.url, lambda: it.handed)


HANG, BREAK = Answer(hangs=True), Answer(resets=True)
WHATSAPP = {"whatsapp_from": "+13125550199"}
TWILIO = {
    "accepts": Answer(201, twilio_message()), "hangs": HANG, "breaks": BREAK,
    "fails": Answer(500, twilio_error(500, 20500)), "refuses_account": Answer(401, twilio_error(401, 20003)),
}  # fmt: skip
MAILGUN = {
    "accepts": Answer(200, {"id": f"<{ATTEMPT}@{DOMAIN}>", "message": "Queued. Thank you."}), "hangs": HANG,
    "breaks": BREAK, "fails": Answer(500, {"message": "Internal Server Error"}),
    "refuses_account": Answer(401, b"Forbidden"),
}  # fmt: skip

MESSENGERS = {
    "twilio": Subject(
        lambda url, patience: TwilioMessenger(twilio_settings(url), patience), text_message(), SID,
        http_player(TWILIO),
    ),
    "twilio-whatsapp": Subject(
        lambda url, patience: TwilioMessenger(twilio_settings(url, **WHATSAPP), patience),
        text_message(channel=Channel.WHATSAPP), SID, http_player(TWILIO),
    ),
    "twilio-courier": Subject(
        lambda url, patience: Carried(TwilioMessenger(twilio_settings(url), patience)), text_message(), SID,
        http_player(TWILIO),
    ),
    "mailgun": Subject(
        lambda url, patience: MailgunMessenger(mailgun_settings(url), patience), mail_message(),
        f"{ATTEMPT}@{DOMAIN}", http_player(MAILGUN),
    ),
    "mailgun-courier": Subject(
        lambda url, patience: Carried(MailgunMessenger(mailgun_settings(url), patience)), mail_message(),
        f"{ATTEMPT}@{DOMAIN}", http_player(MAILGUN),
    ),
    "smtp": Subject(
        lambda url, patience: SmtpMessenger(
            SmtpSettings(address=SecretStr(f"{url.replace('http:', 'smtp:')}?from=reviews@acme.example")),
            patience[1],
        ),
        mail_message(), f"{ATTEMPT}@acme.example", play_relay,
    ),
    "smtp-courier": Subject(
        lambda url, patience: Carried(
            SmtpMessenger(
                SmtpSettings(address=SecretStr(f"{url.replace('http:', 'smtp:')}?from=reviews@acme.example")),
                patience[1],
            )
        ),
        mail_message(), f"{ATTEMPT}@acme.example", play_relay,
    ),
}  # fmt: skip


RELAYS = (MESSENGERS["smtp"], MESSENGERS["smtp-courier"])


@pytest.fixture(params=MESSENGERS)
def subject(request: pytest.FixtureRequest) -> Subject:
    return MESSENGERS[request.param]


def test_it_is_a_messenger_of_the_channel_it_is_given(subject: Subject) -> None:
    messenger = subject.open("http://127.0.0.1:9", PATIENT)
    assert isinstance(messenger, Messenger)
    assert subject.message.channel in messenger.channels


def test_an_accepted_message_is_named_and_was_handed_over_once(subject: Subject) -> None:
    with subject.play("accepts") as it:
        assert subject.open(it.url, PATIENT).send(subject.message) == Accepted(subject.accepted_id)
        assert it.handed() == 1


def test_a_refused_connection_is_certainly_not_sent(subject: Subject) -> None:
    assert isinstance(subject.open(refused_url(), PATIENT).send(subject.message), TemporaryFailure)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["hangs", "breaks", "fails"])
def test_an_answer_that_never_comes_or_proves_nothing_is_doubt_after_exactly_one_request(
    subject: Subject, case: str
) -> None:
    if subject in RELAYS and case == "fails":
        case = "babbles"  # a relay's 5xx proves a refusal; a code of no class proves nothing
    with subject.play(case) as it:
        messenger = subject.open(it.url, patience(subject, case))
        with pytest.raises(Exception) as caught:  # noqa: PT011  # any exception but a configuration error means doubt
            messenger.send(subject.message)
        assert not isinstance(caught.value, ConfigurationError)
        assert it.handed() == 1


@pytest.mark.slow
def test_doubt_says_nothing_of_whom_it_was_for(subject: Subject) -> None:
    with subject.play("hangs") as it, pytest.raises(Exception) as caught:  # noqa: PT011
        subject.open(it.url, patience(subject, "hangs")).send(subject.message)
    told = str(caught.value)
    assert caught.value.__suppress_context__
    assert subject.message.to not in told
    assert "12345" not in told


def test_a_refused_account_stops_the_channel(subject: Subject) -> None:
    with subject.play("refuses_account") as it, pytest.raises(AccountStopped):
        subject.open(it.url, PATIENT).send(subject.message)


def test_an_address_that_hides_a_second_recipient_never_leaves(subject: Subject) -> None:
    for to in (f"{subject.message.to},other@example.com", f"{subject.message.to}\r\nBcc: other@example.com", ""):
        message = Message(ATTEMPT, subject.message.channel, to, subject.message.text, subject.message.link)
        outcome = subject.open(refused_url(), PATIENT).send(message)
        assert getattr(outcome, "scope", None) == "address"


@pytest.mark.slow
def test_threads_may_share_it(subject: Subject) -> None:
    with subject.play("accepts") as it:
        messenger = subject.open(it.url, PATIENT)
        outcomes: list[object] = []
        threads = [threading.Thread(target=lambda: outcomes.append(messenger.send(subject.message))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes == [Accepted(subject.accepted_id)] * 8
        assert it.handed() == 8


def test_plain_text_to_another_machine_is_refused(subject: Subject) -> None:
    with pytest.raises(ConfigurationError):
        subject.open("http://mail.example:8080", PATIENT)
