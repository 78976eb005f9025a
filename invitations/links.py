"""Links that still lead somewhere: neither run out nor revoked. One that does not looks like one that never was."""

from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from data.ledger import responses as rows
from data.ledger.responses import Link


def live(link: Link | None, now: datetime) -> Link | None:
    """The link, unless it has run out at `now` (policy time) or was revoked. Unsubscribing asks nothing of this."""
    if link is None or link.link_revoked_at is not None:
        return None
    return None if now - link.sent_at > timedelta(days=link.link_days) else link


def locked(connection: Connection, link_token: str, now: datetime) -> Link | None:
    """The live link with its person locked, read again after the lock so that nothing changes under it."""
    link = rows.find_by_link(connection, link_token)
    if link is None:
        return None
    rows.lock_person(connection, link.person_id)
    return live(rows.find_by_link(connection, link_token), now)


def is_web(url: str) -> bool:
    """Whether a browser may be sent there: to a page, never to a program (`javascript:`)."""
    return url.startswith(("https://", "http://"))
