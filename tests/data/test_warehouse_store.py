"""One writer at a time, and readers never see half a copy."""

import errno
import multiprocessing
import os
import sys
import threading
import types
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import duckdb
import pytest

from data.settings import utc_now
from data.warehouse import Warehouse, WarehouseBusy, store
from data.warehouse.checksum import checksum
from data.warehouse.store import connect

pytestmark = pytest.mark.slow

SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def plain_main(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spawned processes run `__main__` again, and Streamlit's AppTest leaves the dashboard's script in that place."""
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "warehouse", lock_seconds=20)


def write_row(warehouse: Warehouse, number: int) -> None:
    """A change as a load makes it: the row in two tables, and the version counted up."""
    with warehouse.write() as connection:
        for statement in (
            "insert into core_people (person_id) values ($1)",
            "insert into out_customers (customer_id) values ($1)",
        ):
            connection.execute(statement, [number]).fetchall()
        connection.execute("update warehouse_state set version = version + 1, watermark = now()").fetchall()


def test_a_failed_write_leaves_nothing(warehouse: Warehouse) -> None:
    write_row(warehouse, 1)
    with pytest.raises(duckdb.ConversionException), warehouse.write() as connection:
        connection.execute("delete from core_people").fetchall() and connection.execute("select 'x'::int").fetchall()
    with warehouse.write() as connection:
        assert connection.table("core_people").count("*").fetchall() == [(1,)]


def test_a_busy_warehouse_says_what_to_do(warehouse: Warehouse) -> None:
    impatient = Warehouse(warehouse.folder, lock_seconds=0.05)
    with (
        warehouse.write(),
        pytest.raises(WarehouseBusy, match=r"not free within 0\.05 seconds.*Wait for the run"),
        impatient.write(),
    ):
        pytest.fail("two writers at once")


def test_nothing_is_published_before_the_first_publish(warehouse: Warehouse) -> None:
    assert warehouse.current() is None


def test_an_unchanged_warehouse_is_not_copied_again(warehouse: Warehouse) -> None:
    first = warehouse.publish()
    assert first is not None
    assert warehouse.current() == first.resolve()
    assert warehouse.publish(now=utc_now() + timedelta(hours=1)) is None


def test_a_changed_warehouse_is_copied_once_a_minute_unless_forced(warehouse: Warehouse) -> None:
    warehouse.publish()
    write_row(warehouse, 1)
    assert warehouse.publish() is None
    second = warehouse.publish(force=True)
    write_row(warehouse, 2)
    third = warehouse.publish(now=utc_now() + timedelta(seconds=61))
    assert second is not None
    assert third is not None
    assert warehouse.current() == third.resolve()


def test_the_last_three_copies_stay(warehouse: Warehouse) -> None:
    for number in range(5):
        write_row(warehouse, number)
        warehouse.publish(force=True)
    copies = sorted(entry.name for entry in warehouse.folder.glob("serving-*"))
    assert copies == ["serving-3.duckdb", "serving-4.duckdb", "serving-5.duckdb"]


def test_a_copy_that_a_crash_left_unlinked_is_made_up_for(warehouse: Warehouse) -> None:
    first = warehouse.publish()
    write_row(warehouse, 1)
    second = warehouse.publish(force=True)
    assert first is not None
    assert second is not None
    (warehouse.folder / "current.duckdb").unlink()
    (warehouse.folder / "current.duckdb").symlink_to(first.name)  # as if the crash came before the swap
    (warehouse.folder / "serving-9.duckdb.partial").write_bytes(b"half")
    third = warehouse.publish()
    assert third is not None
    assert warehouse.current() == third.resolve()
    assert not list(warehouse.folder.glob("*.partial"))


def test_a_copy_that_does_not_fit_on_the_disk_leaves_its_room_to_the_ledger(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    write_row(warehouse, 1)
    with monkeypatch.context() as patched:
        patched.setattr(store, "flush", refuse)
        with pytest.raises(OSError, match="No space left"):
            warehouse.publish()
    assert not list(warehouse.folder.glob("serving-*"))
    assert warehouse.publish() is not None


def test_a_copy_says_when_it_was_made(warehouse: Warehouse) -> None:
    now = utc_now()
    copy = warehouse.publish(now=now)
    assert copy is not None
    with connect(copy, read_only=True) as connection:
        assert connection.sql("select published_at from published").pl().item() == now


def read_until(folder: Path, done: Event, faults: "multiprocessing.Queue[str]") -> None:
    """Open whatever is current, again and again; both tables of a copy must hold the same rows."""
    warehouse, looks = Warehouse(folder), 0
    while not done.is_set() or looks == 0:
        path = warehouse.current()
        if path is None:
            continue
        try:
            with connect(path, read_only=True) as connection:
                ((people, customers),) = connection.execute(
                    "select (select count(*) from core_people), (select count(*) from out_customers)"
                ).fetchall()
        except duckdb.IOException as fault:
            if path.exists():
                faults.put(str(fault))
            continue
        looks += 1
        if people != customers:
            faults.put(f"{people} people, {customers} customers")


@pytest.mark.slow
@pytest.mark.usefixtures("plain_main")
def test_no_reader_sees_a_torn_copy(warehouse: Warehouse) -> None:
    done, faults = SPAWN.Event(), SPAWN.Queue()
    look: dict[str, Any] = {"target": read_until, "args": (warehouse.folder, done, faults)}
    process, thread = SPAWN.Process(**look), threading.Thread(**look)
    process.start()
    thread.start()
    for number in range(6):
        write_row(warehouse, number)
        assert warehouse.publish(force=True)
    done.set()
    process.join(60)
    thread.join(60)
    assert process.exitcode == 0
    assert faults.empty()


def write_rows(folder: Path, first: int) -> None:
    for number in range(first, first + 5):
        write_row(Warehouse(folder, lock_seconds=60), number)


@pytest.mark.slow
@pytest.mark.usefixtures("plain_main")
def test_writers_in_several_processes_take_turns(warehouse: Warehouse) -> None:
    writers = [SPAWN.Process(target=write_rows, args=(warehouse.folder, 100 * n)) for n in range(2)]
    for writer in writers:
        writer.start()
    write_rows(warehouse.folder, 900)
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    with warehouse.write() as connection:
        assert connection.table("core_people").count("*").fetchall() == [(15,)]


def test_a_checksum_depends_on_rows_and_not_on_their_order() -> None:
    with connect(":memory:") as connection:
        for name, rows in (("a", "(1, 'x', null), (2, null, 'y')"), ("b", "(2, null, 'y'), (1, 'x', null)")):
            connection.execute(f"create table {name} as from (values {rows}) as t (n, p, q)").fetchall()
        connection.execute("create table c as from (values (1, null, 'x'), (2, null, 'y')) as t (n, p, q)").fetchall()
        assert checksum(connection, "a") == checksum(connection, "b") != checksum(connection, "c")


def test_a_checksum_is_the_same_in_every_run_and_time_zone() -> None:
    with connect(":memory:") as connection:
        connection.execute(
            "create table t as select 7 as n, 1.50::decimal(9, 2) as d, true as b, 'é' as s, date '2026-11-23' as day,"
            " timestamptz '2026-11-23 18:00:00+00' as seen_at"
        ).fetchall()
        first = checksum(connection, "t")
        connection.execute("set timezone = 'Asia/Kathmandu'").fetchall()
        assert checksum(connection, "t") == first
        connection.execute("create table f as select 0.1::double as x").fetchall()
        with pytest.raises(TypeError, match="x is DOUBLE"):
            checksum(connection, "f")
    assert first == "fd6c576a6647684f1aea31fde466a746b306d3316cf2e79bb457dd3897c2bc9a"


def test_copies_are_ordinary_files_beside_the_link(warehouse: Warehouse) -> None:
    copy = warehouse.publish()
    assert copy is not None
    assert os.readlink(warehouse.folder / "current.duckdb") == copy.name


def test_a_demo_may_publish_more_often_than_each_minute(warehouse: Warehouse) -> None:
    write_row(warehouse, 1)
    first = utc_now()
    assert warehouse.publish(now=first)
    write_row(warehouse, 2)
    assert warehouse.publish(now=first + timedelta(seconds=11)) is None
    assert warehouse.publish(now=first + timedelta(seconds=9), every=timedelta(seconds=10)) is None
    assert warehouse.publish(now=first + timedelta(seconds=11), every=timedelta(seconds=10))
