"""Locations' logos: one each, drawn anew by `invitations.picture_files`, found by the hash of its bytes."""

from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger import tables as t
from data.ledger.account_changes import Changes
from data.ledger.pictures import KeptPicture
from data.ledger.tables.metadata import database_now

_SHOWN = 12  # signs of the hash, enough to tell two pictures apart
_l = t.logos.c


def read_logo(connection: Connection, digest: str) -> tuple[str, bytes] | None:
    """Media type and content of the logo with this SHA-256 (hexadecimal); None where no location has it."""
    row = connection.execute(sa.select(_l.media_type, _l.content).where(_l.sha256 == digest).limit(1)).first()
    return None if row is None else (row.media_type, row.content)


def apply_logo(changes: Changes, location_id: int, place: str, logo: KeptPicture | None) -> None:
    """Bring one location's logo in line; the audit keeps its hash's beginning. `place` is the location's slug."""
    own = _l.location_id == location_id
    before = changes.connection.execute(sa.select(_l.sha256).where(own)).scalar_one_or_none()
    after = None if logo is None else sha256(logo.content).hexdigest()
    if before == after:
        return
    changes.connection.execute(t.logos.delete().where(own))
    if logo is not None:
        changes.connection.execute(
            t.logos.insert().values(
                location_id=location_id,
                sha256=after,
                media_type=logo.media_type,
                width=logo.width,
                height=logo.height,
                content=logo.content,
                changed_at=database_now(),
            )
        )
    subject, named = f'logo of "{place}"', {"picture": after and after[:_SHOWN]}
    if before is None:
        changes.record("created", subject, None, named)
    else:
        changes.record("removed" if after is None else "changed", subject, {"picture": before[:_SHOWN]}, named)
