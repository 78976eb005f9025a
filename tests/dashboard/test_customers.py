"""The Customers page: a selection, filters, who is not invited yet and why, and what the panel tells and corrects.

On SQLite only, as the pages are (test_pages.py).
"""

from datetime import timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components.customer_export import as_told
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.ledger.tables.metadata import database_now
from data.warehouse import customers
from data.warehouse.customers import CustomerFilter
from data.warehouse.pages import Scope
from data.warehouse.reader import open_reader
from data.words import AddressKind, Channel, ConsentBasis, EventKind, InvitationStatus, Plan, SuppressionEffect
from tests.dashboard.conftest import Open, buttons, invitation_of, text
from tests.world import NOON, World, insert, make_customer, make_request, suppress

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]


def shown(app: AppTest) -> list[int]:
    """The customers in the table, in its order."""
    return [int(key.removeprefix("activity_")) for key in buttons(app) if key.startswith("activity_")]


def test_the_table_has_every_column_and_who_did_not_answer_shows_no_values(people: dict[str, int], look: Open) -> None:
    app = look("customers")
    told = text(app)
    for heading in (
        "First name", "Last name", "Email", "Phone number", "Invited on", "Location", "Source", "NPS score", "Ratings",
    ):  # fmt: skip
        assert app.button(key=f"sort_customers_{heading}").label == heading
    assert "Actions" in told
    for said in (
        "ben@example.com",
        "+1 212-555-0111",
        "22 Nov",
        "Acme New York",
        "CSV import",
        "5 of 5 stars",
        "Google",
    ):
        assert said in told
    assert told.count("aw-score") == 1  # Ben's: Ana and Cleo have not answered
    assert told.count("aw-stars") == 1


def test_stars_of_our_own_page_are_a_rating_and_no_nps(ledger: Ledger, people: dict[str, int], look: Open) -> None:
    with ledger.write() as c:
        c.execute(t.reviews.delete())
        c.execute(t.scores.update().values(score=None, stars=4))
    told = text(look("customers", customers_status="answered"))
    assert "4 of 5 stars" in told
    assert "On your page" in told
    assert "aw-score" not in told


def test_every_column_sorts_both_ways_and_the_order_is_in_the_link(people: dict[str, int], look: Open) -> None:
    app = look("customers", customers_sort="First name, A to Z")
    assert shown(app) == [people["ana"], people["ben"], people["cleo"]]
    app.button(key="sort_customers_First name").click().run()  # the heading: sorted by it already, so the other way
    assert shown(app) == [people["cleo"], people["ben"], people["ana"]]
    assert app.query_params["customers_sort"] == "First name, Z to A"
    app.button(key="sort_customers_NPS score").click().run()
    assert shown(app)[0] == people["ben"]
    columns = {option.split(",")[0] for option in app.selectbox(key="customers_sort").options}
    assert columns == {
        "Invited on", "Last name", "First name", "Email", "Phone number", "Location", "Source", "Status", "NPS score",
        "Ratings",
    }  # fmt: skip
    assert columns == {key.removeprefix("sort_customers_") for key in buttons(app) if key.startswith("sort_customers_")}
    assert len(app.selectbox(key="customers_sort").options) == 2 * len(columns)


