"""Signing in by OIDC: who is let in, as whom, and for how long. Through a provider: journeys/test_signing_in.py."""

import time
from typing import Any

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.settings import utc_now
from data.words import Role
from invitations.actor import Refused
from invitations.sign_in import LASTS, Claims, read_claims, sign_in
from tests.dashboard.conftest import APP, Open, text
from tests.world import World

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
    assert "verified your email address" in who(ledger, email_verified=verified)
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
