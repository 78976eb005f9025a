"""Which Twilio account and senders, from the environment."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from connectors.addresses import is_loopback
from data.words import Channel

PUBLIC_HOST = "https://api.twilio.com"
CONTENT_HOST = "https://content.twilio.com"


class TwilioSettings(BaseSettings):
    """`TWILIO_…`, AFTERWORD_TWILIO_URL and AFTERWORD_PUBLIC_URL; all explained in .env.example."""

    model_config = SettingsConfigDict(
        env_prefix="TWILIO_", frozen=True, env_ignore_empty=True, validate_by_name=True, hide_input_in_errors=True
    )

    account_sid: str | None = None
    auth_token: SecretStr | None = None
    sender: str | None = Field(default=None, validation_alias="TWILIO_FROM")
    messaging_service_sid: str | None = None
    whatsapp_from: str | None = None
    webhook_secret: SecretStr | None = None  # only where callbacks are signed with a SharedKey
    url: str = Field(default=PUBLIC_HOST, validation_alias="AFTERWORD_TWILIO_URL")
    public_url: str = Field(default="http://127.0.0.1:8080", validation_alias="AFTERWORD_PUBLIC_URL")

    def missing_for(self, channel: Channel) -> list[str]:
        """The variables that sending on `channel` still needs."""
        missing = self.missing_for_events()
        if channel is Channel.WHATSAPP:
            return missing + ([] if self.whatsapp_from else ["TWILIO_WHATSAPP_FROM"])
        has_sender = self.sender or self.messaging_service_sid
        return missing + ([] if has_sender else ["TWILIO_FROM or TWILIO_MESSAGING_SERVICE_SID"])

    def missing_for_events(self) -> list[str]:
        """The variables that asking what happened still needs."""
        named = {"TWILIO_ACCOUNT_SID": self.account_sid, "TWILIO_AUTH_TOKEN": self.auth_token}
        return [name for name, value in named.items() if not value]

    def missing_for_callbacks(self) -> list[str]:
        """The variables that verifying a callback still needs."""
        return [] if self.auth_token or self.webhook_secret else ["TWILIO_AUTH_TOKEN"]

    def status_callback(self, attempt_id: str) -> str | None:
        """Where Twilio reports on an attempt; None when it could not reach us (a public Twilio, a loopback web/)."""
        if is_loopback(self.public_url) and not is_loopback(self.url):
            return None
        return f"{self.public_url.rstrip('/')}/callbacks/twilio/status?s={attempt_id}"
