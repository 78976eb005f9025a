"""Which mail relay, from AFTERWORD_SMTP_URL, and where its bounces come to, from AFTERWORD_BOUNCES."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from connectors import ConfigurationError
from connectors.addresses import is_loopback
from connectors.mail_headers import is_one_address
from data.words import Channel

PROVIDER = "smtp"
_PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}


class SmtpSettings(BaseSettings):
    """AFTERWORD_SMTP_URL: (smtp|smtps|smtp+starttls)://user:password@host:port?from=reviews@example.com

    `&bounces=bounces@example.com` is the envelope's sender, where bounces are sent to; else it is `from`.
    """

    model_config = SettingsConfigDict(
        frozen=True, env_ignore_empty=True, validate_by_name=True, hide_input_in_errors=True
    )

    address: SecretStr | None = Field(default=None, validation_alias="AFTERWORD_SMTP_URL")
    bounces: Path | None = Field(default=None, validation_alias="AFTERWORD_BOUNCES")

    @property
    def url(self) -> str:
        """The relay without its credentials."""
        parts = urlsplit(self.address.get_secret_value() if self.address else "")
        host = parts.hostname or ""
        return f"{parts.scheme}://[{host}]" if ":" in host else f"{parts.scheme}://{host}"

    def missing_for(self, channel: Channel) -> list[str]:
        """The variables that sending still needs."""
        return [] if self.address else ["AFTERWORD_SMTP_URL"]

    def missing_for_events(self) -> list[str]:
        """A relay cannot be asked what happened."""
        return ["another email provider"]

    def missing_for_callbacks(self) -> list[str]:
        """A relay posts nothing."""
        return ["another email provider"]


@dataclass(frozen=True, slots=True, repr=False)
class Relay:
    """A parsed AFTERWORD_SMTP_URL."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    sender: str  # whom the reader sees
    bounces: str  # the envelope's sender (MAIL FROM): where what cannot be delivered is told

    @property
    def domain(self) -> str:
        """The sender's, where our Message-IDs live."""
        return self.sender.partition("@")[2]

    @classmethod
    def parse(cls, url: str) -> "Relay":
        """Raises ConfigurationError, without the address itself: it holds the password."""
        form = "smtp+starttls://user:password@host:587?from=reviews@example.com"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ConfigurationError(f"AFTERWORD_SMTP_URL cannot be read. Its form is {form}.") from None
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ConfigurationError(f"AFTERWORD_SMTP_URL names no relay. Its form is {form}.")
        if parts.scheme == "smtp" and not is_loopback(url):
            raise ConfigurationError("AFTERWORD_SMTP_URL would send in plain text. Use smtps:// or smtp+starttls://.")
        user = unquote(parts.username or "")
        named = parse_qs(parts.query)
        sender = (named.get("from") or [user])[0]
        if not is_one_address(sender):
            raise ConfigurationError(f"AFTERWORD_SMTP_URL needs ?from= with one email address. Its form is {form}.")
        bounces = (named.get("bounces") or [sender])[0]
        if not is_one_address(bounces):
            raise ConfigurationError("AFTERWORD_SMTP_URL needs one email address after bounces=, or none at all.")
        port = port or _PORTS[parts.scheme]
        return cls(parts.scheme, parts.hostname, port, user, unquote(parts.password or ""), sender, bounces)
