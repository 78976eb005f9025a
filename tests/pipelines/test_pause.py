"""`pause` and `resume` at the terminal: a channel, a list, one message; and words for what was meant."""

import json

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.words import Channel, Source
from tests.pipelines.commands import Run
from tests.world import World, insert, make_customer, make_request, make_world


@pytest.fixture
def world(ledger: Ledger) -> World:
    world = make_world(ledger)
    with ledger.write() as c:
        insert(
            c, t.lists, account_id=world.account_id, location_id=world.chicago, name="May", source=Source.CSV,
            content_sha256="x", imported_by="owner@acme.example",
        )  # fmt: skip
    return world


def paused(ledger: Ledger, column: sa.Column[object]) -> list[object]:
    with ledger.read() as c:
        return list(c.execute(sa.select(column).where(column.table.c.paused_at.is_not(None))).scalars())


@pytest.mark.slow
def test_a_channel_a_list_and_a_message_are_paused_and_go_on(run: Run, ledger: Ledger, world: World) -> None:
    request = str(make_request(ledger, world, make_customer(ledger, world)))
    told = run("pause", "--channel", "sms", "--location", "chicago")
    assert "SMS is paused at Acme Chicago. 1 queued message waits" in told.output
    assert paused(ledger, t.channels.c.location_id) == [world.chicago]
    assert json.loads(run("pause", "--list", "May", "--json").output)["done"] is True
    assert run("pause", "--request", request).code == 0
    assert run("pause", "--request", request).code == 0  # again: it stands already
    assert (paused(ledger, t.lists.c.name), paused(ledger, t.requests.c.request_id)) == (["May"], [int(request)])
    for option, value in (("--channel", "sms"), ("--list", "May"), ("--request", request)):
        assert run("resume", option, value).code == 0
    for table in (t.channels, t.lists, t.requests):
        assert paused(ledger, table.c.changed_at) == []


def test_a_channel_is_paused_everywhere_unless_a_location_is_named(run: Run, ledger: Ledger, world: World) -> None:
    assert run("pause", "--channel", "email").code == 0
    assert paused(ledger, t.channels.c.channel) == [Channel.EMAIL] * 2
    assert run("pause", "--channel", "email", AFTERWORD_LOCAL_USER="viewer@acme.example").code == 1


@pytest.mark.parametrize(
    ("arguments", "mend"),
    [
        ("pause", "say what: --channel, --list or --request"),
        ("pause --channel sms --list May", "choose one of them"),
        ("resume --request 1 --location chicago", "--location goes with --channel or --list"),
        ("pause --channel sms --location paris", "The account's file names them"),
        ("pause --request 99999999999999999999", "Invalid value for '--request'"),
        ("pause --channel fax", "'sms', 'email', 'whatsapp'"),
    ],
)
def test_what_was_not_said_clearly_is_asked_back(run: Run, world: World, arguments: str, mend: str) -> None:
    result = run(*arguments.split())
    assert result.code == 2
    assert mend in result.errors.replace("│ ", "")
