"""The pages, as each role meets them, empty and with data.

On SQLite only, for time: what they read of the ledger is run on both in test_entrance.py, tests/invitations and
tests/data.
"""

import re
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.wording import short_day
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.settings import utc_now
from data.words import AddressKind, InvitationStatus, RequestStatus, Role, RunKind, RunStatus, SuppressionReason
from invitations.controls import Actor, stop_invitation
from tests.dashboard.conftest import Open, buttons, invitation_of, text
from tests.world import NOON, World, insert, make_customer, make_request, suppress

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]
PAGES = ["overview", "requests", "customers", "simulate", "runs"]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("overview", "No invitations yet"),
        ("requests", "No messages yet"),
        ("customers", "No customers yet"),
        ("runs", "No runs in this period"),
    ],
)
def test_an_empty_page_says_what_would_be_here_and_the_next_step(
    world: World, look: Open, page: str, said: str
) -> None:
    assert said in text(look(page))


def test_the_pages_show_what_is_in_the_ledger(people: dict[str, int], look: Open) -> None:
    overview = look("overview")
    assert [chart.proto.id != "" for chart in overview.get("plotly_chart")]
    assert "Total Invited Customers" in text(overview)
    assert "Resets 1 December" in text(overview)
    requests = text(look("requests"))
    for said in ("Ana Ruiz", "+1 312-555-0100", "Queued", "Ben Okafor", "Delivered", "Automation"):
        assert said in requests
    customers = text(look("customers"))
    for said in ("Ana Ruiz", "Planned", "Ben Okafor", "Answered", "Google", "Cleo Marsh", "Not invited yet"):
        assert said in customers
    runs = text(look("runs"))
    assert "Sending (batch)" in runs
    assert "sent <b>1</b>" in runs


@pytest.mark.parametrize("role", list(Role))
def test_every_role_can_look_at_every_page(people: dict[str, int], look: Open, role: Role) -> None:
    app = look(as_user=role.value)
    for page in PAGES:
        app.switch_page(f"views/{page}.py").run()
        assert not app.exception
        assert f'<h1 class="aw-title">{page.title()}</h1>' in text(app)


def test_a_viewer_is_offered_no_button_that_changes_anything(people: dict[str, int], look: Open) -> None:
    ana, waiting = people["ana"], people["waiting"]
    assert f"pause_{waiting}" in buttons(look("requests"))
    assert f"stop_{ana}" in buttons(look("customers"))
    assert {key.split("_")[0] for key in buttons(look("requests", as_user="viewer"))} == {"activity", "why", "sort"}
    assert {key.split("_")[0] for key in buttons(look("customers", as_user="viewer"))} == {"activity", "sort"}
    assert buttons(look("runs", as_user="viewer")) == []


def test_an_agency_client_does_not_see_the_accounts_quota(people: dict[str, int], look: Open) -> None:
    for page in ("overview", "customers"):
        assert "Total Invited Customers" in text(look(page, as_user="viewer"))
        shown = text(look(page, as_user="agency_client"))
        assert "Total Invited Customers" not in shown
        assert "Invited This Cycle" in shown


def test_a_message_is_paused_and_resumed_and_the_next_look_shows_it(
    ledger: Ledger, people: dict[str, int], look: Open
) -> None:
    waiting = people["waiting"]
    app = look("requests")
    app.button(key=f"pause_{waiting}").click().run()
    assert "paused" in text(app)
    assert f"resume_{waiting}" in buttons(app)
    app.button(key=f"resume_{waiting}").click().run()
    assert f"pause_{waiting}" in buttons(app)
    with ledger.read() as c:
        assert c.execute(t.requests.select().where(t.requests.c.request_id == waiting)).one().paused_at is None


def test_stopping_is_asked_first_then_done_then_undone(ledger: Ledger, people: dict[str, int], look: Open) -> None:
    ana = people["ana"]
    app = look("customers")
    app.button(key=f"stop_{ana}").click().run()
    assert "Stop messages to Ana Ruiz?" in text(app)
    assert "1 planned message won" in text(app)
    assert invitation_of(ledger, ana).status is InvitationStatus.ACTIVE
    app.button(key="confirm_yes").click().run()
    assert invitation_of(ledger, ana).status is InvitationStatus.STOPPED
    assert invitation_of(ledger, ana).stopped_by == "owner@acme.example"
    assert "it will not go" in text(app.switch_page("views/requests.py").run())
    app.switch_page("views/customers.py").run()
    assert f"restart_{ana}" in buttons(app)
    app.button(key=f"restart_{ana}").click().run()
    app.button(key="confirm_yes").click().run()
    assert invitation_of(ledger, ana).status is InvitationStatus.ACTIVE


