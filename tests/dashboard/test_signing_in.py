"""Signing in by OIDC: who is let in, as whom, and for how long; once through a provider in a real browser."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect
from streamlit.testing.v1 import AppTest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.settings import Settings, utc_now
from data.words import Role
from invitations.actor import Refused
from invitations.sign_in import LASTS, Claims, read_claims, sign_in
from pipelines import children
from pipelines.children import Ports
from pipelines.processes import Group, child_environment
from pipelines.sign_in import SignIn, write_secrets
from tests.browser import chromium
from tests.dashboard.conftest import APP, Open, text
from tests.oidc_provider import CLIENT_ID, CLIENT_SECRET, Provider, oidc_provider
from tests.world import NOON, World

pytestmark = [pytest.mark.slow, pytest.mark.one_database]

ISSUER = "https://id.example"
OWNER = "owner@acme.example"


def claims(**values: Any) -> Claims:
    token = {"iss": ISSUER, "sub": "u-1", "email": OWNER, "email_verified": True, "iat": utc_now().timestamp()}
    found = read_claims(token | values)
    assert found is not None
    return found


def who(ledger: Ledger, **values: Any) -> str:
    """The e-mail address of the user that somebody with these claims comes in as, or why they do not."""
    found = sign_in(ledger, claims(**values), at=utc_now())
    return found.reason if isinstance(found, Refused) else found.email


@pytest.mark.both_databases
def test_a_verified_address_joins_a_user_once_and_then_issuer_and_subject_count(ledger: Ledger, world: World) -> None:
    assert who(ledger, email="Owner@Acme.example") == OWNER
    assert who(ledger, email="new-name@acme.example", email_verified=False) == OWNER  # the same subject
    assert "another way already" in who(ledger, sub="u-2")  # the same address, but somebody else
    assert "another way already" in who(ledger, iss="https://other.example")
    with ledger.read() as c:
        lines = c.execute(sa.select(t.audit.c.actor, t.audit.c.action, t.audit.c.after)).all()
    assert [tuple(line) for line in lines] == [(OWNER, "join", {"issuer": ISSUER})]


@pytest.mark.parametrize("verified", [False, None, "true", "false", 1])
def test_an_address_that_is_not_verified_joins_nobody(ledger: Ledger, world: World, verified: object) -> None:
    assert "verified your e-mail address" in who(ledger, email_verified=verified)
    with ledger.read() as c:
        assert not c.execute(sa.select(t.users.c.user_id).where(t.users.c.subject.is_not(None))).all()


def test_whoever_the_account_does_not_know_is_nobody_here(ledger: Ledger, world: World) -> None:
    assert "Nobody of this account" in who(ledger, email="stranger@acme.example")


def test_a_sign_in_ends_after_half_a_day(ledger: Ledger, world: World) -> None:
    assert who(ledger) == OWNER
    assert "Sign in again" in who(ledger, iat=(utc_now() - LASTS).timestamp() - 1)


@pytest.mark.parametrize("gone", ["iss", "sub", "iat"])
def test_claims_without_issuer_subject_or_time_are_none(gone: str) -> None:
    token: dict[str, object] = {"iss": ISSUER, "sub": "u-1", "iat": 1_795_000_000}
    assert read_claims(token) is not None
    assert read_claims({name: value for name, value in token.items() if name != gone}) is None


def test_the_dashboard_reads_the_role_anew_on_each_look(ledger: Ledger, world: World, look: Open) -> None:
    app = AppTest.from_file(APP, default_timeout=30)
    app.user = {"is_logged_in": False}
    assert "Sign in with the account" in text(app.run())
    app.user = {
        "is_logged_in": True, "iss": ISSUER, "sub": "u-1", "email": "admin@acme.example", "email_verified": True,
        "iat": int(time.time()),
    }  # fmt: skip
    app.switch_page("views/runs.py").run()
    assert not app.exception
    assert "halt" in [button.key for button in app.button]
    with ledger.write() as c:
        c.execute(t.users.update().where(t.users.c.role == Role.ADMIN).values(role=Role.VIEWER))
    app.run()
    assert "halt" not in [button.key for button in app.button]
    with ledger.write() as c:
        c.execute(t.users.delete().where(t.users.c.email == "admin@acme.example"))
    app.run()
    assert "Nobody of this account" in text(app)


def test_where_people_sign_in_nobody_comes_in_as_the_local_user(
    ledger: Ledger, world: World, look: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERWORD_OIDC_ISSUER", ISSUER)
    app = look(as_user="owner")
    assert "nobody is let in another way" in " ".join(text(app).split())
    assert "Total Invited Customers" not in text(app)


@pytest.mark.browser
def test_somebody_signs_in_with_the_provider_looks_around_and_signs_out(
    ledger: Ledger, world: World, people: dict[str, int], settings: Settings, tmp_path: Path
) -> None:
    with oidc_provider() as provider, _dashboard(provider, settings, tmp_path) as address, chromium() as browser:
        provider.people = {
            "Olga, the owner": {"sub": "u-1", "email": OWNER, "email_verified": True},
            "Mallory, who says so": {"sub": "u-9", "email": "admin@acme.example", "email_verified": False},
        }
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(30_000)
        page.goto(f"{address}/customers")
        expect(page.get_by_text("Sign in with the account")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("Ana")).to_have_count(0)
        _sign_in_as(page, "Mallory, who says so")
        expect(page.get_by_text("does not say that it has verified")).to_be_visible(timeout=30_000)
        page.get_by_role("button", name="Sign in again").click()
        page.get_by_role("link", name="Olga, the owner").click()
        expect(page.get_by_text("Total Invited Customers")).to_be_visible(timeout=30_000)
        expect(page.get_by_text("owner · Owner")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("Sign in with the account")).to_be_visible(timeout=30_000)
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
