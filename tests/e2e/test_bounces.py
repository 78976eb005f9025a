"""A mail over a real connection to a relay, its bounce in the mailbox, the events pass: from one end to the other."""

import mailbox
import re
from email import message_from_bytes
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from structlog.testing import capture_logs

from connectors.bounce_mailbox import BounceBox
from connectors.smtp import SmtpMessenger
from connectors.smtp_settings import SmtpSettings
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Channel, RequestStatus, SuppressionReason
from invitations.send import send_due
from pipelines.passes import receive_events
from tests.connectors.relay import relay
from tests.connectors.samples import ATTEMPT
from tests.connectors.test_bounces import mail
from tests.world import NOON, make_customer, make_request, make_world

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]


def test_a_mail_that_bounces_fails_and_its_address_is_not_written_to_again(ledger: Ledger, tmp_path: Path) -> None:
    world = make_world(ledger)
    for name in ("ana", "bo"):
        customer = make_customer(ledger, world, email=f"{name}@example.com")
        make_request(ledger, world, customer, channel=Channel.EMAIL)
    box = mailbox.Maildir(tmp_path / "Maildir")
    bounces = BounceBox(tmp_path / "Maildir")
    with relay("accepts") as it, capture_logs() as logs:
        url = it.url.replace("http://", "smtp://") + "?from=reviews@acme.example&bounces=bounces@acme.example"
        carriers = {Channel.EMAIL: SmtpMessenger(SmtpSettings(address=SecretStr(url)))}
        send_due(ledger, carriers, now=NOON)
        assert {envelope.mail_from for envelope in it.mails} == {"bounces@acme.example"}
        [taken] = [envelope for envelope in it.mails if envelope.rcpt_tos == ["ana@example.com"]]
        assert isinstance(taken.content, bytes)
        as_sent = message_from_bytes(taken.content)
        assert as_sent["From"] == "Acme Chicago <reviews@acme.example>"
        returned = re.fullmatch(r"<(\w+)@acme\.example>", as_sent["Message-ID"])
        assert returned is not None

        assert receive_events(ledger, {}, bounces, now=NOON)["mails"] == 0
        box.add(mail("vacation"))
        box.add(mail("postfix").replace(ATTEMPT.encode(), returned[1].encode()))
        counts = receive_events(ledger, {}, bounces, now=NOON)
        assert (counts["mails"], counts["new"], counts["no_report"]) == (2, 1, 1)

        with ledger.read() as c:
            status = dict(c.execute(sa.select(t.requests.c.address, t.requests.c.status)).all())
            suppressed = [tuple(row) for row in c.execute(sa.select(t.suppressions.c.address, t.suppressions.c.reason))]
            used = c.execute(sa.select(t.quota_cycles.c.used)).scalar_one()
            again = c.execute(sa.select(t.customers.c.customer_id).where(t.customers.c.email == "ana@example.com"))
            ana = again.scalar_one()
        assert status == {"ana@example.com": RequestStatus.FAILED, "bo@example.com": RequestStatus.SENT}
        assert suppressed == [("ana@example.com", SuppressionReason.UNDELIVERABLE)]
        assert used == 2  # a message left, as with Mailgun's bounce

        make_request(ledger, world, ana, channel=Channel.EMAIL, step=1)
        send_due(ledger, carriers, now=NOON)
        assert len(it.mails) == 2
    assert "@example.com" not in str(logs)
