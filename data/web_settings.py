"""What runs web/ to its operator's taste; every variable is explained in .env.example."""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from data.settings import FromEnvironment

_SHORTEST_SECRET = 16  # characters


def _parted(value: Any) -> Any:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _long_enough(secrets: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if any(len(secret.get_secret_value()) < _SHORTEST_SECRET for secret in secrets):
        raise ValueError(f"a secret is shorter than {_SHORTEST_SECRET} characters: openssl rand -hex 32 makes one")
    return secrets


class WebSettings(FromEnvironment):
    """Read from the environment (`AFTERWORD_…`)."""

    metrics_token: SecretStr | None = Field(default=None, min_length=16)  # who brings it may read /metrics
    # Who may post to /hooks/customers: several, apart by commas or blanks, while one is replaced. None: nobody may.
    hook_secret: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_parted), AfterValidator(_long_enough)] = ()
    visits_per_minute: int = Field(default=600, ge=1)  # from one address, over all public pages
    # Networks of proxies beside the private ones, whose word on the visitor's address is believed: a CDN's, say.
    proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_parted)] = ()
