"""The Overview: what it says, whom its figures lead to, and buying more.

On SQLite only, for time: the statements behind it are held by tests/data/test_overview.py.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from dashboard import comparing
from dashboard.periods import last_days, own_days
from dashboard.wording import share
from data.intervals import Change, Estimate
from data.ledger import tables as t
from data.ledger.quota import ensure_cycle, standing
from data.ledger.store import Ledger
from data.warehouse.overview import Figure
from data.words import Channel, Plan, RequestStatus, Role
from tests.dashboard.conftest import Open, buttons, text
from tests.world import NOON, World, make_customer, make_request

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]
CHICAGO = "America/Chicago"


def answered(ledger: Ledger, world: World, score: int, *, days: int = 2, employee: str | None = None) -> int:
    """Somebody whose message went `days` ago, and who gave this score a day later."""
    customer = make_customer(ledger, world, employee=employee)
    sent = NOON - timedelta(days=days)
    request = make_request(
        ledger, world, customer, status=RequestStatus.SENT, handed_at=sent, now=sent, channel=Channel.EMAIL
    )
    with ledger.write() as c:
        found = sa.select(t.requests.c.invitation_id).where(t.requests.c.request_id == request)
        invitation = c.execute(found).scalar_one()
        mine = t.invitations.c.invitation_id == invitation
        c.execute(t.invitations.update().where(mine).values(first_handed_at=sent))
        c.execute(
            t.scores.insert().values(
                invitation_id=invitation, request_id=request, score=score, scored_at=sent + timedelta(days=1)
            )
        )
    return customer


def test_a_figure_leads_to_exactly_the_customers_behind_it_and_on_to_their_history(
    ledger: Ledger, world: World, publish: Callable[[], None], look: Open
) -> None:
    eves = [answered(ledger, world, 10, employee="Eve <b>") for _ in range(5)]
    for _ in range(6):
        answered(ledger, world, 3, employee="Bob")
    publish()
    app = look(by="Employee")
    shown = text(app)
    assert "Eve &lt;b&gt;" in shown
    assert "200 points above the rest" in shown
    app.button(key="member_who_1").click().run()
    assert app.query_params["group"] == "Eve <b>"
    people = text(app)
    assert "Gave a score: 5 invitations" in people
    assert people.count("aw-strong aw-two") == len(eves)
    assert "export_overview_answered_csv" in [button.key for button in app.get("download_button")]
    app.button(key="behind_activity_0").click().run()
    assert "Employee" in text(app)
    assert int(app.query_params["customer"]) in eves
    app = look(behind="detractors", as_user="viewer")  # a link, as a viewer
    assert "Detractors: 6 invitations" in text(app)
    assert not app.get("download_button")
    app.button(key="behind_back").click().run()
    assert "From invitation to review" in text(app)


def test_two_locations_of_one_name_are_told_apart_wherever_they_are_named(
    ledger: Ledger, world: World, publish: Callable[[], None], look: Open
) -> None:
    with ledger.write() as c:
        c.execute(t.locations.update().values(name="Acme"))
    answered(ledger, world, 9)
    there = make_customer(ledger, world, location_id=world.new_york)
    publish()
    for page in ("overview", "requests", "customers"):
        app = look(page)
        assert "Acme (chicago)" in text(app)
    assert app.selectbox(key="location").options == ["All locations", "Acme (chicago)", "Acme (new-york)"]
    app.selectbox(key="location").set_value("Acme (new-york)").run()
    assert [key for key in buttons(app) if key.startswith("activity_")] == [f"activity_{there}"]


def test_a_link_to_a_week_that_cannot_be_shows_the_whole_period(people: dict[str, int], look: Open) -> None:
    for week in ("9999-12-31", "yesterday"):
        assert "Sent: 1 invitation" in text(look(behind="sent", week=week))


def test_too_few_answers_and_too_few_messages_make_no_figure(people: dict[str, int], look: Open) -> None:
    shown = text(look(period="Last 7 days"))
    assert "Shown from 5 answers" in shown
    assert "Shown from 20 sent" in shown
    assert "+100" not in shown


def test_dates_of_ones_own_are_in_the_link_and_bound_what_is_shown(
    ledger: Ledger, world: World, publish: Callable[[], None], look: Open
) -> None:
    for days in (2, 2, 20, 40):
        answered(ledger, world, 9, days=days)
    publish()
    app = look(period="Own dates", dates=["2026-11-01", "2026-11-10"], behind="sent")
    assert "Sent: 1 invitation" in text(app)
    assert "1 Nov to 10 Nov" in text(app)


def invited_in_cycle(ledger: Ledger, world: World, location: int, **values: Any) -> int:
    """Somebody on whom a unit of November was spent."""
    customer = make_customer(ledger, world, location_id=location, **values)
    make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=NOON)
    with ledger.write() as c:
        mine = t.invitations.c.customer_id == customer
        c.execute(t.invitations.update().where(mine).values(first_handed_at=NOON))
        spent = sa.select(
            t.invitations.c.invitation_id, t.invitations.c.account_id, t.invitations.c.location_id,
            sa.literal(date(2026, 11, 1)), sa.literal(NOON, t.quota_reservations.c.reserved_at.type),
        ).where(mine)  # fmt: skip
        columns = ["invitation_id", "account_id", "location_id", "cycle_start_date", "reserved_at"]
        c.execute(t.quota_reservations.insert().from_select(columns, spent))
        ensure_cycle(c, world.account_id, NOON)
        c.execute(t.quota_cycles.update().values(used=t.quota_cycles.c.used + 1))
    return customer


@pytest.mark.parametrize("page", ["overview", "customers"])
def test_a_quota_card_leads_to_exactly_the_people_it_counts_whatever_the_period(
    ledger: Ledger, world: World, look: Open, page: str
) -> None:
    invited_in_cycle(ledger, world, world.chicago, first_name="Ana")
    zoe = invited_in_cycle(ledger, world, world.new_york, first_name="Zoe")
    nobody_yet: dict[str, Any] = {"period": "Own dates", "dates": ["2026-01-01", "2026-01-02"]}
    app = look(page, location="Acme New York", **nobody_yet)
    app.button(key="who_invited_here").click().run()
    assert "Invited This Cycle: 1 invitation<" in text(app)
    assert "Zoe" in text(app)
    assert "Ana" not in text(app)
    app.button(key=next(key for key in buttons(app) if key.startswith("invited_activity_"))).click().run()
    assert app.query_params["customer"] == str(zoe)
    app = look(page, location="Acme New York", **nobody_yet)
    app.button(key="who_invited_account").click().run()
    assert "Total Invited Customers: 2 invitations" in text(app)
    assert app.query_params["cycle"] == "2026-11-01"
    app.button(key="invited_back").click().run()
    assert "Resets 1 December" in text(app)
    assert "Nobody was invited in this cycle" in text(look(page, invited="here", cycle="2026-10-01"))


def test_whoever_sees_a_quota_card_sees_the_people_of_their_own_locations_behind_it(
    ledger: Ledger, world: World, look: Open
) -> None:
    for place in (world.chicago, world.chicago, world.new_york):
        invited_in_cycle(ledger, world, place)
    with ledger.write() as c:
        mine = sa.select(t.users.c.user_id, sa.literal(world.new_york)).where(
            t.users.c.role.in_([Role.MANAGER, Role.AGENCY_CLIENT])
        )
        c.execute(t.user_locations.insert().from_select(["user_id", "location_id"], mine))
    shown = text(look(as_user="manager", invited="account"))
    assert "Total Invited Customers: 1 invitation<" in shown
    assert "2 more went out from locations that you do not look after" in shown
    shown = text(look(as_user="agency_client", invited="account"))
    assert "Invited This Cycle: 1 invitation<" in shown  # the account's figure is not theirs to know
    assert "2 more" not in shown
    app = look(as_user="viewer", invited="here")
    assert "Invited This Cycle: 3 invitations" in text(app)
    assert not app.get("download_button")


def test_buying_more_is_asked_first_then_counts_at_once_and_is_kept(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    app = look()
    assert "/ 200" in text(app)
    app.button(key="buy_more").click().run()
    app.number_input(key="buy_more_number").set_value(1).run()
    assert app.button(key="buy_more_yes").label == "Buy 1 invitation"
    app.number_input(key="buy_more_number").set_value(50).run()
    assert "250" in text(app)
    assert "not carried over" in text(app)
    app.button(key="buy_more_yes").click().run()
    assert "/ 250" in text(app)
    with ledger.read() as c:
        assert standing(c, world.account_id, NOON).allowance == 250
        line = c.execute(sa.select(t.audit).order_by(t.audit.c.audit_id.desc())).first()
    assert line is not None
    assert (line.actor, line.action, line.after["bought"]) == ("owner@acme.example", "buy_more", 50)


@pytest.mark.parametrize(
    ("role", "plan"),
    [
        ("owner", Plan.GROWTH),
        ("admin", Plan.SCALE),
        ("manager", Plan.GROWTH),
        ("agency_client", Plan.GROWTH),
        ("owner", Plan.STARTER),
        ("owner", Plan.FREE),
    ],
)
def test_buy_more_is_for_owner_and_admin_on_a_paid_plan_other_than_starter(
    ledger: Ledger, people: dict[str, int], look: Open, role: str, plan: Plan
) -> None:
    with ledger.write() as c:
        c.execute(t.accounts.update().values(plan=plan))
    app = look(as_user=role)
    is_offered = role in ("owner", "admin") and plan in (Plan.GROWTH, Plan.SCALE)
    assert ("buy_more" in buttons(app)) is is_offered
    assert ("Total Invited Customers" in text(app)) is (role != "agency_client")
    assert "Invited This Cycle" in text(app)
    assert "Resets 1 December" in text(app)


def test_a_change_is_said_only_where_chance_does_not_explain_it(settings: object) -> None:
    at = Estimate(0.4, 0.3, 0.5, 100)
    fell = Figure(100, at, Change(-0.2, -0.3, -0.1), 100)
    same = Figure(100, at, Change(-0.02, -0.1, 0.06), 100)

    def said(figure: Figure, before: str = "the week before") -> str:
        return comparing.change_in_words(figure, before, "20 sent", lambda c: comparing.up_or_down(c, 100))

    assert said(fell) == "Down 20 points from the week before"
    assert said(same) == "No detectable change from the week before"
    assert said(Figure(3, None)) == "Shown from 20 sent"
    assert said(Figure(100, at, None, 0)) == "Nothing to compare in the week before"
    assert said(Figure(100, at, None, 3)) == "Too few in the week before to compare"
    assert said(Figure(100, at), "") == "Of all time"
    assert comparing.against_rest(12.0, -3.0, 27.0) == "No detectable difference"
    assert [comparing.score(value) for value in (-12.4, 0.2, 54)] == ["−12", "0", "+54"]
    assert [comparing.duration(hours) for hours in (0.007, 0.5, 5, 60)] == [
        "25 seconds", "30 minutes", "5 hours", "2.5 days",
    ]  # fmt: skip


def test_nobody_and_everybody_are_said_only_where_it_is_so(settings: object) -> None:
    said = [share(part, 5_000) for part in (0, 2, 40, 2_500, 4_999, 5_000)]
    assert said == ["0 %", "under 0.1 %", "0.8 %", "50 %", "99.9 %", "100 %"]
    assert comparing.percent(0.0004) == "under 0.1 %"
    assert share(0, 0) == "–"


def test_a_period_begins_and_ends_at_midnight_where_the_location_is(settings: object) -> None:
    week = last_days(7, date(2026, 11, 23), CHICAGO)
    assert week.since == datetime(2026, 11, 17, 6, tzinfo=UTC)
    assert (week.ends, week.before) == (None, "the week before")
    own = own_days(date(2026, 10, 30), date(2026, 11, 2), CHICAGO, NOON)
    assert own.since == datetime(2026, 10, 30, 5, tzinfo=UTC)
    assert own.ends == datetime(2026, 11, 3, 6, tzinfo=UTC)  # clocks went back in between
    assert (own.words, own.before) == ("30 Oct to 2 Nov", "the 4 days before")
    assert own_days(date(2026, 11, 20), date(2026, 11, 30), CHICAGO, NOON).ends is None
