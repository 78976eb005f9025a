"""What waits, and why: paused channels and lists, doubts and what is done about them, senders that are refused."""

import secrets
from datetime import timedelta
from typing import Any

import pytest

from data.ledger import tables as t
from data.ledger.breakers import CALLED_SPAM, open_breaker, read_open
from data.ledger.runs import this_process
from data.ledger.store import Ledger
from data.words import AttemptOutcome, Channel, RequestStatus, RunKind, RunStatus, Source
from tests.dashboard.conftest import Open, buttons, text
from tests.world import NOON, World, insert, make_customer, make_request

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("settings", ["sqlite"], indirect=True)]


def in_doubt(ledger: Ledger, world: World, provider: str, **values: Any) -> int:
    """A message whose answer never came."""
    customer = make_customer(ledger, world, email="dora@example.com", first_name="Dora")
    request = make_request(ledger, world, customer, channel=Channel.EMAIL, status=RequestStatus.IN_DOUBT)
    attempt = secrets.token_hex(12)
    with ledger.write() as c:
        clock = ledger.now(c)
        batch = insert(
            c, t.runs, kind=RunKind.SEND, status=RunStatus.DONE, started_at=clock, ended_at=clock, process="host:1"
        )
        c.execute(t.attempts.insert().values(**{
            "attempt_id": attempt, "request_id": request, "batch_id": batch, "provider": provider, "claimed_at": clock,
            "lease_until": clock, "handed_at": clock, "finished_at": clock, "outcome": AttemptOutcome.IN_DOUBT,
            "asked_at": clock, **values,
        }))  # fmt: skip
        c.execute(t.requests.update().where(t.requests.c.request_id == request).values(attempt_id=attempt))
    return request


def status(ledger: Ledger, request_id: int) -> RequestStatus:
    with ledger.read() as c:
        found: RequestStatus = c.execute(t.requests.select().where(t.requests.c.request_id == request_id)).one().status
    return found


def test_a_channel_and_a_list_are_paused_from_the_requests_page_and_the_rows_say_so(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    with ledger.write() as c:
        may = insert(
            c, t.lists, account_id=world.account_id, location_id=world.chicago, name="May & June", source=Source.CSV,
            content_sha256="x", imported_by="owner@acme.example",
        )  # fmt: skip
        c.execute(t.invitations.update().where(t.invitations.c.customer_id == people["ana"]).values(list_id=may))
    app = look("requests")
    app.button(key="pause_channel_sms").click().run()
    app.button(key="pause_list").click().run()
    assert "the list May &amp; June and SMS at this location" in text(app)
    assert f"pause_{people['waiting']}" not in buttons(app)
    app.button(key="resume_channel_sms").click().run()
    app.button(key=f"resume_list_{may}").click().run()
    assert f"pause_{people['waiting']}" in buttons(app)
    with ledger.read() as c:
        marks = [row.action for row in c.execute(t.audit.select())]
    assert sorted(marks) == ["pause"] * 3 + ["resume"] * 3  # SMS at two locations, and the list


def test_a_doubt_says_what_is_being_done_about_it(ledger: Ledger, world: World, look: Open) -> None:
    asked = in_doubt(ledger, world, "mailgun", absent_reads=2, doubt_note="not found in 2 of at least 3 reads")
    app = look("requests")
    assert "Mailgun was asked 2 times, next" in text(app)
    assert {f"settle_{asked}", f"pause_{asked}"}.isdisjoint(buttons(app))


def test_what_failed_after_it_was_taken_says_that_it_goes_again_and_why(
    ledger: Ledger, world: World, look: Open
) -> None:
    make_request(
        ledger, world, make_customer(ledger, world), handed_at=NOON - timedelta(hours=2), failure_reason="phone is off"
    )
    shown = text(look("requests"))
    assert "goes again" in shown
    assert "phone is off · not before 23 Nov, 11:00 CT" in shown


@pytest.mark.parametrize(
    ("button", "after"), [("settle_sent", RequestStatus.SENT), ("settle_not_sent", RequestStatus.QUEUED)]
)
def test_where_nobody_can_be_asked_a_person_decides_and_is_told_what_follows(
    ledger: Ledger, world: World, look: Open, button: str, after: RequestStatus
) -> None:
    doubt = in_doubt(ledger, world, "smtp", is_left_to_person=True, doubt_note="a mail relay cannot be asked")
    assert f"settle_{doubt}" not in buttons(look("requests", as_user="viewer"))
    app = look("requests")
    assert "someone has to decide" in text(app)
    app.button(key=f"settle_{doubt}").click().run()
    assert "If it did arrive, Dora Ruiz gets it twice." in text(app)
    assert status(ledger, doubt) is RequestStatus.IN_DOUBT
    app.button(key=button).click().run()
    assert status(ledger, doubt) is after
    assert not app.exception


def test_a_sender_that_was_called_spam_too_often_is_not_said_to_be_refused(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    with ledger.write() as c:
        open_breaker(c, Channel.EMAIL, "hello@acme.example", code=CALLED_SPAM, reason="5 of 800 mails", is_probed=False)
    shown = text(look("overview"))
    assert "Email from hello@acme.example is held back" in shown
    assert "5 of 800 mails. Its messages wait" in shown
    assert "pause it, then let email go on here" in shown
    assert "refused" not in shown


def test_a_refused_sender_is_told_on_every_page_and_let_go_by_who_may(
    ledger: Ledger, world: World, people: dict[str, int], look: Open
) -> None:
    with ledger.write() as c:
        open_breaker(c, Channel.SMS, "+13125550100", code="21408", reason="no permission", prefix="+44")
        [breaker] = read_open(c)
    for page in ("overview", "customers"):
        shown = look(page, as_user="manager")
        assert "SMS from +1 312-555-0100 to numbers beginning +44 is refused" in text(shown)
        assert "no permission (21408)" in text(shown)
        assert f"close_breaker_{breaker.breaker_id}" not in buttons(shown)
    app = look("runs")
    app.button(key=f"close_breaker_{breaker.breaker_id}").click().run()
    assert "is refused" not in text(app)
    with ledger.read() as c:
        row = c.execute(t.breakers.select()).one()
        assert (row.closed_by, row.closed_at is not None) == ("owner@acme.example", True)
        assert c.execute(t.audit.select()).one().subject == f"breaker {breaker.breaker_id}"


def test_a_run_that_goes_on_tells_how_far_it_is_and_how_long_it_takes(ledger: Ledger, world: World, look: Open) -> None:
    with ledger.write() as c:
        insert(
            c, t.runs, kind=RunKind.SEND, status=RunStatus.RUNNING, process=this_process(), done=450, total=1000,
            started_at=ledger.now(c) - timedelta(hours=1), counts={"accepted": 440, "in_doubt": 10}, policy_now=NOON,
        )  # fmt: skip
    shown = text(look("runs", period="All time"))
    assert "450 / 1,000" in shown
    assert "width:45%" in shown
    assert "0.1 a second · 1 h 14 min left" in shown
    assert "sent <b>440</b>" in shown
