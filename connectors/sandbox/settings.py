"""What the sandbox reads from the environment: the variables that production reads, so that both agree."""

from urllib.parse import urlsplit

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class SandboxSettings(BaseSettings):
    """The accounts that the sandbox plays, and where web/ is."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, populate_by_name=True)

    twilio_account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    twilio_auth_token: str
    twilio_from: str | None = None
    twilio_messaging_service_sid: str | None = None
    twilio_whatsapp_from: str | None = None
    mailgun_api_key: str
    mailgun_domain: str
    mailgun_webhook_key: str
    public_url: str = Field(default="http://127.0.0.1:8080", validation_alias="AFTERWORD_PUBLIC_URL")

    @property
    def public_base(self) -> str:
        """Where web/ is, without a slash at the end."""
        return self.public_url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether `url` leads to this machine. The sandbox never opens a connection to any other."""
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and parts.hostname in LOOPBACK_HOSTS
