"""A relay: what is certainly not sent, what is refused, and what nobody can know."""

from email import message_from_bytes
from email.policy import default

import pytest
from aiosmtpd.smtp import AuthResult
from pydantic import SecretStr

from connectors import (
    Accepted,
    AccountStopped,
    CannotTell,
    ConfigurationError,
    Doubt,
    Outcome,
    PermanentFailure,
    TemporaryFailure,
)
from connectors.smtp import SmtpMessenger
from connectors.smtp_replies import Reply, refused_recipient
from connectors.smtp_settings import Relay, SmtpSettings
from connectors.transport import Unclear
from data.words import Channel, FailureScope
from tests.connectors.carried import Carried
from tests.connectors.relay import relay
from tests.connectors.samples import ATTEMPT, LINK, mail_message
from tests.connectors.server import refused_url
from tests.world import NOON


def messenger(http_url: str, user: str = "", scheme: str = "smtp", patience: float = 20) -> SmtpMessenger:
    address = http_url.replace("http://", f"{scheme}://{user}") + "?from=reviews@acme.example"
    return SmtpMessenger(SmtpSettings(address=SecretStr(address)), patience)


def send(case: str, to: str = "ana@example.com") -> Outcome:
    with relay(case) as it:
        # One number covers every word of the talk: short only where the relay falls silent.
        return messenger(it.url, patience=2 if case == "hangs" else 20).send(mail_message(to=to))


def test_a_mail_arrives_as_it_was_meant() -> None:
    with relay("accepts") as it:
        message = mail_message(subject="Wie war’s, Änne? 🦷", from_name="Zoë, Ltd", text=f".first\n..second ü\n{LINK}")
        assert messenger(it.url).send(message) == Accepted(f"{ATTEMPT}@acme.example")
        [envelope] = it.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("reviews@acme.example", ["ana@example.com"])
    content = envelope.content
    assert isinstance(content, bytes)
    mail = message_from_bytes(content, policy=default)
    assert mail["Message-ID"] == f"<{ATTEMPT}@acme.example>"
    assert (mail["Subject"], mail["To"], mail["Reply-To"]) == (message.subject, "ana@example.com", "desk@acme.example")
    assert mail["From"].addresses[0].display_name == "Zoë, Ltd"
    assert f"List-Unsubscribe: <{message.unsubscribe_url}>\r\n".encode() in content
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    parts = {part.get_content_type(): part.get_content() for part in mail.iter_parts()}
    assert parts["text/plain"].splitlines() == message.text.splitlines()
    assert parts["text/html"].strip() == message.html
    assert content.isascii()


def test_line_ends_never_enter_a_header() -> None:
    evil = "Acme\r\nBcc: spy@example.com"
    with relay("accepts") as it:
        messenger(it.url).send(mail_message(from_name=evil, subject=evil, reply_to="a@b.example\r\nX: y"))
        content = it.mails[0].content
    assert isinstance(content, bytes)
    mail = message_from_bytes(content, policy=default)
    assert mail["Bcc"] is None
    assert mail["X"] is None


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("unknown_mailbox", PermanentFailure("550 5.1.1", "no such mailbox", FailureScope.ADDRESS)),
        ("no_relaying", PermanentFailure("554 5.7.1", "the relay does not send to this recipient", FailureScope.ROUTE)),
        ("greylists", TemporaryFailure("451 4.7.1", "the relay does not take this recipient now")),
        ("refuses_text", PermanentFailure("554 5.6.0", "the relay refused the message", FailureScope.MESSAGE)),
        ("is_full", TemporaryFailure("452 4.3.1", "the relay refused the message for now")),
    ],
)
def test_a_relays_refusal_is_sorted_by_where_it_came(case: str, expected: Outcome) -> None:
    assert send(case) == expected


def test_a_connection_lost_before_the_text_is_certainly_not_sent() -> None:
    assert isinstance(send("drops_at_rcpt"), TemporaryFailure)


@pytest.mark.parametrize("case", ["breaks", "hangs", "babbles"])
@pytest.mark.slow
def test_silence_after_the_final_dot_is_doubt(case: str) -> None:
    with pytest.raises(Unclear):
        send(case)


def test_a_relay_can_never_tell() -> None:
    told = messenger("http://127.0.0.1:9").look_up(Doubt(ATTEMPT, Channel.EMAIL, "ana@example.com", LINK, NOON))
    assert isinstance(told, CannotTell)
    assert told.is_final


