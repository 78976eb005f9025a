"""Who looks at the dashboard and what they may see, read anew for each look: a role taken away is gone at once."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import accounts, locations, system, user_locations, users
from data.words import Plan, Role


@dataclass(frozen=True, slots=True)
class Place:
    """A location, as the picker needs it."""

    location_id: int
    slug: str
    name: str  # as the warehouse tells it: with its slug where another location has the same
    time_zone: str


@dataclass(frozen=True, slots=True)
class Access:
    """One user of the account, and the locations assigned to them (all of the account's when none are named)."""

    email: str
    name: str
    role: Role
    account_id: int
    account_name: str
    account_time_zone: str
    plan: Plan
    places: tuple[Place, ...]
    is_every_place: bool


@dataclass(frozen=True, slots=True)
class SystemState:
    """Whether this is a demo, and whether the kill switch is thrown."""

    is_demo: bool
    halted_at: datetime | None
    halted_by: str | None
    halt_reason: str | None


def system_state(connection: Connection) -> SystemState:
    """The one row of state; a ledger without it is neither a demo nor halted."""
    row = connection.execute(
        sa.select(system.c.is_demo, system.c.halted_at, system.c.halted_by, system.c.halt_reason)
    ).first()
    return SystemState(*row) if row else SystemState(False, None, None, None)


def known_users(connection: Connection) -> list[tuple[str, str, Role]]:
    """e-mail, name, role of every user, the most powerful first: for the demo's role switcher."""
    order = list(Role)
    rows = connection.execute(sa.select(users.c.email, users.c.name, users.c.role)).all()
    return sorted(((row.email, row.name, row.role) for row in rows), key=lambda u: (order.index(u[2]), u[1], u[0]))


def access_of(connection: Connection, email: str) -> Access | None:
    """What the user with this e-mail address may see, or None when there is no such user."""
    return _access(connection, sa.func.lower(users.c.email) == email.strip().lower())


def access_by_identity(connection: Connection, issuer: str, subject: str) -> Access | None:
    """What the user who is joined to this identity of an OIDC provider may see, or None when nobody is."""
    return _access(connection, sa.and_(users.c.issuer == issuer, users.c.subject == subject))


def join_identity(connection: Connection, email: str, issuer: str, subject: str) -> bool:
    """Join the user with this e-mail address to an identity, for good; False where there is none that is free.

    The address must be verified by the issuer. Who is joined to one identity is never joined to another by this.
    """
    taken = users.alias()
    return bool(
        connection.execute(
            users.update()
            .where(
                sa.func.lower(users.c.email) == email.strip().lower(),
                users.c.issuer.is_(None),
                users.c.subject.is_(None),
                ~sa.exists().where(taken.c.issuer == issuer, taken.c.subject == subject),
            )
            .values(issuer=issuer, subject=subject)
        ).rowcount
    )


def _access(connection: Connection, who: sa.ColumnElement[bool]) -> Access | None:
    user = connection.execute(
        sa.select(
            users.c.user_id,
            users.c.email,
            users.c.name,
            users.c.role,
            accounts.c.account_id,
            accounts.c.name.label("account_name"),
            accounts.c.time_zone,
            accounts.c.plan,
        )
        .join(accounts, accounts.c.account_id == users.c.account_id)
        .where(who)
        .order_by(users.c.user_id)
    ).first()
    if user is None:
        return None
    assigned = connection.scalars(
        sa.select(user_locations.c.location_id).where(user_locations.c.user_id == user.user_id)
    ).all()
    rows = connection.execute(
        sa.select(locations.c.location_id, locations.c.slug, locations.c.name, locations.c.time_zone)
        .where(locations.c.account_id == user.account_id)
        .order_by(locations.c.name, locations.c.location_id)
    ).all()
    named = Counter(row.name for row in rows)
    places = tuple(
        Place(
            row.location_id, row.slug, row.name if named[row.name] == 1 else f"{row.name} ({row.slug})", row.time_zone
        )
        for row in rows
        if not assigned or row.location_id in assigned
    )
    return Access(
        email=user.email,
        name=user.name,
        role=user.role,
        account_id=user.account_id,
        account_name=user.account_name,
        account_time_zone=user.time_zone,
        plan=user.plan,
        places=places,
        is_every_place=not assigned,
    )
