"""Signing in through a provider, at a dashboard as `afterword up` starts it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.settings import Settings
from pipelines import children
from pipelines.children import Ports
from pipelines.processes import Group, child_environment
from pipelines.sign_in import SignIn, write_secrets
from tests.dashboard.journeys.conftest import quiet_context
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider, oidc_provider
from tests.world import NOON

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.parametrize("settings", ["sqlite"], indirect=True),  # what the databases differ in needs no browser
]
OWNER = "owner@acme.example"


def test_somebody_signs_in_with_the_provider_looks_around_and_signs_out(
    ledger: Ledger, people: dict[str, int], settings: Settings, chromium: Browser, tmp_path: Path
) -> None:
    with (
        oidc_provider() as provider,
        _dashboard(provider, settings, tmp_path) as address,
        quiet_context(chromium, base_url=address, viewport={"width": 1280, "height": 800}) as browser,
    ):
        provider.people = {
            "Olga, the owner": {"sub": "u-1", "email": OWNER, "email_verified": True},
            "Mallory, who says so": {"sub": "u-9", "email": "admin@acme.example", "email_verified": False},
        }
        page = browser.new_page()
        page.goto("/customers")
        expect(page.get_by_text("Sign in with the account")).to_be_visible()
        expect(page.get_by_text("Ana")).to_have_count(0)
        _sign_in_as(page, "Mallory, who says so")
        expect(page.get_by_text("does not say that it has verified")).to_be_visible()
        page.get_by_role("button", name="Sign in again").click()
        page.get_by_role("link", name="Olga, the owner").click()
        expect(page.get_by_text("Total Invited Customers")).to_be_visible()
        expect(page.get_by_text("owner · Owner")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("Sign in with the account")).to_be_visible()
        expect(page.get_by_text("Total Invited Customers")).to_have_count(0)
    assert provider.signed_in == ["Mallory, who says so", "Olga, the owner"]
    with ledger.read() as c:
        joined = c.execute(sa.select(t.users.c.email, t.users.c.subject).where(t.users.c.issuer == provider.url)).all()
    assert [tuple(row) for row in joined] == [(OWNER, "u-1")]


@contextmanager
def _dashboard(provider: Provider, settings: Settings, logs: Path) -> Iterator[str]:
    """A dashboard as `afterword up` starts it; yields where it listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        ports = Ports(dashboard=probe.getsockname()[1])
    address = ports.url(ports.dashboard)
    how = SignIn(provider.url, CLIENT_ID, CLIENT_SECRET, address)
    provider.redirect_uri = how.redirect_uri
    variables = child_environment(
        AFTERWORD_HOME=str(settings.home), AFTERWORD_NOW=NOON.isoformat(), AFTERWORD_LOCAL_USER=OWNER,
        AFTERWORD_OIDC_ISSUER=provider.url,
    )  # fmt: skip
    with Group(logs) as group:
        child = children.start_dashboard(group, variables, ports, sign_in_file=write_secrets(how, settings.home))
        group.wait_until_answers(child, f"{address}/_stcore/health")
        yield address
    child.process.wait()


def _sign_in_as(page: Page, name: str) -> None:
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=name).click()
