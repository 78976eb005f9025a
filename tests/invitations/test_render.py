"""From a template to the message that leaves."""

from dataclasses import replace

import pytest

from connectors import ConfigurationError
from data.ledger.store import Ledger
from data.words import Channel
from invitations.render import Content, render
from invitations.try_out import send_test
from tests.recorder import Recorder
from tests.world import make_world

LINK = "https://r.example/r/abc"
OUT = "https://r.example/u/def"
EMAIL = Content(
    channel=Channel.EMAIL,
    subject="How was {{ service }}, {{ first_name }}?",
    body="Hi {{ first_name }},\n\nhow was it?\n\n{{ link }}\n",
    values={"first_name": "Ana", "last_name": "Ruiz", "location": "Acme", "employee": "", "service": "your check-up"},
    account="Acme Dental",
    postal_address="1 Main Street, Chicago",
    reply_to="hello@acme.example",
    color="#0F766E",
)


def rendered(content: Content) -> object:
    return render(content, attempt_id="a1", to="ana@example.com", link=LINK, unsubscribe_url=OUT)


def test_an_email_has_both_parts_the_address_and_a_way_out() -> None:
    message = render(EMAIL, attempt_id="a1", to="ana@example.com", link=LINK, unsubscribe_url=OUT)
    assert message.subject == "How was your check-up, Ana?"
    assert message.html is not None
    for part in (message.text, message.html):
        assert LINK in part
        assert OUT in part
        assert "1 Main Street, Chicago" in part
    assert message.unsubscribe_url == OUT


def test_a_name_cannot_become_a_header_a_tag_or_a_template() -> None:
    values = EMAIL.values | {"first_name": "<b>Ana</b>\r\nBcc: x@example.com {{ link }}{% raw %}"}
    message = render(
        replace(EMAIL, values=values), attempt_id="a1", to="ana@example.com", link=LINK, unsubscribe_url=OUT
    )
    assert message.subject is not None
    assert "\n" not in message.subject
    assert "\r" not in message.subject
    assert message.html is not None
    assert "<b>Ana" not in message.html
    assert "{{" not in message.text
    assert "{%" not in message.text


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("Hi {{ first_name }}", "link"),
        ("{{ nickname }} {{ link }}", "nickname"),
        ("{% if %} {{ link }}", "cannot be used"),
        ("{{ ''.__class__.__mro__ }} {{ link }}", "cannot be used"),
        ("{{ link }}{{ 'x' * 99999 }}", "characters"),
    ],
)
def test_a_template_that_cannot_work_is_a_configuration_error(body: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        rendered(replace(EMAIL, body=body))


def test_a_test_message_goes_out_and_leaves_no_trace(ledger: Ledger) -> None:
    make_world(ledger)
    recorder = Recorder()
    send_test(ledger, recorder.messengers, "me@example.com")
    send_test(ledger, recorder.messengers, "+13125550100")
    assert [message.channel for message in recorder.taken] == [Channel.EMAIL, Channel.SMS]
    assert "Alex" in recorder.taken[0].text


def test_a_test_message_without_a_provider_says_where_to_look(ledger: Ledger) -> None:
    make_world(ledger)
    with pytest.raises(ConfigurationError, match="afterword doctor"):
        send_test(ledger, {}, "me@example.com")
