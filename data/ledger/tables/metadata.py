"""The one MetaData, naming constraints so that migrations can speak of them, and the columns many tables share."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import FunctionElement

from data.ledger.types import BigId, UtcDateTime

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


class database_now(FunctionElement[datetime]):  # noqa: N801  (it reads as SQL where it is used)
    """The database's own clock, the moment the statement runs. Decides leases and freshness, never policy."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite(element: object, compiler: object, **kw: Any) -> str:
    # Microsecond-shaped, because SQLAlchemy stores moments as text with six decimals and they must sort together.
    return "(strftime('%Y-%m-%d %H:%M:%f', 'now') || '000')"


@compiles(database_now)
def _postgresql(element: object, compiler: object, **kw: Any) -> str:
    return "clock_timestamp()"


def key(name: str) -> sa.Column[int]:
    """A table's own numbered key."""
    return sa.Column(name, BigId, primary_key=True)


def link(name: str, target: str, *, nullable: bool = False, index: bool = False) -> sa.Column[int]:
    """A reference to another table's key."""
    return sa.Column(name, BigId, sa.ForeignKey(target), nullable=nullable, index=index)


def moment(name: str, *, nullable: bool = True, index: bool = False) -> sa.Column[datetime]:
    """A point in time, UTC."""
    return sa.Column(name, UtcDateTime, nullable=nullable, index=index)


def created_at() -> sa.Column[datetime]:
    """When the row was written, on the database's clock."""
    return sa.Column("created_at", UtcDateTime, nullable=False, default=database_now())


def changed_at() -> sa.Column[datetime]:
    """When the row last changed, on the database's clock: the dashboard lays rows newer than its copy over it.

    Core's `update()` sets it by itself; an upsert must set it by hand.
    """
    return sa.Column(
        "changed_at",
        UtcDateTime,
        nullable=False,
        default=database_now(),
        onupdate=database_now(),
        index=True,
    )
