"""Mailgun's HTTP interface, thin: the few calls that we make, where they may go, and how answers are read."""

import json
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from connectors import AccountStopped, ConfigurationError, Picture, Unavailable
from connectors.addresses import is_loopback, provider_base
from connectors.mail_headers import one_line
from connectors.posting import Poster
from connectors.transport import ReadFailed, Unclear, new_session, provider_clock, quiet_loggers
from data.words import Channel

PROVIDER = "mailgun"
_MAX_PAGES = 10_000
Timeout = tuple[float, float]  # seconds to connect, seconds of silence
Part = tuple[str, str | Picture]  # of a form: its name, and a text or a file
PARCEL = "parcel."  # how the local part of a Message-Id begins that several messages of one call share


class MailgunSettings(BaseSettings):
    """`MAILGUN_…` and AFTERWORD_MAILGUN_URL; all explained in .env.example."""

    model_config = SettingsConfigDict(
        env_prefix="MAILGUN_", frozen=True, env_ignore_empty=True, validate_by_name=True, hide_input_in_errors=True
    )

    api_key: SecretStr | None = None
    domain: str | None = None
    sender: str | None = Field(default=None, validation_alias="MAILGUN_FROM")  # else reviews@{domain}
    webhook_key: SecretStr | None = None
    url: str = Field(default="https://api.mailgun.net", validation_alias="AFTERWORD_MAILGUN_URL")

    def missing_for(self, channel: Channel) -> list[str]:
        """The variables that sending still needs."""
        return self.missing_for_events()

    def missing_for_events(self) -> list[str]:
        """The variables that asking what happened still needs."""
        named = {"MAILGUN_API_KEY": self.api_key, "MAILGUN_DOMAIN": self.domain}
        return [name for name, value in named.items() if not value]

    def missing_for_callbacks(self) -> list[str]:
        """The variables that verifying a callback still needs."""
        named = {"MAILGUN_WEBHOOK_KEY": self.webhook_key, "MAILGUN_DOMAIN": self.domain}
        return [name for name, value in named.items() if not value]


