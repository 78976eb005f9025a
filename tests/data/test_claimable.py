"""What the claim costs: it reads what it takes, not all that is due, nor everything that was ever suppressed."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.claimable import Asking, due_requests, values_of
from data.ledger.hand_over import HAND_OVER
from data.ledger.limits import Reached, reached, read_limits
from data.ledger.store import Ledger
from data.words import Channel
from tests.many import make_due
from tests.world import NOON

pytestmark = pytest.mark.one_database

SENDERS = dict.fromkeys(Channel, "+13125550100")
NO_LIMIT = Reached(is_quota_full=False, has_full_lists=False, has_full_locations=False, has_cap=True)


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    "asking",
    [
        Asking((Channel.SMS,), NO_LIMIT),
        Asking(tuple(Channel), NO_LIMIT),
        Asking((Channel.EMAIL,), NO_LIMIT._replace(is_quota_full=True)),
        Asking(tuple(Channel), NO_LIMIT._replace(has_full_lists=True, has_full_locations=True)),
        Asking((Channel.SMS,), NO_LIMIT, is_due_spared=True),
        Asking((Channel.SMS,), NO_LIMIT, is_probing=True),
    ],
)
def test_a_claim_takes_the_longest_waiting_in_order_and_looks_each_of_them_up(ledger: Ledger, asking: Asking) -> None:
    """In SQLite's own words: nothing is sorted but the few words about one person, and nothing is read from end to end
    but the one row of `system`."""
    world = make_due(ledger, 3)
    with ledger.read() as connection:
        limits = read_limits(connection, world.account_id, NOON, timedelta(days=90))
        values = values_of(world.account_id, NOON, SENDERS, limits, most=2)
        steps = _steps(connection, due_requests(asking), {**values, "besides": None})
    assert [step for step in steps if "ORDER BY" in step and not step.startswith(" ")] == []
    assert {step.strip() for step in steps if step.strip().startswith("SCAN")} <= {"SCAN system"} | _JSON


_JSON = {"SCAN anon_1 VIRTUAL TABLE INDEX 1:", "SCAN anon_2 VIRTUAL TABLE INDEX 1:"}


def _steps(connection: sa.Connection, query: sa.Select[object], values: dict[str, object]) -> list[str]:
    """What SQLite would do; the steps of subqueries are set in."""
    wanted = {name: values[name] for name in query.compile(connection).params if name in values}
    cursor = connection.execute(query, wanted)
    text, bound = cursor.context.statement, cursor.context.parameters[0]
    cursor.close()
    rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", bound)
    return [("" if parent == 0 else "  ") + told for _id, parent, _none, told in rows]


def test_the_claim_takes_those_that_have_waited_longest(ledger: Ledger) -> None:
    world = make_due(ledger, 4, channels=(Channel.SMS,))
    with ledger.write() as connection:
        waiting = t.requests.update().where(t.requests.c.request_id.in_([2, 4]))
        connection.execute(waiting.values(not_before=NOON - timedelta(days=1)))
        limits = read_limits(connection, world.account_id, NOON, None)
        asking = Asking((Channel.SMS,), reached(limits))
        values = values_of(world.account_id, NOON, SENDERS, limits, most=3)
        found = connection.execute(due_requests(asking), values)
        assert [row.request_id for row in found] == [2, 4, 1]


@pytest.mark.parametrize("asked", [due_requests(Asking((Channel.SMS,), NO_LIMIT)), HAND_OVER])
def test_what_is_asked_for_every_message_is_not_prepared_anew_each_time(ledger: Ledger, asked: sa.Select[int]) -> None:
    """SQLite does that for a parameter that it compares with an index's own condition."""
    text = str(asked.compile(ledger.engine))
    assert "invitations.status = 'active'" in text
    assert "invitations.status = ?" not in text
