"""Mailgun's list and ours over the wire: our own connector, the sandbox's lists, a ledger, and nothing in the logs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from structlog.testing import capture_logs

from connectors.mailgun import MailgunMessenger
from connectors.mailgun_api import MailgunSettings
from connectors.mailgun_suppressions import MailgunSuppressions
from data.ledger import tables as t
from data.ledger.controls import open_channels
from data.ledger.store import Ledger
from data.words import AddressKind, Channel, Role, SuppressionReason
from invitations.controls import Actor
from invitations.restore import restore_email
from invitations.suppression_sync import sync_suppressions
from tests.connectors.samples import mail_message
from tests.sandbox import MAILGUN_DOMAIN, MAILGUN_KEY, running_sandbox
from tests.world import NOON, make_customer, make_world, suppress

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]


def test_a_complaint_there_ends_here_and_an_opt_out_here_is_refused_there_until_it_is_lifted(
    ledger: Ledger, tmp_path: Path
) -> None:
    world = make_world(ledger)
    people = {}
    for name, number in (("ana", "+13125550100"), ("bo", "+13125550111")):
        customer = make_customer(ledger, world, email=f"{name}@example.com", phone=number)
        with ledger.read() as c:
            found = sa.select(t.customers.c.person_id).where(t.customers.c.customer_id == customer)
            people[name] = c.execute(found).scalar_one()
    suppress(ledger, world, AddressKind.PHONE, "+13125550111")

    def is_open(name: str) -> bool:
        with ledger.read() as c:
            return Channel.EMAIL in open_channels(c, people[name], {AddressKind.EMAIL: f"{name}@example.com"})

    with running_sandbox(tmp_path, pace=0.02) as sandbox, capture_logs() as logs:
        settings = MailgunSettings(
            api_key=SecretStr(MAILGUN_KEY), domain=MAILGUN_DOMAIN, sender=None, webhook_key=None, url=sandbox.url
        )
        lists = {"mailgun": MailgunSuppressions(settings)}

        def mail(name: str) -> str:
            """How a mail to somebody ends at Mailgun."""
            MailgunMessenger(settings).send(mail_message(to=f"{name}@example.com"))
            sandbox.wait_until_quiet()
            return str(sandbox.record()[-1]["status"])

        assert mail("ana") == "delivered"
        sandbox.post("/_sandbox/events", {"recipient": "ana@example.com", "event": "complained"})
        counts = sync_suppressions(ledger, lists, now=datetime.now(UTC)).counts
        assert (counts["new"], counts["added"]) == (1, 1)
        assert not is_open("ana")
        assert mail("bo") == "failed"
        again = sync_suppressions(ledger, lists, now=datetime.now(UTC)).counts
        assert {word: count for word, count in again.items() if count} == {"repeated": 2}

        owner = Actor("owner@acme.example", Role.OWNER, world.account_id)
        later = NOON + timedelta(hours=1)  # he said no at noon
        restore_email(ledger, owner, "bo@example.com", because="he wrote to the desk", now=later)
        assert sync_suppressions(ledger, lists, now=later).counts["removed"] == 1
        assert is_open("bo")
        assert mail("bo") == "delivered"
    reasons = {entry["event"] for entry in logs}
    assert "suppressions brought together" in reasons
    assert "@" not in str(logs)
    with ledger.read() as c:
        told = set(c.execute(sa.select(t.suppressions.c.reason)).scalars())
    assert SuppressionReason.COMPLAINED in told
