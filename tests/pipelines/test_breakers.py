"""`afterword breakers`: what is held back, and letting it go on."""

import json

import pytest
import sqlalchemy as sa

from connectors import PermanentFailure
from data.ledger import tables as t
from data.ledger.breakers import CALLED_SPAM, open_breaker, read_open
from data.ledger.controls import set_halted
from data.ledger.store import Ledger
from data.words import Channel, FailureScope
from invitations.send import send_due
from tests.pipelines.commands import Run
from tests.recorder import Recorder
from tests.world import NOON, make_customer, make_request, make_world

pytestmark = pytest.mark.one_database


def hold(ledger: Ledger) -> list[int]:
    make_world(ledger)
    with ledger.write() as c:
        open_breaker(c, Channel.SMS, "+13125550100", code="20003", reason="auth token refused")
        open_breaker(c, Channel.SMS, "+13125550100", code="21408", reason="country off", prefix="+44", is_probed=False)
        return [found.breaker_id for found in read_open(c)]


def test_what_is_held_back_is_told_with_its_reason_and_what_lets_it_go_on(run: Run, ledger: Ledger) -> None:
    ids = hold(ledger)
    told = json.loads(run("breakers", "--json").output)
    assert [(row["id"], row["to"], row["code"]) for row in told] == [
        (ids[0], "everybody", "20003"),
        (ids[1], "+44…", "21408"),
    ]
    assert "by itself" in told[0]["goes_on"]
    assert told[1]["goes_on"] == f"when mended: afterword breakers close {ids[1]}"
    assert "+44" in run("breakers").output


def test_nothing_held_back_is_said_in_a_sentence(run: Run, ledger: Ledger) -> None:
    make_world(ledger)
    assert run("breakers").output.strip() == "No sender is held back."
    assert json.loads(run("breakers", "--json").output) == []


def test_whoever_may_lift_a_halt_lets_a_sender_go_on_and_is_written_down(run: Run, ledger: Ledger) -> None:
    first, second = hold(ledger)
    refused = run("breakers", "close", str(first), AFTERWORD_LOCAL_USER="viewer@acme.example")
    assert refused.code == 1
    assert "Viewer" in refused.errors
    assert run("breakers", "close", str(second), AFTERWORD_LOCAL_USER="owner@acme.example").code == 0
    assert run("breakers", "close", str(second)).code == 0  # it stands already
    with ledger.read() as c:
        assert [found.breaker_id for found in read_open(c)] == [first]
        [line] = c.execute(sa.select(t.audit.c.actor, t.audit.c.subject)).all()
    assert tuple(line) == ("owner@acme.example", f"breaker {second}")


def test_a_number_that_was_never_held_is_no_success(run: Run, ledger: Ledger) -> None:
    first, _ = hold(ledger)
    for wrong, code in (("77", 1), ("99999999999999999999", 2), ("0", 2)):
        assert run("breakers", "close", wrong).code == code, wrong
    with ledger.read() as c:
        assert first in [found.breaker_id for found in read_open(c)]


def test_no_sender_reason_or_command_is_cut_off_where_the_terminal_is_narrow(run: Run, ledger: Ledger) -> None:
    ids = hold(ledger)
    told = run("breakers", COLUMNS="80").output
    columns = [[cell.strip() for cell in line.split("│")] for line in told.splitlines() if line.startswith("│")]
    whole = " ".join("".join(cells) for cells in zip(*columns, strict=True))
    assert "+13125550100" in whole
    assert f"close{ids[1]}" in whole.replace(" ", "")


@pytest.mark.slow
def test_the_doctor_names_held_senders_and_codes_that_nobody_here_knows(run: Run, ledger: Ledger) -> None:
    world = make_world(ledger)
    make_request(ledger, world, make_customer(ledger, world))
    twilio = Recorder(lambda _: PermanentFailure("99999", "Twilio error 99999", FailureScope.MESSAGE))
    twilio.name = "twilio"
    send_due(ledger, twilio.messengers, now=NOON)
    with ledger.write() as c:
        open_breaker(c, Channel.SMS, "+13125550100", code="20003", reason="auth token refused")
        open_breaker(c, Channel.EMAIL, "hello@acme.example", code=CALLED_SPAM, reason="5 of 800 mails", is_probed=False)
        set_halted(c, halted_at=NOON, by="owner@acme.example", reason="too loud at 2 a.m.")
    faults = {fault["what"]: fault["mend"] for fault in json.loads(run("doctor", "--json").output)}
    assert "breakers close" in faults["A provider refuses our sender on sms: auth token refused (20003)."]
    assert "Sending is halted: too loud at 2 a.m." in faults
    assert "Find the list they came from" in faults["Our sender on email is held back: 5 of 800 mails."]
    assert "twilio said '99999', which is not known here (1 in 7 days)." in faults
