"""Mailgun's list and ours, brought together: every row of the table in suppression_sync.py."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import AccountStopped, Listed, Unavailable
from data.ledger import tables as t
from data.ledger.controls import open_channels
from data.ledger.store import Ledger
from data.ledger.suppressions import record, suppress_person
from data.words import (
    AddressKind,
    Channel,
    InvitationStatus,
    RunKind,
    RunStatus,
    SuppressionEffect,
    SuppressionReason,
)
from invitations.suppression_sync import SyncFailed, SyncReport, sync_suppressions
from tests.world import NOON, World, make_customer, make_request, make_world

pytestmark = pytest.mark.one_database

ANA, PHONE = "ana@example.com", "+13125550100"
HOUR = timedelta(hours=1)
EMAIL_ON = [Channel.EMAIL]
EVERYTHING_ON = list(Channel)


class FakeList:
    """A provider's list, kept in memory."""

    name = "mailgun"

    def __init__(self, *entries: Listed, problem: Exception | None = None) -> None:
        self.entries = list(entries)
        self.added: list[tuple[str, datetime]] = []
        self.removed: list[Listed] = []
        self.problem = problem

    def read(self) -> Iterable[Listed]:
        if self.problem:
            raise self.problem
        return list(self.entries)

    def add(self, entries: Sequence[tuple[str, datetime]]) -> int:
        self.added += entries
        self.entries += [Listed(address, SuppressionReason.UNSUBSCRIBED, since) for address, since in entries]
        return len(entries)

    def remove(self, entry: Listed) -> None:
        self.removed.append(entry)
        self.entries.remove(entry)


def listed(reason: SuppressionReason, at: datetime | None = NOON, address: str = ANA, **more: Any) -> Listed:
    return Listed(address, reason, at, **more)


UNSUBSCRIBED = SuppressionReason.UNSUBSCRIBED


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


@pytest.fixture
def ana(ledger: Ledger, world: World) -> int:
    """Ana's person; she can be reached by e-mail and phone."""
    customer = make_customer(ledger, world, email=ANA, phone=PHONE)
    with ledger.read() as c:
        found = c.execute(sa.select(t.customers.c.person_id).where(t.customers.c.customer_id == customer))
        return int(found.scalar_one())


def sync(ledger: Ledger, fake: FakeList, now: datetime = NOON + 24 * HOUR) -> dict[str, int]:
    """One pass that must leave nothing for a second one to do; the first one's counts but for what was seen before."""
    counts = dict(sync_suppressions(ledger, {"mailgun": fake}, now=now).counts)
    rows = suppressions(ledger)
    again = sync_suppressions(ledger, {"mailgun": fake}, now=now).counts
    assert {word: count for word, count in again.items() if count and word != "repeated"} == {}
    assert suppressions(ledger) == rows
    return {word: count for word, count in counts.items() if count and word != "repeated"}


def suppressions(ledger: Ledger) -> list[Any]:
    with ledger.read() as c:
        return list(c.execute(t.suppressions.select().order_by(t.suppressions.c.suppression_id)))


def says_no(ledger: Ledger, world: World, person: int, at: datetime, reason: SuppressionReason = UNSUBSCRIBED) -> None:
    with ledger.write() as c:
        suppress_person(
            c, account_id=world.account_id, person_id=person, channel=None, reason=reason, recorded_by="test",
            occurred_at=at,
        )  # fmt: skip


def say(ledger: Ledger, world: World, kind: AddressKind, address: str, at: datetime, **values: Any) -> None:
    given = {"channel": Channel.EMAIL, "effect": SuppressionEffect.RESTORE, "reason": SuppressionReason.ASKED_BY_PERSON}
    with ledger.write() as c:
        record(
            c, [(kind, address)], account_id=world.account_id, recorded_by="owner@acme.example", occurred_at=at,
            **{**given, **values},
        )  # fmt: skip


def starts(ledger: Ledger, world: World, at: datetime) -> None:
    say(
        ledger, world, AddressKind.PHONE, PHONE, at, channel=Channel.SMS, reason=SuppressionReason.START_KEYWORD
    )  # fmt: skip


def restores_email(ledger: Ledger, world: World, at: datetime) -> None:
    say(ledger, world, AddressKind.EMAIL, ANA, at)


def open_to(ledger: Ledger, person: int) -> list[Channel]:
    with ledger.read() as c:
        return open_channels(c, person, {AddressKind.EMAIL: ANA, AddressKind.PHONE: PHONE})


@pytest.mark.both_databases
def test_a_bounce_takes_this_address_away_from_e_mail_and_nothing_else(ledger: Ledger, ana: int) -> None:
    assert sync(ledger, FakeList(listed(SuppressionReason.UNDELIVERABLE))) == {"new": 1}
    assert open_to(ledger, ana) == [Channel.SMS, Channel.WHATSAPP]
    (row,) = suppressions(ledger)
    assert (row.address, row.channel, row.reason, row.occurred_at) == (
        ANA, Channel.EMAIL, SuppressionReason.UNDELIVERABLE, NOON,
    )  # fmt: skip


