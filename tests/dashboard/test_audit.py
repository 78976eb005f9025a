"""Audit: what was done is told in words, with what it was before and after; only to who may see it."""

from datetime import timedelta

import pytest

from data.ledger.controls import record_audit
from data.ledger.store import Ledger
from data.words import Role
from invitations.controls import Actor, stop_invitation
from tests.dashboard.conftest import Open, buttons, invitation_of, text
from tests.world import NOON, World

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]


def test_what_was_done_is_told_with_what_it_was_before_and_after(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    invitation = invitation_of(ledger, people["ana"]).invitation_id
    stop_invitation(ledger, Actor("owner@acme.example", Role.OWNER, world.account_id), invitation, now=NOON)
    with ledger.write() as c:
        record_audit(
            c, world.account_id, actor="admin@acme.example", action="changed", subject='location "chicago"',
            before={"name": "<i>Old</i>", "quiet_hours": {"opens": "08:00", "closes": "21:00"}, "color": "#0"},
            after={"name": "=New", "quiet_hours": {"opens": "09:00", "closes": "21:00"}, "color": "#1",
                   "until": (NOON - timedelta(hours=1)).isoformat()},
        )  # fmt: skip
    page = look("audit")
    shown = text(page)
    for said in ("Stopped messages", f"Ana Ruiz · Invitation {invitation}", "Status: active → stopped", "Changed",
                 "Name: &lt;i&gt;Old&lt;/i&gt; → =New", "Quiet hours opens: 08:00 → 09:00", "and 2 more"):  # fmt: skip
        assert said in shown
    page.button(key="audit_2").click().run()
    assert not page.exception
    assert "<th>Until</th><td>–</td><td>23 Nov, " in text(page)
    assert "Quiet hours closes" not in text(page)
    only = text(look("audit", audit_who="owner@acme.example", audit_what="Stopped messages"))
    assert "Ana Ruiz" in only
    assert "admin@acme.example" not in only
    assert "No line matches" in text(look("audit", audit_search="nothing of this kind"))
    assert "location &#34;new" not in text(look("audit", location="Acme New York"))


def test_the_audit_is_refused_to_who_may_not_see_it(people: dict[str, int], look: Open) -> None:
    page = look("audit", as_user="manager")
    assert "The Manager role cannot see the audit." in text(page)
    assert buttons(page) == []
