"""The pages, as each role meets them, empty and with data.

On SQLite only, for time: what they read of the ledger is run on both in test_entrance.py, tests/invitations and
tests/data.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Channel, InvitationStatus, RequestStatus, Role, RunKind, RunStatus
from tests.dashboard.conftest import Open, buttons, text
from tests.world import NOON, World, insert, make_customer, make_request

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]
PAGES = ["overview", "requests", "customers", "runs"]


@pytest.fixture
def people(ledger: Ledger, world: World, publish: Callable[[], None]) -> dict[str, int]:
    """Ana in Chicago, her first message queued; Ben in New York, answered with a 9 and reviewed; Cleo, not invited."""
    ana = make_customer(ledger, world, email="ana@example.com", phone="+13125550100", first_name="Ana")
    ben = make_customer(
        ledger, world, email="ben@example.com", phone="+12125550111", first_name="Ben", last_name="Okafor",
        location_id=world.new_york,
    )  # fmt: skip
    cleo = make_customer(ledger, world, email="cleo@example.com", first_name="Cleo", last_name="Marsh")
    waiting = make_request(ledger, world, ana)
    gone = make_request(
        ledger, world, ben, status=RequestStatus.DELIVERED, handed_at=NOON - timedelta(days=1), channel=Channel.SMS
    )
    with ledger.write() as c:
        invitation = c.execute(t.invitations.select().where(t.invitations.c.customer_id == ben)).one()
        c.execute(
            t.invitations.update()
            .where(t.invitations.c.invitation_id == invitation.invitation_id)
            .values(status=InvitationStatus.ANSWERED, first_handed_at=NOON - timedelta(days=1))
        )
        c.execute(
            t.scores.insert().values(
                invitation_id=invitation.invitation_id, request_id=gone, score=9, scored_at=NOON - timedelta(hours=20)
            )
        )
        insert(
            c, t.reviews, account_id=world.account_id, location_id=world.new_york, platform="google",
            provider_review_id="r1", reviewer_name="Ben O.", stars=5, body="No waiting at all.", sentiment="positive",
            reviewed_at=NOON - timedelta(hours=19), invitation_id=invitation.invitation_id,
        )  # fmt: skip
        insert(
            c, t.runs, kind=RunKind.SEND, status=RunStatus.DONE, started_at=NOON - timedelta(days=1),
            ended_at=NOON - timedelta(days=1) + timedelta(seconds=12), process="host:1", done=1, total=1,
            counts={"accepted": 1},
        )  # fmt: skip
    publish()
    return {"ana": ana, "ben": ben, "cleo": cleo, "waiting": waiting, "gone": gone}


def invitation_of(ledger: Ledger, customer_id: int) -> Any:
    with ledger.read() as c:
        return c.execute(t.invitations.select().where(t.invitations.c.customer_id == customer_id)).one()


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
    for said in ("Ana Ruiz", "Active", "Ben Okafor", "Answered", "Google", "Cleo Marsh", "Not invited yet"):
        assert said in customers
    runs = text(look("runs"))
    assert "Sending (batch)" in runs
    assert "accepted <b>1</b>" in runs


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
    assert buttons(look("requests", as_user="viewer")) == []
    assert {key.split("_")[0] for key in buttons(look("customers", as_user="viewer"))} == {"activity"}
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
    assert f"restart_{ana}" in buttons(app)
    app.button(key=f"restart_{ana}").click().run()
    app.button(key="confirm_yes").click().run()
    assert invitation_of(ledger, ana).status is InvitationStatus.ACTIVE


def test_a_refusal_is_said_in_plain_words(ledger: Ledger, people: dict[str, int], look: Open) -> None:
    app = look("requests")
    with ledger.write() as c:
        c.execute(t.requests.update().values(status=RequestStatus.SENT))
    app.button(key=f"pause_{people['waiting']}").click().run()
    assert [warning.value for warning in app.warning] == ["Too late, it has gone."]


@pytest.mark.parametrize(
    ("searched", "found"),
    [("an", 3), ("ana", 1), ("OKAFOR", 1), ("cleo@exam", 1), ("(312) 555-01", 1), ("312.555.0100", 1), ("%%%", 0)],
)
def test_search_begins_at_three_characters_and_knows_names_emails_and_phones(
    people: dict[str, int], look: Open, searched: str, found: int
) -> None:
    app = look("customers")
    app.text_input(key="customers_search").set_value(searched).run()
    assert sum(key.startswith("activity_") for key in buttons(app)) == found


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


def test_the_panel_opens_from_its_row_and_from_its_link(people: dict[str, int], look: Open) -> None:
    app = look("customers")
    app.button(key=f"activity_{people['ben']}").click().run()
    assert app.query_params["customer"] == str(people["ben"])
    by_link = look("customers", customer=str(people["ben"]))
    for shown in (text(app), text(by_link)):
        for said in ("ben@example.com", "No waiting at all.", "Ben O.", "positive", "Invitation history"):
            assert said in shown


@pytest.mark.parametrize("customer", ["999999", "-1", "x", "1; drop table customers", "²"])
def test_a_link_to_nobody_says_so(people: dict[str, int], look: Open, customer: str) -> None:
    assert "No such customer here" in text(look("customers", customer=customer))


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
