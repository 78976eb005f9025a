"""Bounces and complaints that come by mail: believed with the attempt's id and its address only, each word once."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from connectors import BounceMail, MailReport, Message, Outcome, Unavailable
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import (
    Channel,
    EventKind,
    FailureScope,
    InvitationStatus,
    RequestStatus,
    SuppressionEffect,
    SuppressionReason,
)
from invitations.bounces import READ_AGAIN, read_bounces, take_mails
from invitations.events import PollFailed, poll_providers
from invitations.send import send_due
from tests.recorder import Recorder
from tests.world import NOON, insert, make_customer, make_request, make_world

pytestmark = pytest.mark.one_database  # what the first ones write is held on PostgreSQL too

LATER = NOON + timedelta(minutes=1)
ANA = "ana@example.com"
FORGED = "f" * 24


def sent(ledger: Ledger, provider: str = "smtp", email: str = ANA, *, is_in_doubt: bool = False) -> str:
    """A mail that left by a relay, or may have; its attempt's id."""
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world, email=email), channel=Channel.EMAIL)

    def silence(message: Message) -> Outcome:
        raise ConnectionResetError

    relay = Recorder(silence if is_in_doubt else None)
    relay.name = provider
    send_due(ledger, relay.messengers, now=NOON)
    return str(only(ledger, t.attempts).attempt_id)


def bounce(attempt_id: str, *addresses: str, **values: Any) -> BounceMail:
    given: dict[str, Any] = {
        "kind": EventKind.FAILED, "occurred_at": LATER, "code": "550 5.1.1", "reason": "no such mailbox",
        "scope": FailureScope.ADDRESS, "raw": {"recipient": [["Action", "failed"]]},
    }  # fmt: skip
    return BounceMail((MailReport("smtp", (attempt_id,), addresses or (ANA,), **{**given, **values}),))


def complaint(attempt_id: str, **values: Any) -> BounceMail:
    return bounce(attempt_id, **{"kind": EventKind.COMPLAINED, "code": None, "scope": None, **values})


def only(ledger: Ledger, table: sa.Table) -> Any:
    with ledger.read() as c:
        return c.execute(sa.select(table)).one()


def count(ledger: Ledger, table: sa.Table) -> int:
    with ledger.read() as c:
        return c.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def take(ledger: Ledger, *mails: BounceMail, now: datetime = LATER) -> dict[str, int]:
    """Each count that is not nought."""
    return {word: number for word, number in take_mails(ledger, mails, now=now).items() if number}


class Box:
    """A box that gives what it is filled with, and notes since when it was asked."""

    name = "bounces:box"

    def __init__(self, mails: Sequence[BounceMail] = ()) -> None:
        self.mails = list(mails)
        self.asked: list[datetime | None] = []

    def read(self, since: datetime | None) -> Iterator[BounceMail]:
        self.asked.append(since)
        yield from self.mails


@pytest.mark.both_databases
def test_a_bounce_fails_the_request_keeps_the_quota_and_suppresses_the_address_once(ledger: Ledger) -> None:
    attempt_id = sent(ledger)
    assert take(ledger, bounce(attempt_id)) == {"mails": 1, "new": 1}
    request = only(ledger, t.requests)
    assert (request.status, request.failure_scope) == (RequestStatus.FAILED, FailureScope.ADDRESS)
    assert (request.failure_code, request.failed_at) == ("550 5.1.1", LATER)
    assert only(ledger, t.quota_cycles).used == 1
    row = only(ledger, t.suppressions)
    assert (row.address, row.channel, row.reason) == (ANA, Channel.EMAIL, SuppressionReason.UNDELIVERABLE)
    assert take(ledger, bounce(attempt_id), bounce(attempt_id)) == {"mails": 2, "repeated": 2}
    assert count(ledger, t.events) == count(ledger, t.suppressions) == 1


