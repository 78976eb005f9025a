"""Pictures from a file on somebody's disk to the customer: asked by hand, planned, sent, fetched by the provider."""

import io
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from PIL import Image

from connectors.registry import open_messengers
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import AttemptOutcome, Role
from invitations.by_hand import ask
from invitations.controls import Actor, Done
from invitations.queueing import plan_and_queue
from invitations.send import send_due
from tests.sandbox import running_sandbox
from tests.web.served import served
from tests.world import NOON, make_customer, make_world


def a_photograph() -> bytes:
    facts = Image.Exif()
    facts[0x010F] = "Camera of Ana"
    out = io.BytesIO()
    Image.effect_noise((1700, 1300), 30).convert("RGB").save(out, "JPEG", exif=facts)
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.one_database  # what reads and writes pictures is held on PostgreSQL by tests/data/test_pictures.py
def test_two_pictures_reach_a_customer_by_text_and_another_by_mail(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world, photo = make_world(ledger), a_photograph()
    owner = Actor("owner@acme.example", Role.OWNER, world.account_id)
    for reached in ({"phone": "+13125550111"}, {"email": "ana@example.com"}):
        customer = make_customer(ledger, world, **reached)  # type: ignore[arg-type]
        asked = ask(ledger, owner, customer, attached=[("a.jpg", photo), ("b.jpg", photo)], now=NOON)
        assert isinstance(asked, Done)
    plan_and_queue(ledger, now=NOON)
    with served(ledger) as web, running_sandbox(tmp_path / "sandbox", public_url=web, pace=0.02) as sandbox:
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        public = Ledger(ledger.engine, ledger.settings.model_copy(update={"public_url": web}))
        with structlog.testing.capture_logs() as logs:
            batch = send_due(public, open_messengers(), now=NOON)
            sandbox.wait_until_quiet()
        record = {row["to"]: row for row in sandbox.record()}
    assert batch.counts[AttemptOutcome.ACCEPTED] == 2
    with ledger.read() as c:
        along = t.invitation_attachments.c
        joined = sa.select(along.channel, t.attachments.c.content).join(t.invitation_attachments).distinct()
        kept = {row.channel.value: row.content for row in c.execute(joined)}
        tokens = c.scalars(sa.select(t.media_links.c.token)).all()
    assert len(tokens) == 2
    for to, channel in (("+13125550111", "sms"), ("ana@example.com", "email")):
        assert record[to]["status"] == "delivered"
        got = [(one["media_type"], one["size"]) for one in record[to]["media"]]
        assert got == [("image/jpeg", len(kept[channel]))] * 2
        assert b"Camera of Ana" not in kept[channel]
    said = repr(logs) + caplog.text
    assert [line["status"] for line in logs if line.get("route") == "/m/{token}"] == [200] * 4
    assert not any(token in said for token in tokens)
