"""The account as its file would say it: every setting of the ledger, written out as the file's document.

`data.account_file.check_document` reads it, `data.ledger.accounts` brings a ledger in line with it: of an unchanged one
nothing differs. Sequences that no location takes are history and left out; of texts and policies it is the newest
version, also of a policy that waits for its day.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.account_values import AT_ONCE
from data.ledger import tables as t
from data.ledger.pictures import KeptPicture
from data.ledger.the_account import the_account
from data.words import Channel, PageMode

Document = dict[str, Any]
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg"}
_HOUR, _DAY = 60, 24 * 60


def account_document(connection: Connection, now: datetime) -> Document:
    """The whole document; `policy` has every rule, also those of the tables that come with Afterword."""
    account = the_account(connection)
    sequences = _sequences(connection, account.account_id)
    return {
        "account": {
            name: getattr(account, name)
            for name in ("slug", "name", "time_zone", "cycle_anchor_day", "invitations_per_cycle", "postal_address")
        }
        | {"plan": account.plan.value, "link_days": account.link_days},
        "locations": _locations(connection, account.account_id, {key: one["slug"] for key, one in sequences.items()}),
        "users": _users(connection, account.account_id),
        "templates": _templates(connection, account.account_id),
        "sequences": list({one["slug"]: one for one in sequences.values()}.values()),
        "policy": _policy(connection, account.account_id, account.time_zone, now),
    }


def kept_logos(connection: Connection) -> dict[str, KeptPicture]:
    """Every location's logo as it is kept, by the location's slug; a ledger holds one account."""
    logo, place = t.logos.c, t.locations.c
    rows = connection.execute(
        sa.select(place.slug, logo.media_type, logo.width, logo.height, logo.content).join(
            t.locations, place.location_id == logo.location_id
        )
    )
    return {row.slug: KeptPicture(row.media_type, row.width, row.height, row.content) for row in rows}


def logo_name(slug: str, media_type: str) -> str:
    """What a location's logo is called beside the file."""
    return f"logo-{slug}.{_ENDINGS[media_type]}"


def _locations(connection: Connection, account_id: int, sequences: dict[int, str]) -> list[Document]:
    c = t.locations.c
    rows = connection.execute(sa.select(t.locations).where(c.account_id == account_id).order_by(c.location_id)).all()
    on = _channels_on(connection)
    platforms = _platforms(connection)
    drawn = connection.execute(sa.select(t.logos.c.location_id, t.logos.c.media_type))
    logos = {row.location_id: row.media_type for row in drawn}
    newest = max(sequences, default=0)  # what a location without one of its own takes
    return [
        _said(
            {
                "slug": row.slug,
                "name": row.name,
                "time_zone": row.time_zone,
                "region": row.region,
                "color": row.color,
                "reply_to": row.reply_to,
                "page": PageMode(row.page_mode).value,
                "page_platform": row.page_platform,
                "language": row.language,
                "logo": logo_name(row.slug, logos[row.location_id]) if row.location_id in logos else None,
                "channels": on.get(row.location_id, []),
                "sequence": sequences.get(row.sequence_id or newest),
                "invitations_per_cycle": row.invitations_per_cycle,
                "platforms": platforms.get(row.location_id, []),
            }
        )
        for row in rows
    ]


def _channels_on(connection: Connection) -> dict[int, list[str]]:
    c = t.channels.c
    found: dict[int, set[Channel]] = {}
    for row in connection.execute(sa.select(c.location_id, c.channel).where(c.is_enabled)):
        found.setdefault(row.location_id, set()).add(row.channel)
    return {key: [channel.value for channel in Channel if channel in some] for key, some in found.items()}


def _platforms(connection: Connection) -> dict[int, list[Document]]:
    p = t.platforms.c
    found: dict[int, list[Document]] = {}
    for row in connection.execute(sa.select(t.platforms).order_by(p.location_id, p.position, p.platform_id)):
        one = {"slug": row.slug, "name": row.name, "url": row.url, "is_visible": row.is_visible}
        found.setdefault(row.location_id, []).append(one)
    return found


