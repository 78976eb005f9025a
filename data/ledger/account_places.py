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
from data.words import Channel, Role

_LAST_OWNER = (
    "This is the account's last owner, and an account needs one: make somebody else an owner first, then change this."
)
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
    """Bring the users and what they may see in line; `locations` are ids by slug."""
    known = set(changes.connection.execute(sa.select(t.users.c.email)).scalars())
    had_owner = _has_owner(changes)
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
    if had_owner and not _has_owner(changes):
        raise AccountChangeRefused(_LAST_OWNER)


def remove_user(changes: Changes, email: str) -> bool:
    """Take a user out of the account; False when there is none. What they did stays in the audit.

    Raises AccountChangeRefused for the last owner.
    """
    u = t.users.c
    mine = sa.and_(u.account_id == changes.account_id, u.email == email)
    found = changes.connection.execute(sa.select(u.user_id, u.name, u.role).where(mine)).first()
    if found is None:
        return False
    changes.connection.execute(t.user_locations.delete().where(t.user_locations.c.user_id == found.user_id))
    changes.connection.execute(t.users.delete().where(mine))
    if found.role is Role.OWNER and not _has_owner(changes):
        raise AccountChangeRefused(_LAST_OWNER)
    changes.record("removed", f'user "{email}"', {"name": found.name, "role": found.role}, {"name": None, "role": None})
    return True


def _has_owner(changes: Changes) -> bool:
    u = t.users.c
    owners = sa.select(u.user_id).where(u.account_id == changes.account_id, u.role == Role.OWNER)
    return changes.connection.execute(owners.limit(1)).first() is not None


def _names(slugs: Mapping[int, str], chosen: Iterable[int]) -> str:
    return ", ".join(sorted(slugs.get(one, "a location not in the file") for one in chosen)) or "every location"
