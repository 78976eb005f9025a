"""The customer's panel: whose it is, what it tells, and that a link to nobody says so.

On SQLite only, as the pages are (test_pages.py).
"""

from datetime import timedelta

import pytest

from dashboard.components.panel import panel_link
from data.ledger import tables as t
from data.ledger.store import Ledger
from data.ledger.tables.metadata import database_now
from data.words import Channel, EventKind, InvitationStatus
from tests.dashboard.conftest import Open, buttons, invitation_of, text
from tests.world import NOON, World, insert, insert_many

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]


def test_the_panel_opens_from_its_row_and_from_its_link(people: dict[str, int], look: Open) -> None:
    app = look("customers")
    app.button(key=f"activity_{people['ben']}").click().run()
    assert app.query_params["customer"] == str(people["ben"])
    by_link = look("customers", customer=str(people["ben"]))
    for shown in (text(app), text(by_link)):
        for said in ("ben@example.com", "No waiting at all.", "Ben O.", "positive", "Review invitation history"):
            assert said in shown


@pytest.mark.parametrize("customer", ["999999", "-1", "x", "1; drop table customers", "²"])
def test_a_link_to_nobody_says_so(people: dict[str, int], look: Open, customer: str) -> None:
    assert "No such customer here" in text(look("customers", customer=customer))


def test_the_panel_tells_where_messages_went_the_review_and_its_score(people: dict[str, int], look: Open) -> None:
    shown = text(look("customers", customer=str(people["ben"])))
    assert "+1 212-555-0111 (SMS)" in shown
    assert "5 of 5 stars" in shown
    assert "Google" in shown
    assert 'NPS <span class="aw-score aw-promoter" title="9 (promoter)">9</span>' in shown


def test_the_history_is_by_day_the_newest_first_and_says_where_it_ends(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    ben = invitation_of(ledger, people["ben"])
    with ledger.write() as c:
        insert_many(c, t.events, [
            {"account_id": world.account_id, "invitation_id": ben.invitation_id, "person_id": ben.person_id,
             "location_id": ben.location_id, "kind": kind, "channel": Channel.SMS,
             "occurred_at": NOON - timedelta(hours=hours), "recorded_at": NOON}
            for kind, hours in [(EventKind.CLICKED, 1), (EventKind.DELIVERED, 23)] + [(EventKind.REPLIED, 300)] * 200
        ])  # fmt: skip
    told = text(look("customers", customer=str(people["ben"])))
    places = [told.index(said) for said in ("Today", "Clicked the review link", "Yesterday", "Delivered</span>",
                                            "Wednesday, 11 Nov", "The newest 200;")]  # fmt: skip
    assert places == sorted(places)


def test_a_comment_that_came_with_a_score_is_told_once(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    ben = invitation_of(ledger, people["ben"])
    with ledger.write() as c:
        c.execute(t.scores.update().values(comment="Gentle hands."))
        for kind, stars, detail in (
            (EventKind.SCORED, 4, None),
            (EventKind.COMMENTED, None, {"text": "Gentle hands."}),
        ):
            insert(
                c, t.events, account_id=world.account_id, invitation_id=ben.invitation_id, person_id=ben.person_id,
                location_id=ben.location_id, kind=kind, channel=Channel.SMS, stars=stars, detail=detail,
                occurred_at=NOON - timedelta(hours=20), recorded_at=database_now(),
            )  # fmt: skip
    shown = text(look("customers", customer=str(people["ben"])))
    assert shown.count("Gentle hands.") == 1
    assert "Gave stars" in shown
    assert "4 of 5 stars" in shown


def test_messages_are_stopped_and_restarted_in_the_panel_after_a_question_there(
    ledger: Ledger, people: dict[str, int], look: Open
) -> None:
    ana = people["ana"]
    app = look("customers", customer=str(ana))
    app.button(key="stop_from_panel").click().run()
    assert "Stop messages to Ana Ruiz?" in text(app)
    assert invitation_of(ledger, ana).status is InvitationStatus.ACTIVE
    app.button(key="confirm_no").click().run()
    assert "Stop messages to Ana Ruiz?" not in text(app)
    app.button(key="stop_from_panel").click().run()
    app.button(key="confirm_yes").click().run()
    assert invitation_of(ledger, ana).status is InvitationStatus.STOPPED
    assert app.query_params["customer"] == str(ana)  # the panel stays, and tells what came of it
    app.button(key="restart_from_panel").click().run()
    app.button(key="confirm_yes").click().run()
    assert invitation_of(ledger, ana).status is InvitationStatus.ACTIVE
    app.button(key="stop_from_panel").click().run()
    app.query_params["customer"] = str(people["ben"])  # somebody else's panel does not ask about her
    app.run()
    assert "Stop messages to" not in text(app)
    for role, customer in (("viewer", ana), ("owner", people["ben"]), ("owner", people["cleo"])):
        assert not {"stop_from_panel", "restart_from_panel"} & set(
            buttons(look("customers", as_user=role, customer=str(customer)))
        )


@pytest.mark.parametrize(
    ("page", "root"),
    [
        ("http://127.0.0.1:8501", "http://127.0.0.1:8501"),  # the Overview: nothing stands behind its port
        ("https://reviews.acme.example/requests?customer=7", "https://reviews.acme.example"),
    ],
)
def test_the_link_of_a_panel_leads_to_it_from_whatever_page_it_was_copied_on(
    settings: object, page: str, root: str
) -> None:
    assert panel_link(7, page) == f"{root}/customers?period=All+time&customer=7"


def test_who_was_not_invited_yet_reads_what_holds_it_back(people: dict[str, int], look: Open) -> None:
    shown = text(look("customers", customer=str(people["cleo"])))
    assert "What comes next" in shown
    assert "May be asked now, by email." in shown


def test_who_has_answered_reads_that_nothing_more_comes(people: dict[str, int], look: Open) -> None:
    shown = text(look("customers", customer=str(people["ben"])))
    assert "What comes next" in shown
    assert "They have answered, so nothing more is sent." in shown


def test_a_panel_stays_closed_in_the_run_that_an_action_in_it_had_asked_for(people: dict[str, int], look: Open) -> None:
    app = look("customers", customer=str(people["ben"]))
    assert "Permission to contact" in text(app)
    app.session_state["panel_just_closed"] = str(people["ben"])  # as Escape leaves it, before that run
    app.run()
    assert "Permission to contact" not in text(app)
    assert "customer" not in app.query_params
    app.run()
    app.query_params["customer"] = str(people["ben"])  # Back in the browser
    assert "Permission to contact" in text(app.run())
