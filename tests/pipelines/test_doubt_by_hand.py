"""What no provider can tell, a person settles: `resolve --sent` and `--not-sent`."""

import json
import secrets

import pytest
import sqlalchemy as sa

from data.ledger.runs import end_run, start_run
from data.ledger.store import Ledger
from data.ledger.tables import attempts, audit, requests, user_locations, users
from data.ledger.tables.metadata import database_now
from data.words import AttemptOutcome, RequestStatus, RunKind, RunStatus
from tests.pipelines.commands import Run
from tests.world import NOON, World, make_customer, make_request, make_world


def in_doubt(ledger: Ledger, world: World, *, at: int | None = None) -> str:
    """A message that was handed over and of which nobody knows what became; its attempt's id."""
    request_id = make_request(
        ledger, world, make_customer(ledger, world, location_id=at), status=RequestStatus.IN_DOUBT
    )
    attempt_id = secrets.token_hex(16)
    batch_id = start_run(ledger, RunKind.SEND, NOON)
    end_run(ledger, batch_id, RunStatus.DONE, {})
    with ledger.write() as c:
        c.execute(attempts.insert().values(
            attempt_id=attempt_id, batch_id=batch_id, request_id=request_id, provider="smtp", claimed_at=database_now(),
            lease_until=database_now(), handed_at=database_now(), finished_at=database_now(),
            outcome=AttemptOutcome.IN_DOUBT,
        ))  # fmt: skip
        c.execute(requests.update().where(requests.c.request_id == request_id).values(attempt_id=attempt_id))
    return attempt_id


@pytest.mark.slow
def test_what_is_in_doubt_is_listed_and_a_person_may_settle_it(run: Run, ledger: Ledger) -> None:
    world = make_world(ledger)
    doubtful = [in_doubt(ledger, world) for _ in range(2)]
    listed = json.loads(run("resolve", "--json").output)["remaining"]
    assert {row["attempt_id"] for row in listed} == set(doubtful)
    assert doubtful[0] in run("resolve").output
    viewer = run("resolve", "--sent", doubtful[0], AFTERWORD_LOCAL_USER="viewer@acme.example")
    assert viewer.code == 1
    assert run("resolve", "--sent", doubtful[0]).code == 0
    assert run("resolve", "--not-sent", doubtful[1], "--json").code == 0
    assert run("resolve", "--not-sent", doubtful[0]).code == 1  # settled: no word undoes it
    assert run("resolve", "--not-sent", "nonsense").code == 1
    assert run("resolve", "--sent", "a", "--not-sent", "b").code == 2
    with ledger.read() as connection:
        found = connection.execute(sa.select(attempts.c.attempt_id, attempts.c.outcome, requests.c.status).join(
            requests, requests.c.request_id == attempts.c.request_id)).all()  # fmt: skip
        settled = connection.execute(sa.select(audit.c.subject).where(audit.c.action == "settle")).scalars().all()
    assert {tuple(row) for row in found} == {
        (doubtful[0], AttemptOutcome.ACCEPTED, RequestStatus.SENT),
        (doubtful[1], AttemptOutcome.PROVED_ABSENT, RequestStatus.QUEUED),
    }
    assert len(settled) == 2


def test_whoever_looks_after_one_location_is_shown_its_doubts_only(run: Run, ledger: Ledger) -> None:
    world = make_world(ledger)
    mine = in_doubt(ledger, world)
    elsewhere = in_doubt(ledger, world, at=world.new_york)
    with ledger.write() as c:
        user_id = c.execute(
            sa.select(users.c.user_id).where(users.c.email == "agency_client@acme.example")
        ).scalar_one()
        c.execute(user_locations.insert().values(user_id=user_id, location_id=world.chicago))
    listed = json.loads(run("resolve", "--json", AFTERWORD_LOCAL_USER="agency_client@acme.example").output)["remaining"]
    assert [row["attempt_id"] for row in listed] == [mine]
    told = run("resolve", AFTERWORD_LOCAL_USER="agency_client@acme.example").output
    assert elsewhere not in told
    assert "1 more at locations that you do not look after" in " ".join(told.split())
