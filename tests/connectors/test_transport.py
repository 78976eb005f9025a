"""What proves that nothing left, and what proves nothing."""

import logging
import ssl
from datetime import UTC, datetime, timedelta

import pytest
import requests
from urllib3.exceptions import MaxRetryError, ProtocolError, ReadTimeoutError
from urllib3.exceptions import SSLError as Urllib3SSLError

from connectors.transport import never_left, new_session, provider_clock, quiet_loggers
from tests.connectors.server import HASTY, Answer, refused_url, stub


def failure(url: str, timeout: tuple[float, float] = HASTY) -> requests.RequestException:
    with pytest.raises(requests.RequestException) as caught:
        new_session(direct=True).post(url, timeout=timeout)
    return caught.value


def test_a_refused_connection_and_an_unknown_name_never_left() -> None:
    assert never_left(failure(refused_url()))
    assert never_left(failure("http://nobody.invalid"))


def test_a_proxy_that_cannot_be_reached_never_left() -> None:
    session = new_session(direct=True)
    session.proxies = {"http": refused_url()}
    with pytest.raises(requests.RequestException) as caught:
        session.post("http://nobody.invalid", timeout=0.3)
    assert never_left(caught.value)


def test_a_refused_certificate_never_left_and_other_tls_trouble_may_have() -> None:
    for cause, expected in ((ssl.SSLCertVerificationError("self-signed"), True), (ssl.SSLError("bad record"), False)):
        wrapped = requests.exceptions.SSLError(MaxRetryError(None, "/", reason=Urllib3SSLError(cause)))  # type: ignore[arg-type]
        assert never_left(wrapped) is expected


@pytest.mark.parametrize("answer", [Answer(hangs=True), Answer(resets=True)])
@pytest.mark.slow
def test_silence_and_a_broken_connection_may_have_left(answer: Answer) -> None:
    with stub() as it:
        it.answer = lambda _request: answer
        assert not never_left(failure(it.url))
        assert len(it.received) == 1


def test_what_urllib3_says_after_sending_may_have_left() -> None:
    timeout = ReadTimeoutError(None, "/", "x")  # type: ignore[arg-type]
    broken = ProtocolError("Connection aborted.", ConnectionResetError())
    for error in (requests.ReadTimeout(timeout), requests.ConnectionError(broken), requests.ConnectionError(timeout)):
        assert not never_left(error)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("Mon, 23 Nov 2026 18:00:00 GMT", datetime(2026, 11, 23, 18, tzinfo=UTC)),
        ("Mon, 23 Nov 2026 13:00:00 -0500", datetime(2026, 11, 23, 18, tzinfo=UTC)),
        ("soon", None),
        ("", None),
    ],
)
def test_the_providers_clock_is_its_date_header(date: str, expected: datetime | None) -> None:
    told = provider_clock({"Date": date})
    assert told == expected
    assert told is None or told.utcoffset() == timedelta(0)
    assert provider_clock({}) is None


def test_libraries_that_print_addresses_are_held_at_warning() -> None:
    quiet_loggers()
    for name in ("twilio.http_client", "urllib3", "requests"):
        assert logging.getLogger(name).getEffectiveLevel() >= logging.WARNING