class MailgunApi:
    """The few calls that we make: a session for each thread, one host, redirects not followed."""

    def __init__(self, settings: MailgunSettings, timeout: Timeout) -> None:
        """Raises ConfigurationError for settings that are missing or an address that must not be used."""
        if not settings.api_key or not settings.domain:
            raise ConfigurationError(f"Set {' and '.join(settings.missing_for_events())}.")
        self.domain = settings.domain
        self._base = provider_base(settings.url, "AFTERWORD_MAILGUN_URL")
        self._auth = ("api", settings.api_key.get_secret_value())
        self._timeout = timeout
        self._local = threading.local()
        quiet_loggers()

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = new_session(direct=is_loopback(self._base))
        return session

    @property
    def messages_url(self) -> str:
        """Where messages are posted."""
        return self._url("messages")

    def post_message(self, fields: Sequence[Part]) -> requests.Response:
        """POST /v3/{domain}/messages as multipart/form-data, the only form in Mailgun's own specification. Once."""
        body, content_type = multipart(fields)
        return self._session().post(
            self.messages_url, data=body, headers={"Content-Type": content_type}, auth=self._auth,
            timeout=self._timeout, allow_redirects=False,
        )  # fmt: skip

    def poster(self, parallel: int) -> Poster:
        """For posting messages from an event loop: the same host, key and timeouts."""
        return Poster(self._base, self._auth, parallel, self._timeout)

    def events(self, query: Mapping[str, str]) -> "EventPages":
        """The events that `query` names, page by page."""
        return EventPages(self, self._url("events"), query)

    def listed(self, name: str, query: Mapping[str, str]) -> "EventPages":
        """The entries of one of the domain's lists (bounces, unsubscribes, complaints), page by page."""
        return EventPages(self, self._url(name), query)

    def post_listed(self, name: str, entries: Sequence[Mapping[str, Any]]) -> requests.Response:
        """POST /v3/{domain}/{name} with a JSON array: 200, or 400 for an entry that it does not take."""
        return self._change("POST", self._url(name), entries)

    def delete_listed(self, name: str, address: str) -> requests.Response:
        """DELETE /v3/{domain}/{name}/{address}: 200, or 404 when it is not on the list."""
        return self._change("DELETE", f"{self._url(name)}/{quote(address, safe='')}")

    def _url(self, name: str) -> str:
        return f"{self._base}/v3/{quote(self.domain, safe='')}/{name}"

    def _change(self, method: str, url: str, entries: Sequence[Mapping[str, Any]] | None = None) -> requests.Response:
        """Change a list; harmless to repeat, so whatever is unclear is left to the next pass.

        Raises AccountStopped, or Unavailable with a code and no address in it.
        """
        try:
            response = self._session().request(
                method, url, json=entries, auth=self._auth, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as error:
            raise Unavailable(f"Mailgun's list could not be changed: {type(error).__name__}") from None
        if response.status_code in (401, 402, 403):
            raise AccountStopped(str(response.status_code), "Mailgun refused the key for changing its lists")
        if response.status_code not in (200, 400, 404):
            raise Unavailable(f"Mailgun's list could not be changed: HTTP {response.status_code}")
        return response

    def get(self, url: str, query: Mapping[str, str] | None = None) -> tuple[dict[str, Any], datetime | None]:
        """The JSON object behind a link, and the provider's clock; asked again once when no answer comes.

        Raises AccountStopped, or ReadFailed with a code and no address in it.
        """
        if urlsplit(url)[:2] != urlsplit(self._base)[:2]:
            raise ReadFailed("Mailgun's next page is on another host: not followed")
        trouble = "no answer"
        for _ in range(2):
            try:
                response = self._session().get(
                    url, params=query, auth=self._auth, timeout=self._timeout, allow_redirects=False
                )
                if response.status_code in (401, 403):
                    raise AccountStopped(str(response.status_code), "Mailgun refused the key for reading")
                trouble = f"HTTP {response.status_code}"
                if response.status_code == 200:
                    return json_object(response), provider_clock(response.headers)
                if response.status_code < 500:
                    break
            except (requests.RequestException, Unclear) as error:
                trouble = type(error).__name__
        raise ReadFailed(f"Mailgun could not be read: {trouble}") from None


class EventPages:
    """Iterates over pages of events until the empty one that ends them: `paging.next` itself is never absent."""

    def __init__(self, api: MailgunApi, url: str, query: Mapping[str, str]) -> None:
        self._api, self._url, self._query = api, url, query
        self.provider_time: datetime | None = None  # when the reading began, by Mailgun's clock

    def __iter__(self) -> Iterator[list[Mapping[str, Any]]]:
        answer, self.provider_time = self._api.get(self._url, self._query)
        for _ in range(_MAX_PAGES):
            items = answer.get("items")
            if not isinstance(items, list):
                raise ReadFailed("Mailgun's answer has no list of items")
            if not items:
                return
            yield [item for item in items if isinstance(item, Mapping)]
            paging = answer.get("paging")
            following = paging.get("next") if isinstance(paging, Mapping) else None
            if not following:
                return
            answer, _time = self._api.get(str(following))
        raise ReadFailed("Mailgun's list did not end")


def multipart(fields: Sequence[Part]) -> tuple[bytes, str]:
    """A form as multipart/form-data (RFC 7578), and its content type. Field names are ours; values may be anything."""
    mark = secrets.token_hex(16)
    parts = bytearray()
    for name, value in fields:
        parts += f'--{mark}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if isinstance(value, Picture):
            file_name = one_line(value.name).replace('"', "")
            parts += f'; filename="{file_name}"\r\nContent-Type: {value.media_type}\r\n\r\n'.encode()
            parts += value.content
        else:
            parts += b"\r\n\r\n"
            parts += value.encode("utf-8", "replace")
        parts += b"\r\n"
    parts += f"--{mark}--\r\n".encode()
    return bytes(parts), f"multipart/form-data; boundary={mark}"


def json_object(response: requests.Response) -> dict[str, Any]:
    """The answer as a JSON object. Raises Unclear when it is none."""
    return object_of(response.status_code, response.content)


def object_of(status: int, content: bytes) -> dict[str, Any]:
    """The body of an answer as a JSON object. Raises Unclear when it is none."""
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise Unclear(f"HTTP {status} with something that is not a JSON object") from None
    return answer


def message_id_of(event: Mapping[str, Any]) -> str | None:
    message = event.get("message")
    headers = message.get("headers") if isinstance(message, Mapping) else None
    named = headers.get("message-id") if isinstance(headers, Mapping) else None
    return str(named).strip("<> ") if named else None


def name_of(event: Mapping[str, Any]) -> str | None:
    """What we call the message of an event: its Message-Id, and its attempt too where others may share that."""
    message_id, attempt_id = message_id_of(event), variable_of(event, "attempt_id")
    if message_id is None or attempt_id is None or message_id.partition("@")[0] == attempt_id:
        return message_id
    return own_name(message_id, attempt_id)


def own_name(message_id: str, attempt_id: str) -> str:
    """A name that no other message of the same parcel has, whatever Message-Id Mailgun gave it."""
    return f"{message_id}#{attempt_id}"


def variable_of(event: Mapping[str, Any], name: str) -> str | None:
    variables = event.get("user-variables")
    value = variables.get(name) if isinstance(variables, Mapping) else None
    return str(value) if value else None
