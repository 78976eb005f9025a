"""An account's places and people, as its file names them: locations, their channels and platforms, and users."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from data.account_file import AccountFile, LocationPart, PlatformPart
from data.ledger import tables as t
from data.ledger.account_changes import AccountChangeRefused, Changes
from data.ledger.account_versions import sequence_names
from data.ledger.logos import apply_logo
from data.ledger.pictures import KeptPicture
from data.permissions import Action, may
from data.words import Channel, Role

_LAST_OWNER = (
    "This is the account's last owner, and an account needs one: make somebody else an owner first, then change this."
)
_OWNERS_ONLY = (
    "Only an owner may make somebody an owner, change an owner's role or the locations that an owner looks after, or "
    "remove one."
)
_NO_USERS = "The {role} role cannot change users and roles. Ask an owner or admin of the account."
_OWN_FIELDS = {"name", "time_zone", "region", "color", "reply_to", "page_platform", "language", "invitations_per_cycle"}


def apply_location(changes: Changes, place: LocationPart, sequence_id: int, logo: KeptPicture | None) -> int:
    """Bring one location in line; its id. New invitations get `sequence_id`; those under way keep theirs.

    How the page looks and what it asks holds from now on, for every link that is out as well.
    """
    location_id = int(
        changes.upsert(
            t.locations,
            {"account_id": changes.account_id, "slug": place.slug},
            place.model_dump(include=_OWN_FIELDS) | {"page_mode": place.page, "sequence_id": sequence_id},
            f'location "{place.slug}"',
            naming={"sequence_id": sequence_names(changes)},
        )
    )
    for channel in Channel:
        changes.upsert(
            t.channels,
            {"location_id": location_id, "channel": channel},
            {"is_enabled": channel in place.channels},
            f'channel {channel.value} of "{place.slug}"',
        )
    _apply_platforms(changes, location_id, place)
    apply_logo(changes, location_id, place.slug, logo)
    return location_id


def _apply_platforms(changes: Changes, location_id: int, place: LocationPart) -> None:
    for position, platform in enumerate(place.platforms):
        values = platform.model_dump(include={"name", "url", "is_visible"}) | {"position": position}
        _apply_platform(changes, location_id, platform, values, place.slug)
    named = [platform.slug for platform in place.platforms]
    gone = changes.connection.execute(
        sa.select(t.platforms.c.slug).where(
            t.platforms.c.location_id == location_id, t.platforms.c.slug.not_in(named), t.platforms.c.is_visible
        )
    ).scalars()
    for slug in list(gone):
        where = {"location_id": location_id, "slug": slug}
        changes.upsert(t.platforms, where, {"is_visible": False}, f'platform "{slug}" of "{place.slug}"')


def _apply_platform(
    changes: Changes, location_id: int, platform: PlatformPart, values: dict[str, Any], place: str
) -> None:
    where = {"location_id": location_id, "slug": platform.slug}
    changes.upsert(t.platforms, where, values, f'platform "{platform.slug}" of "{place}"')


def apply_users(changes: Changes, file: AccountFile, locations: Mapping[str, int]) -> None:
    """Bring the users and what they may see in line; `locations` are ids by slug.

    Raises AccountChangeRefused for what the role of whoever brings the change may not, and without an owner left.
    """
    known = set(changes.connection.execute(sa.select(t.users.c.email)).scalars())
    owners, told = _owners(changes), len(changes.words)
    for user in file.users:
        where = {"account_id": changes.account_id, "email": user.email}
        user_id = changes.upsert(t.users, where, {"name": user.name, "role": user.role}, f'user "{user.email}"')
        wanted = {locations[slug] for slug in user.locations}
        own = t.user_locations.c.user_id == user_id
        found = set(changes.connection.execute(sa.select(t.user_locations.c.location_id).where(own)).scalars())
        if wanted == found:
            continue
        changes.connection.execute(t.user_locations.delete().where(own))
        if wanted:
            rows = [{"user_id": user_id, "location_id": location_id} for location_id in sorted(wanted)]
            changes.connection.execute(t.user_locations.insert(), rows)
        slugs = {location_id: slug for slug, location_id in locations.items()}
        before, after = (_names(slugs, chosen) for chosen in (found, wanted))
        if user.email not in known:
            changes.record("limited", f'user "{user.email}" to {after}', None, {"locations": after})
            continue
        changes.record("changed", f'user "{user.email}"', {"locations": before}, {"locations": after})
    if len(changes.words) > told:
        _refuse_role(changes, is_about_owners=_owners(changes) != owners)
    if owners and not _owners(changes):
        raise AccountChangeRefused(_LAST_OWNER)


def remove_user(changes: Changes, email: str) -> bool:
    """Take a user out of the account; False when there is none. What they did stays in the audit.

    Raises AccountChangeRefused for the last owner, and where the role of whoever removes them may not.
    """
    u = t.users.c
    mine = sa.and_(u.account_id == changes.account_id, u.email == email)
    found = changes.connection.execute(sa.select(u.user_id, u.name, u.role).where(mine)).first()
    if found is None:
        return False
    _refuse_role(changes, is_about_owners=found.role is Role.OWNER)
    changes.connection.execute(t.user_locations.delete().where(t.user_locations.c.user_id == found.user_id))
    changes.connection.execute(t.users.delete().where(mine))
    if found.role is Role.OWNER and not _owners(changes):
        raise AccountChangeRefused(_LAST_OWNER)
    changes.record("removed", f'user "{email}"', {"name": found.name, "role": found.role}, {"name": None, "role": None})
    return True


def _refuse_role(changes: Changes, *, is_about_owners: bool) -> None:
    if not may(changes.role, Action.MANAGE_USERS):
        raise AccountChangeRefused(_NO_USERS.format(role=changes.role.value.replace("_", " ").title()))
    if is_about_owners and changes.role is not Role.OWNER:
        raise AccountChangeRefused(_OWNERS_ONLY)


def _owners(changes: Changes) -> set[tuple[str, int | None]]:
    """Every owner with each location that they are limited to; None: with none."""
    u, own = t.users.c, t.user_locations.c
    rows = changes.connection.execute(
        sa.select(u.email, own.location_id)
        .outerjoin(t.user_locations, own.user_id == u.user_id)
        .where(u.account_id == changes.account_id, u.role == Role.OWNER)
    )
    return {(row.email, row.location_id) for row in rows}


def _names(slugs: Mapping[int, str], chosen: Iterable[int]) -> str:
    return ", ".join(sorted(slugs.get(one, "a location not in the file") for one in chosen)) or "every location"
