"""Signing in to the dashboard by OIDC: what the environment must say of it, and the file that Streamlit reads."""

import hashlib
import hmac
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from connectors import ConfigurationError
from data.settings import Settings

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_VARIABLES = {
    "oidc_issuer": "AFTERWORD_OIDC_ISSUER",
    "oidc_client_id": "AFTERWORD_OIDC_CLIENT_ID",
    "oidc_client_secret": "AFTERWORD_OIDC_CLIENT_SECRET",
    "dashboard_url": "AFTERWORD_DASHBOARD_URL",
}


@dataclass(frozen=True, slots=True)
class SignIn:
    """Where people sign in, and as what we are known there."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    dashboard_url: str

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends people back to: to be named there, to the byte."""
        return f"{self.dashboard_url}/oauth2callback"


def sign_in_of(settings: Settings) -> SignIn | None:
    """How people sign in; None where the environment names no provider.

    Raises ConfigurationError naming the variables that are missing or that would send secrets in the open.
    """
    values = {variable: getattr(settings, name) for name, variable in _VARIABLES.items()}
    if settings.oidc_issuer is None and settings.oidc_client_id is None:
        return None
    if missing := [variable for variable, value in values.items() if not value]:
        raise ConfigurationError(
            f"To sign in by OIDC the dashboard also needs {', '.join(missing)}. Set them, or unset the others."
        )
    for variable in ("AFTERWORD_OIDC_ISSUER", "AFTERWORD_DASHBOARD_URL"):
        address = urlsplit(str(values[variable]))
        if not address.hostname or not (
            address.scheme == "https" or (address.scheme == "http" and address.hostname in _LOOPBACK)
        ):
            raise ConfigurationError(f"{variable} is no https address (http is for this machine only).")
    issuer, client_id, client_secret, dashboard_url = (str(value) for value in values.values())
    return SignIn(issuer.rstrip("/"), client_id, client_secret, dashboard_url.rstrip("/"))


def write_secrets(sign_in: SignIn, home: Path) -> Path:
    """The file that Streamlit reads, for this user of the machine only; written anew at each start."""
    # Of the client's secret, so that a restart signs nobody out and a new secret signs out everybody.
    cookie_secret = hmac.new(sign_in.client_secret.encode(), b"afterword dashboard cookie", hashlib.sha256).hexdigest()
    values = {
        "redirect_uri": sign_in.redirect_uri,
        "cookie_secret": cookie_secret,
        "client_id": sign_in.client_id,
        "client_secret": sign_in.client_secret,
        "server_metadata_url": f"{sign_in.issuer}/.well-known/openid-configuration",
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]  # a JSON text is a TOML text
    path = home / "dashboard-sign-in.toml"
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(["[auth]", *lines, ""]))
    return path
