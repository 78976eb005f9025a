"""Payloads and verdicts leave as Parquet, each once, and nothing is forgotten before it rests safely."""

import resource
import secrets
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from data.ledger import tables as t
from data.ledger.store import Ledger
from data.settings import utc_now
from data.warehouse import Warehouse, archive, parquet
from data.warehouse.archive import archive_inbox, archive_verdicts, read_raw_events
from data.warehouse.parquet import UnfaithfulFile, write_for_good
from data.words import EventKind
from tests.world import NOON, insert, make_world


def receive(ledger: Ledger, *, age: timedelta, is_applied: bool = True) -> int:
    with ledger.write() as c:
        received_at = ledger.now(c) - age
        return insert(
            c, t.inbox, provider="twilio", event_key=secrets.token_hex(8), received_at=received_at,
            payload={"b": "ü", "a": 1}, applied_at=received_at if is_applied else None,
        )  # fmt: skip


def with_payload(ledger: Ledger) -> set[int]:
    with ledger.read() as c:
        return set(c.execute(sa.select(t.inbox.c.inbox_id).where(t.inbox.c.archived_at.is_(None))).scalars())


def test_applied_payloads_rest_and_their_keys_stay(ledger: Ledger, tmp_path: Path) -> None:
    old, older = receive(ledger, age=timedelta(hours=1)), receive(ledger, age=timedelta(days=2))
    fresh = receive(ledger, age=timedelta(0))
    waiting = receive(ledger, age=timedelta(hours=1), is_applied=False)
    counts = archive_inbox(ledger, tmp_path, now=utc_now())
    assert (counts["archived"], counts["forgotten"]) == (2, 0)
    assert with_payload(ledger) == {fresh, waiting}
    rested = read_raw_events(tmp_path)
    assert rested["inbox_id"].to_list() == [old, older]
    assert rested["payload"].to_list() == ['{"a": 1, "b": "ü"}'] * 2
    with ledger.read() as c:
        row = c.execute(t.inbox.select().where(t.inbox.c.inbox_id == old)).one()
        assert row.payload is None
        assert row.event_key
    assert archive_inbox(ledger, tmp_path, now=utc_now()) == {"archived": 0, "files": 0, "forgotten": 0, "tokens": 0}


def test_keys_are_forgotten_after_35_days_and_not_by_a_clock_set_forward(ledger: Ledger, tmp_path: Path) -> None:
    receive(ledger, age=timedelta(days=36))
    receive(ledger, age=timedelta(days=34))
    counts = archive_inbox(ledger, tmp_path, now=utc_now() + timedelta(days=90))
    assert (counts["archived"], counts["forgotten"]) == (2, 1)
    assert read_raw_events(tmp_path).height == 2


def test_a_push_that_was_never_confirmed_rests_as_long_as_a_provider_may_tell_it_again(
    ledger: Ledger, tmp_path: Path
) -> None:
    waiting = receive(ledger, age=timedelta(days=34), is_applied=False)
    given_up = receive(ledger, age=timedelta(days=36), is_applied=False)
    assert archive_inbox(ledger, tmp_path, now=utc_now())["forgotten"] == 1
    assert with_payload(ledger) == {waiting}
    assert read_raw_events(tmp_path).select("inbox_id", "applied_at").rows() == [(given_up, None)]


def test_a_start_and_a_used_token_are_known_again_after_the_keys_are_gone(ledger: Ledger, tmp_path: Path) -> None:
    world = make_world(ledger)
    start, other = (receive(ledger, age=timedelta(days=400)) for _ in range(2))
    with ledger.write() as c:
        for inbox_id, kind in ((start, EventKind.RESUBSCRIBED), (other, EventKind.UNSUBSCRIBED)):
            insert(
                c, t.events, account_id=world.account_id, kind=kind, occurred_at=NOON, recorded_at=NOON,
                inbox_id=inbox_id,
            )  # fmt: skip
        for token, days in (("old", 36), ("new", 34)):
            at = ledger.now(c) - timedelta(days=days)
            used = t.callback_tokens.insert().values(provider="mailgun", token=token, body_sha256="0", received_at=at)
            c.execute(used)
    counts = archive_inbox(ledger, tmp_path, now=utc_now())
    assert (counts["forgotten"], counts["tokens"]) == (1, 1)
    with ledger.read() as c:
        assert c.execute(sa.select(t.inbox.c.inbox_id)).scalars().all() == [start]
        assert c.execute(sa.select(t.callback_tokens.c.token)).scalars().all() == ["new"]


