"""Clicks that settle, and what ends an invitation, on both databases."""

import itertools
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import PermanentFailure, ProviderEvent
from data.ledger import tables as t
from data.ledger.reviews import write_reviews
from data.ledger.stop_conditions import UNLESS_SAID, stops_when
from data.ledger.store import Ledger
from data.words import Channel, EventKind, Evidence, FailureScope, InvitationStatus, RequestStatus, StopCondition
from invitations import respond
from invitations.events import poll_providers, receive
from invitations.evidence import Visit
from invitations.grading import settle_clicks
from invitations.policy import Policy
from invitations.send import send_due
from tests.examples import examples
from tests.recorder import Recorder
from tests.world import NOON, RULES, World, make_customer, make_request, make_world

pytestmark = pytest.mark.one_database

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
)
IN_A_WINDOW = Visit(agent=AGENT, is_navigation=True)  # a person's browser, and a gateway's that runs a whole one
OPENLY = Visit(agent="Barracuda Sentinel (EE)")
HEAD = Visit(agent=AGENT, is_head=True)
LINK, WAY_OUT = "link-token", "way-out-token"
numbers = itertools.count()


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


def stop_when(ledger: Ledger, *conditions: str) -> None:
    with ledger.write() as c:
        c.execute(t.policies.update().values(rules=RULES | {"stop_when": list(conditions)}))


def ask(ledger: Ledger, world: World, *, link: str = LINK, way_out: str = WAY_OUT, **values: Any) -> int:
    """A customer who was asked by e-mail an hour ago; the request."""
    customer = make_customer(ledger, world)
    return make_request(
        ledger, world, customer, channel=Channel.EMAIL, status=RequestStatus.SENT,
        **{"link_token": link, "unsubscribe_token": way_out, "handed_at": NOON - timedelta(hours=1), **values},
    )  # fmt: skip


def status(ledger: Ledger, request_id: int | None = None) -> InvitationStatus:
    query = sa.select(t.invitations.c.status).join(
        t.requests, t.requests.c.invitation_id == t.invitations.c.invitation_id
    )
    if request_id is not None:
        query = query.where(t.requests.c.request_id == request_id)
    with ledger.read() as c:
        return InvitationStatus(c.execute(query).scalar_one())


def judged(ledger: Ledger) -> list[tuple[EventKind, Evidence | None, str | None]]:
    e = t.events.c
    with ledger.read() as c:
        rows = c.execute(sa.select(e.kind, e.evidence, e.evidence_reason).order_by(e.event_id)).all()
    return [(row.kind, row.evidence, row.evidence_reason) for row in rows]


def google(ledger: Ledger, world: World) -> int:
    with ledger.read() as c:
        found = sa.select(sa.func.min(t.platforms.c.platform_id)).where(t.platforms.c.location_id == world.chicago)
        return int(c.execute(found).scalar_one())


@pytest.mark.both_databases
def test_a_mail_scanner_that_fetches_every_link_stops_nothing(ledger: Ledger, world: World) -> None:
    stop_when(ledger, "clicked", "platform_chosen")
    ask(ledger, world)
    respond.note_open(ledger, LINK, visit=IN_A_WINDOW, now=NOON)
    respond.note_click(ledger, LINK, visit=IN_A_WINDOW, now=NOON)
    assert judged(ledger)[1] == (EventKind.CLICKED, Evidence.HUMAN, "opened in a browser")
    assert settle_clicks(ledger, now=NOON + timedelta(seconds=2)) == 0  # the next link may still come
    respond.note_way_out(ledger, WAY_OUT, visit=IN_A_WINDOW, now=NOON + timedelta(seconds=2))
    assert {(evidence, why) for _, evidence, why in judged(ledger)} == {(Evidence.MACHINE, "all links at once")}
    assert settle_clicks(ledger, now=NOON + timedelta(hours=1)) == 0
    assert status(ledger) is InvitationStatus.ACTIVE


@pytest.mark.parametrize("visit", [OPENLY, HEAD, Visit(agent=AGENT, is_ahead=True), Visit(agent=AGENT)])
def test_a_click_by_nobody_that_is_proved_stops_nothing(ledger: Ledger, world: World, visit: Visit) -> None:
    stop_when(ledger, "clicked")
    ask(ledger, world)
    respond.note_click(ledger, LINK, visit=visit, now=NOON)
    assert settle_clicks(ledger, now=NOON + timedelta(hours=1)) == 0
    assert status(ledger) is InvitationStatus.ACTIVE


