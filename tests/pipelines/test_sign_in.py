"""What `up` and `doctor` say of signing in before anything is started, and the file that the dashboard reads."""

import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest

from connectors import ConfigurationError
from data.ledger.store import Ledger
from data.settings import Settings
from pipelines.sign_in import sign_in_of, write_secrets
from tests.pipelines.commands import REAL_TWILIO, Run

WHOLE: dict[str, Any] = {
    "oidc_issuer": "https://id.example/", "oidc_client_id": "us", "oidc_client_secret": 'a "quoted" \\ secret',
    "dashboard_url": "https://reviews.example/",
}  # fmt: skip


def test_nobody_signs_in_where_no_provider_is_named(home: Path) -> None:
    assert sign_in_of(Settings(home=home)) is None


@pytest.mark.parametrize("missing", ["oidc_client_id", "oidc_client_secret", "dashboard_url"])
def test_what_is_missing_to_sign_in_is_named(home: Path, missing: str) -> None:
    with pytest.raises(ConfigurationError, match=f"AFTERWORD_{missing.upper()}"):
        sign_in_of(Settings(home=home, **{**WHOLE, missing: None}))


@pytest.mark.parametrize("variable", ["oidc_issuer", "dashboard_url"])
def test_secrets_go_over_https_only_but_for_this_machine(home: Path, variable: str) -> None:
    with pytest.raises(ConfigurationError, match="https"):
        sign_in_of(Settings(home=home, **{**WHOLE, variable: "http://id.example"}))
    assert sign_in_of(Settings(home=home, **{**WHOLE, variable: "http://127.0.0.1:9000"}))


def test_the_file_for_the_dashboard_is_this_users_alone_and_says_where_people_come_back_to(home: Path) -> None:
    how = sign_in_of(Settings(home=home, **WHOLE))
    assert how is not None
    path = write_secrets(how, home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = tomllib.loads(path.read_text())["auth"]
    assert first["redirect_uri"] == "https://reviews.example/oauth2callback"
    assert first["client_secret"] == WHOLE["oidc_client_secret"]
    assert first["server_metadata_url"] == "https://id.example/.well-known/openid-configuration"
    assert tomllib.loads(write_secrets(how, home).read_text())["auth"] == first  # a restart signs nobody out
    assert WHOLE["oidc_client_secret"] not in repr(how)


def test_up_opens_the_dashboard_to_others_only_where_they_sign_in(run: Run, ledger: Ledger) -> None:
    refused = run("up", "--dashboard-host", "192.0.2.7", **REAL_TWILIO)
    assert refused.code == 2
    assert "AFTERWORD_OIDC_ISSUER" in refused.errors
