"""What a ledger on PostgreSQL does when something else is in its way, and what an operator reads of it."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from data.ledger.store import Ledger, open_ledger
from data.ledger.tables import system
from data.settings import Settings
from pipelines.problems import tell
from tests.postgres import Databases

ASKED = "select name, setting from pg_settings where name in ('lock_timeout', 'idle_in_transaction_session_timeout',"


def said(ledger: Ledger) -> dict[str, str]:
    with ledger.read() as connection:
        rows = connection.exec_driver_sql(f"{ASKED} 'tcp_keepalives_idle', 'application_name')")
        return {row.name: row.setting for row in rows}


def test_waits_end_and_a_dead_line_is_noticed_unless_the_operator_said_otherwise(
    postgres_databases: Databases, home: Path
) -> None:
    with postgres_databases.one() as url:
        for ending, waits in (("", "30000"), ("?options=-c%20lock_timeout%3D1s&application_name=theirs", "1000")):
            ledger = open_ledger(Settings(home=home, ledger_url=url + ending))
            assert said(ledger) == {
                "lock_timeout": waits,
                "idle_in_transaction_session_timeout": "300000",
                "tcp_keepalives_idle": "30",
                "application_name": "theirs" if ending else "afterword",
            }
            with ledger.read() as connection:
                line: Any = connection.connection.driver_connection
                assert line.info.get_parameters()["keepalives_idle"] == "30"
            ledger.close()


def test_who_waits_too_long_for_a_row_gives_up_and_says_what_to_do(postgres_databases: Databases, home: Path) -> None:
    with postgres_databases.one() as url:
        holder = open_ledger(Settings(home=home, ledger_url=url))
        waiter = open_ledger(Settings(home=home, ledger_url=f"{url}?options=-c%20lock_timeout%3D20ms"))
        change = system.update().values(halted_by="somebody")
        with holder.write() as held:
            held.execute(change)
            with pytest.raises(sa.exc.OperationalError) as raised, waiter.write() as connection:
                connection.execute(change)
        assert "Something else held the ledger" in tell(raised.value)
        with waiter.write() as connection:  # and the connection is as good as before
            connection.execute(change)
        holder.close()
        waiter.close()
