"""`afterword template`, its asset, sensor and job; and WhatsApp from submitting to arriving, against the sandbox."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from connectors import TemplateDesk
from connectors.registry import open_messengers
from data.ledger import tables as t
from data.ledger.jobs import ask_for
from data.ledger.store import Ledger
from data.words import Channel, JobKind, TemplateApproval, TemplateCategory
from invitations.send import send_due
from pipelines import approvals
from pipelines.asked import carry_out_jobs
from pipelines.definitions import defs
from pipelines.doctor_whatsapp import of_whatsapp
from pipelines.resources import LedgerOpener, ProvidersOpener
from tests.invitations.test_approval import Desk
from tests.invitations.test_whatsapp import SOUND
from tests.pipelines.commands import Run
from tests.sandbox import Sandbox, running_sandbox
from tests.waiting import wait_until
from tests.world import NOON, World, insert, make_customer, make_request, make_world

pytestmark = pytest.mark.one_database
FROM = {"TWILIO_WHATSAPP_FROM": "+13125550199"}


@pytest.fixture
def world(ledger: Ledger) -> World:
    world = make_world(ledger)
    with ledger.write() as c:
        c.execute(t.channels.update().values(is_enabled=True))
        world.templates[Channel.WHATSAPP] = insert(
            c, t.templates, account_id=world.account_id, slug="ask", channel=Channel.WHATSAPP, language="en",
            version=1, body=SOUND, asked_category=TemplateCategory.UTILITY, approval=TemplateApproval.UNSUBMITTED,
        )  # fmt: skip
    return world


def approval(ledger: Ledger) -> TemplateApproval:
    with ledger.read() as c:
        found: TemplateApproval = c.execute(
            sa.select(t.templates.c.approval).where(t.templates.c.channel == Channel.WHATSAPP)
        ).scalar_one()
    return found


def standing(run: Run, sandbox: Sandbox) -> Mapping[str, Any]:
    [row] = json.loads(run("template", "status", "--json", **sandbox.environment).output)
    return dict(row)


def sent_by_whatsapp(ledger: Ledger, world: World) -> Mapping[str, int]:
    make_request(ledger, world, make_customer(ledger, world), channel=Channel.WHATSAPP)
    return send_due(ledger, open_messengers(), now=NOON).counts


@pytest.mark.slow
def test_a_text_is_submitted_approved_sent_by_and_held_back_when_meta_thinks_again(
    run: Run, ledger: Ledger, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_sandbox(tmp_path / "sandbox", pace=0.02, env=FROM) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        ledger.settings = ledger.settings.model_copy(update={"public_url": sandbox.environment["AFTERWORD_PUBLIC_URL"]})
        assert sum(sent_by_whatsapp(ledger, world).values()) == 0  # nothing goes before Meta has said yes
        submitted = run("template", "submit", **sandbox.environment)
        assert (submitted.code, submitted.errors) == (0, "")
        assert '"ask" (en) is with Meta' in submitted.output
        wait_until(lambda: standing(run, sandbox)["approval"] == "approved", what="Meta's approval")
        assert sent_by_whatsapp(ledger, world) == {"accepted": 2}
        sandbox.wait_until_quiet()
        first, _second = sandbox.record()
        with ledger.read() as c:
            token = c.scalars(sa.select(t.requests.c.link_token).order_by(t.requests.c.request_id)).first()
        assert first["body"].startswith("Hi Ana, thank you for your visit to Acme Chicago.")
        assert first["body"].endswith(f"\n\n{ledger.settings.public_url}/r/{token}")
        assert {message["status"] for message in sandbox.record()} == {"delivered"}

        [made] = sandbox.get("/_sandbox/templates")
        sandbox.post("/_sandbox/templates", {"sid": made["sid"], "status": "paused", "reason": "Low quality"})
        told = standing(run, sandbox)
        assert (told["approval"], told["why"]) == ("paused", "Low quality")
        assert "Meta lifts the pause" in told["what_to_do"]
        assert sum(sent_by_whatsapp(ledger, world).values()) == 0
        assert len(sandbox.record()) == 2
        [fault] = of_whatsapp(ledger, has_sender=True)
        assert "is paused by Meta for now (Low quality), so nothing goes by it" in fault.what


def test_without_a_provider_or_a_text_it_is_said_what_is_missing(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    missing = run("template", "submit")
    assert missing.code == 2
    assert "TWILIO_ACCOUNT_SID" in missing.errors
    assert "no WhatsApp text" in run("template", "status").output


class Desks(ProvidersOpener):
    """One desk of our own."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def template_desks(self) -> Mapping[str, TemplateDesk]:
        return {"desk": self._desk}


