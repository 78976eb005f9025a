"""What an answer means, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from connectors import Message
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.pace import Pace
from data.words import (
    AddressKind,
    Channel,
    EventKind,
    Evidence,
    InvitationStatus,
    RequestStatus,
    SuppressionEffect,
    SuppressionReason,
)
from invitations import respond
from invitations.evidence import Visit
from invitations.send import send_due
from tests.recorder import Recorder
from tests.world import NOON, World, insert, make_customer, make_request, make_world

PHONE = Visit(agent="Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36")
SCANNER = Visit(agent="Barracuda Sentinel (EE)")
TOKEN = "link-token-0000"
UNSUBSCRIBE = "unsubscribe-0000"


@pytest.fixture
def world(ledger: Ledger) -> World:
    return make_world(ledger)


@pytest.fixture
def request_id(ledger: Ledger, world: World) -> int:
    customer = make_customer(ledger, world, email="ana@example.com", phone="+13125550100")
    return make_request(
        ledger, world, customer, link_token=TOKEN, unsubscribe_token=UNSUBSCRIBE, status=RequestStatus.SENT,
        handed_at=NOON - timedelta(hours=1),
    )  # fmt: skip


def events(ledger: Ledger, kind: EventKind | None = None) -> list[Any]:
    with ledger.read() as c:
        rows = c.execute(t.events.select().order_by(t.events.c.event_id)).all()
    return [row for row in rows if kind is None or row.kind is kind]


def one(ledger: Ledger, table: sa.Table) -> Any:
    with ledger.read() as c:
        return c.execute(table.select()).one()


def platform(ledger: Ledger, location_id: int, slug: str = "google") -> int:
    with ledger.read() as c:
        found = sa.select(t.platforms.c.platform_id).where(
            t.platforms.c.location_id == location_id, t.platforms.c.slug == slug
        )
        return int(c.execute(found).scalar_one())


def set_stop_when(ledger: Ledger, *kinds: str) -> None:
    with ledger.write() as c:
        c.execute(t.policies.update().values(rules={"stop_when": list(kinds)}))


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
def test_the_first_score_counts_and_later_ones_are_events_only(ledger: Ledger) -> None:
    for minute, score in enumerate((3, 9, 10)):
        assert respond.take_score(ledger, TOKEN, score, now=NOON + timedelta(minutes=minute))
    row = one(ledger, t.scores)
    assert (row.score, row.scored_at) == (3, NOON)
    assert [event.score for event in events(ledger, EventKind.SCORED)] == [3, 9, 10]


def test_a_double_tap_counts_once_and_each_tap_is_kept(ledger: Ledger, request_id: int) -> None:
    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(lambda _: respond.take_score(ledger, TOKEN, 8, now=NOON), range(6)))
    kept = [(event.request_id, event.channel, event.evidence) for event in events(ledger, EventKind.SCORED)]
    assert kept == 6 * [(request_id, Channel.SMS, Evidence.HUMAN)]
    assert one(ledger, t.scores).request_id == request_id


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
def test_somebody_who_never_stops_tapping_fills_no_ledger(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(respond, "MOST_ANSWERS", 3)
    assert all(respond.take_score(ledger, TOKEN, score, now=NOON) for score in range(6))
    assert [event.score for event in events(ledger, EventKind.SCORED)] == [0, 1, 2]


@pytest.mark.one_database
def test_a_score_ends_the_invitation_at_policy_time(ledger: Ledger, request_id: int) -> None:
    respond.take_score(ledger, TOKEN, 0, now=NOON + timedelta(days=2))
    row = one(ledger, t.invitations)
    assert (row.status, row.ended_at) == (InvitationStatus.ANSWERED, NOON + timedelta(days=2))
    respond.take_score(ledger, TOKEN, 10, now=NOON + timedelta(days=3))
    assert one(ledger, t.invitations).ended_at == NOON + timedelta(days=2)


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
@pytest.mark.parametrize("status", [InvitationStatus.STOPPED, InvitationStatus.FINISHED])
def test_an_answer_after_the_asking_ended_still_is_an_answer(ledger: Ledger, status: InvitationStatus) -> None:
    with ledger.write() as c:
        c.execute(t.invitations.update().values(status=status))
    respond.take_score(ledger, TOKEN, 5, now=NOON)
    assert one(ledger, t.invitations).status is InvitationStatus.ANSWERED


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
def test_the_policy_of_the_invitation_says_what_ends_it(ledger: Ledger, world: World) -> None:
    set_stop_when(ledger, "platform_chosen")
    respond.take_score(ledger, TOKEN, 5, now=NOON)
    assert one(ledger, t.invitations).status is InvitationStatus.ACTIVE
    respond.choose_platform(ledger, TOKEN, platform(ledger, world.chicago), visit=PHONE, now=NOON)
    assert one(ledger, t.invitations).status is InvitationStatus.ANSWERED


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
def test_scores_outside_zero_to_ten_are_refused(ledger: Ledger) -> None:
    for score in (-1, 11):
        with pytest.raises(ValueError, match="0 to 10"):
            respond.take_score(ledger, TOKEN, score, now=NOON)


@pytest.mark.usefixtures("request_id")
def test_stars_are_kept_as_stars_and_the_first_answer_of_either_kind_counts(ledger: Ledger) -> None:
    for minute, stars in enumerate((4, 1)):
        assert respond.take_stars(ledger, TOKEN, stars, now=NOON + timedelta(minutes=minute))
    respond.take_score(ledger, TOKEN, 10, now=NOON + timedelta(minutes=2))
    row = one(ledger, t.scores)
    assert (row.score, row.stars) == (None, 4)
    scored = [(event.score, event.stars) for event in events(ledger, EventKind.SCORED)]
    assert scored == [(None, 4), (None, 1), (10, None)]
    assert one(ledger, t.invitations).status is InvitationStatus.ANSWERED
    for stars in (0, 6):
        with pytest.raises(ValueError, match="1 to 5"):
            respond.take_stars(ledger, TOKEN, stars, now=NOON)


@pytest.mark.usefixtures("request_id")
def test_what_was_written_before_the_answer_stands_with_it(ledger: Ledger) -> None:
    for text in ("Hello", "Hello", "One more thing"):
        respond.take_comment(ledger, TOKEN, text, now=NOON)
    respond.take_score(ledger, TOKEN, 6, now=NOON)
    assert one(ledger, t.scores).comment == "Hello\n\nOne more thing"
    assert len(events(ledger, EventKind.COMMENTED)) == 2


@pytest.mark.usefixtures("request_id")
def test_refreshes_of_one_minute_are_one_click(ledger: Ledger) -> None:
    assert respond.note_click(ledger, TOKEN, visit=PHONE, now=NOON)
    assert not respond.note_click(ledger, TOKEN, visit=PHONE, now=NOON)
    with ledger.write() as c:
        minute_ago = ledger.now(c) - timedelta(seconds=61)
        c.execute(t.events.update().values(recorded_at=minute_ago))
    assert respond.note_click(ledger, TOKEN, visit=PHONE, now=NOON)
    assert [event.evidence for event in events(ledger)] == [Evidence.UNKNOWN] * 2


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
def test_a_scanner_before_the_person_does_not_hide_the_persons_click(ledger: Ledger) -> None:
    respond.note_click(ledger, TOKEN, visit=SCANNER, now=NOON)
    respond.note_click(ledger, TOKEN, visit=PHONE, now=NOON)
    assert [event.evidence for event in events(ledger)] == [Evidence.MACHINE, Evidence.UNKNOWN]


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
def test_a_score_proves_that_a_person_clicked(ledger: Ledger) -> None:
    respond.note_click(ledger, TOKEN, visit=SCANNER, now=NOON)
    respond.take_score(ledger, TOKEN, 7, now=NOON)
    assert [event.evidence for event in events(ledger, EventKind.CLICKED)] == [Evidence.MACHINE, Evidence.HUMAN]
    assert not respond.note_click(ledger, TOKEN, visit=PHONE, now=NOON)


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
def test_a_click_ends_the_asking_only_where_the_policy_says_so_and_once_a_person_is_proved(ledger: Ledger) -> None:
    set_stop_when(ledger, "clicked")
    respond.note_click(ledger, TOKEN, visit=SCANNER, now=NOON)
    respond.note_click(ledger, TOKEN, visit=PHONE, now=NOON)
    assert one(ledger, t.invitations).status is InvitationStatus.ACTIVE
    respond.take_score(ledger, TOKEN, 6, now=NOON)
    assert one(ledger, t.invitations).status is InvitationStatus.ANSWERED


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
def test_a_machine_that_chooses_a_platform_ends_nothing(ledger: Ledger, world: World) -> None:
    google = platform(ledger, world.chicago)
    assert respond.choose_platform(ledger, TOKEN, google, visit=SCANNER, now=NOON) == "https://google.example/chicago"
    assert one(ledger, t.invitations).status is InvitationStatus.ACTIVE
    (event,) = events(ledger)
    assert (event.kind, event.evidence, event.platform_id) == (EventKind.CLICKED, Evidence.MACHINE, google)


@pytest.mark.usefixtures("request_id")
def test_only_visible_platforms_of_the_same_location_are_reached(ledger: Ledger, world: World) -> None:
    elsewhere = platform(ledger, world.new_york)
    hidden = platform(ledger, world.chicago, "facebook")
    with ledger.write() as c:
        c.execute(t.platforms.update().where(t.platforms.c.platform_id == hidden).values(is_visible=False))
        odd = insert(
            c, t.platforms, location_id=world.chicago, slug="odd", name="Odd", url="javascript:alert(1)", position=9
        )
    for number in (elsewhere, hidden, odd, 999_999):
        assert respond.choose_platform(ledger, TOKEN, number, visit=PHONE, now=NOON) is None
    assert events(ledger) == []


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
def test_comments_are_kept_in_order_and_once(ledger: Ledger) -> None:
    respond.take_score(ledger, TOKEN, 2, now=NOON)
    for text in ("Too long\r\na wait\x00", "Too long\na wait", "  ", "P.S. nice staff 👩‍⚕️"):
        assert respond.take_comment(ledger, TOKEN, text, now=NOON)
    assert one(ledger, t.scores).comment == "Too long\na wait\n\nP.S. nice staff 👩‍⚕️"
    told = events(ledger, EventKind.COMMENTED)
    assert [event.detail for event in told] == [{"text": "Too long\na wait"}, {"text": "P.S. nice staff 👩‍⚕️"}]


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
def test_somebody_who_never_stops_writing_fills_no_ledger(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(respond, "MOST_COMMENTS", 3)
    respond.take_score(ledger, TOKEN, 2, now=NOON)
    assert all(respond.take_comment(ledger, TOKEN, f"no. {number}", now=NOON) for number in range(6))
    assert one(ledger, t.scores).comment == "no. 0\n\nno. 1\n\nno. 2"
    assert len(events(ledger, EventKind.COMMENTED)) == 3


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
def test_a_comment_without_a_score_is_kept_as_an_event(ledger: Ledger) -> None:
    respond.take_comment(ledger, TOKEN, "Hello", now=NOON)
    assert [event.detail for event in events(ledger, EventKind.COMMENTED)] == [{"text": "Hello"}]


@pytest.mark.one_database
def test_unsubscribing_covers_everything_and_twice_is_once(ledger: Ledger, request_id: int) -> None:
    for _ in range(2):
        assert respond.unsubscribe(ledger, UNSUBSCRIBE, is_channel_only=False, is_one_click=True, now=NOON)
    with ledger.read() as c:
        rows = c.execute(t.suppressions.select()).all()
    (event,) = events(ledger, EventKind.UNSUBSCRIBED)
    assert {(row.kind, row.address, row.channel, row.reason, row.event_id) for row in rows} == {
        (AddressKind.EMAIL, "ana@example.com", None, SuppressionReason.UNSUBSCRIBED, event.event_id),
        (AddressKind.PHONE, "+13125550100", None, SuppressionReason.UNSUBSCRIBED, event.event_id),
    }
    page = respond.open_unsubscribe_page(ledger, UNSUBSCRIBE)
    assert page is not None
    assert page.is_unsubscribed
    assert one(ledger, t.invitations).status is InvitationStatus.STOPPED


@pytest.mark.usefixtures("request_id")
def test_unsubscribing_from_one_channel_leaves_the_others_and_can_be_widened(ledger: Ledger) -> None:
    for _ in range(2):
        respond.unsubscribe(ledger, UNSUBSCRIBE, is_channel_only=True, is_one_click=False, now=NOON)
    with ledger.read() as c:
        assert set(c.execute(sa.select(t.suppressions.c.channel)).scalars()) == {Channel.SMS}
    assert len(events(ledger)) == 1
    respond.unsubscribe(ledger, UNSUBSCRIBE, is_channel_only=False, is_one_click=False, now=NOON)
    page = respond.open_unsubscribe_page(ledger, UNSUBSCRIBE)
    assert page is not None
    assert page.is_unsubscribed


@pytest.mark.one_database
def test_unsubscribing_again_after_a_start_counts_again(ledger: Ledger, world: World, request_id: int) -> None:
    def ask() -> None:
        respond.unsubscribe(ledger, UNSUBSCRIBE, is_channel_only=False, is_one_click=False, now=NOON)

    ask()
    with ledger.write() as c:
        insert(
            c, t.suppressions, account_id=world.account_id, kind=AddressKind.PHONE, address="+13125550100",
            channel=Channel.SMS, effect=SuppressionEffect.RESTORE, reason=SuppressionReason.START_KEYWORD,
            recorded_by="test", occurred_at=NOON,
        )  # fmt: skip
    ask()
    assert len(events(ledger, EventKind.UNSUBSCRIBED)) == 2


@pytest.mark.parametrize("is_channel_only", [True, False])
def test_an_unsubscribe_counts_for_a_message_that_a_sender_has_already_taken_up(
    ledger: Ledger, world: World, is_channel_only: bool
) -> None:
    ids = [make_request(ledger, world, make_customer(ledger, world), unsubscribe_token=f"way-out-{n}") for n in (0, 1)]
    left: list[bool] = []

    def leave_the_other(message: Message) -> None:
        """While the first is with the provider, the second is claimed and has not left."""
        with ledger.read() as c:
            mine = c.execute(
                sa.select(t.requests.c.request_id).where(t.requests.c.attempt_id == message.attempt_id)
            ).scalar_one()
        token = f"way-out-{1 - ids.index(mine)}"
        left.append(respond.unsubscribe(ledger, token, is_channel_only=is_channel_only, is_one_click=True, now=NOON))

    recorder = Recorder(leave_the_other)
    for _ in range(2):
        send_due(ledger, recorder.messengers, now=NOON, pace=Pace(parallel=1))
    assert left == [True]
    assert len(recorder.taken) == 1


@pytest.mark.usefixtures("request_id")
def test_links_run_out_and_unsubscribing_does_not(ledger: Ledger, world: World) -> None:
    with ledger.write() as c:
        c.execute(t.accounts.update().values(link_days=30))
    assert respond.open_review_page(ledger, TOKEN, now=NOON + timedelta(days=29)) is not None
    late = NOON + timedelta(days=30)
    assert respond.open_review_page(ledger, TOKEN, now=late) is None
    assert not respond.take_score(ledger, TOKEN, 5, now=late)
    assert not respond.take_comment(ledger, TOKEN, "Hello", now=late)
    assert not respond.note_click(ledger, TOKEN, visit=PHONE, now=late)
    google = platform(ledger, world.chicago)
    assert respond.choose_platform(ledger, TOKEN, google, visit=PHONE, now=late) is None
    assert respond.unsubscribe(ledger, UNSUBSCRIBE, is_channel_only=False, is_one_click=False, now=late)


@pytest.mark.one_database
@pytest.mark.usefixtures("request_id")
def test_a_link_token_does_not_unsubscribe_nor_the_other_way_round(ledger: Ledger) -> None:
    assert not respond.unsubscribe(ledger, TOKEN, is_channel_only=False, is_one_click=False, now=NOON)
    assert respond.open_unsubscribe_page(ledger, TOKEN) is None
    assert not respond.take_score(ledger, UNSUBSCRIBE, 5, now=NOON)