@pytest.mark.both_databases
def test_a_message_in_doubt_that_a_bounce_names_has_left(ledger: Ledger) -> None:
    attempt_id = sent(ledger, is_in_doubt=True)
    assert only(ledger, t.requests).status is RequestStatus.IN_DOUBT
    delayed = bounce(attempt_id, kind=EventKind.DELAYED, scope=None, code="4.4.1")
    take(ledger, delayed)
    assert only(ledger, t.requests).status is RequestStatus.SENT
    assert only(ledger, t.quota_cycles).used == 1
    take(ledger, bounce(attempt_id))
    assert only(ledger, t.requests).status is RequestStatus.FAILED
    assert only(ledger, t.quota_cycles).used == 1
    relay = Recorder()
    relay.name = "smtp"
    send_due(ledger, relay.messengers, now=LATER)
    assert relay.taken == []


@pytest.mark.both_databases
def test_a_complaint_ends_the_invitation_and_needs_no_address(ledger: Ledger) -> None:
    attempt_id = sent(ledger)
    hidden = MailReport("smtp", (attempt_id,), (), EventKind.COMPLAINED, LATER, reason="complained")
    assert take(ledger, BounceMail((hidden,))) == {"mails": 1, "new": 1}
    assert only(ledger, t.invitations).status is InvitationStatus.STOPPED
    with ledger.read() as c:
        rows = c.execute(sa.select(t.suppressions)).all()
    assert {(row.reason, row.channel) for row in rows} == {(SuppressionReason.COMPLAINED, None)}
    assert take(ledger, complaint(attempt_id, reason="complained")) == {"mails": 1, "repeated": 1}


@pytest.mark.parametrize(
    ("kind", "status"),
    [(EventKind.ACCEPTED_BY_SERVER, RequestStatus.SENT), (EventKind.DELAYED, RequestStatus.SENT)],
)
def test_a_word_on_the_way_is_kept_and_changes_no_status(
    ledger: Ledger, kind: EventKind, status: RequestStatus
) -> None:
    attempt_id = sent(ledger)
    take(ledger, bounce(attempt_id, kind=kind, scope=None, code="2.0.0"))
    assert only(ledger, t.requests).status is status
    assert only(ledger, t.events).kind is kind


def test_a_failure_that_says_nothing_of_the_address_suppresses_nobody(ledger: Ledger) -> None:
    take(ledger, bounce(sent(ledger), code="552 5.2.2", scope=FailureScope.MESSAGE))
    assert only(ledger, t.requests).status is RequestStatus.FAILED
    assert count(ledger, t.suppressions) == 0


def test_a_forged_bounce_changes_nothing(ledger: Ledger) -> None:
    attempt_id = sent(ledger)
    assert take(ledger, bounce(FORGED), complaint(FORGED)) == {"mails": 2, "unmatched": 2}
    assert take(ledger, bounce(attempt_id, "somebody@example.com")) == {"mails": 1, "other_address": 1}
    assert take(ledger, bounce(attempt_id, "somebody@example.com", kind=EventKind.DELAYED)) == {
        "mails": 1, "other_address": 1,
    }  # fmt: skip
    assert only(ledger, t.requests).status is RequestStatus.SENT
    assert count(ledger, t.suppressions) == count(ledger, t.events) == count(ledger, t.inbox) == 0


def test_a_bounce_of_what_another_provider_carried_is_none_of_a_relay(ledger: Ledger) -> None:
    assert take(ledger, bounce(sent(ledger, "mailgun"))) == {"mails": 1, "unmatched": 1}
    assert only(ledger, t.requests).status is RequestStatus.SENT


def test_the_first_id_that_is_ours_counts_and_an_address_however_it_is_spelled(ledger: Ledger) -> None:
    attempt_id = sent(ledger, email="ana@bücher.com")
    [report] = bounce(attempt_id, "moved@example.com", "ANA@xn--bcher-kva.com").reports
    told = BounceMail((MailReport(
        "smtp", (FORGED, attempt_id), report.recipients, report.kind, report.occurred_at, report.code, report.reason,
        report.scope,
    ),))  # fmt: skip
    assert take(ledger, told) == {"mails": 1, "new": 1}


def test_a_no_is_dated_between_its_message_and_now(ledger: Ledger) -> None:
    attempt_id = sent(ledger)
    take(ledger, bounce(attempt_id, occurred_at=LATER + timedelta(days=900)))
    take(ledger, complaint(attempt_id, occurred_at=datetime(1971, 1, 1, tzinfo=UTC)))
    with ledger.read() as c:
        told = c.execute(sa.select(t.events.c.kind, t.events.c.occurred_at)).all()
    assert {(row.kind, row.occurred_at) for row in told} == {
        (EventKind.FAILED, LATER), (EventKind.COMPLAINED, only(ledger, t.requests).handed_at),
    }  # fmt: skip
    assert take(ledger, bounce(attempt_id, occurred_at=None)) == {"mails": 1, "repeated": 1}


