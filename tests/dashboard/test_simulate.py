"""The Simulate page: what would be sent, who is left out and why; other settings tried and refused in words."""

import pytest
import streamlit as st

from dashboard import simulated
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Role
from tests.dashboard.conftest import Open, buttons, text
from tests.world import World, make_customer

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]


@pytest.fixture(autouse=True)
def forget() -> None:
    """What is kept between looks must not come from another test's ledger."""
    st.cache_data.clear()


@pytest.fixture
def waiting(ledger: Ledger, world: World) -> None:
    """Five customers in Chicago and one in New York wait; three may be invited in this cycle."""
    with ledger.write() as c:
        c.execute(t.accounts.update().values(invitations_per_cycle=3))
    for number in range(5):
        make_customer(ledger, world, email=f"a{number}@example.com", phone=f"+131255501{number:02d}", first_name="Zoë")
    make_customer(ledger, world, email="n@example.com", location_id=world.new_york)


def test_without_customers_the_page_says_what_would_be_here(world: World, look: Open) -> None:
    assert "Nobody is waiting for a message" in text(look("simulate"))


@pytest.mark.usefixtures("waiting")
def test_the_page_shows_messages_quota_reasons_and_cost_and_what_is_assumed(look: Open) -> None:
    app = look("simulate")
    shown = text(app)
    for said in (
        "As of 23 Nov, 12:00 CT",
        "Nobody answers, opts out or fails",
        "Out 23 Nov",
        "3 left of this cycle; back on 1 December",
        "Their next message is due later",
        "USD",
    ):
        assert said in shown, said
    assert len(app.get("plotly_chart")) == 1
    assert "Zoë" not in shown


@pytest.mark.usefixtures("waiting")
def test_the_location_picker_narrows_what_is_shown(look: Open) -> None:
    app = look("simulate")
    assert all(cell in text(app) for cell in ('"Customers">3<', '"Messages">10<'))  # on a phone: "Customers 3"
    app.selectbox(key="location").set_value("Acme New York").run()
    assert not app.exception
    assert all(cell in text(app) for cell in ('"Customers">1<', '"Messages">2<'))


@pytest.mark.usefixtures("waiting")
def test_a_link_says_how_many_days_ahead_and_pressing_simulate_makes_one(look: Open) -> None:
    assert "Messages by hour" in text(look("simulate", days="2"))
    app = look("simulate", days="99999")  # nonsense: as usual
    assert "Messages by day" in text(app)
    app.number_input(key="simulate_days").set_value(3)
    next(one for one in app.button if one.label == "Simulate").click().run()
    assert app.query_params["days"] == "3"
    assert "Messages by hour" in text(app)


@pytest.mark.usefixtures("waiting")
def test_other_settings_stand_beside_those_in_effect_and_nothing_is_saved(ledger: Ledger, look: Open) -> None:
    app = look("simulate")
    app.toggle(key="simulate_compare").set_value(True)
    app.number_input(key="simulate_days").set_value(2)
    app.button_group(key="simulate_weekdays").set_value(["sat"])
    app.button(key=_submit(buttons(app))).click().run()
    assert not app.exception
    shown = text(app)
    assert "Settings in effect" in shown
    assert "The settings tried" in shown
    assert "Nothing would go in this time" in shown  # before Saturday
    with ledger.read() as c:
        assert len(c.execute(t.policies.select()).all()) == 1


@pytest.mark.usefixtures("waiting")
def test_settings_that_cannot_be_are_told_in_the_words_of_the_form(look: Open) -> None:
    app = look("simulate")
    app.toggle(key="simulate_compare").set_value(True)
    app.number_input(key="simulate_again").set_value(10)
    app.button(key=_submit(buttons(app))).click().run()
    [error] = app.error
    assert "“Invite again after” is 10" in error.value
    assert "invite_again_after_days" not in error.value
    assert "The settings tried" not in text(app)


@pytest.mark.usefixtures("waiting")
@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENCY_CLIENT])
def test_everybody_may_look_but_the_accounts_quota_is_not_for_an_agency_client(look: Open, role: Role) -> None:
    shown = text(look("simulate", as_user=role.value))
    assert "Messages by day" in shown
    assert ("left of this cycle" in shown) == (role is Role.VIEWER)


@pytest.mark.usefixtures("waiting")
def test_with_very_many_customers_the_page_waits_to_be_asked(look: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated, "AT_ONCE", 5)
    app = look("simulate")
    assert "6 customers to look at" in text(app)
    app.button(key=_submit(buttons(app))).click().run()
    assert "Messages by day" in text(app)


def _submit(keys: list[str]) -> str:
    return next(key for key in keys if "FormSubmitter" in key)