@pytest.mark.both_databases
@pytest.mark.parametrize("reason", [SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINED])
def test_an_unsubscribe_or_complaint_there_ends_every_channel_and_every_open_invitation(
    ledger: Ledger, world: World, ana: int, reason: SuppressionReason
) -> None:
    with ledger.read() as c:
        customer = c.execute(sa.select(t.customers.c.customer_id)).scalar_one()
    make_request(ledger, world, customer)
    counts = sync(ledger, FakeList(listed(reason)))
    assert (counts["new"], counts["stopped"], open_to(ledger, ana)) == (1, 1, [])
    with ledger.read() as c:
        invitation = c.execute(t.invitations.select()).one()
    assert (invitation.status, invitation.stopped_by) == (InvitationStatus.STOPPED, "the provider")
    assert {row.reason for row in suppressions(ledger)} == {reason}


def test_an_address_that_nobody_here_has_is_suppressed_before_it_is_ever_imported(ledger: Ledger, world: World) -> None:
    stranger = "Stranger@Example.com"
    sync(ledger, FakeList(listed(UNSUBSCRIBED, address=stranger)))
    customer = make_customer(ledger, world, email=stranger.lower(), phone=PHONE)
    with ledger.read() as c:
        person = c.execute(sa.select(t.customers.c.person_id).where(t.customers.c.customer_id == customer)).scalar_one()
        assert open_channels(c, person, {AddressKind.EMAIL: stranger.lower(), AddressKind.PHONE: PHONE}) == []


def test_who_unsubscribed_from_one_kind_of_mail_is_asked_nothing_more_and_listed_for_all(
    ledger: Ledger, ana: int
) -> None:
    fake = FakeList(listed(UNSUBSCRIBED, is_for_all_mail=False))
    assert sync(ledger, fake) == {"new": 1, "added": 1}
    assert open_to(ledger, ana) == []
    assert fake.added == [(ANA, NOON)]


def test_what_was_seen_before_changes_nothing(ledger: Ledger, world: World, ana: int) -> None:
    says_no(ledger, world, ana, NOON - HOUR)
    fake = FakeList(listed(UNSUBSCRIBED), listed(SuppressionReason.COMPLAINED))
    report = sync_suppressions(ledger, {"mailgun": fake}, now=NOON)
    assert {word: count for word, count in report.counts.items() if count} == {"repeated": 2}
    assert len(suppressions(ledger)) == 2  # her two addresses, once


def test_a_start_before_the_entry_is_overruled_by_it(ledger: Ledger, world: World, ana: int) -> None:
    says_no(ledger, world, ana, NOON - 2 * HOUR)
    starts(ledger, world, NOON - HOUR)
    assert open_to(ledger, ana) == [Channel.SMS]
    sync(ledger, FakeList(listed(UNSUBSCRIBED)))
    assert open_to(ledger, ana) == []


@pytest.mark.parametrize("has_said_no", [True, False])
def test_a_start_after_the_entry_keeps_sms_and_only_sms(
    ledger: Ledger, world: World, ana: int, has_said_no: bool
) -> None:
    if has_said_no:
        says_no(ledger, world, ana, NOON - HOUR)
    starts(ledger, world, NOON + HOUR)
    sync(ledger, FakeList(listed(UNSUBSCRIBED)))
    assert open_to(ledger, ana) == [Channel.SMS]


@pytest.mark.both_databases
def test_an_address_restored_by_hand_after_the_entry_is_taken_off_the_list_and_the_audit_says_who(
    ledger: Ledger, world: World, ana: int
) -> None:
    says_no(ledger, world, ana, NOON)
    fake = FakeList()
    assert sync(ledger, fake) == {"added": 1}
    restores_email(ledger, world, NOON + HOUR)
    assert sync(ledger, fake) == {"removed": 1}
    assert (fake.entries, open_to(ledger, ana)) == ([], EMAIL_ON)
    with ledger.read() as c:
        line = c.execute(t.audit.select()).one()
    restored = suppressions(ledger)[-1].suppression_id
    assert (line.actor, line.action, line.subject) == ("owner@acme.example", "unlist", f"suppression {restored}")
    assert ANA not in str(line)


def test_a_bounce_restored_by_hand_is_taken_off_too(ledger: Ledger, world: World, ana: int) -> None:
    fake = FakeList(listed(SuppressionReason.UNDELIVERABLE))
    sync(ledger, fake)
    restores_email(ledger, world, NOON + HOUR)
    assert sync(ledger, fake) == {"removed": 1}
    assert open_to(ledger, ana) == EVERYTHING_ON