def test_an_old_mailbox_read_anew_after_the_keys_were_forgotten_takes_nothing_back(ledger: Ledger) -> None:
    attempt_id = sent(ledger)
    take(ledger, bounce(attempt_id))
    with ledger.write() as c:
        c.execute(t.inbox.delete())  # as the archive does after 35 days
        row = c.execute(sa.select(t.suppressions)).one()
        restored = {"effect": SuppressionEffect.RESTORE, "reason": row.reason, "recorded_by": "owner@acme.example"}
        insert(c, t.suppressions, **{
            **{name: value for name, value in row._mapping.items() if name not in {"suppression_id", "event_id"}},
            **restored,
        })  # fmt: skip
    assert take(ledger, bounce(attempt_id)) == {"mails": 1, "repeated": 1}
    assert count(ledger, t.suppressions) == 2


def test_other_mail_and_what_cannot_be_read_is_counted_and_stops_nothing(ledger: Ledger) -> None:
    attempt_id = sent(ledger)
    with capture_logs() as logs:
        told = take(ledger, BounceMail(), BounceMail(is_unreadable=True), bounce(attempt_id))
    assert told == {"mails": 3, "no_report": 1, "unreadable": 1, "new": 1}
    assert "bounces read" in {entry["event"] for entry in logs}
    assert "@" not in str(logs)


def test_the_pass_reads_on_from_where_it_began_the_last_time(ledger: Ledger) -> None:
    attempt_id = sent(ledger)
    box = Box([bounce(attempt_id)])
    before = datetime.now(UTC)
    report = poll_providers(ledger, {}, now=LATER, bounces=box)
    assert {word: number for word, number in report.counts.items() if number} == {"mails": 1, "new": 1}
    assert poll_providers(ledger, {}, now=LATER, bounces=box).counts["repeated"] == 1
    first, second = box.asked
    assert first is None  # whatever lies there when it is first named
    assert second is not None
    assert before <= second + READ_AGAIN <= datetime.now(UTC)
    other = Box()
    other.name = "bounces:another"
    read_bounces(ledger, other, now=LATER)
    assert other.asked == [None]


@pytest.mark.slow
def test_a_long_reading_that_is_ended_goes_on_from_where_it_was(ledger: Ledger) -> None:
    begun = datetime.now(UTC)

    class Long(Box):
        def read(self, since: datetime | None) -> Iterator[BounceMail]:
            self.asked.append(since)
            for number in range(450):
                if number == 420:
                    raise FileNotFoundError
                yield BounceMail(came_at=begun - timedelta(minutes=450 - number))

    sent(ledger)
    box = Long()
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            read_bounces(ledger, box, now=LATER)
    assert box.asked == [None, begun - timedelta(minutes=450 - 399) - READ_AGAIN]


def test_a_box_that_is_being_written_waits_for_the_next_pass(ledger: Ledger) -> None:
    attempt_id = sent(ledger)

    class Busy(Box):
        def read(self, since: datetime | None) -> Iterator[BounceMail]:
            self.asked.append(since)
            if len(self.asked) == 1:
                raise Unavailable
            yield from self.mails

    box = Busy([bounce(attempt_id)])
    assert poll_providers(ledger, {}, now=LATER, bounces=box).counts["busy"] == 1
    assert poll_providers(ledger, {}, now=LATER, bounces=box).counts["new"] == 1
    assert box.asked == [None, None]


def test_a_box_that_cannot_be_read_is_told_and_read_from_the_same_place_later(ledger: Ledger) -> None:
    sent(ledger)

    class Gone(Box):
        def read(self, since: datetime | None) -> Iterator[BounceMail]:
            yield BounceMail()
            raise FileNotFoundError

    with pytest.raises(PollFailed, match=r"the mailbox for bounces \(FileNotFoundError\)"):
        poll_providers(ledger, {}, now=LATER, bounces=Gone())
    box = Box()
    read_bounces(ledger, box, now=LATER)
    assert box.asked == [None]
