"""A simulation is the plan itself, run forward: it says what is really sent afterwards, hour by hour."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import AddressKind, Channel, RequestStatus, Rule, Source
from invitations.foresee import foresee, read_present
from invitations.policy import Policy
from invitations.prices import load_prices
from invitations.queueing import plan_and_queue
from invitations.send import send_due
from invitations.simulate import Simulation, simulate
from invitations.simulation_report import as_json, by_hour, left_out, units_left
from tests.recorder import Recorder
from tests.world import NOON, RULES, World, insert, make_customer, make_request, make_world, suppress

HOUR = timedelta(hours=1)
# What a simulation decides does not depend on the database; what it reads is held on both in tests/data.
pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)


def simulated(ledger: Ledger, days: float, **rules: object) -> Simulation:
    policy = Policy.load({**RULES, **rules}) if rules else None
    return foresee(read_present(ledger, NOON), timedelta(days=days), load_prices(), policy)


def short_sequence(ledger: Ledger, world: World) -> None:
    """A text or e-mail at once, an e-mail after three hours, another the next day: a test need not run for weeks."""
    with ledger.write() as c:
        for step, hours in ((1, 3), (2, 20)):
            c.execute(
                t.sequence_steps.update()
                .where(t.sequence_steps.c.sequence_id == world.sequence_id, t.sequence_steps.c.step == step)
                .values(delay_minutes=hours * 60)
            )


def busy_world(ledger: Ledger) -> World:
    """Two locations, ten invitations a cycle that turns on the 24th, a list at three an hour, follow-ups; a person who
    is a customer twice, one who opted out, one whose first message is queued already.
    """
    world = make_world(ledger, quota=10)
    short_sequence(ledger, world)
    with ledger.write() as c:
        c.execute(t.accounts.update().values(cycle_anchor_day=24))
        paced = insert(
            c, t.lists, account_id=world.account_id, location_id=world.chicago, name="May", source=Source.CSV,
            content_sha256="0" * 64, imported_by="test", speed="3/hour",
        )  # fmt: skip
    made = NOON - timedelta(days=9)
    for number in range(8):
        make_customer(
            ledger, world, email=f"p{number}@example.com", phone=f"+131255501{number:02d}", list_id=paced,
            created_at=made + number * HOUR,
        )  # fmt: skip
    for number in range(7):
        make_customer(
            ledger, world, email=f"n{number}@example.com", location_id=world.new_york,
            created_at=made + timedelta(days=1) + number * HOUR,
        )  # fmt: skip
    queued = make_customer(ledger, world, email="q@example.com", phone="+13125550177", created_at=made)
    make_request(ledger, world, queued, now=NOON)
    twice = make_customer(ledger, world, email="two@example.com", created_at=made)
    with ledger.write() as c:
        person = c.scalar(sa.select(t.customers.c.person_id).where(t.customers.c.customer_id == twice))
        c.execute(
            t.customers.insert().values(
                account_id=world.account_id, location_id=world.new_york, person_id=person, first_name="Ana",
                last_name="Ruiz", email="two@example.com", source=Source.CSV, created_at=made + HOUR,
            )
        )  # fmt: skip
    make_customer(ledger, world, email="no@example.com", created_at=made)
    suppress(ledger, world, AddressKind.EMAIL, "no@example.com")
    return world


def really_sent(ledger: Ledger, hours: int) -> Counter[tuple[int, int, str, datetime]]:
    """What a planning pass and a dispatch in every hour from noon hand over, by the hour; nights are left out.

    Each comes a little later in its hour than the one before, as a hand-over takes time, and what is due an hour or a
    day after it must not be due a moment after the clock struck.
    """
    recorder = Recorder()
    for number in range(hours):
        now = NOON + number * (HOUR + timedelta(seconds=40))
        if not 4 <= now.hour < 12:  # UTC: 23:00 to 07:00 in New York, an hour earlier in Chicago
            plan_and_queue(ledger, now=now)
            send_due(ledger, recorder.messengers, now=now)
    with ledger.read() as c:
        rows = c.execute(
            sa.select(t.invitations.c.customer_id, t.requests.c.step, t.requests.c.channel, t.requests.c.handed_at)
            .join(t.invitations, t.invitations.c.invitation_id == t.requests.c.invitation_id)
            .where(t.requests.c.status == RequestStatus.SENT)
        ).all()
    return Counter((row.customer_id, row.step, row.channel.value, by_the_hour(row.handed_at)) for row in rows)


def by_the_hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


@pytest.mark.slow
def test_what_is_simulated_is_what_is_really_sent_hour_by_hour(ledger: Ledger) -> None:
    busy_world(ledger)
    hours = 48
    simulation = simulated(ledger, hours / 24)
    foreseen = Counter(
        (customer, step, channel, by_the_hour(at))
        for customer, step, channel, at in simulation.messages.select("customer_id", "step", "channel", "at").rows()
    )
    assert foreseen == really_sent(ledger, hours)
    assert simulation.messages["is_invitation"].sum() == 17  # both cycles' worth of them, but nobody twice
    assert {step for _, step, _, _ in foreseen} == {0, 1, 2}
    assert [shortage.resets_at for shortage in simulation.shortages] == [datetime(2026, 11, 24, 6, tzinfo=UTC)]


@pytest.mark.slow
def test_looking_only_when_something_new_can_come_is_looking_every_hour(ledger: Ledger) -> None:
    world = busy_world(ledger)
    with ledger.write() as c:
        c.execute(t.lists.update().values(speed=None))
        c.execute(
            t.locations.update().where(t.locations.c.location_id == world.chicago).values(invitations_per_cycle=6)
        )
    there = read_present(ledger, NOON)
    first, every_hour = (
        simulate(
            there.sources, there.standing, there.policy, NOON, until=NOON + timedelta(days=3), prices=load_prices(),
            texts=there.texts, link=there.link, longest_stretch=stretch,
        )
        for stretch in (timedelta(days=1), HOUR)
    )  # fmt: skip
    assert first.messages.height > 20
    assert first.messages.equals(every_hour.messages)
    assert first.shortages == every_hour.shortages


@pytest.mark.slow
def test_nothing_is_written_and_the_answer_is_the_same_every_time(ledger: Ledger) -> None:
    busy_world(ledger)
    first, second = simulated(ledger, 5), simulated(ledger, 5)
    assert first.messages.equals(second.messages)
    assert first.held.equals(second.held)
    with ledger.read() as c:
        assert c.scalar(sa.select(sa.func.count()).select_from(t.invitations)) == 1  # the one that was there
        assert c.scalar(sa.select(sa.func.count()).select_from(t.quota_cycles)) == 0


@pytest.mark.slow
def test_no_more_begin_in_a_cycle_than_the_quota_has_and_it_says_when_it_comes_back(ledger: Ledger) -> None:
    world = make_world(ledger, quota=3)
    for _ in range(8):
        make_customer(ledger, world)
    simulation = simulated(ledger, 10)
    begun = simulation.messages.filter("is_invitation")["at"].to_list()
    assert begun == [NOON] * 3 + [datetime(2026, 12, 1, 14, tzinfo=UTC)] * 3
    assert [(s.ran_out_at, s.resets_at.day, s.waiting) for s in simulation.shortages] == [
        (NOON, 1, 5),
        (datetime(2026, 12, 1, 14, tzinfo=UTC), 1, 2),
    ]
    assert units_left(simulation)["left"].to_list() == [3, 0, 3, 0]
    out = {row["rule"]: row for row in left_out(simulation).iter_rows(named=True)}
    assert out[Rule.QUOTA]["customers"] == 2
    assert out[Rule.QUOTA]["earliest_at"] == datetime(2027, 1, 1, 14, tzinfo=UTC)


@pytest.mark.slow
def test_who_is_left_out_is_counted_by_reason_and_never_named(ledger: Ledger) -> None:
    world = make_world(ledger)
    for name in ("anna", "ben", "cleoo"):
        make_customer(
            ledger, world, email=f"{name}@example.com", phone=f"+131255501{len(name):02d}", first_name=name.title()
        )
    suppress(ledger, world, AddressKind.EMAIL, "anna@example.com")
    simulation = simulated(ledger, 1)
    told = as_json(simulation, "America/Chicago")
    reasons = {(row["rule"], row["is_for_good"]): row["customers"] for row in told["left_out"]}
    assert reasons == {("suppressed", True): 1, ("step_not_due", False): 2}
    assert not any(name in str(told).lower() for name in ("anna", "ben@", "cleoo"))


@pytest.mark.slow
def test_another_policy_moves_the_messages_and_changes_nothing_else(ledger: Ledger) -> None:
    world = make_world(ledger)
    for _ in range(4):
        make_customer(ledger, world)
    simulation = simulated(ledger, 3, quiet_hours={"opens": "15:00", "closes": "16:00"})
    assert by_hour(simulation, "America/Chicago").rows() == [(NOON.date(), 15, "sms", 4)]
    assert by_hour(simulated(ledger, 3), "America/Chicago").rows() == [(NOON.date(), 12, "sms", 4)]


@pytest.mark.slow
def test_texts_are_priced_by_the_segments_of_what_they_say(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world, phone="+13125550100", first_name="Ana")
    make_customer(ledger, world, phone="+13125550101", first_name="Łucja" * 10)  # Ł: 70 characters a segment, not 160
    simulation = simulated(ledger, 1)
    assert sorted(simulation.messages["segments"]) == [1, 2]
    [charge] = simulation.cost.charges
    assert (charge.volume.channel, charge.volume.country, charge.volume.segments) == (Channel.SMS, "US", 3)
    assert str(charge.amount) == "0.0384"


@pytest.mark.slow
def test_all_channels_of_a_step_are_one_invitation_even_if_one_goes_later(ledger: Ledger) -> None:
    world = make_world(ledger)
    with ledger.write() as c:
        c.execute(t.sequence_steps.update().where(t.sequence_steps.c.step == 0).values(is_all_channels=True))
    make_customer(ledger, world, email="ana@example.com", phone="+18605550100")  # Connecticut: texts from 09:00
    later = {"region": "US-CT", "channels": ["sms"], "opens": "15:00", "closes": "16:00"}
    simulation = simulated(ledger, 2, stricter_hours=[{**later, "source": "a test", "read_on": "2026-11-20"}])
    assert simulation.messages.select("channel", "is_invitation").rows() == [("email", True), ("sms", False)]
    assert simulation.messages["at"].to_list() == [NOON, NOON + 2 * HOUR]  # 15:00 in Hartford


@pytest.mark.slow
def test_a_location_can_be_looked_at_alone(ledger: Ledger) -> None:
    world = make_world(ledger)
    make_customer(ledger, world)
    make_customer(ledger, world, location_id=world.new_york)
    there = simulated(ledger, 1).at([world.new_york])
    assert there.messages["location_id"].to_list() == [world.new_york]
    assert there.held["location_id"].to_list() == [world.new_york]
    assert isinstance(there.messages, pl.DataFrame)
