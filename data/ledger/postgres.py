"""PostgreSQL as the ledger speaks to it: connections that notice a dead line, and waits that end.

By itself libpq waits for ever for a server that vanished, and the server for a lock. What AFTERWORD_LEDGER_URL says of
these stands, and so do timeouts that were set for the role or the database.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

# A machine that lost its power says no good-bye. Keepalives find that on a line where nothing is under way, the user
# timeout where something is. https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
_OURS = {
    "connect_timeout": 10,  # seconds; for each address of the host
    "keepalives_idle": 30,  # seconds
    "keepalives_interval": 10,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # milliseconds
    "application_name": "afterword",  # whom pg_stat_activity shows
}
# The same for the server, which would keep the locks of a machine that is gone for two hours, and of a process that is
# frozen within a transaction for ever. No transaction of ours lasts over five seconds, so 30 s for a lock is many of
# them in a line; the export reads for longer, but is never idle for minutes.
_SERVERS = {
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "lock_timeout": "30s",
    "idle_in_transaction_session_timeout": "5min",
}
# After connecting and not as `options`, which pgbouncer refuses. A timeout of "0" is one that nobody has set.
_SET = """select set_config(name, value, false)
from unnest(%(names)s::text[], %(values)s::text[]) as ours (name, value)
where name like 'tcp_%%' or current_setting(name) = '0'"""


def postgres_engine(url: sa.URL, **pool: Any) -> Engine:
    """An engine for this ledger; `pool` as SQLAlchemy's create_engine takes it."""
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={name: value for name, value in _OURS.items() if name not in url.query},
        **pool,
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(driver_connection: Any, record: object) -> None:
        with driver_connection.cursor() as cursor:
            cursor.execute(_SET, {"names": list(_SERVERS), "values": list(_SERVERS.values())})
        driver_connection.commit()  # rolled back, they would not hold

    return engine