@pytest.mark.both_databases
def test_a_person_who_clicks_and_does_not_score_stops_the_follow_ups_where_the_policy_says_so(
    ledger: Ledger, world: World
) -> None:
    for conditions, end in ((["scored"], InvitationStatus.ACTIVE), (["clicked"], InvitationStatus.ANSWERED)):
        stop_when(ledger, *conditions)
        request = ask(ledger, world, link=f"link-{conditions[0]}", way_out=f"out-{conditions[0]}")
        respond.note_click(ledger, f"link-{conditions[0]}", visit=IN_A_WINDOW, now=NOON)
        assert status(ledger, request) is InvitationStatus.ACTIVE
        poll_providers(ledger, {}, now=NOON + timedelta(minutes=1))
        assert status(ledger, request) is end


def test_a_settled_click_ends_what_is_active_only(ledger: Ledger, world: World) -> None:
    stop_when(ledger, "clicked")
    ask(ledger, world)
    respond.note_click(ledger, LINK, visit=IN_A_WINDOW, now=NOON)
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=InvitationStatus.STOPPED))
    assert settle_clicks(ledger, now=NOON + timedelta(minutes=1)) == 0
    assert status(ledger) is InvitationStatus.STOPPED


def test_a_network_of_scanners_that_the_policy_names_is_a_machines(ledger: Ledger, world: World) -> None:
    machines = {"seconds_after_delivery": 2, "all_links_within_seconds": 3, "networks": ["203.0.113.0/24"]}
    with ledger.write() as c:
        c.execute(t.policies.update().values(rules=RULES | {"machines": machines}))
    ask(ledger, world)
    visit = Visit(agent=AGENT, address="203.0.113.9", is_navigation=True)
    respond.note_click(ledger, LINK, visit=visit, now=NOON)
    assert judged(ledger) == [(EventKind.CLICKED, Evidence.MACHINE, "a scanner's network")]


def test_a_comment_without_a_score_proves_a_click(ledger: Ledger, world: World) -> None:
    stop_when(ledger, "clicked")
    ask(ledger, world)
    respond.take_comment(ledger, LINK, "Lovely.", now=NOON)
    assert status(ledger) is InvitationStatus.ANSWERED
    assert judged(ledger)[0] == (EventKind.CLICKED, Evidence.HUMAN, "an answer was posted")


def test_a_platform_followed_in_haste_is_no_choice_and_one_followed_after_reading_is(
    ledger: Ledger, world: World
) -> None:
    stop_when(ledger, "platform_chosen")
    platform = google(ledger, world)
    for name, pause, end in (("hasty", 1, InvitationStatus.ACTIVE), ("reader", 20, InvitationStatus.ANSWERED)):
        request = ask(ledger, world, link=name, way_out=f"{name}-out")
        respond.note_click(ledger, name, visit=Visit(agent=AGENT), now=NOON)
        respond.choose_platform(ledger, name, platform, visit=Visit(agent=AGENT), now=NOON + timedelta(seconds=pause))
        assert status(ledger, request) is InvitationStatus.ACTIVE
        settle_clicks(ledger, now=NOON + timedelta(minutes=1))
        assert status(ledger, request) is end


def told(kind: EventKind, attempt_id: str, at: Any = NOON, **values: Any) -> ProviderEvent:
    return ProviderEvent("recorder", f"{kind.value}:{at}", kind, at, attempt_id, **values)


def sent(ledger: Ledger, world: World) -> str:
    """An e-mail handed over at noon; its attempt."""
    make_request(ledger, world, make_customer(ledger, world), channel=Channel.EMAIL, link_token=LINK)
    send_due(ledger, Recorder().messengers, now=NOON)
    with ledger.read() as c:
        return str(c.execute(sa.select(t.attempts.c.attempt_id)).scalar_one())


@pytest.mark.parametrize(
    ("values", "evidence", "reason"),
    [
        ({"is_machine": True}, Evidence.MACHINE, "the provider says a bot"),
        ({"agent": "Mozilla/5.0"}, Evidence.MACHINE, "a program's user agent"),
        ({"is_machine": False, "agent": AGENT, "client_address": "203.0.113.9"}, Evidence.UNKNOWN, None),
        ({}, Evidence.UNKNOWN, None),
    ],
)
def test_what_the_provider_says_of_an_open_is_weighed_and_not_kept(
    ledger: Ledger, world: World, values: dict[str, Any], evidence: Evidence, reason: str | None
) -> None:
    attempt = sent(ledger, world)
    receive(ledger, [told(EventKind.OPENED, attempt, NOON + timedelta(minutes=5), **values)], now=NOON)
    assert judged(ledger) == [(EventKind.OPENED, evidence, reason)]
    with ledger.read() as c:
        kept = str(c.execute(sa.select(t.events)).all())
    assert "203.0.113.9" not in kept
    assert "Chrome" not in kept


