"""A town whose customers did anything at all, for figures that are counted once more by hand. The seed decides."""

import random
from datetime import datetime, timedelta
from typing import Any

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Channel, EventKind, Evidence, InvitationStatus, RequestStatus, Source
from tests.world import NOON, World, insert, insert_many, make_customer

_FIRST = ("Ana", "Ben", "Cleo", "Dana", "Émile", "Fay", "Gil", "Hana", "Ivo", "Jo")
_LAST = ("Ruiz", "Okafor", "Marsh", "Fox", "Nowak", "Tran", "O'Neill", "Berg")
_EMPLOYEES = ("Dr. Eve", "Bob", None)
_SERVICES = ("Crown", "Cleaning", None)
_GONE = (RequestStatus.SENT, RequestStatus.DELIVERED, RequestStatus.FAILED, RequestStatus.IN_DOUBT)
_WAITING = (RequestStatus.QUEUED, RequestStatus.CANCELED)
_ENDED = (InvitationStatus.STOPPED, InvitationStatus.ANSWERED, InvitationStatus.FINISHED)


def fill(ledger: Ledger, world: World, seed: int, *, customers: int) -> None:
    """So many customers with up to three invitations each, over forty days up to noon."""
    chance = random.Random(seed)
    lists = []
    with ledger.write() as c:
        for name, source in (("May visits", Source.CSV), ("CRM", Source.HUBSPOT)):
            lists.append(insert(
                c, t.lists, account_id=world.account_id, location_id=world.chicago, name=name, source=source,
                content_sha256=name, imported_by="owner@acme.example", completed_at=NOON,
            ))  # fmt: skip
    for number in range(customers):
        customer = make_customer(
            ledger, world, email=f"c{number}@example.com", phone=f"+1312555{number:04d}",
            location_id=chance.choice((world.chicago, world.new_york)), first_name=chance.choice(_FIRST),
            last_name=chance.choice(_LAST), employee=chance.choice(_EMPLOYEES), service=chance.choice(_SERVICES),
            list_id=chance.choice((*lists, None)),
        )  # fmt: skip
        for how_old in sorted(chance.sample(range(1, 41), chance.choice((0, 1, 1, 1, 2, 3))), reverse=True):
            _invite(ledger, world, chance, customer, NOON - timedelta(days=how_old))


def _invite(ledger: Ledger, world: World, chance: random.Random, customer: int, start: datetime) -> None:
    def later(moment: datetime) -> datetime:
        return min(NOON, moment + timedelta(minutes=chance.choice((1, 30, 300, 900, 3000, 9000))))

    with ledger.write() as c:
        person = c.execute(t.customers.select().where(t.customers.c.customer_id == customer)).one()
        whole = {"account_id": world.account_id, "location_id": person.location_id}
        has_left = chance.random() < 0.85
        invitation = insert(
            c, t.invitations, **whole, customer_id=customer, person_id=person.person_id,
            sequence_id=world.sequence_id, policy_id=world.policy_id, status=chance.choice(_ENDED), started_at=start,
            first_handed_at=start + timedelta(minutes=3) if has_left else None,
        )  # fmt: skip
        messages: list[tuple[int, Channel, datetime]] = []
        for step, channel in [(0, Channel.SMS), (0, Channel.EMAIL), (1, Channel.EMAIL)][: chance.choice((1, 2, 3))]:
            at = start + timedelta(days=3 * step, minutes=3)
            is_gone = has_left and (step == 0 or at <= NOON)
            request = insert(
                c, t.requests, **whole, invitation_id=invitation, step=step, channel=channel,
                address=person.email if channel is Channel.EMAIL else person.phone,
                template_id=world.templates[channel], policy_id=world.policy_id,
                status=chance.choice(_GONE if is_gone else _WAITING), not_before=start, not_after=NOON,
                link_token=f"l{invitation}{step}{channel}", unsubscribe_token=f"u{invitation}{step}{channel}",
                handed_at=at if is_gone else None,
            )  # fmt: skip
            if is_gone:
                messages.append((request, channel, at))
        told = [_told(chance, message, later) for message in messages for _ in range(chance.choice((0, 1, 3)))]
        of = {
            **whole,
            "invitation_id": invitation,
            "person_id": person.person_id,
            "recorded_at": start - timedelta(days=2),
        }
        if told:
            insert_many(c, t.events, [{**of, **row} for row in told])
        if messages and chance.random() < 0.5:
            request, _, at = chance.choice(messages)
            answer = {"score": chance.randint(0, 10)} if chance.random() < 0.8 else {"stars": chance.randint(1, 5)}
            insert_many(c, t.scores, [{
                "invitation_id": invitation, "request_id": request, "scored_at": later(at),
                "score": None, "stars": None, **answer,
            }])  # fmt: skip
        if messages and chance.random() < 0.4:
            insert(
                c, t.reviews, **whole, platform=chance.choice(("google", "facebook")), reviewer_name="Ben O.",
                provider_review_id=f"r{invitation}", stars=chance.randint(1, 5), body="No waiting at all.",
                sentiment="positive", reviewed_at=later(start) - timedelta(minutes=2), invitation_id=invitation,
            )  # fmt: skip


def _told(chance: random.Random, message: tuple[int, Channel, datetime], later: Any) -> dict[str, Any]:
    """One event of a message."""
    request, channel, at = message
    kinds = [EventKind.OPENED, EventKind.CLICKED, EventKind.PLATFORM_CHOSEN]
    kinds += [EventKind.ACCEPTED_BY_SERVER] if channel is Channel.EMAIL else [EventKind.SENT, EventKind.DELIVERED]
    kind = chance.choice(kinds)
    graded = kind in (EventKind.OPENED, EventKind.CLICKED)
    return {
        "request_id": request, "channel": channel, "kind": kind, "occurred_at": later(at),
        "evidence": chance.choice(list(Evidence)) if graded else None,
    }  # fmt: skip
