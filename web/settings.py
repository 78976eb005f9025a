"""What runs web/ to its operator's taste; every variable is explained in .env.example."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def _parted(value: Any) -> Any:
    return value.replace(",", " ").split() if isinstance(value, str) else value


class WebSettings(BaseSettings):
    """Read from the environment (`AFTERWORD_…`)."""

    model_config = SettingsConfigDict(env_prefix="AFTERWORD_", frozen=True, env_ignore_empty=True)

    metrics_token: SecretStr | None = Field(default=None, min_length=16)  # who brings it may read /metrics
    visits_per_minute: int = Field(default=600, ge=1)  # from one address, over all public pages
    # Networks of proxies beside the private ones, whose word on the visitor's address is believed: a CDN's, say.
    proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_parted)] = ()
