"""`afterword send`, killed with SIGKILL at twenty random moments over 2,000 due requests and run again until done."""

import os
import random
import secrets
import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.migrate import migrate
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import AddressKind, Channel, InvitationStatus, RequestStatus, Source
from tests.sandbox import running_sandbox
from tests.waiting import wait_until
from tests.world import NOON, make_world

REQUESTS = 2_000
KILLS = 20


def make_due(ledger: Ledger, count: int) -> None:
    """`count` customers with one due request each, half by SMS and half by e-mail, written in bulk."""
    world = make_world(ledger, quota=count)
    numbers = range(1, count + 1)
    phone = {n: f"+1312555{n:04d}" for n in numbers}
    email = {n: f"customer{n}@example.com" for n in numbers}
    with ledger.write() as c:
        c.execute(t.people.insert(), [{"person_id": n, "account_id": world.account_id} for n in numbers])
        c.execute(
            t.person_addresses.insert(),
            [
                {"account_id": world.account_id, "kind": kind, "address": of[n], "person_id": n}
                for n in numbers
                for kind, of in ((AddressKind.PHONE, phone), (AddressKind.EMAIL, email))
            ],
        )
        c.execute(
            t.customers.insert(),
            [
                {
                    "customer_id": n,
                    "account_id": world.account_id,
                    "location_id": world.chicago,
                    "person_id": n,
                    "first_name": "Ana",
                    "last_name": str(n),
                    "email": email[n],
                    "phone": phone[n],
                    "source": Source.CSV,
                }
                for n in numbers
            ],
        )
        c.execute(
            t.invitations.insert(),
            [
                {
                    "invitation_id": n,
                    "account_id": world.account_id,
                    "location_id": world.chicago,
                    "customer_id": n,
                    "person_id": n,
                    "sequence_id": world.sequence_id,
                    "policy_id": world.policy_id,
                    "status": InvitationStatus.ACTIVE,
                    "started_at": NOON,
                }
                for n in numbers
            ],
        )
        channel = {n: Channel.SMS if n % 2 else Channel.EMAIL for n in numbers}
        c.execute(
            t.requests.insert(),
            [
                {
                    "request_id": n,
                    "account_id": world.account_id,
                    "location_id": world.chicago,
                    "invitation_id": n,
                    "step": 0,
                    "channel": channel[n],
                    "address": phone[n] if n % 2 else email[n],
                    "template_id": world.templates[channel[n]],
                    "policy_id": world.policy_id,
                    "status": RequestStatus.QUEUED,
                    "not_before": NOON - timedelta(hours=1),
                    "not_after": NOON + timedelta(hours=8),
                    "link_token": secrets.token_urlsafe(12),
                    "unsubscribe_token": secrets.token_urlsafe(12),
                }
                for n in numbers
            ],
        )


def statuses(ledger: Ledger) -> Counter[RequestStatus]:
    with ledger.read() as c:
        return Counter(c.execute(sa.select(t.requests.c.status)).scalars())


@pytest.mark.slow
def test_killed_twenty_times_and_yet_each_message_arrives_exactly_once(settings: Settings, tmp_path: Path) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    ledger = open_ledger(settings)
    migrate(ledger)
    make_due(ledger, REQUESTS)
    with running_sandbox(tmp_path / "sandbox") as sandbox, (tmp_path / "log").open("wb") as log:
        environment = {
            **os.environ,
            **sandbox.environment,
            "AFTERWORD_HOME": str(settings.home),
            "AFTERWORD_LEDGER_URL": settings.ledger_address,
            "AFTERWORD_NOW": NOON.isoformat(),
            "AFTERWORD_SETTLE_SECONDS": "1",
        }
        command = [str(Path(sys.executable).parent / "afterword")]

        def afterword(*words: str) -> "subprocess.Popen[bytes]":
            return subprocess.Popen([*command, *words], env=environment, stdout=log, stderr=log)

        def handed_over() -> int:
            with ledger.read() as c:
                return c.execute(
                    sa.select(sa.func.count()).select_from(t.attempts).where(t.attempts.c.handed_at.is_not(None))
                ).scalar_one()

        kills = 0
        while kills < KILLS:
            before = handed_over()
            sender = afterword("send")
            wait_until(lambda b=before, s=sender: handed_over() > b or s.poll() is not None, what="a first message")
            try:
                sender.wait(timeout=chance.uniform(0.0, 0.3))
            except subprocess.TimeoutExpired:
                sender.send_signal(signal.SIGKILL)
                sender.wait()
                kills += 1
            else:
                break  # everything went out before the twentieth kill; say so below
        assert kills == KILLS, f"seed {seed}: only {kills} kills: make more requests or kill sooner"

        ends = {RequestStatus.SENT, RequestStatus.DELIVERED, RequestStatus.FAILED}
        for _ in range(12):
            for words in (["resolve"], ["send"]):
                done = afterword(*words)
                assert done.wait(timeout=120) == 0, (tmp_path / "log").read_text()[-2000:]
            if set(statuses(ledger)) <= ends:
                break
        record = sandbox.record()
    assert set(statuses(ledger)) <= ends, f"seed {seed}: {statuses(ledger)}"
    assert Counter(message["to"] for message in record).most_common(1)[0][1] == 1, f"seed {seed}: sent twice"
    assert len(record) == REQUESTS, f"seed {seed}: lost"
    with ledger.read() as c:
        assert c.execute(sa.select(t.quota_cycles.c.used)).scalar_one() == REQUESTS
    ledger.close()