def test_more_than_one_batch_is_archived_in_one_go(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_BATCH_ROWS", 2)
    for _ in range(5):
        receive(ledger, age=timedelta(days=40))
    assert archive_inbox(ledger, tmp_path, now=utc_now())["forgotten"] == 5
    assert read_raw_events(tmp_path).height == 5


def test_a_crash_before_the_ledger_forgets_leaves_each_payload_once(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = receive(ledger, age=timedelta(days=1))

    def crash(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(archive, "_forget_payloads", crash)
        with pytest.raises(KeyboardInterrupt):
            archive_inbox(ledger, tmp_path, now=utc_now())
    assert with_payload(ledger) == {first}
    second = receive(ledger, age=timedelta(days=1))
    archive_inbox(ledger, tmp_path, now=utc_now())
    assert read_raw_events(tmp_path)["inbox_id"].to_list() == [first, second]
    assert with_payload(ledger) == set()


def test_a_file_that_reads_back_otherwise_keeps_the_payloads_in_the_ledger(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = receive(ledger, age=timedelta(days=1))
    monkeypatch.setattr(parquet.pl, "read_parquet", lambda *_, **__: pl.DataFrame())
    with pytest.raises(UnfaithfulFile):
        archive_inbox(ledger, tmp_path, now=utc_now())
    assert with_payload(ledger) == {kept}


def test_the_same_rows_make_the_same_file(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [1, 2]})
    for name in ("x", "y"):
        write_for_good(frame, tmp_path / name / "part.parquet")
    assert (tmp_path / "x" / "part.parquet").read_bytes() == (tmp_path / "y" / "part.parquet").read_bytes()
    assert not list(tmp_path.rglob("*.partial"))


def test_a_file_that_does_not_fit_on_the_disk_leaves_its_room_to_the_ledger(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        with pytest.raises(pl.exceptions.ComputeError, match="File too large"):
            write_for_good(pl.DataFrame({"a": [1, 2]}), tmp_path / "x" / "part.parquet")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list((tmp_path / "x").iterdir())


def verdicts(pass_id: str, now: datetime) -> pl.DataFrame:
    moment = pl.Datetime("us", "UTC")
    return pl.DataFrame(
        {
            "pass_id": [pass_id] * 2, "planned_at": [now] * 2, "policy_id": [1, 1], "account_id": [1, 1],
            "location_id": [1, 1], "customer_id": [2, 1], "person_id": [2, 1], "invitation_id": [None, 5],
            "step": [0, 1], "channel": ["sms", "email"], "rules": [[], ["quiet_hours", "suppressed"]],
            "untils": [[], [now, None]], "earliest_at": [now, None], "is_clear": [True, False],
        },
        schema_overrides={"planned_at": moment, "untils": pl.List(moment), "earliest_at": moment},
    )  # fmt: skip


@pytest.mark.slow
def test_verdicts_rest_as_parquet_and_in_the_warehouse_once(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse")
    for _ in range(2):
        assert archive_verdicts(verdicts("p1", NOON), tmp_path, warehouse, now=NOON) == {"verdicts": 2}
    archive_verdicts(verdicts("p2", NOON), tmp_path, warehouse, now=NOON)
    with warehouse.write() as connection:
        stored = connection.sql("select * from core_verdicts order by pass_id, customer_id").pl()
    assert stored["pass_id"].to_list() == ["p1", "p1", "p2", "p2"]
    assert stored["rules"].to_list()[:2] == [["quiet_hours", "suppressed"], []]
    assert stored["untils"].to_list()[0] == [NOON, None]
    names = sorted(path.name for path in (tmp_path / "verdicts" / "planned_date=2026-11-23").iterdir())
    assert names == ["pass-20261123T180000-p1.parquet", "pass-20261123T180000-p2.parquet"]


def test_a_pass_without_candidates_leaves_nothing(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse")
    assert archive_verdicts(verdicts("p", NOON).clear(), tmp_path, warehouse, now=NOON) == {"verdicts": 0}
    assert not (tmp_path / "verdicts").exists()