def test_who_is_not_invited_yet_is_shown_with_what_holds_them_back(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    suppress(ledger, world, AddressKind.EMAIL, "cleo@example.com")
    app = look("customers", customers_status="not_invited")
    assert sorted(shown(app)) == sorted([people["ana"], people["cleo"]])
    told = text(app)
    assert "What holds it back" in told
    assert "Not asked at present" in told  # Cleo, and why
    assert "contact" in told[told.index("Not asked at present") :]
    assert "(queued)" in told  # Ana's first message waits for its time
    assert "NPS score" not in told


def test_a_filter_in_the_link_narrows_the_table_says_so_and_is_taken_away(people: dict[str, int], look: Open) -> None:
    app = look("customers", customers_answer="promoter")
    assert shown(app) == [people["ben"]]
    app.button(key="customers_answer_off").click().run()
    assert len(shown(app)) == 3
    nobody = look("customers", customers_employee="_Nobody_")
    assert "No customer matches" in text(nobody)
    assert nobody.button(key="customers_employee_off").label == r"Employee\: \_Nobody\_"
    nobody.button(key="forget_filters").click().run()
    assert len(shown(nobody)) == 3


def test_a_selection_is_stopped_after_a_question_and_whom_it_does_not_concern_is_said(
    ledger: Ledger, people: dict[str, int], look: Open
) -> None:
    app = look("customers", customers_picked=f"{people['ana']}.{people['ben']}")
    assert "2 customers picked" in text(app)
    app.button(key="stop_picked").click().run()
    told = text(app)
    assert "Stop messages to Ana Ruiz?" in told
    assert "1 planned message won" in told
    assert "1 other that you picked has nothing to stop." in told
    assert invitation_of(ledger, people["ana"]).status is InvitationStatus.ACTIVE
    app.button(key="confirm_many_yes").click().run()
    assert invitation_of(ledger, people["ana"]).status is InvitationStatus.STOPPED
    assert "customers_picked" not in app.query_params
    app.checkbox(key="pick_customers_all").check().run()
    assert "3 customers picked" in text(app)
    app.button(key="restart_picked").click().run()
    app.button(key="confirm_many_yes").click().run()
    assert invitation_of(ledger, people["ana"]).status is InvitationStatus.ACTIVE


def test_a_viewer_picks_and_imports_nothing_and_a_free_plan_says_why_it_cannot(
    ledger: Ledger, people: dict[str, int], look: Open
) -> None:
    viewer = look("customers", as_user="viewer", customers_picked=str(people["ana"]), customer=str(people["ben"]))
    assert list(viewer.checkbox) == []
    assert {key.split("_")[0] for key in buttons(viewer)} == {"activity", "reply", "sort"}
    assert "Review invitation history" in text(viewer)
    assert not look("customers").button(key="bulk_import").disabled
    with ledger.write() as c:
        c.execute(t.accounts.update().values(plan=Plan.FREE))
    owner = look("customers")
    assert owner.button(key="bulk_import").disabled
    assert "not part of the Free plan" in owner.button(key="bulk_import").help


def test_a_file_of_customers_has_the_columns_of_the_page_in_its_words(
    ledger: Ledger, world: World, people: dict[str, int], settings: Any
) -> None:
    reader = open_reader(ledger, settings.warehouse_folder)
    scope = Scope(world.account_id, (world.chicago, world.new_york))
    found = as_told(customers.customers_to_export(reader, scope, CustomerFilter(among=[people["ben"]])))
    row = {name: value for name, value in found.row(0, named=True).items() if value not in (None, "")}
    assert row == {
        "Invited On": "2026-11-22 13:00", "Location": "Acme New York", "First Name": "Ben", "Last Name": "Okafor",
        "Email": "ben@example.com", "Phone Number": "+12125550111", "Source": "CSV import", "Status": "Answered",
        "NPS Score": 9, "Ratings": 5, "Platform": "Google",
    }  # fmt: skip


def test_a_contact_is_corrected_in_the_panel_and_the_row_shows_it(
    ledger: Ledger, people: dict[str, int], look: Open
) -> None:
    ana = people["ana"]
    app = look("customers", customer=str(ana))
    app.text_input(key=f"contact_phone_{ana}").set_value("12")
    app.button(key=f"contact_save_{ana}").click().run()
    assert "The phone number is" in text(app)
    app.text_input(key=f"contact_phone_{ana}").set_value("(312) 555-0199")
    app.text_input(key=f"contact_email_{ana}").set_value("cleo@example.com")
    app.button(key=f"contact_save_{ana}").click().run()
    assert "The email belongs to another customer." in text(app)
    app.text_input(key=f"contact_email_{ana}").set_value("ana.ruiz@example.com")
    app.button(key=f"contact_save_{ana}").click().run()
    assert text(app).count("ana.ruiz@example.com") >= 2  # in the row and in the panel
    with ledger.read() as c:
        row = c.execute(t.customers.select().where(t.customers.c.customer_id == ana)).one()
    assert (row.email, row.phone) == ("ana.ruiz@example.com", "+13125550199")


def test_the_panel_tells_of_permission_earlier_invitations_and_the_way_to_the_reply(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    ben = invitation_of(ledger, people["ben"])
    with ledger.write() as c:
        c.execute(t.customers.update().values(employee="Dr. Eve", service="Crown"))
        insert(
            c, t.consents, account_id=world.account_id, customer_id=people["ben"], basis=ConsentBasis.EXPRESS,
            given_at=NOON - timedelta(days=400), how='list "June visits"', wording="You may write to me.",
            recorded_by="owner@acme.example",
        )  # fmt: skip
        for kind, address in ((AddressKind.EMAIL, "ben@example.com"), (AddressKind.PHONE, "+12125550111")):
            insert(
                c, t.suppressions, account_id=world.account_id, kind=kind, address=address, channel=None,
                effect=SuppressionEffect.SUPPRESS, reason="unsubscribed", recorded_by="the unsubscribe page",
                occurred_at=NOON - timedelta(hours=2),
            )  # fmt: skip
        insert(
            c, t.invitations, account_id=world.account_id, location_id=world.new_york, customer_id=people["ben"],
            person_id=ben.person_id, sequence_id=world.sequence_id, policy_id=world.policy_id, sent_by="Maya",
            status=InvitationStatus.FINISHED, started_at=NOON - timedelta(days=300),
            first_handed_at=NOON - timedelta(days=300),
        )  # fmt: skip
        for happened, words in ((EventKind.HELP_ASKED, "HELP"), (EventKind.REPLIED, "Thank you <b>all</b>")):
            insert(
                c, t.events, account_id=world.account_id, invitation_id=ben.invitation_id, person_id=ben.person_id,
                location_id=ben.location_id, kind=happened, channel=Channel.SMS, detail={"text": words},
                occurred_at=NOON - timedelta(hours=3), recorded_at=database_now(),
            )  # fmt: skip
    app = look("customers", customer=str(people["ben"]))
    told = text(app)
    for said in (
        "Dr. Eve", "Crown", "Permission to contact", "Agreed to be contacted", "You may write to me.", "Unsubscribed",
        "Earlier invitations", "by Maya", "27 Jan", "Asked for help by text", "Replied by text", "&lt;b&gt;all",
    ):  # fmt: skip
        assert said in told
    assert told.count("Unsubscribed") == 1  # of the person, though it stands against both addresses
    assert app.code[0].value.endswith(f"/customers?period=All+time&customer={people['ben']}")
    app.button(key="reply_from_panel").click().run()
    assert "My Reviews" in text(app)
    with ledger.read() as c:
        assert app.query_params["review"] == str(c.execute(t.reviews.select()).one().review_id)
    assert "No waiting at all." in text(app)


def test_a_review_request_is_begun_from_a_row_and_from_the_panel(people: dict[str, int], look: Open) -> None:
    app = look("customers")
    app.button(key=f"send_{people['cleo']}").click().run()
    assert app.session_state["send_form_open"] == {"customer_id": people["cleo"]}
    panel = look("customers", customer=str(people["cleo"]))
    panel.button(key="send_from_panel").click().run()
    assert panel.session_state["send_form_open"] == {"customer_id": people["cleo"]}
    assert "customer" not in panel.query_params
    assert f"send_{people['cleo']}" not in buttons(look("customers", as_user="viewer"))


def test_a_customer_of_another_list_shows_their_source_and_its_name(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    with ledger.write() as c:
        june = insert(
            c, t.lists, account_id=world.account_id, location_id=world.chicago, name="June visits", source="hubspot",
            content_sha256="x", imported_by="owner@acme.example",
        )  # fmt: skip
    dora = make_customer(ledger, world, email="dora@example.com", first_name="Dora", source="hubspot", list_id=june)
    make_request(ledger, world, dora, channel=Channel.EMAIL)
    app = look("customers", customers_list="June visits")
    assert shown(app) == [dora]
    assert "HubSpot" in text(app)
    assert "June visits" in text(app)
