"""A planning pass over a ledger: who is queued, for when, and what a second pass leaves alone. On both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy import Row

from data.ledger import queueing as writes
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import AddressKind, Channel, EventKind, Evidence, InvitationStatus, RequestStatus
from invitations.queueing import VERDICT_SCHEMA, plan_and_queue
from tests.world import NOON, insert, make_customer, make_request, make_world, suppress

pytestmark = pytest.mark.slow

NIGHT = NOON - timedelta(hours=10)  # 02:00 in Chicago


def requests_of(ledger: Ledger) -> list[Row]:
    with ledger.read() as c:
        return list(c.execute(sa.select(t.requests).order_by(t.requests.c.request_id)))


def invitations_of(ledger: Ledger) -> list[Row]:
    with ledger.read() as c:
        return list(c.execute(sa.select(t.invitations).order_by(t.invitations.c.invitation_id)))


def change(ledger: Ledger, table: sa.Table, where: sa.ColumnElement[bool], **values: object) -> None:
    with ledger.write() as c:
        c.execute(table.update().where(where).values(**values))


@pytest.mark.one_database
def test_a_new_customer_is_invited_by_the_first_channel_from_the_morning_on(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    report = plan_and_queue(ledger, now=NIGHT)
    [request], [invitation] = requests_of(ledger), invitations_of(ledger)
    assert (request.channel, request.address, request.step) == (Channel.SMS, "+13125550100", 0)
    assert request.not_before == NOON - timedelta(hours=4)  # 08:00 in Chicago
    assert request.not_after == NOON + timedelta(hours=9)  # 21:00
    assert len(request.link_token) == len(request.unsubscribe_token) == 16
    assert request.link_token != request.unsubscribe_token
    assert (invitation.status, invitation.started_at) == (InvitationStatus.ACTIVE, NIGHT)
    assert report.as_metadata()["invited"] == report.as_metadata()["queued"] == 1


@pytest.mark.one_database
def test_the_verdicts_for_the_archive_hold_ids_and_reasons_but_nobody(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    verdicts = plan_and_queue(ledger, now=NIGHT).verdicts
    assert dict(verdicts.schema) == VERDICT_SCHEMA
    assert verdicts["rules"].to_list() == [["quiet_hours"]]
    assert verdicts["policy_id"].to_list() == [world.policy_id]
    assert "ana@" not in str(verdicts.to_dicts())


def test_a_second_pass_changes_nothing(ledger: Ledger) -> None:
    world = make_world(ledger)
    for _ in range(5):
        make_customer(ledger, world)
    plan_and_queue(ledger, now=NOON)
    before = requests_of(ledger), invitations_of(ledger)
    again = plan_and_queue(ledger, now=NOON).as_metadata()
    later = plan_and_queue(ledger, now=NOON + timedelta(minutes=5)).as_metadata()
    assert (requests_of(ledger), invitations_of(ledger)) == before
    for name in ("invited", "queued", "refreshed", "canceled", "answered", "finished"):
        assert again[name] == later[name] == 0


def test_planners_at_once_invite_everybody_once(ledger: Ledger) -> None:
    world = make_world(ledger)
    customers = {make_customer(ledger, world) for _ in range(60)}
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: plan_and_queue(ledger, now=NOON), range(4)))
    assert sorted(row.customer_id for row in invitations_of(ledger)) == sorted(customers)
    assert len(requests_of(ledger)) == 60
    assert sum(report.counts["queued"] for report in reports) == 60


@pytest.mark.one_database
def test_without_a_phone_the_first_ask_goes_by_email(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, email="ana@example.com")
    plan_and_queue(ledger, now=NOON)
    assert [row.channel for row in requests_of(ledger)] == [Channel.EMAIL]


def test_a_follow_up_is_queued_when_it_comes_within_the_horizon_and_in_its_own_words(ledger: Ledger) -> None:
    world = make_world(ledger)
    first = make_request(
        ledger, world, make_customer(ledger, world), status=RequestStatus.DELIVERED, handed_at=NOON
    )  # fmt: skip
    change(ledger, t.invitations, sa.true(), first_handed_at=NOON)
    plan_and_queue(ledger, now=NOON + timedelta(days=1))
    assert [row.request_id for row in requests_of(ledger)] == [first]
    plan_and_queue(ledger, now=NOON + timedelta(days=2))
    _, follow_up = requests_of(ledger)
    assert (follow_up.step, follow_up.channel) == (1, Channel.EMAIL)
    assert follow_up.not_before == NOON + timedelta(days=3)
    with ledger.read() as c:
        slug = c.scalar(sa.select(t.templates.c.slug).where(t.templates.c.template_id == follow_up.template_id))
    assert slug == "reminder"


def test_the_newest_text_in_the_customers_language_is_taken(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        made = [
            insert(
                c, t.templates, account_id=world.account_id, slug="ask", channel=Channel.SMS, language="es",
                version=version, body="{{ link }}",
            )
            for version in (1, 2)
        ]  # fmt: skip
    make_customer(ledger, world, locale="es-MX")
    make_customer(ledger, world, locale="fr")
    plan_and_queue(ledger, now=NOON)
    assert [row.template_id for row in requests_of(ledger)] == [made[1], world.templates[Channel.SMS]]


@pytest.mark.one_database
def test_a_customer_asked_before_is_not_asked_again(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world), status=RequestStatus.SENT, handed_at=NOON)
    change(ledger, t.invitations, sa.true(), status=InvitationStatus.FINISHED)
    assert plan_and_queue(ledger, now=NOON + timedelta(days=30)).counts["candidates"] == 0
    assert len(requests_of(ledger)) == 1


def test_stopping_cancels_what_is_queued_and_restarting_queues_the_same_message_again(ledger: Ledger) -> None:
    world = make_world(ledger)
    request = make_request(ledger, world, make_customer(ledger, world))
    change(ledger, t.invitations, sa.true(), status=InvitationStatus.STOPPED)
    report = plan_and_queue(ledger, now=NOON)
    assert requests_of(ledger)[0].status is RequestStatus.CANCELED
    assert report.verdicts["rules"].to_list() == [["stopped"]]
    change(ledger, t.invitations, sa.true(), status=InvitationStatus.ACTIVE)
    plan_and_queue(ledger, now=NOON)
    [again] = requests_of(ledger)
    assert (again.request_id, again.status) == (request, RequestStatus.QUEUED)


@pytest.mark.one_database
def test_an_opt_out_cancels_what_is_queued(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world, email="ana@example.com", phone="+13125550100"))
    suppress(ledger, world, AddressKind.EMAIL, "ana@example.com")  # the person's, on every channel
    report = plan_and_queue(ledger, now=NOON)
    assert report.verdicts["rules"].to_list() == [["suppressed"]]
    assert [row.status for row in requests_of(ledger)] == [RequestStatus.CANCELED]


@pytest.mark.one_database
def test_when_a_channel_cannot_be_used_any_more_the_next_one_takes_the_step_over(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world, email="ana@example.com", phone="+13125550100"))
    suppress(ledger, world, AddressKind.PHONE, "+13125550100", Channel.SMS)
    plan_and_queue(ledger, now=NOON)
    assert [(row.channel, row.status) for row in requests_of(ledger)] == [
        (Channel.SMS, RequestStatus.CANCELED),
        (Channel.EMAIL, RequestStatus.QUEUED),
    ]


@pytest.mark.one_database
def test_nothing_follows_while_a_message_is_in_doubt(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world), status=RequestStatus.IN_DOUBT, handed_at=NOON)
    report = plan_and_queue(ledger, now=NOON + timedelta(days=30))
    assert report.verdicts["rules"].to_list() == [["in_doubt"]]
    assert len(requests_of(ledger)) == 1


@pytest.mark.one_database
def test_a_lapsed_window_is_moved_to_the_next_open_hours(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    report = plan_and_queue(ledger, now=NOON + timedelta(hours=12))  # midnight in Chicago
    [request] = requests_of(ledger)
    assert request.not_before == NOON + timedelta(hours=20)  # 08:00 on Tuesday
    assert report.counts["refreshed"] == 1


def test_a_paused_message_keeps_its_window(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world), paused_at=NOON, paused_by="owner@acme.example")
    before = requests_of(ledger)
    report = plan_and_queue(ledger, now=NOON + timedelta(hours=12))
    assert requests_of(ledger) == before
    assert report.verdicts["rules"].to_list() == [["paused", "quiet_hours"]]


def record_event(ledger: Ledger, kind: EventKind, evidence: Evidence | None = None) -> None:
    with ledger.write() as c:
        invitation = c.execute(sa.select(t.invitations)).one()
        insert(
            c, t.events, account_id=invitation.account_id, kind=kind, evidence=evidence, occurred_at=NOON,
            recorded_at=NOON, invitation_id=invitation.invitation_id, person_id=invitation.person_id,
        )  # fmt: skip


@pytest.mark.one_database
def test_an_answer_ends_the_invitation(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world), status=RequestStatus.SENT, handed_at=NOON)
    record_event(ledger, EventKind.SCORED)
    plan_and_queue(ledger, now=NOON + timedelta(days=4))
    [invitation] = invitations_of(ledger)
    assert (invitation.status, invitation.ended_at) == (InvitationStatus.ANSWERED, NOON + timedelta(days=4))
    assert len(requests_of(ledger)) == 1


def test_a_click_stops_only_when_the_policy_says_so_and_a_human_clicked(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world), status=RequestStatus.SENT, handed_at=NOON)
    record_event(ledger, EventKind.CLICKED, Evidence.MACHINE)
    change(ledger, t.policies, sa.true(), rules={"stop_when": ["clicked"]})
    plan_and_queue(ledger, now=NOON)
    assert invitations_of(ledger)[0].status is InvitationStatus.ACTIVE
    record_event(ledger, EventKind.CLICKED, Evidence.HUMAN)
    plan_and_queue(ledger, now=NOON)
    assert invitations_of(ledger)[0].status is InvitationStatus.ANSWERED


def test_after_the_last_step_the_invitation_is_finished(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=NOON)
    make_request(ledger, world, customer, step=1, channel=Channel.EMAIL, status=RequestStatus.SENT, handed_at=NOON)
    plan_and_queue(ledger, now=NOON)
    assert invitations_of(ledger)[0].status is InvitationStatus.ACTIVE
    make_request(ledger, world, customer, step=2, channel=Channel.EMAIL, status=RequestStatus.FAILED, failed_at=NOON)
    assert plan_and_queue(ledger, now=NOON).counts["finished"] == 1
    assert invitations_of(ledger)[0].status is InvitationStatus.FINISHED


def test_after_a_step_that_failed_the_next_counts_from_the_failure(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer, status=RequestStatus.FAILED, failed_at=NOON)
    report = plan_and_queue(ledger, now=NOON)
    assert report.verdicts["earliest_at"].to_list() == [NOON + timedelta(days=3)]


@pytest.mark.one_database
def test_an_invitation_that_fell_behind_leaves_a_day_between_two_messages(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=NOON)
    late = NOON + timedelta(days=10)
    make_request(ledger, world, customer, step=1, channel=Channel.EMAIL, status=RequestStatus.SENT, handed_at=late)
    change(ledger, t.invitations, sa.true(), first_handed_at=NOON)
    report = plan_and_queue(ledger, now=late)
    assert report.verdicts["earliest_at"].to_list() == [late + timedelta(days=1)]


def test_what_the_quota_does_not_cover_waits_for_the_reset_in_order(ledger: Ledger) -> None:
    world = make_world(ledger, quota=2)
    customers = [make_customer(ledger, world) for _ in range(4)]
    report = plan_and_queue(ledger, now=NOON)
    assert [row.customer_id for row in invitations_of(ledger)] == customers[:2]
    assert report.counts["held_quota"] == 2
    waiting = report.verdicts.filter(~report.verdicts["is_clear"])
    assert waiting["customer_id"].to_list() == customers[2:]
    december = NOON.replace(month=12, day=1, hour=6)  # midnight in Chicago
    assert waiting["untils"].to_list() == [[december], [december]]
    assert waiting["earliest_at"].to_list() == [december + timedelta(hours=8)] * 2


def test_all_channels_of_a_step_go_when_it_says_so(ledger: Ledger) -> None:
    world = make_world(ledger)
    change(ledger, t.sequence_steps, t.sequence_steps.c.step == 0, is_all_channels=True)
    make_customer(ledger, world)
    assert plan_and_queue(ledger, now=NOON).counts["invited"] == 1
    rows = requests_of(ledger)
    assert [row.channel for row in rows] == [Channel.EMAIL, Channel.SMS] or [row.channel for row in rows] == [
        Channel.SMS,
        Channel.EMAIL,
    ]
    change(ledger, t.requests, t.requests.c.channel == Channel.SMS, status=RequestStatus.SENT, handed_at=NOON)
    plan_and_queue(ledger, now=NOON + timedelta(hours=12))  # the other one is still planned anew
    email = next(row for row in requests_of(ledger) if row.channel is Channel.EMAIL)
    assert (email.status, email.not_before) == (RequestStatus.QUEUED, NOON + timedelta(hours=20))


def test_of_two_invitations_of_a_merged_person_the_active_one_goes_on(ledger: Ledger) -> None:
    world = make_world(ledger)
    customer = make_customer(ledger, world)
    make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=NOON)
    with ledger.write() as c:
        older = c.execute(sa.select(t.invitations)).one()
        copied = {**older._mapping, "status": InvitationStatus.STOPPED, "stopped_by": "a merge"}
        del copied["invitation_id"]
        insert(c, t.invitations, **copied)
    report = plan_and_queue(ledger, now=NOON)
    assert report.verdicts.select("invitation_id", "step").rows() == [(older.invitation_id, 1)]


def test_a_message_that_somebody_claims_meanwhile_is_left_to_them(ledger: Ledger) -> None:
    world = make_world(ledger)
    request = make_request(ledger, world, make_customer(ledger, world))
    with ledger.write() as c:
        c.execute(t.requests.update().values(status=RequestStatus.SENDING))
        row = {"request_id": request, "not_before": NOON, "not_after": NOON}
        assert writes.refresh_requests(c, [row]) == writes.cancel_requests(c, [request]) == 0
    assert requests_of(ledger)[0].not_after > NOON
