"""Audit: what was done is told in words, with what it was before and after; only to who may see it."""

import re
from datetime import timedelta

import pytest

from dashboard.components.audit_words import ACTION
from data.ledger.account_history import VERBS
from data.ledger.controls import record_audit
from data.ledger.store import Ledger
from data.permissions import Action
from data.words import Role
from invitations.controls import Actor, stop_invitation
from tests.dashboard.conftest import APP, Open, buttons, invitation_of, text
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
    assert page.query_params["line"] == "2"
    page = look("audit", line="2", audit_search="nothing of this kind")  # its link, whatever else is chosen
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


def test_every_deed_that_is_kept_has_words(ledger: Ledger, world: World, look: Open) -> None:
    """What the code writes down, found in the code."""
    written = {str(action) for action in Action} - {"view", "open_panel", "see_account_quota", "see_audit"}
    for package in ("invitations", "data", "pipelines", "web"):
        for file in (APP.parents[1] / package).rglob("*.py"):
            written |= set(re.findall(r'(?:action=|^_AUDITED = )"([a-z_]+)"', file.read_text(), re.MULTILINE))
    unsaid = {*VERBS, "change_settings", "manage_users", "send"} | {"created", "changed", "removed"}
    assert {one for one in written if one not in ACTION} <= unsaid
    with ledger.write() as c:
        told = {"before": {}, "after": {"effective_at": "1970-01-01 00:00:00+00:00", "is_enabled": True}}
        record_audit(c, world.account_id, actor="x@acme.example", action="lift_halt", subject="breaker 1", **told)
    shown = text(look("audit"))
    for said in ("Let a sender go on", "Holds from: the beginning", "Switched on: yes"):
        assert said in shown