def test_a_delivery_told_late_shows_that_an_open_was_too_soon_after_it(ledger: Ledger, world: World) -> None:
    attempt = sent(ledger, world)
    opened = told(EventKind.OPENED, attempt, NOON + timedelta(seconds=61))
    delivered = told(EventKind.ACCEPTED_BY_SERVER, attempt, NOON + timedelta(seconds=60))
    receive(ledger, [opened], now=NOON)
    assert judged(ledger)[0] == (EventKind.OPENED, Evidence.UNKNOWN, None)
    receive(ledger, [delivered], now=NOON)
    assert judged(ledger)[0] == (EventKind.OPENED, Evidence.MACHINE, "too soon after delivery")


@pytest.mark.both_databases
def test_a_judgement_that_changes_marks_the_message_as_changed(ledger: Ledger, world: World) -> None:
    """By that the warehouse and the dashboard find the event again."""
    ask(ledger, world)
    respond.note_click(ledger, LINK, visit=IN_A_WINDOW, now=NOON)
    long_ago = NOON - timedelta(days=400)
    with ledger.write() as c:
        c.execute(t.requests.update().values(changed_at=long_ago))
    respond.note_open(ledger, LINK, visit=IN_A_WINDOW, now=NOON + timedelta(minutes=2))
    with ledger.read() as c:
        assert c.execute(sa.select(t.requests.c.changed_at)).scalar_one() == long_ago
    respond.note_way_out(ledger, WAY_OUT, visit=IN_A_WINDOW, now=NOON + timedelta(seconds=1))
    with ledger.read() as c:
        assert c.execute(sa.select(t.requests.c.changed_at)).scalar_one() > long_ago


def meet(ledger: Ledger, world: World, condition: StopCondition) -> None:
    """Do what the condition waits for, to a customer who was just asked."""
    match condition:
        case StopCondition.PERMANENT_FAILURE:
            refuse = PermanentFailure("550", "no such user", FailureScope.MESSAGE)
            make_request(ledger, world, make_customer(ledger, world))
            send_due(ledger, Recorder(lambda _: refuse).messengers, now=NOON)
            return
        case StopCondition.REVIEW_LINKED:
            ask(ledger, world)
            row = {
                "platform": "google", "provider_review_id": "1", "reviewer_name": "", "stars": 1, "body": "",
                "sentiment": None, "reviewed_at": NOON, "link_token": LINK,
            }  # fmt: skip
            write_reviews(ledger, world.account_id, world.chicago, [row], now=NOON)
            return
        case StopCondition.SCORED:
            ask(ledger, world)
            respond.take_score(ledger, LINK, 0, now=NOON)
        case StopCondition.PLATFORM_CHOSEN:
            ask(ledger, world)
            respond.choose_platform(ledger, LINK, google(ledger, world), visit=Visit(agent=AGENT), now=NOON)
        case StopCondition.CLICKED:
            ask(ledger, world)
            respond.note_click(ledger, LINK, visit=IN_A_WINDOW, now=NOON)
    settle_clicks(ledger, now=NOON + timedelta(minutes=1))


@pytest.mark.parametrize("condition", list(StopCondition))
@pytest.mark.parametrize("is_on", [True, False], ids=["on", "off"])
def test_each_stop_condition_ends_the_asking_only_where_the_policy_has_it_on(
    ledger: Ledger, world: World, condition: StopCondition, is_on: bool
) -> None:
    # A score proves a click, and a choice by a person is one: off means that neither is on.
    implied = {StopCondition.CLICKED} if condition in (StopCondition.SCORED, StopCondition.PLATFORM_CHOSEN) else set()
    stop_when(ledger, *([condition] if is_on else set(StopCondition) - {condition} - implied))
    meet(ledger, world, condition)
    assert status(ledger) is (InvitationStatus.ANSWERED if is_on else InvitationStatus.ACTIVE)


