"""The Requests page and the send form, as a person uses them. On SQLite only, for time."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.settings import Settings
from data.warehouse.pages import Page, Scope
from data.warehouse.reader import open_reader
from data.warehouse.requests import RequestFilter, RequestOrder, requests_by_status, requests_page
from data.words import AddressKind, Channel, RequestStatus, ScreenStatus, Source, TemplateApproval, TemplateCategory
from tests.dashboard.conftest import Open, buttons, text
from tests.world import NOON, World, insert, make_customer, make_request, suppress

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]


def test_the_list_has_every_column_of_the_product_page_with_its_values(people: dict[str, int], look: Open) -> None:
    app = look("requests")
    shown = text(app)
    headings = [button.label for button in app.button if (button.key or "").startswith("sort_requests_")]
    assert headings == ["Invite sent to", "Email or phone", "Sent by", "Sent via", "Date sent", "Status", "Retries"]
    assert ">Actions<" in shown
    for said in ("Ben Okafor", "+1 212-555-0111", "Automation", "SMS", "22 Nov", "Delivered", "Queued", "Not yet"):
        assert said in shown


def test_the_list_is_narrowed_by_status_channel_location_period_list_and_search(
    ledger: Ledger, world: World, publish: Callable[[], None], look: Open
) -> None:
    with ledger.write() as c:
        spring = insert(
            c, t.lists, account_id=world.account_id, location_id=world.chicago, name="Spring", content_sha256="x",
            source=Source.CSV, file_name="spring.csv", imported_by="owner@acme.example", completed_at=NOON,
        )  # fmt: skip
    old = timedelta(days=80)
    messages: dict[str, dict[str, Any]] = {
        "Ana": {"channel": Channel.EMAIL, "status": RequestStatus.SENT, "handed_at": NOON},
        "Ben": {"channel": Channel.SMS, "status": RequestStatus.FAILED, "failure_reason": "the number does not exist"},
        "Cleo": {"channel": Channel.SMS, "status": RequestStatus.DELIVERED, "handed_at": NOON - old},
        "Dana": {"channel": Channel.SMS},
    }
    for name, how in messages.items():
        place = world.new_york if name == "Dana" else world.chicago
        customer = make_customer(ledger, world, first_name=name, location_id=place)
        make_request(ledger, world, customer, **how)
        if name == "Ben":
            with ledger.write() as c:
                c.execute(t.invitations.update().where(t.invitations.c.customer_id == customer).values(list_id=spring))
    publish()

    def seen(app: AppTest) -> set[str]:
        return {name for name in messages if f"{name} Ruiz" in text(app)}

    app = look("requests")
    assert seen(app) == {"Ana", "Ben", "Cleo", "Dana"}
    assert "the number does not exist" in text(app)
    app.selectbox(key="period").set_value("Last 30 days").run()
    assert seen(app) == {"Ana", "Ben", "Dana"}
    app.selectbox(key="requests_list").set_value("Spring").run()
    assert seen(app) == {"Ben"}
    app.selectbox(key="requests_list").set_value("No list").run()
    assert seen(app) == {"Ana", "Dana"}
    app.selectbox(key="location").set_value("Acme New York").run()
    assert seen(app) == {"Dana"}
    linked = look("requests", requests_channel="SMS", requests_status="Failed", requests_list="Spring")
    assert seen(linked) == {"Ben"}
    assert seen(look("requests", requests_search="cleo")) == {"Cleo"}


def test_every_heading_sorts_the_list_both_ways(people: dict[str, int], look: Open) -> None:
    app = look("requests")

    def order() -> list[str]:
        return [key for key in buttons(app) if key.startswith("activity_")]

    waiting, gone = f"activity_{people['waiting']}", f"activity_{people['gone']}"
    assert order() == [waiting, gone]  # what is still to come on top
    for heading in ("Invite sent to", "Email or phone", "Date sent", "Status"):
        first = []
        for _ in range(2):
            app.button(key=f"sort_requests_{heading}").click().run()
            first.append(order()[0])
        assert set(first) == {waiting, gone}, heading
    assert app.query_params["requests_sort"] == "Status, Z to A"


def test_why_it_is_still_queued_is_one_click_for_a_viewer_too(
    ledger: Ledger, people: dict[str, int], look: Open
) -> None:
    with ledger.write() as c:
        c.execute(t.channels.update().where(t.channels.c.channel == Channel.SMS).values(paused_at=NOON, paused_by="x"))
    app = look("requests", as_user="viewer")
    app.button(key=f"why_{people['waiting']}").click().run()
    said = "\n".join(str(element.value) for element in app.html)
    assert "Paused: SMS at this location." in said
    with ledger.write() as c:
        c.execute(t.channels.update().values(paused_at=None))
    clear = look("requests")
    clear.button(key=f"why_{people['waiting']}").click().run()
    assert "it goes with the next batch" in "\n".join(str(element.value) for element in clear.html)


def test_a_selection_is_paused_and_resumed_in_one_go(ledger: Ledger, people: dict[str, int], look: Open) -> None:
    waiting, gone = people["waiting"], people["gone"]
    app = look("requests", requests_picked=f"{waiting}.{gone}")
    assert "2 selected" in text(app)
    app.button(key="pause_picked").click().run()
    assert [toast.value for toast in app.toast] == [
        "Paused 1 message until someone resumes. 1 can no longer be held back."
    ]
    assert "selected" not in text(app)
    app.checkbox(key=f"pick_requests_{waiting}").check().run()
    app.button(key="resume_picked").click().run()
    with ledger.read() as c:
        assert c.execute(t.requests.select().where(t.requests.c.request_id == waiting)).one().paused_at is None
        audit = [row.subject for row in c.execute(t.audit.select())]
    assert audit == [f"request {waiting}"] * 2


def test_somebody_new_is_asked_from_the_form_and_the_verdict_comes_before_the_button(
    ledger: Ledger, people: dict[str, int], look: Open
) -> None:
    app = look("requests")
    app.button(key="send_request").click().run()
    assert app.button(key="send_yes").disabled  # nothing is typed yet
    assert app.checkbox(key="send_by_whatsapp").disabled
    assert "WhatsApp is switched off for this location" in text(app)
    app.text_input(key="send_name").set_value("Dana <b>Fox</b>")
    app.text_input(key="send_phone").set_value("312 555")
    app.run()
    assert "Phone: " in text(app)
    assert app.button(key="send_yes").disabled
    app.text_input(key="send_phone").set_value("(312) 555-0123").run()
    shown = text(app)
    assert "Would go by SMS with the next batch" in shown
    assert "Hi Dana, how was" in shown
    assert "1 segment · about" in shown
    assert "<b>Fox" not in shown
    assert not app.button(key="send_yes").disabled
    app.button(key="send_yes").click().run()
    with ledger.read() as c:
        fox = c.execute(t.customers.select().where(t.customers.c.source == Source.MANUAL)).one()
        asked = c.execute(t.manual_asks.select()).one()
    assert fox.phone == "+13125550123"
    assert (asked.customer_id, asked.channels, asked.template_slug) == (fox.customer_id, ["sms"], "ask")
    assert "send_yes" not in buttons(app)


def test_the_form_is_prefilled_from_a_customer_and_says_why_not(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    app = look("requests")
    app.session_state["send_form_open"] = {"customer_id": people["cleo"]}
    app.run()
    assert "cleo@example.com" in text(app)
    assert "SMS: no phone number is known." in text(app)
    assert app.checkbox(key="send_by_email").value
    app.segmented_control(key="send_when").set_value("Not before").run()
    assert "Would go by email from 24 Nov, 10:00 CT" in text(app)
    app.button(key="trial_email").click().run()
    with ledger.read() as c:
        job = c.execute(t.jobs.select()).one()
    assert job.payload["contact"] == "owner@acme.example"
    suppress(ledger, world, AddressKind.EMAIL, "cleo@example.com")
    app.run()
    assert "must not be contacted" in text(app)
    assert app.button(key="send_yes").disabled


def test_a_viewer_has_no_form_whatever_the_browser_says(people: dict[str, int], look: Open) -> None:
    app = look("requests", as_user="viewer")
    assert "send_request" not in buttons(app)
    app.session_state["send_form_open"] = {"customer_id": people["cleo"]}
    app.run()
    assert "send_yes" not in buttons(app)


def test_a_period_that_is_over_leaves_out_what_came_after_it(
    ledger: Ledger, world: World, publish: Callable[[], None], settings: Settings
) -> None:
    for number in range(4):
        handed = NOON - timedelta(days=10 * number)
        customer = make_customer(ledger, world, first_name=f"N{number}")
        make_request(ledger, world, customer, status=RequestStatus.SENT, handed_at=handed)
    publish()
    reader = open_reader(ledger, settings.warehouse_folder)
    since, ends = NOON - timedelta(days=25), NOON - timedelta(days=5)
    scope = Scope(world.account_id, (world.chicago,), since, NOON, ends)
    found = requests_page(reader, scope, RequestFilter(), RequestOrder.NEWEST, Page())
    assert found["name"].to_list() == ["N1 Ruiz", "N2 Ruiz"]
    assert requests_by_status(reader, scope, RequestFilter()) == {ScreenStatus.SENT: 2}


def test_each_status_is_what_the_product_page_says_and_retries_are_follow_ups_that_went(
    ledger: Ledger, world: World, publish: Callable[[], None], look: Open
) -> None:
    gone: dict[str, Any] = {"handed_at": NOON - timedelta(days=5)}
    messages: dict[str, dict[str, Any]] = {
        "Queued": {"channel": Channel.SMS, "status": RequestStatus.SENDING},
        "Sent": {"channel": Channel.EMAIL, "status": RequestStatus.DELIVERED, **gone},  # a server took it, no more
        "Delivered": {"channel": Channel.SMS, "status": RequestStatus.DELIVERED, "attempt_count": 3, **gone},
        "Failed": {"channel": Channel.SMS, "status": RequestStatus.FAILED, "failure_reason": "no such number"},
    }
    for name, how in messages.items():
        make_request(ledger, world, make_customer(ledger, world, first_name=name, last_name="Fox"), **how)
    with ledger.read() as c:
        asked = c.execute(t.invitations.select().order_by(t.invitations.c.invitation_id)).all()
    for step in (1, 2):  # two follow-ups to whom the mail went: one is gone, one is queued
        status = {"status": RequestStatus.SENT, **gone} if step == 1 else {}
        make_request(ledger, world, asked[1].customer_id, channel=Channel.EMAIL, step=step, **status)
    publish()
    reader = open_reader(ledger, ledger.settings.warehouse_folder)
    scope = Scope(world.account_id, (world.chicago,))
    rows = requests_page(reader, scope, RequestFilter(), RequestOrder.OLDEST, Page()).to_dicts()
    assert {(row["name"], row["screen_status"], row["retries"]) for row in rows} == {
        ("Queued Fox", "Queued", 0),
        ("Sent Fox", "Sent", 1),
        ("Sent Fox", "Queued", 1),
        ("Delivered Fox", "Delivered", 0),
        ("Failed Fox", "Failed", 0),
    }
    shown = text(look("requests", requests_status="Failed"))
    assert "no such number" in shown
    assert "Delivered Fox" not in shown


def test_a_message_leads_to_its_customers_activity(people: dict[str, int], look: Open) -> None:
    app = look("requests", as_user="viewer")
    app.button(key=f"activity_{people['gone']}").click().run()
    assert app.query_params["customer"] == str(people["ben"])
    assert "No waiting at all." in text(app)


def test_pictures_are_shown_as_they_will_go_and_a_sixth_or_a_bad_one_is_refused_before(
    ledger: Ledger, people: dict[str, int], look: Open
) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(drawn, "PNG")
    good, bad = ("after.png", drawn.getvalue(), "image/png"), ("notes.png", b"no picture", "image/png")
    app = look("requests")
    app.session_state["send_form_open"] = {"customer_id": people["cleo"]}
    app.run()
    for files, said in (([good] * 6, "at most 5 go along"), ([bad], "notes.png is not a JPEG, PNG")):
        app.file_uploader(key="send_pictures").set_value(files).run()
        assert said in text(app)
        assert app.button(key="send_yes").disabled
    app.file_uploader(key="send_pictures").set_value([good, good]).run()
    assert text(app).count('<img alt="Picture') == 2
    app.button(key="send_yes").click().run()
    with ledger.read() as c:
        assert len(c.execute(t.attachments.select()).all()) > 0
        assert [row.after["pictures"] for row in c.execute(t.audit.select())] == [2]


def test_whatsapp_is_offered_once_it_is_on_and_meta_approved_a_text(ledger: Ledger, world: World, look: Open) -> None:
    with ledger.write() as c:
        c.execute(t.channels.update().values(is_enabled=True))
        text_id = insert(
            c, t.templates, account_id=world.account_id, slug="ask", channel=Channel.WHATSAPP, language="en", version=1,
            body="How was it, {{ first_name }}? {{ link }}", approval=TemplateApproval.PENDING,
            category=TemplateCategory.UTILITY,
        )  # fmt: skip
    gil = make_customer(ledger, world, first_name="Gil", email="gil@example.com", phone="+13125550166")
    app = look("requests")
    app.session_state["send_form_open"] = {"customer_id": gil}
    app.run()
    assert "WhatsApp needs a template that Meta approved: Meta has not answered yet." in text(app)
    assert app.checkbox(key="send_by_whatsapp").disabled
    with ledger.write() as c:
        approved = {"approval": TemplateApproval.APPROVED, "provider_template_id": "HX1"}
        c.execute(t.templates.update().where(t.templates.c.template_id == text_id).values(**approved))
    app.run()
    for channel in ("email", "whatsapp"):
        app.checkbox(key=f"send_by_{channel}").check()
    app.run()
    assert "Would go by SMS, email and WhatsApp with the next batch" in text(app)
    assert "How was it, Gil?" in text(app)
    app.button(key="send_yes").click().run()
    with ledger.read() as c:
        assert c.execute(t.manual_asks.select()).one().channels == ["sms", "email", "whatsapp"]
