"""The account's file as it would have to be written now: so that whoever keeps the file begins from what holds."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from data.ledger.account_export import Document, account_document, kept_logos, logo_name
from data.ledger.store import Ledger
from data.permissions import Action
from data.toml_text import toml_text
from invitations.actor import Actor, Refused, refuse_role
from invitations.policy import TABLES, Policy, shipped

FILE = "account.toml"
_HEAD = (
    "# Every setting of this account as it was on {day}, written by Afterword. Change it here and run\n"
    "# `afterword init {file}`, or change settings on the dashboard and download it again.\n\n"
)


@dataclass(frozen=True, slots=True)
class Download:
    """A file for the browser; the content has users' addresses."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


def account_download(ledger: Ledger, actor: Actor, *, now: datetime) -> Download | Refused:
    """account.toml; where locations have logos, a .zip of it and the pictures that must lie beside it."""
    for action in (Action.CHANGE_SETTINGS, Action.MANAGE_USERS):
        if refusal := refuse_role(actor, action):
            return refusal
    if actor.location_ids is not None:
        return Refused("The file has every location's settings, and you look after some of them only.")
    with ledger.read() as c:
        document = account_document(c, now)
        logos = kept_logos(c)
    document["policy"] = _own_rules(document["policy"])
    text = _HEAD.format(day=f"{now:%Y-%m-%d}", file=FILE) + toml_text(_plain(document))
    name, media_type = download_name(document)
    if not logos:
        return Download(name, media_type, text.encode())
    held = io.BytesIO()
    with ZipFile(held, "w", ZIP_DEFLATED) as archive:
        archive.writestr(ZipInfo(FILE, now.timetuple()[:6]), text)
        for slug, logo in logos.items():
            archive.writestr(ZipInfo(logo_name(slug, logo.media_type), now.timetuple()[:6]), logo.content)
    return Download(name, media_type, held.getvalue())


def download_name(document: Mapping[str, Any]) -> tuple[str, str]:
    """What the download is called, and its media type: with logos it is an archive."""
    has_logos = any("logo" in place for place in document["locations"])
    return ("account.zip", "application/zip") if has_logos else (FILE, "application/toml")


def _own_rules(policy: Mapping[str, Any]) -> Document:
    """Without the tables as Afterword ships them: whoever has none of their own gets an upgrade's newer ones."""
    return {name: value for name, value in policy.items() if name not in TABLES or not _is_shipped(name, value)}


def _is_shipped(name: str, value: Any) -> bool:
    return bool(_plain(value) == _plain(_as_kept(name)))


def _as_kept(name: str) -> Any:
    """A shipped table as a policy in full has it."""
    return Policy.load({name: shipped(name)}).document()[name]


def _plain(value: Any) -> Any:
    """Nothing that TOML has no word for: what is null is what a file leaves out."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