def _users(connection: Connection, account_id: int) -> list[Document]:
    u, of = t.users.c, t.user_locations.c
    assigned: dict[int, list[str]] = {}
    for row in connection.execute(
        sa.select(of.user_id, t.locations.c.slug)
        .join(t.locations, t.locations.c.location_id == of.location_id)
        .order_by(of.user_id, of.location_id)
    ):
        assigned.setdefault(row.user_id, []).append(row.slug)
    rows = connection.execute(sa.select(t.users).where(u.account_id == account_id).order_by(u.user_id)).all()
    return [
        {"email": row.email, "name": row.name, "role": row.role.value, "locations": assigned.get(row.user_id, [])}
        for row in rows
    ]


def _templates(connection: Connection, account_id: int) -> list[Document]:
    """The newest version of each text, in the order in which they first came."""
    c = t.templates.c
    newest: dict[tuple[str, str, str], Document] = {}
    rows = connection.execute(sa.select(t.templates).where(c.account_id == account_id).order_by(c.template_id))
    for row in rows:
        is_ours = row.submitted_by is None  # else submitting wrote the provider's id, and it is none of the file's
        newest[(row.slug, row.channel, row.language)] = _said(
            {
                "slug": row.slug,
                "channel": row.channel.value,
                "language": row.language,
                "subject": row.subject,
                "body": row.body,
                "category": row.asked_category and row.asked_category.value,
                "content_sid": row.provider_template_id if is_ours else None,
            }
        )
    return list(newest.values())


def _sequences(connection: Connection, account_id: int) -> dict[int, Document]:
    """Each version that a location takes, by its id; where none is named, the account's newest."""
    s, step, place = t.sequences.c, t.sequence_steps.c, t.locations.c
    named = set(connection.execute(sa.select(place.sequence_id).where(place.account_id == account_id)).scalars())
    if None in named:
        named.add(connection.execute(sa.select(sa.func.max(s.sequence_id)).where(s.account_id == account_id)).scalar())
    found: dict[int, Document] = {}
    for row in connection.execute(
        sa.select(s.slug, t.sequence_steps)
        .join(t.sequences, s.sequence_id == step.sequence_id)
        .where(step.sequence_id.in_(named - {None}))
        .order_by(step.sequence_id, step.step)
    ):
        one = found.setdefault(row.sequence_id, {"slug": row.slug, "steps": []})
        one["steps"].append(
            _said(
                {
                    "delay": delay_text(row.delay_minutes),
                    "at": None if row.at_minute is None else f"{row.at_minute // 60:02}:{row.at_minute % 60:02}",
                    "channels": list(row.channels),
                    "all": bool(row.is_all_channels),
                    "template": row.template_slug,
                }
            )
        )
    return found


def _policy(connection: Connection, account_id: int, time_zone: str, now: datetime) -> Document:
    """The newest version's rules; with `effective_on` while it waits for its day."""
    c = t.policies.c
    row = connection.execute(
        sa.select(c.rules, c.effective_at).where(c.account_id == account_id).order_by(c.version.desc()).limit(1)
    ).first()
    if row is None:
        return {}
    waits = {"effective_on": row.effective_at.astimezone(ZoneInfo(time_zone)).date()} if row.effective_at > now else {}
    return dict(row.rules) | waits


def delay_text(minutes: int) -> str:
    """A delay as the file writes it: "immediately", "3 days", "2 hours", "90 minutes"."""
    if not minutes:
        return AT_ONCE
    for size, word in ((_DAY, "day"), (_HOUR, "hour"), (1, "minute")):
        if minutes % size == 0:
            return f"{minutes // size} {word}{'' if minutes == size else 's'}"
    raise ValueError(f"{minutes} minutes is no delay")


def _said(values: Document) -> Document:
    """Without what a file would leave out."""
    return {key: value for key, value in values.items() if value is not None}
