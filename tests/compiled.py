"""What SQLAlchemy compiled for one ledger serves the next test's too: compiling was a quarter of a database test.

SQLAlchemy keeps compiled statements with each engine and for each dialect object; nearly every test opens a ledger of
its own, and so would compile the same statements again. Here dialects of one kind count as the same (all SQLite is one
library, all PostgreSQL one server), and their engines share what they compiled.
"""

from typing import Any

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache


def share_compiled_statements() -> None:
    """From now on, in this process."""
    compiled: LRUCache[Any, Any] = LRUCache(3000)

    def hand_over(kind: type, engine: Engine) -> None:
        engine.update_execution_options(compiled_cache=compiled)

    for kind in (SQLiteDialect_pysqlite, PGDialect_psycopg):
        changed: Any = kind
        changed.__eq__ = lambda self, other: type(self) is type(other)
        changed.__hash__ = lambda self: hash(type(self))
        changed.engine_created = classmethod(hand_over)