def test_who_asked_not_to_be_contacted_is_told_of_before_and_stays_stopped(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    invitation = invitation_of(ledger, people["ana"])
    with ledger.write() as c:
        there = insert(
            c, t.customers, account_id=world.account_id, location_id=world.new_york, person_id=invitation.person_id,
            first_name="Ana", last_name="Ruiz", email="ana@example.com", phone="+13125550100", source="csv",
        )  # fmt: skip
    make_request(ledger, world, there)
    app = look("customers")
    app.button(key=f"stop_{people['ana']}").click().run()
    assert "no more SMS" not in text(app)
    app.checkbox(key=f"never_again_{invitation.invitation_id}").check().run()
    assert "Ana Ruiz gets no more SMS, email or WhatsApp from any location" in text(app)
    assert "What is planned at Acme New York stops too." in text(app)
    assert app.button(key="confirm_yes").label == "Stop for good"
    app.button(key="confirm_yes").click().run()
    for customer in (people["ana"], there):
        assert invitation_of(ledger, customer).status is InvitationStatus.STOPPED
        assert f"restart_{customer}" not in buttons(app)
    with ledger.read() as c:
        rows = c.execute(t.suppressions.select()).all()
    assert {(row.address, row.reason, row.recorded_by) for row in rows} == {
        (address, SuppressionReason.ASKED_BY_PERSON, "owner@acme.example")
        for address in ("ana@example.com", "+13125550100")
    }


def test_the_box_is_empty_again_after_a_change_of_mind(ledger: Ledger, people: dict[str, int], look: Open) -> None:
    box = f"never_again_{invitation_of(ledger, people['ana']).invitation_id}"
    app = look("customers")
    app.button(key=f"stop_{people['ana']}").click().run()
    app.checkbox(key=box).check().run()
    app.button(key="confirm_no").click().run()
    app.button(key=f"stop_{people['ana']}").click().run()
    assert app.checkbox(key=box).value is False
    app.button(key="confirm_yes").click().run()
    with ledger.read() as c:
        assert c.execute(t.suppressions.select()).all() == []


def test_a_message_in_doubt_is_not_said_to_be_still_due(ledger: Ledger, people: dict[str, int], look: Open) -> None:
    with ledger.write() as c:
        c.execute(
            t.requests.update()
            .where(t.requests.c.request_id == people["waiting"])
            .values(status=RequestStatus.IN_DOUBT)
        )
    shown = text(look("requests"))
    assert "it may have gone" in shown
    assert "Not yet" not in shown


def test_a_refusal_is_said_in_plain_words(ledger: Ledger, people: dict[str, int], look: Open) -> None:
    app = look("requests")
    with ledger.write() as c:
        c.execute(t.requests.update().values(status=RequestStatus.SENT))
    app.button(key=f"pause_{people['waiting']}").click().run()
    assert [warning.value for warning in app.warning] == ["Too late, it has gone."]


@pytest.mark.usefixtures("people")
def test_search_begins_at_three_characters_and_knows_names_emails_and_phones(look: Open) -> None:
    app = look("customers")
    expected = {
        "an": 3, "ana": 1, "OKAFOR": 1, "cleo@exam": 1, "(312) 555-01": 1, "312.555.0100": 1, "%%%": 0,
    }  # fmt: skip
    found = {}
    for searched in expected:
        app.text_input(key="customers_search").set_value(searched).run()
        found[searched] = sum(key.startswith("activity_") for key in buttons(app))
    assert found == expected


def activities(app: AppTest) -> list[str]:
    return [key for key in buttons(app) if key.startswith("activity_")]


def test_a_tab_can_be_linked_and_going_to_one_makes_the_link(people: dict[str, int], look: Open) -> None:
    app = look("customers", customers_status="answered")
    assert activities(app) == [f"activity_{people['ben']}"]
    app.segmented_control(key="customers_status").set_value("not_invited").run()  # planned, and nothing has left
    assert app.query_params["customers_status"] == "not_invited"
    assert f"activity_{people['ana']}" in buttons(app)
    app.segmented_control(key="customers_status").set_value("all").run()
    assert "customers_status" not in app.query_params
    assert len(activities(app)) == 3
    assert "Delivered" in text(look("requests", requests_status="Delivered"))
    assert "Ana Ruiz" in text(look("requests", requests_status="Nonsense"))


def test_who_must_not_be_contacted_is_not_offered_a_restart(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    ana = invitation_of(ledger, people["ana"]).invitation_id
    stop_invitation(ledger, Actor("owner@acme.example", Role.OWNER, world.account_id), ana, now=NOON)
    assert f"restart_{people['ana']}" in buttons(look("customers"))
    suppress(ledger, world, AddressKind.PHONE, "+13125550100")
    assert f"restart_{people['ana']}" not in buttons(look("customers"))


def test_a_demo_tells_every_time_on_its_own_clock(ledger: Ledger, people: dict[str, int], look: Open) -> None:
    with ledger.write() as c:
        c.execute(t.system.update().values(is_demo=True, clock_offset_seconds=40 * 86_400))
        insert(
            c, t.runs, kind=RunKind.PLAN, status=RunStatus.DONE, started_at=NOON - timedelta(days=42),
            policy_now=NOON - timedelta(days=9), process="host:2",
        )  # fmt: skip
    app = look("runs")
    assert "14 Nov" in text(app)  # what the run took for the time
    assert "1 Jan 2027" in text(app)  # Sunday the 22nd, where the run says nothing
    app.selectbox(key="period").set_value("Last 7 days").run()
    assert "14 Nov" in text(app)  # by the database's clock: 42 days ago, of which 40 are the offset
    as_of = re.search(r"Charts as of (\d+ \w+( \d+)?)", text(app))
    assert as_of is not None
    assert as_of[1] == short_day((utc_now() + timedelta(days=40)).astimezone(ZoneInfo("America/Chicago")).date(), NOON)


def test_the_location_picker_narrows_every_page(people: dict[str, int], look: Open) -> None:
    app = look("customers")
    app.selectbox(key="location").set_value("Acme New York").run()
    assert "Ben Okafor" in text(app)
    assert "Ana Ruiz" not in text(app)


def test_a_person_sees_only_the_locations_assigned_to_them(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    with ledger.write() as c:
        manager = c.execute(t.users.select().where(t.users.c.role == Role.MANAGER)).one()
        c.execute(t.user_locations.insert().values(user_id=manager.user_id, location_id=world.new_york))
    app = look("customers", as_user="manager")
    assert "Ben Okafor" in text(app)
    assert "Ana Ruiz" not in text(app)
    assert app.selectbox(key="location").options == ["Acme New York"]
    assert "No such customer here" in text(look("customers", as_user="manager", customer=str(people["ana"])))


def test_what_a_customer_is_called_is_text_and_never_markup(
    ledger: Ledger, world: World, publish: Callable[[], None], look: Open
) -> None:
    customer = make_customer(ledger, world, first_name="<img src=x onerror=alert(1)>", last_name="**Bold**")
    make_request(ledger, world, customer)
    publish()
    for page in ("customers", "requests"):
        app = look(page, customer=str(customer))
        assert "<img" not in text(app)
        assert "&lt;img src=x" in text(app)
        assert "Bold" not in "".join(element.value for element in app.markdown)


def test_the_kill_switch_is_thrown_and_released_on_the_runs_page(
    ledger: Ledger, people: dict[str, int], look: Open
) -> None:
    app = look("runs")
    app.button(key="halt").click().run()
    assert "All sending is halted" in text(app)
    assert "All sending is halted" in text(look("overview", as_user="viewer"))
    app.button(key="lift_halt").click().run()
    assert "All sending is halted" not in text(app)


def test_long_tables_are_paged_and_a_page_can_be_linked(
    ledger: Ledger, world: World, publish: Callable[[], None], look: Open
) -> None:
    for number in range(30):
        make_customer(ledger, world, email=f"n{number}@example.com", first_name=f"N{number:02d}")
    publish()
    app = look("customers")
    assert sum(key.startswith("activity_") for key in buttons(app)) == 25
    assert "1–25 of 30 customers" in text(app)
    second = look("customers", customers_page="2")
    assert sum(key.startswith("activity_") for key in buttons(second)) == 5
    assert "26–30 of 30 customers" in text(second)