def submit(ledger: Ledger, world: World, desk: Desk, asked_by: str = "owner@acme.example") -> str | None:
    """Ask on the dashboard, let the sensor's run do it; what the person who asked reads."""
    with ledger.write() as c:
        job = ask_for(
            c, account_id=world.account_id, kind=JobKind.SUBMIT_TEMPLATE, payload={"slug": "ask"}, asked_by=asked_by
        )
    carry_out_jobs(ledger, {}, {"desk": desk})
    with ledger.read() as c:
        problem: str | None = c.execute(sa.select(t.jobs.c.problem).where(t.jobs.c.job_id == job)).scalar_one()
    return problem


def test_a_text_submitted_on_the_dashboard_is_handed_in_if_the_asker_may(ledger: Ledger, world: World) -> None:
    desk = Desk()
    assert "Viewer role cannot" in (submit(ledger, world, desk, "viewer@acme.example") or "")
    assert "no user" in (submit(ledger, world, desk, "nobody@acme.example") or "")
    assert submit(ledger, world, desk) is None
    assert approval(ledger) is TemplateApproval.PENDING
    with ledger.write() as c:
        ask_for(c, account_id=world.account_id, kind=JobKind.SUBMIT_TEMPLATE, payload={}, asked_by="owner@acme.example")
    assert carry_out_jobs(ledger, {}) == {"done": 0, "failed": 1}


@pytest.mark.slow
def test_dagster_asks_when_it_is_time_and_not_when_nothing_was_submitted(ledger: Ledger, world: World) -> None:
    desk = Desk()
    given = {"ledger": LedgerOpener(ledger.settings), "providers": Desks(desk)}
    with dg.DagsterInstance.ephemeral() as instance:

        def look() -> object:
            context = dg.build_sensor_context(instance=instance, resources={"ledger": given["ledger"]})
            return approvals.templates_to_ask_about(context)

        assert isinstance(look(), dg.SkipReason)
        submit(ledger, world, desk)
        assert isinstance(look(), dg.SkipReason)  # a moment ago
        with ledger.write() as c:
            c.execute(t.templates.update().values(approval_checked_at=None))
        assert isinstance(look(), dg.RunRequest)
        desk.decide(TemplateApproval.APPROVED)
        assert dg.materialize([approvals.core_template_approvals], resources=given, instance=instance).success
    assert approval(ledger) is TemplateApproval.APPROVED
    assert approvals.core_template_approvals.op.pool == "templates"
    assert approvals.templates_to_ask_about in list(defs.sensors or [])


def test_the_doctor_speaks_of_whatsapp_only_where_it_is_wanted(ledger: Ledger, world: World) -> None:
    assert list(of_whatsapp(ledger, has_sender=False)) == []
    [fault] = of_whatsapp(ledger, has_sender=True)
    assert (fault.what, fault.mend) == (
        'The WhatsApp text "ask" (en) has not been submitted, so nothing goes by it.',
        "Run `afterword template submit`.",
    )
    with ledger.write() as c:
        c.execute(t.templates.update().values(approval=TemplateApproval.APPROVED))
    assert list(of_whatsapp(ledger, has_sender=True)) == []
    [fault] = of_whatsapp(ledger, has_sender=False)
    assert "TWILIO_WHATSAPP_FROM" in fault.mend
    with ledger.write() as c:
        c.execute(t.channels.update().where(t.channels.c.channel == Channel.WHATSAPP).values(is_enabled=False))
    assert list(of_whatsapp(ledger, has_sender=False)) == []