def test_a_refused_password_stops_the_channel_and_a_good_one_does_not() -> None:
    def judge(_server: object, _session: object, _envelope: object, _mechanism: str, given: object) -> AuthResult:
        return AuthResult(success=getattr(given, "password", b"") == b"p@ss", handled=False)

    with relay("accepts", authenticator=judge, auth_require_tls=False) as it:
        assert messenger(it.url, "acme:p%40ss@").send(mail_message()) == Accepted(f"{ATTEMPT}@acme.example")
        assert messenger(it.url, "acme:p%40ss@").check() == []
        with pytest.raises(AccountStopped):
            messenger(it.url, "acme:wrong@").send(mail_message())
        [fault] = messenger(it.url, "acme:wrong@").check()
        assert "wrong" not in fault.what + fault.mend


def test_a_relay_without_starttls_is_not_spoken_to_in_plain_text() -> None:
    with relay("accepts") as it, pytest.raises(AccountStopped):
        messenger(it.url, scheme="smtp+starttls").send(mail_message())
    assert it.handed == 0


def test_an_address_beyond_ascii_needs_a_relay_that_takes_it() -> None:
    with relay("accepts", enable_SMTPUTF8=True) as it:
        assert isinstance(messenger(it.url).send(mail_message(to="änne@example.com")), Accepted)
        assert it.mails[0].rcpt_tos == ["änne@example.com"]
    with relay("accepts", enable_SMTPUTF8=False) as it:
        refused = messenger(it.url).send(mail_message(to="änne@example.com"))
    assert isinstance(refused, PermanentFailure)
    assert refused.scope is FailureScope.ADDRESS


def test_doctor_says_that_nobody_listens() -> None:
    assert len(messenger(refused_url()).check()) == 1


@pytest.mark.parametrize(
    "url",
    [
        "smtp://relay.example?from=a@b.example", "https://relay.example?from=a@b.example", "smtps://?from=a@b.example",
        "smtps://relay.example", "smtps://relay.example:none?from=a@b.example", "smtps://relay.example?from=a@b,c@d.example",
    ],
)  # fmt: skip
def test_an_address_that_cannot_be_used_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Relay.parse(url.replace("://", "://user:hush@"))
    assert "hush" not in str(caught.value)


def test_bounces_may_go_to_an_address_of_their_own() -> None:
    with relay("accepts") as it:
        address = it.url.replace("http://", "smtp://") + "?from=reviews@acme.example&bounces=back%2Bit@acme.example"
        own = SmtpMessenger(SmtpSettings(address=SecretStr(address)))
        for one in (own, Carried(own)):
            assert one.send(mail_message()) == Accepted(f"{ATTEMPT}@acme.example")
        mails = [(envelope.mail_from, envelope.content) for envelope in it.mails]
    for mail_from, content in mails:
        assert mail_from == "back+it@acme.example"
        assert isinstance(content, bytes)
        assert message_from_bytes(content, policy=default)["From"].addresses[0].addr_spec == "reviews@acme.example"
    with pytest.raises(ConfigurationError, match="bounces="):
        Relay.parse("smtps://relay.example?from=a@b.example&bounces=nobody")


@pytest.mark.parametrize(
    ("answer", "scope"),
    [
        (b"5.1.8 your domain does not exist", FailureScope.MESSAGE), (b"5.2.2 full", FailureScope.MESSAGE),
        (b"5.7.1 no", FailureScope.ROUTE), (b"5.1.2 no domain", FailureScope.ADDRESS), (b"no", FailureScope.ADDRESS),
    ],
)  # fmt: skip
def test_a_refused_recipient_is_held_against_the_address_for_what_is_about_it_only(
    answer: bytes, scope: FailureScope
) -> None:
    refused = refused_recipient(Reply.of((550, answer)))
    assert isinstance(refused, PermanentFailure)
    assert refused.scope is scope


def test_ports_and_sender_have_their_defaults() -> None:
    it = Relay.parse("smtp+starttls://desk%40acme.example:hush@relay.example")
    assert (it.port, it.sender, it.user) == (587, "desk@acme.example", "desk@acme.example")
    assert it.bounces == it.sender
    assert "hush" not in repr(it)
