"""Settling doubt: ask, prove, or leave it to a person; never send again blindly."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from connectors import CannotTell, Doubt, LookUp, Message, Outcome
from data.ledger import tables as t
from data.ledger.doubt import DoubtStanding, read_doubt, standings
from data.ledger.moments import Moment, unwatch, watch
from data.ledger.store import Ledger
from data.words import Channel, RequestStatus, Role
from invitations.actor import Actor, Done, Refused
from invitations.resolve import resolve_doubt
from invitations.send import send_due
from invitations.settle import settle_by_hand
from tests.recorder import Recorder
from tests.world import NOON, make_customer, make_request, make_world


class Unsure(Recorder):
    """Takes nothing, breaks each call, and answers look-ups as it is told."""

    def __init__(self, answer: LookUp | Exception) -> None:
        super().__init__(self._break)
        self.look_ups: list[Doubt] = []
        self._look_up_answer = answer

    @staticmethod
    def _break(message: Message) -> Outcome:
        raise ConnectionResetError

    def look_up(self, doubt: Doubt) -> LookUp:
        self.look_ups.append(doubt)
        if isinstance(self._look_up_answer, Exception):
            raise self._look_up_answer
        return self._look_up_answer


def in_doubt(ledger: Ledger, messenger: Recorder) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    send_due(ledger, messenger.messengers, now=NOON)


def status(ledger: Ledger) -> RequestStatus:
    with ledger.read() as c:
        found: RequestStatus = c.execute(sa.select(t.requests.c.status)).scalar_one()
    return found


def test_where_nobody_can_be_asked_a_person_decides(ledger: Ledger) -> None:
    messenger = Unsure(CannotTell("SMTP keeps no record", is_final=True))
    in_doubt(ledger, messenger)
    for _ in range(5):
        report = resolve_doubt(ledger, messenger.messengers, now=NOON)
    assert report.counts["needs_a_person"] == 1
    assert [row.note for row in report.rows] == ["SMTP keeps no record"]
    assert status(ledger) is RequestStatus.IN_DOUBT


def test_a_read_that_fails_proves_nothing(ledger: Ledger) -> None:
    messenger = Unsure(TimeoutError("slow"))
    in_doubt(ledger, messenger)
    for _ in range(5):
        report = resolve_doubt(ledger, messenger.messengers, now=NOON)
    assert report.counts["could_not_ask"] == 1
    assert status(ledger) is RequestStatus.IN_DOUBT


def test_without_a_provider_doubt_stays_and_says_so(ledger: Ledger) -> None:
    messenger = Unsure(CannotTell("", is_final=True))
    in_doubt(ledger, messenger)
    report = resolve_doubt(ledger, {Channel.EMAIL: messenger}, now=NOON)
    assert "no sms provider is configured" in report.rows[0].note


def test_the_provider_is_asked_for_the_requests_own_link(ledger: Ledger) -> None:
    messenger = Unsure(TimeoutError())
    in_doubt(ledger, messenger)
    resolve_doubt(ledger, messenger.messengers, now=NOON)
    with ledger.read() as c:
        request = c.execute(sa.select(t.requests)).one()
    [doubt] = messenger.look_ups
    assert doubt.link.endswith(f"/r/{request.link_token}")
    assert doubt.to == request.address


@pytest.mark.slow
def test_many_reads_within_a_minute_prove_nothing(ledger: Ledger) -> None:
    messenger = Recorder(Unsure._break)
    in_doubt(ledger, messenger)
    for _ in range(10):
        messenger.clock -= timedelta(minutes=15, seconds=59)
        resolve_doubt(ledger, messenger.messengers, now=NOON)
    assert status(ledger) is RequestStatus.IN_DOUBT


def standing(ledger: Ledger) -> DoubtStanding:
    with ledger.read() as c:
        account_id, request_id = c.execute(sa.select(t.requests.c.account_id, t.requests.c.request_id)).one()
        [found] = standings(c, account_id, None, [request_id]).values()
    return found


@pytest.mark.one_database
def test_asking_each_minute_about_a_doubt_that_stays_fills_no_page_of_runs(ledger: Ledger) -> None:
    messenger = Unsure(CannotTell("nobody knows", is_final=True))
    in_doubt(ledger, messenger)
    first = resolve_doubt(ledger, messenger.messengers, now=NOON)
    again = resolve_doubt(ledger, messenger.messengers, now=NOON)
    assert (again.run_id, again.counts["needs_a_person"]) == (first.run_id, 1)


@pytest.mark.one_database
def test_each_question_is_written_down_with_what_came_of_it(ledger: Ledger) -> None:
    messenger = Recorder(Unsure._break)
    in_doubt(ledger, messenger)
    assert (standing(ledger).asked_at, standing(ledger).is_left_to_person) == (None, False)
    resolve_doubt(ledger, messenger.messengers, now=NOON)
    resolve_doubt(ledger, messenger.messengers, now=NOON)
    told = standing(ledger)
    assert told.asked_at is not None
    assert (told.absent_reads, told.is_left_to_person) == (2, False)
    assert told.note == "not found in 2 of at least 3 reads over 30 minutes; asked again"


@pytest.mark.one_database
def test_who_keeps_no_record_leaves_it_to_a_person_until_somebody_can_be_asked(ledger: Ledger) -> None:
    messenger = Unsure(CannotTell("a mail relay cannot be asked what it took", is_final=True))
    in_doubt(ledger, messenger)
    resolve_doubt(ledger, {}, now=NOON)
    assert (standing(ledger).is_left_to_person, standing(ledger).note) == (
        True, "no sms provider is configured, so nobody can be asked",
    )  # fmt: skip
    resolve_doubt(ledger, messenger.messengers, now=NOON)
    assert standing(ledger).note == "a mail relay cannot be asked what it took"
    resolve_doubt(ledger, Recorder().messengers, now=NOON)
    assert standing(ledger).is_left_to_person is False


@pytest.mark.one_database
def test_a_provider_that_did_not_carry_it_is_not_asked_and_proves_nothing(ledger: Ledger) -> None:
    in_doubt(ledger, Unsure(TimeoutError()))
    another = Recorder()
    another.name = "another"
    for _ in range(5):
        report = resolve_doubt(ledger, another.messengers, now=NOON)
    assert report.counts["needs_a_person"] == 1
    assert status(ledger) is RequestStatus.IN_DOUBT


@pytest.mark.one_database
def test_another_sender_may_find_it_and_cannot_prove_that_it_never_came(ledger: Ledger) -> None:
    messenger = Recorder(Unsure._break)
    in_doubt(ledger, messenger)
    with ledger.write() as c:
        c.execute(t.attempts.update().values(sender="the number before"))
    for _ in range(5):
        resolve_doubt(ledger, messenger.messengers, now=NOON)
    assert status(ledger) is RequestStatus.IN_DOUBT
    assert standing(ledger).is_left_to_person
    with ledger.read() as c:
        link = c.execute(sa.select(t.requests.c.link_token)).scalar_one()
    messenger.taken.append(Message("x", Channel.SMS, "", "", f"{ledger.settings.public_url}/r/{link}"))
    resolve_doubt(ledger, messenger.messengers, now=NOON)
    assert status(ledger) is RequestStatus.SENT


def test_all_are_asked_about_in_turn_however_many_only_a_person_can_settle(ledger: Ledger) -> None:
    messenger = Recorder(Unsure._break)
    in_doubt(ledger, messenger)
    with ledger.read() as c:
        [first] = read_doubt(c)
        request = dict(c.execute(sa.select(t.requests)).one()._mapping)
        attempt = dict(c.execute(sa.select(t.attempts)).one()._mapping)
    resolve_doubt(ledger, messenger.messengers, now=NOON)
    with ledger.write() as c:
        for row, table, values in (
            (request, t.requests, {"request_id": 99, "step": 1, "link_token": "y", "unsubscribe_token": "y"}),
            (attempt, t.attempts, {"request_id": 99}),
        ):
            c.execute(table.insert().values({**row, "attempt_id": "b" * 24, **values}))
        assert [row.attempt_id for row in read_doubt(c, limit=1)] == ["b" * 24]
        assert {row.attempt_id for row in read_doubt(c)} == {first.attempt_id, "b" * 24}


@pytest.mark.one_database
def test_a_person_settles_only_what_nobody_can_be_asked_about_and_only_their_own(ledger: Ledger) -> None:
    messenger = Unsure(CannotTell("nobody knows", is_final=True))
    in_doubt(ledger, messenger)
    attempt = standing(ledger).attempt_id
    with ledger.read() as c:
        place = c.execute(sa.select(t.requests)).one()
    actor = Actor("manager@acme.example", Role.MANAGER, place.account_id, frozenset({place.location_id}))
    early = settle_by_hand(ledger, actor, attempt, was_sent=False, now=NOON)
    assert isinstance(early, Refused)
    assert "is asked about this one" in early.reason
    resolve_doubt(ledger, messenger.messengers, now=NOON)
    stranger = replace(actor, location_ids=frozenset({place.location_id + 1}))
    assert isinstance(settle_by_hand(ledger, stranger, attempt, was_sent=False, now=NOON), Refused)
    assert status(ledger) is RequestStatus.IN_DOUBT
    assert isinstance(settle_by_hand(ledger, actor, attempt, was_sent=False, now=NOON), Done)
    assert status(ledger) is RequestStatus.QUEUED


@pytest.mark.one_database
@pytest.mark.parametrize("moment", [Moment.RESOLVING, Moment.RESOLVED])
def test_dying_while_a_doubt_is_settled_leaves_it_for_the_next_pass(ledger: Ledger, moment: Moment) -> None:
    messenger = Recorder(Unsure._break)
    in_doubt(ledger, messenger)

    def die(passed: Moment) -> None:
        if passed is moment:
            raise SystemExit

    with ledger.read() as c:
        link = c.execute(sa.select(t.requests.c.link_token)).scalar_one()
    messenger.taken.append(Message("x", Channel.SMS, "", "", f"{ledger.settings.public_url}/r/{link}"))
    watch(die)
    try:
        with pytest.raises(SystemExit):
            resolve_doubt(ledger, messenger.messengers, now=NOON)
    finally:
        unwatch()
    assert (status(ledger) is RequestStatus.SENT) is (moment is Moment.RESOLVED)
    resolve_doubt(ledger, messenger.messengers, now=NOON)
    assert status(ledger) is RequestStatus.SENT
