"""The registry: lazy, from the environment alone, and clear about what is missing."""

import subprocess
import sys
from pathlib import Path

import pytest

from connectors import (
    CallbackReader,
    Checkable,
    ConfigurationError,
    EventSource,
    Messenger,
    SuppressionList,
    TemplateDesk,
)
from connectors.addresses import is_loopback, provider_base
from connectors.registry import (
    PROVIDERS,
    missing_settings,
    open_callback_readers,
    open_event_sources,
    open_messengers,
    open_suppression_lists,
    open_template_desks,
    require_loopback,
)
from data.words import Channel

TWILIO = {"TWILIO_ACCOUNT_SID": "AC" + "a" * 32, "TWILIO_AUTH_TOKEN": "hush", "TWILIO_FROM": "+13125550100"}
MAILGUN = {"MAILGUN_API_KEY": "hush", "MAILGUN_DOMAIN": "mg.acme.example"}
SMTP = {"AFTERWORD_SMTP_URL": "smtp://127.0.0.1:2525?from=reviews@acme.example"}
LOCAL = {"AFTERWORD_TWILIO_URL": "http://127.0.0.1:4010", "AFTERWORD_MAILGUN_URL": "http://localhost:4010"}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    import os  # noqa: PLC0415  # only to clear it

    for name in list(os.environ):
        if name.startswith(("TWILIO_", "MAILGUN_", "AFTERWORD_")):
            monkeypatch.delenv(name)
    return monkeypatch


def given(environment: pytest.MonkeyPatch, *settings: dict[str, str]) -> None:
    for each in settings:
        for name, value in each.items():
            environment.setenv(name, value)


@pytest.mark.slow
def test_importing_the_registry_imports_no_provider() -> None:
    check = (
        "import sys, connectors, connectors.registry, connectors.twilio\n"
        "print(any(name.split('.')[0] in ('twilio', 'requests') for name in sys.modules))"
    )
    told = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert told.stdout.strip() == "False"


def test_without_settings_nothing_opens_and_every_variable_is_named(environment: pytest.MonkeyPatch) -> None:
    assert (open_messengers(), open_event_sources(), open_callback_readers()) == ({}, {}, {})
    assert open_suppression_lists() == {}
    told = " ".join(fault.mend for fault in missing_settings())
    for name in (*TWILIO, *MAILGUN, *SMTP, "TWILIO_MESSAGING_SERVICE_SID"):
        assert name in told
    require_loopback()


def test_each_channel_opens_when_its_variables_are_set(environment: pytest.MonkeyPatch) -> None:
    given(environment, TWILIO)
    assert set(open_messengers()) == {Channel.SMS}
    assert [fault.what for fault in missing_settings()] == ["No connection for email"]
    given(environment, MAILGUN, {"TWILIO_WHATSAPP_FROM": "+13125550199", "MAILGUN_WEBHOOK_KEY": "hush"})
    opened = open_messengers()
    assert {channel: messenger.name for channel, messenger in opened.items()} == {
        Channel.SMS: "twilio", Channel.WHATSAPP: "twilio", Channel.EMAIL: "mailgun",
    }  # fmt: skip
    assert opened[Channel.SMS] is opened[Channel.WHATSAPP]
    assert missing_settings() == []
    assert set(open_event_sources()) == set(open_callback_readers()) == {"twilio", "mailgun"}


def test_what_is_opened_keeps_the_protocols(environment: pytest.MonkeyPatch) -> None:
    given(environment, TWILIO, MAILGUN, {"MAILGUN_WEBHOOK_KEY": "hush"})
    assert all(isinstance(m, Messenger) and isinstance(m, Checkable) for m in open_messengers().values())
    assert all(isinstance(s, EventSource) for s in open_event_sources().values())
    assert all(isinstance(r, CallbackReader) for r in open_callback_readers().values())
    assert set(open_suppression_lists()) == {"mailgun"}
    assert all(isinstance(s, SuppressionList) for s in open_suppression_lists().values())
    assert set(open_template_desks()) == {"twilio"}
    assert all(isinstance(desk, TemplateDesk) for desk in open_template_desks().values())


def test_a_relay_serves_where_mailgun_is_not_configured(environment: pytest.MonkeyPatch) -> None:
    given(environment, SMTP)
    assert open_messengers()[Channel.EMAIL].name == "smtp"
    given(environment, MAILGUN)
    assert open_messengers()[Channel.EMAIL].name == "mailgun"


def test_an_empty_variable_is_an_unset_one(environment: pytest.MonkeyPatch) -> None:
    given(environment, TWILIO, {"TWILIO_AUTH_TOKEN": ""})
    assert open_messengers() == {}


def test_loopback_is_required_of_every_configured_provider(environment: pytest.MonkeyPatch) -> None:
    given(environment, TWILIO, MAILGUN, LOCAL, SMTP)
    require_loopback()
    environment.delenv("AFTERWORD_MAILGUN_URL")
    with pytest.raises(ConfigurationError, match="mailgun"):
        require_loopback()
    environment.delenv("MAILGUN_API_KEY")
    require_loopback()
    given(environment, {"AFTERWORD_SMTP_URL": "smtps://relay.example?from=a@b.example"})
    with pytest.raises(ConfigurationError, match="smtp"):
        require_loopback()


@pytest.mark.parametrize("name", ["AFTERWORD_TWILIO_URL", "AFTERWORD_MAILGUN_URL"])
@pytest.mark.parametrize("url", ["http://provider.example", "ftp://127.0.0.1", "https://u:p@x.example", "127.0.0.1:80"])
def test_an_address_in_plain_text_or_of_another_kind_is_refused(
    environment: pytest.MonkeyPatch, name: str, url: str
) -> None:
    given(environment, TWILIO, MAILGUN, {name: url})
    with pytest.raises(ConfigurationError, match=name):
        open_messengers()


def test_secrets_do_not_show_when_settings_are_printed(environment: pytest.MonkeyPatch) -> None:
    given(environment, TWILIO, MAILGUN, {"AFTERWORD_SMTP_URL": "smtps://u:hush@relay.example?from=a@b.example"})
    from pkgutil import resolve_name  # noqa: PLC0415

    assert "hush" not in "".join(repr(resolve_name(provider.settings)()) for provider in PROVIDERS)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:1", True), ("http://127.9.9.9", True), ("http://[::1]:1", True), ("http://localhost", True),
        ("http://127.0.0.1.evil.example", False), ("http://0.0.0.0", False), ("https://api.twilio.com", False),
        ("http://127.0.0.1@evil.example", False), ("", False),
    ],
)  # fmt: skip
def test_loopback_is_told_by_the_address_itself(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


def test_a_base_loses_its_last_slash() -> None:
    assert provider_base("https://api.twilio.com/", "X") == "https://api.twilio.com"
