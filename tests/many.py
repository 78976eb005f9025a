"""A ledger with many due requests, written in bulk: what the kill test and the benches send."""

import secrets
from datetime import datetime, timedelta

import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import (
    AddressKind,
    AttemptOutcome,
    Channel,
    InvitationStatus,
    RequestStatus,
    RunKind,
    RunStatus,
    Source,
)
from tests.world import NOON, World, insert, make_world


def make_due(ledger: Ledger, count: int, *, channels: tuple[Channel, ...] = (Channel.SMS, Channel.EMAIL)) -> World:
    """`count` customers with one due request each, by the channels in turn; their quota is exactly enough."""
    world = make_world(ledger, quota=count)
    numbers = range(1, count + 1)
    phone = {n: f"+1{200 + n // 10_000 % 700}{555_0000 + n % 10_000:07d}" for n in numbers}
    email = {n: f"customer{n}@example.com" for n in numbers}
    channel = {n: channels[n % len(channels)] for n in numbers}
    ours = {"account_id": world.account_id}
    here = {**ours, "location_id": world.chicago}
    with ledger.write() as c:
        c.execute(t.people.insert(), [{"person_id": n, **ours} for n in numbers])
        c.execute(
            t.person_addresses.insert(),
            [
                {**ours, "kind": kind, "address": of[n], "person_id": n}
                for n in numbers
                for kind, of in ((AddressKind.PHONE, phone), (AddressKind.EMAIL, email))
            ],
        )
        c.execute(
            t.customers.insert(),
            [
                {**here, "customer_id": n, "person_id": n, "first_name": "Ana", "last_name": str(n),
                 "email": email[n], "phone": phone[n], "source": Source.CSV}
                for n in numbers
            ],
        )  # fmt: skip
        c.execute(
            t.invitations.insert(),
            [
                {**here, "invitation_id": n, "customer_id": n, "person_id": n, "sequence_id": world.sequence_id,
                 "policy_id": world.policy_id, "status": InvitationStatus.ACTIVE, "started_at": NOON}
                for n in numbers
            ],
        )  # fmt: skip
        c.execute(
            t.requests.insert(),
            [
                {**here, "request_id": n, "invitation_id": n, "step": 0, "channel": channel[n],
                 "address": email[n] if channel[n] is Channel.EMAIL else phone[n],
                 "template_id": world.templates[channel[n]], "policy_id": world.policy_id,
                 "status": RequestStatus.QUEUED, **_window(NOON),
                 "link_token": secrets.token_urlsafe(12), "unsubscribe_token": secrets.token_urlsafe(12)}
                for n in numbers
            ],
        )  # fmt: skip
    return world


def make_sent(ledger: Ledger, count: int) -> dict[int, str]:
    """As many texts, each taken by Twilio as `SM` and its number, in 32 hexadecimal digits; attempt ids by number."""
    make_due(ledger, count, channels=(Channel.SMS,))
    attempt_of = {n: f"{n:024x}" for n in range(1, count + 1)}
    r = t.requests.c
    with ledger.write() as c:
        run = insert(c, t.runs, kind=RunKind.SEND, status=RunStatus.DONE, process="many", started_at=NOON)
        c.execute(
            t.attempts.insert(),
            [
                {"attempt_id": attempt, "request_id": n, "batch_id": run, "provider": "twilio", "claimed_at": NOON,
                 "lease_until": NOON, "handed_at": NOON, "finished_at": NOON, "outcome": AttemptOutcome.ACCEPTED,
                 "provider_message_id": f"SM{n:032x}"}
                for n, attempt in attempt_of.items()
            ],
        )  # fmt: skip
        attempt = sa.select(t.attempts.c.attempt_id).where(t.attempts.c.request_id == r.request_id).scalar_subquery()
        c.execute(
            t.requests.update().values(status=RequestStatus.SENT, handed_at=NOON, attempt_id=attempt, attempt_count=1)
        )
    return attempt_of


def _window(now: datetime) -> dict[str, datetime]:
    return {"not_before": now - timedelta(hours=1), "not_after": now + timedelta(hours=8)}
