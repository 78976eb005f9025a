"""The official SDK, tied down: known hosts only, no redirect, no retry, timeouts, one client for each thread.

Only the synchronous client: the asynchronous one ignores its timeout and posts a message again after a 5xx.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]
from twilio.base.version import Version  # type: ignore[import-untyped]
from twilio.http.http_client import TwilioHttpClient  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from connectors import AccountStopped, ConfigurationError
from connectors.addresses import is_loopback, provider_base
from connectors.posting import Poster
from connectors.transport import (
    CONNECT_SECONDS,
    READ_SECONDS,
    ReadFailed,
    Unclear,
    new_session,
    provider_clock,
    quiet_loggers,
)
from connectors.twilio.codes import Treatment, meaning_of, reason_of
from connectors.twilio.settings import PUBLIC_HOST, TwilioSettings

_KNOWN_HOST = urlsplit(PUBLIC_HOST).netloc


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error answer: its HTTP status, and Twilio's own code; None when the body was not Twilio's."""

    status: int
    code: int | None

    def stop_if_account(self) -> None:
        """Raise AccountStopped when it is about the account rather than about what was asked."""
        is_account = meaning_of(self.code) is Treatment.ACCOUNT and self.status < 500
        if self.status == 401 or is_account:
            reason = reason_of(self.code or 20003)
            raise AccountStopped(str(self.code or self.status), f"Twilio refused the account: {reason}") from None


class TiedHttpClient(TwilioHttpClient):  # type: ignore[misc]
    """Sends what the SDK means for `host` to `base`, and nothing anywhere else."""

    def __init__(self, base: str, timeout: tuple[float, float], host: str = _KNOWN_HOST) -> None:
        super().__init__(request_hooks={"response": [_read_as_utf8]})
        self.session = new_session(direct=is_loopback(base))
        self.timeout = timeout
        self.base = base
        self.host = host
        self.provider_time: datetime | None = None  # of the newest answer: its Date header
        self.status = 0  # of the newest answer

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """As the SDK's, after the host was checked. A redirect is an answer that proves nothing: Unclear."""
        parts = urlsplit(url)
        if (parts.scheme, parts.netloc) != ("https", self.host):
            raise ConfigurationError("The Twilio SDK wants to reach a host that Afterword does not know.")
        target = self.base + parts.path + (f"?{parts.query}" if parts.query else "")
        response = super().request(method, target, *args, **{**kwargs, "allow_redirects": False})
        self.provider_time = provider_clock(response.headers)
        self.status = int(response.status_code)
        if 300 <= response.status_code < 400:
            raise Unclear(f"HTTP {response.status_code} from Twilio's address: redirects are not followed")
        return response


def _read_as_utf8(response: requests.Response, *_: Any, **__: Any) -> None:
    response.encoding = "utf-8"  # JSON is; without this requests guesses from the bytes, slowly and sometimes wrongly


class Gone(ReadFailed):
    """The thing asked for is not, or no longer, at Twilio."""


class TwilioClients:
    """One SDK client for each thread that asks: its session is not made to be shared."""

    def __init__(
        self,
        settings: TwilioSettings,
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        public_host: str = PUBLIC_HOST,
    ) -> None:
        """`public_host` is the one of Twilio's that is meant; AFTERWORD_TWILIO_URL takes the place of any of them.

        Raises ConfigurationError for an address that must not be used.
        """
        self._settings = settings
        self._timeout = timeout
        self._host = urlsplit(public_host).netloc
        is_twilios_own = settings.url.rstrip("/") == PUBLIC_HOST
        self._base = provider_base(public_host if is_twilios_own else settings.url, "AFTERWORD_TWILIO_URL")
        self._local = threading.local()
        quiet_loggers()

    def client(self) -> Any:
        """This thread's client; its `http_client` is a TiedHttpClient."""
        client = getattr(self._local, "client", None)
        if client is None:
            account, token = self._settings.account_sid, self._settings.auth_token
            if not account or not token:
                raise ConfigurationError("Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.")
            # An environment of its own: TWILIO_REGION and TWILIO_EDGE would rewrite the host.
            credentials = {"TWILIO_ACCOUNT_SID": account, "TWILIO_AUTH_TOKEN": token.get_secret_value()}
            tied = TiedHttpClient(self._base, self._timeout, self._host)
            client = self._local.client = Client(http_client=tied, environment=credentials)
        return client

    def create_url(self, base: str | None = None) -> str:
        """Where messages are created: at the configured address, or at `base`."""
        account = quote(self._settings.account_sid or "", safe="")
        return f"{base or self._base}/2010-04-01/Accounts/{account}/Messages.json"

    def poster(self, parallel: int) -> Poster:
        """For creates from an event loop: the same host, credentials and timeouts, without the SDK."""
        account, token = self._settings.account_sid, self._settings.auth_token
        if not account or not token:
            raise ConfigurationError("Set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.")
        return Poster(self._base, (account, token.get_secret_value()), parallel, self._timeout)

    def pages(self, filters: Mapping[str, Any], most: int) -> Iterator[tuple[list[Any], datetime | None]]:
        """The messages that `filters` name, page by page, and the provider's clock at each.

        Raises as `read` does, and ReadFailed when there is no end after `most` pages.
        """
        (page, messages), time = self.read(lambda client: _unfold(client.messages.page(**filters, page_size=1000)))
        yield messages, time
        for _ in range(most - 1):
            if not page.next_page_url:
                return
            (page, messages), time = self.read(lambda _client, last=page: _unfold(last.next_page()))  # type: ignore[misc]
            yield messages, time
        raise ReadFailed("Twilio's list did not end")

    def refusal(self, error: Any) -> Refusal:
        """What the SDK's exception says about this thread's newest answer.

        The HTTP status is the answer's own: in an RFC 9457 body the sender may write another. A list refuses with a
        plain TwilioException around the response.
        """
        if not hasattr(error, "code"):
            error = Version.exception("GET", "", error.args[-1], "")
        code = (
            error.code if isinstance(error.code, int) and error.code >= 10_000 else None
        )  # else it repeats the status
        return Refusal(self.client().http_client.status, code)

    def read(self, question: Callable[[Any], Any]) -> tuple[Any, datetime | None]:
        """What `question(client)` answers and the provider's clock; asked again once when no answer comes.

        For reads only. Raises AccountStopped; Gone for what is not there; ReadFailed, with a code and no address in it.
        """
        trouble = "no answer"
        for _ in range(2):
            client = self.client()
            try:
                return question(client), client.http_client.provider_time
            except TwilioException as error:
                refusal = self.refusal(error)
                if refusal.status == 404 and refusal.code == 20404:
                    raise Gone("Twilio does not know it") from None
                refusal.stop_if_account()
                trouble = f"HTTP {refusal.status}, code {refusal.code}"
                if refusal.status < 500:
                    break
            except (requests.RequestException, Unclear, ValueError, LookupError, AttributeError, TypeError) as error:
                # The last three: the SDK takes for granted what a JSON answer looks like.
                trouble = type(error).__name__
        raise ReadFailed(f"Twilio could not be read: {trouble}") from None


def _unfold(page: Any) -> tuple[Any, list[Any]]:
    """A page of the SDK and its messages, which it would parse only when they are iterated over."""
    return page, list(page)


def moment(value: Any) -> datetime | None:
    """A time of the SDK's; it leaves one that it cannot parse as text."""
    return value if isinstance(value, datetime) else None
