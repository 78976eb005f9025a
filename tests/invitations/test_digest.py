"""The morning digest: yesterday in the account's zone, counts only, once for each account and day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from data.ledger.digests import Failures, Figures
from data.ledger.runs import end_run, start_run
from data.ledger.store import Ledger
from data.ledger.tables import digests, events, invitations, lists, notices, requests, reviews, scores
from data.ledger.tables.metadata import database_now
from data.words import (
    Channel,
    EventKind,
    FailureScope,
    NoticeWay,
    RequestStatus,
    RunKind,
    RunStatus,
    Source,
)
from invitations.digest import day_due, text_of, write_due_digests
from tests.world import NOON, World, insert, make_customer, make_request, make_world

CHICAGO = ZoneInfo("America/Chicago")
YESTERDAY = NOON - timedelta(days=1)  # Sunday noon in Chicago
WAYS = [NoticeWay.WEBHOOK, NoticeWay.EMAIL]


@pytest.fixture
def world(ledger: Ledger) -> World:
    end_run(ledger, start_run(ledger, RunKind.PLAN, NOON), RunStatus.DONE, {"candidates": 9, "held_frequency_cap": 4})
    return make_world(ledger)


def told(ledger: Ledger) -> str:
    with ledger.read() as connection:
        text: str = connection.execute(sa.select(digests.c.text)).scalar_one()
        return text


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 23, 13, 59, tzinfo=UTC), None),  # 7:59
        (datetime(2026, 11, 23, 14, 0, tzinfo=UTC), date(2026, 11, 22)),
        (datetime(2026, 11, 24, 5, 59, tzinfo=UTC), date(2026, 11, 22)),  # 23:59
        (datetime(2026, 11, 24, 6, 0, tzinfo=UTC), None),
    ],
)
def test_it_is_due_from_eight_in_the_account_s_morning_on(now: datetime, day: date | None) -> None:
    assert day_due(now, CHICAGO) == day


def test_a_day_is_told_once_by_each_way_however_often_somebody_looks(ledger: Ledger, world: World) -> None:
    assert [write_due_digests(ledger, WAYS, now=NOON + timedelta(hours=n)) for n in range(3)] == [1, 0, 0]
    assert write_due_digests(ledger, WAYS, now=NOON + timedelta(days=1)) == 1
    with ledger.read() as connection:
        topics = connection.execute(sa.select(notices.c.topic).order_by(notices.c.notice_id)).scalars().all()
    assert topics == ["digest 1 2026-11-22"] * 2 + ["digest 1 2026-11-23"] * 2


def test_it_tells_what_was_sent_failed_and_answered_yesterday_and_what_waits_and_why(
    ledger: Ledger, world: World
) -> None:
    def request(**values: object) -> int:
        return make_request(ledger, world, make_customer(ledger, world), **values)  # type: ignore[arg-type]

    sent = request(status=RequestStatus.DELIVERED, handed_at=YESTERDAY)
    starred = request(status=RequestStatus.SENT, channel=Channel.EMAIL, handed_at=YESTERDAY)
    request(status=RequestStatus.SENT, channel=Channel.EMAIL, step=1, handed_at=YESTERDAY)
    request(status=RequestStatus.SENT, handed_at=YESTERDAY - timedelta(days=1))
    request(status=RequestStatus.SENT, handed_at=NOON)
    request(
        status=RequestStatus.FAILED, failed_at=YESTERDAY, failure_code="30003", failure_scope=FailureScope.ADDRESS,
        failure_reason="no such number: +13125550142",
    )  # fmt: skip
    request()
    request(paused_at=NOON)
    request(not_before=NOON + timedelta(hours=3))
    of_list = request()
    with ledger.write() as connection:
        for answered, answer in ((sent, {"score": 9, "comment": "Ana was lovely"}), (starred, {"stars": 2})):
            invitation = connection.execute(
                sa.select(requests.c.invitation_id).where(requests.c.request_id == answered)
            ).scalar_one()
            connection.execute(
                scores.insert().values(invitation_id=invitation, request_id=answered, scored_at=YESTERDAY, **answer)
            )
        insert(
            connection, reviews, account_id=world.account_id, location_id=world.chicago, platform="google",
            provider_review_id="r1", reviewer_name="Ana Ruiz", stars=5, reviewed_at=YESTERDAY,
        )  # fmt: skip
        insert(
            connection, events, account_id=world.account_id, kind=EventKind.UNSUBSCRIBED, occurred_at=YESTERDAY,
            recorded_at=database_now(),
        )  # fmt: skip
        _pause_a_list(connection, world, of_list)
    write_due_digests(ledger, [], now=NOON)
    assert told(ledger) == (
        "Sunday, 22 November 2026, midnight to midnight in America/Chicago.\n\n"
        "Sent:\n"
        "  2 first messages: 1 by SMS, 1 by email\n"
        "  1 reminder: 1 by email\n\n"
        "Failed:\n"
        "  1 by SMS: the address does not work (30003)\n\n"
        "Answered:\n"
        "  1 score, 9.0 of 10 on average, NPS +100\n"
        "  1 answer in stars, 2.0 of 5 on average\n"
        "  1 answer with a comment\n"
        "  1 review on google, 5.0 stars on average\n"
        "  1 asked not to be contacted any more\n\n"
        "Waiting now:\n"
        "  1: paused\n"
        "  1: the list is paused\n"
        "  1: their time has not come\n"
        "  1: they are due and go next\n\n"
        "Not asked, by the last planning:\n"
        "  4: asked not long ago, here or at another location\n"
    )


def _pause_a_list(connection: sa.Connection, world: World, request_id: int) -> None:
    list_id = insert(
        connection, lists, account_id=world.account_id, location_id=world.chicago, name="May", source=Source.CSV,
        content_sha256="0" * 64, imported_by="owner@acme.example", paused_at=NOON,
    )  # fmt: skip
    invitation = sa.select(requests.c.invitation_id).where(requests.c.request_id == request_id).scalar_subquery()
    connection.execute(invitations.update().where(invitations.c.invitation_id == invitation).values(list_id=list_id))


def test_a_quiet_day_is_told_too(ledger: Ledger, world: World) -> None:
    write_due_digests(ledger, WAYS, now=NOON)
    assert "Sent:\n  nothing" in told(ledger)
    with ledger.read() as connection:
        subject = connection.execute(sa.select(digests.c.subject)).scalar_one()
    assert subject == "Acme Dental: 0 sent, 0 answered (Sunday, 22 November)"


@pytest.mark.one_database
def test_a_ledger_on_which_nothing_ever_ran_has_no_digest(ledger: Ledger) -> None:
    make_world(ledger)
    assert write_due_digests(ledger, WAYS, now=NOON) == 0


@pytest.mark.one_database
def test_every_way_to_fail_has_words() -> None:
    failures = [Failures(Channel.SMS, scope, "1", 1) for scope in (*FailureScope, None)]
    figures = Figures({}, {}, failures, {}, {}, 0, {}, 0, 0, {}, {})
    assert text_of(figures, date(2026, 11, 22), CHICAGO).count("1 by SMS: ") == len(failures)