@pytest.mark.parametrize("reason", [UNSUBSCRIBED, SuppressionReason.COMPLAINED, SuppressionReason.UNDELIVERABLE])
@pytest.mark.parametrize("later", [HOUR, timedelta(), None])
def test_an_entry_made_after_the_restoring_or_at_the_same_second_or_without_a_time_wins(
    ledger: Ledger, world: World, ana: int, reason: SuppressionReason, later: timedelta | None
) -> None:
    says_no(ledger, world, ana, NOON - HOUR)
    restores_email(ledger, world, NOON)
    fake = FakeList(listed(reason, None if later is None else NOON + later))
    assert sync(ledger, fake)["new"] == 1
    assert Channel.EMAIL not in open_to(ledger, ana)
    assert fake.removed == []


def test_a_restored_address_stays_listed_while_another_word_keeps_it_off(
    ledger: Ledger, world: World, ana: int
) -> None:
    says_no(ledger, world, ana, NOON)
    restores_email(ledger, world, NOON + HOUR)
    off = {"effect": SuppressionEffect.SUPPRESS, "reason": UNSUBSCRIBED}
    say(ledger, world, AddressKind.EMAIL, ANA, NOON + 2 * HOUR, **off)
    fake = FakeList(listed(UNSUBSCRIBED))
    assert sync(ledger, fake) == {}
    assert fake.removed == []


@pytest.mark.parametrize(
    "reason",
    [r for r in SuppressionReason if r not in (SuppressionReason.START_KEYWORD, SuppressionReason.UNDELIVERABLE)],
)
def test_whoever_said_no_here_is_added_there_with_every_address_since_they_said_it(
    ledger: Ledger, world: World, ana: int, reason: SuppressionReason
) -> None:
    with ledger.write() as c:
        c.execute(t.person_addresses.insert().values(
            account_id=world.account_id, kind=AddressKind.EMAIL, address="ana@work.example", person_id=ana
        ))  # fmt: skip
    says_no(ledger, world, ana, NOON, reason)
    fake = FakeList(listed(SuppressionReason.UNDELIVERABLE, NOON - HOUR))
    assert sync(ledger, fake) == {"new": 1, "added": 2}
    assert fake.added == [(ANA, NOON), ("ana@work.example", NOON)]


def test_nobody_is_added_for_a_dead_mailbox_a_phone_or_what_is_refused_there_already(
    ledger: Ledger, world: World, ana: int
) -> None:
    sync(ledger, FakeList(listed(SuppressionReason.UNDELIVERABLE, address="dead@example.com")))
    says_no(ledger, world, ana, NOON, SuppressionReason.COMPLAINED)
    with ledger.write() as c:
        record(
            c, [(AddressKind.PHONE, "+13125550177")], account_id=world.account_id, channel=None, recorded_by="test",
            effect=SuppressionEffect.SUPPRESS, reason=SuppressionReason.STOP_KEYWORD, occurred_at=NOON,
        )  # fmt: skip
    fake = FakeList(listed(SuppressionReason.COMPLAINED))
    sync(ledger, fake)
    assert fake.added == []


@pytest.mark.both_databases
def test_who_restarted_sms_only_stays_listed_for_e_mail(ledger: Ledger, world: World, ana: int) -> None:
    says_no(ledger, world, ana, NOON, SuppressionReason.STOP_KEYWORD)
    starts(ledger, world, NOON + HOUR)
    fake = FakeList()
    assert sync(ledger, fake) == {"added": 1}
    assert open_to(ledger, ana) == [Channel.SMS]


def test_without_such_a_provider_there_is_nothing_to_do_and_no_run(ledger: Ledger, world: World) -> None:
    assert sync_suppressions(ledger, {}, now=NOON) == SyncReport(None, {})
    with ledger.read() as c:
        assert c.execute(t.runs.select()).all() == []


def test_a_list_that_is_not_reached_keeps_no_other_from_its_turn_and_the_run_says_failed(
    ledger: Ledger, world: World, ana: int
) -> None:
    lists = {"away": FakeList(problem=Unavailable("HTTP 503")), "mailgun": FakeList(listed(UNSUBSCRIBED))}
    with pytest.raises(SyncFailed, match=r"away \(HTTP 503\)"):
        sync_suppressions(ledger, lists, now=NOON)
    assert open_to(ledger, ana) == []
    with ledger.read() as c:
        run = c.execute(t.runs.select()).one()
    assert (run.kind, run.status, run.counts["new"]) == (RunKind.SUPPRESSIONS, RunStatus.FAILED, 1)


def test_a_refused_account_is_a_fault_of_the_configuration(ledger: Ledger, world: World) -> None:
    with pytest.raises(AccountStopped):
        sync_suppressions(ledger, {"mailgun": FakeList(problem=AccountStopped("401", "refused"))}, now=NOON)


@pytest.mark.one_database
@pytest.mark.slow
def test_thousands_of_entries_take_a_handful_of_statements(ledger: Ledger, world: World) -> None:
    fake = FakeList(*(listed(UNSUBSCRIBED, address=f"n{n}@example.com") for n in range(1200)))
    statements: list[str] = []
    sa.event.listen(ledger.engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    assert sync_suppressions(ledger, {"mailgun": fake}, now=NOON).counts["new"] == 1200
    assert len([s for s in statements if not s.startswith(("BEGIN", "PRAGMA"))]) < 60