@pytest.mark.parametrize("conditions", [[], ["permanent_failure"]], ids=["nothing on", "failure on"])
def test_an_opt_out_always_stops(ledger: Ledger, world: World, conditions: list[str]) -> None:
    stop_when(ledger, *conditions)
    ask(ledger, world)
    respond.unsubscribe(ledger, WAY_OUT, is_channel_only=False, is_one_click=True, now=NOON)
    assert status(ledger) is InvitationStatus.STOPPED


@pytest.mark.both_databases
def test_a_bounce_told_later_ends_the_asking_where_the_policy_says_so_and_not_once_it_was_delivered(
    ledger: Ledger, world: World
) -> None:
    stop_when(ledger, "permanent_failure")
    attempt = sent(ledger, world)
    receive(ledger, [told(EventKind.DELIVERED, attempt)], now=NOON)
    failed = told(EventKind.FAILED, attempt, code="550", scope=FailureScope.ADDRESS)
    receive(ledger, [failed], now=NOON)
    assert status(ledger) is InvitationStatus.ACTIVE
    with ledger.write() as c:
        c.execute(t.requests.update().values(status=RequestStatus.SENT))
    receive(ledger, [told(EventKind.FAILED, attempt, NOON + timedelta(seconds=1), code="550")], now=NOON)
    assert status(ledger) is InvitationStatus.ANSWERED


def test_the_version_of_the_policy_under_which_the_message_was_queued_decides(ledger: Ledger, world: World) -> None:
    with ledger.write() as c:
        newer = c.execute(
            t.policies.insert().values(
                account_id=world.account_id, version=2, effective_at=NOON, rules=RULES | {"stop_when": []}
            )
        ).inserted_primary_key
    assert newer is not None
    ask(ledger, world, policy_id=newer[0])
    respond.take_score(ledger, LINK, 9, now=NOON)
    assert status(ledger) is InvitationStatus.ACTIVE


def test_a_document_that_does_not_say_stops_as_a_policy_that_does_not_say() -> None:
    assert set(UNLESS_SAID) == set(Policy.load({}).stop_when) == stops_when({})


# A gateway fetches the page and the way out within a second, in either order, posing as a browser or openly; it may do
# so again. A person clicks. Seconds after noon.
SCANS = st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.sampled_from([IN_A_WINDOW, OPENLY])), max_size=3)
CLICKS = st.lists(st.integers(0, 40), max_size=2)


@settings(max_examples=examples(10), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scans=SCANS, clicks=CLICKS)
@pytest.mark.slow
def test_no_machine_ends_an_invitation_and_every_person_out_of_its_way_does(
    ledger: Ledger, scans: list[tuple[int, bool, Visit]], clicks: list[int]
) -> None:
    token = f"h{next(numbers)}"
    world = _world(ledger)
    request = ask(ledger, world, link=token, way_out=f"{token}-out")
    steps = [(float(second), "person", IN_A_WINDOW) for second in clicks]
    for began, is_page_first, visit in scans:
        parts = ("page", "way out") if is_page_first else ("way out", "page")
        steps += [(began + pause, part, visit) for pause, part in zip((0.0, 1.0), parts, strict=True)]
    has_clicked = False
    for second, part, visit in sorted(steps, key=lambda step: step[0]):
        now = NOON + timedelta(seconds=second)
        if part == "way out":
            respond.note_way_out(ledger, f"{token}-out", visit=visit, now=now)
        else:
            respond.note_click(ledger, token, visit=visit, now=now)
        has_clicked |= part == "person"
        settle_clicks(ledger, now=now)
        assert has_clicked or status(ledger, request) is InvitationStatus.ACTIVE
    settle_clicks(ledger, now=NOON + timedelta(minutes=5))
    is_ended = status(ledger, request) is InvitationStatus.ANSWERED
    assert has_clicked or not is_ended
    is_alone = any(all(abs(click - (scan + p)) > 3 for scan, _, _ in scans for p in (0, 1)) for click in clicks)
    assert is_ended or not is_alone


def _world(ledger: Ledger) -> World:
    with ledger.read() as c:
        known = c.execute(sa.select(sa.func.count()).select_from(t.accounts)).scalar_one()
        if known:
            found = c.execute(sa.select(t.requests)).first()
            assert found is not None
            policy, sequence = found.policy_id, c.execute(sa.select(t.sequences.c.sequence_id)).scalar_one()
            return World(
                found.account_id, found.location_id, 0, sequence, policy, dict.fromkeys(Channel, found.template_id)
            )
    world = make_world(ledger)
    stop_when(ledger, "clicked", "platform_chosen")
    return world
