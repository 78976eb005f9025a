"""A file that somebody brings on the dashboard: looked at, checked, and handed to whoever imports. Rights are here.

The dashboard imports nothing itself: the file waits under AFTERWORD_HOME, a job names it, a sensor carries that out and
the file is removed. What the file holds never gets into a log.
"""

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connectors.excel_file import read_table
from data.ledger.jobs import ask_for
from data.ledger.store import Ledger
from data.permissions import Action
from data.words import Channel, JobKind
from invitations.actor import Actor, Answer, Done, Refused, write_audit
from invitations.columns import guessed_columns
from invitations.consent_columns import Declaration, checked_declaration
from invitations.customers_file import UNDONE, import_customers, list_head, places_of
from invitations.import_report import ImportRefused, ImportReport, UnknownLocation
from invitations.import_rights import refuse_import

FOLDER = "uploads"
SAMPLES = 3
_HERE_ALREADY = (
    "This file was imported before under this name, so nobody would come in again. Give the list another name if that "
    "is what you want."
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it came."""

    name: str = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Preview:
    """What a file looks like: its form in words, how many rows, each column with its first values and its meaning."""

    form: str
    row_count: int
    samples: Mapping[str, tuple[str, ...]] = field(repr=False)
    guessed: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ListChoice:
    """What is chosen beside the file; texts as the command line takes them."""

    location: str  # slug
    name: str
    columns: Mapping[str, str | None] | None = None
    channels: tuple[Channel, ...] | None = None
    speed: str | None = None
    send_at: str | None = None
    consent: str | None = None  # a basis: what is declared for everybody
    consent_text: str | None = None
    consented_on: date | None = None


def preview(upload: Upload) -> Preview:
    """What the file looks like. Raises UnreadableFile, in words."""
    table = read_table(upload.content)
    encoding = "Windows encoding" if table.encoding == "cp1252" else table.encoding.removesuffix("-sig").upper()
    delimiters = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
    form = (
        f"Excel workbook, sheet “{table.sheet}”"
        if table.sheet is not None
        else f"CSV in {encoding}, with {delimiters[table.delimiter]} between the cells"
    )
    samples = {
        header: tuple(table.frame[header].filter(table.frame[header].str.strip_chars() != "").head(SAMPLES))
        for header in table.headers
    }
    return Preview(form, len(table.frame) + len(table.broken), samples, guessed_columns(table.headers))


def check_list(ledger: Ledger, actor: Actor, upload: Upload, choice: ListChoice) -> ImportReport | Refused:
    """What would come of importing the file now: a dry run. Nothing is written."""
    with ledger.read() as c:
        if refusal := refuse_import(c, actor):
            return refusal
    try:
        return _import(ledger, actor, upload, choice, dry_run=True)
    except (ImportRefused, UnknownLocation, ValueError) as problem:  # UnreadableFile among them: all in words
        return Refused(str(problem))


def ask_to_import(ledger: Ledger, actor: Actor, upload: Upload, choice: ListChoice, *, now: datetime) -> Answer:
    """Keep the file and ask for its import: carried out within seconds, by whoever carries jobs out."""
    try:
        with ledger.read() as c:
            if refusal := refuse_import(c, actor):
                return refusal
            _, place, _ = places_of(c, choice.location, actor.location_ids)
            _, before = list_head(
                c, place, upload.content, file_name=upload.name, list_name=choice.name, channels=choice.channels,
                speed=choice.speed, send_at=choice.send_at, imported_by=actor.email, now=now,
            )  # fmt: skip
            declared_on(choice, place.time_zone, now)
    except (ImportRefused, UnknownLocation) as problem:
        return Refused(str(problem))
    if before is not None and (before.undone_at or (before.completed_at and choice.consent is None)):
        return Refused(UNDONE if before.undone_at else _HERE_ALREADY)
    path = _keep(ledger.settings.home, upload)
    try:
        _ask(ledger, actor, upload, choice, path)
    except BaseException:
        (ledger.settings.home / path).unlink(missing_ok=True)
        raise
    return Done(f"“{choice.name}” is coming in. You can leave this page; its progress is in the history below.")


def import_upload(ledger: Ledger, actor: Actor, content: bytes, payload: Mapping[str, Any]) -> ImportReport | Refused:
    """Carry out what `ask_to_import` asked for; rights are looked at now, a role taken away since is gone.

    Raises UnreadableFile, UnknownLocation, ImportRefused or ListUndone.
    """
    with ledger.read() as c:
        if refusal := refuse_import(c, actor):
            return refusal
    try:
        channels = tuple(Channel(channel) for channel in payload.get("channels") or ())
    except ValueError:
        return Refused("The import names a channel that is not known here. Upload the file again.")
    on = payload.get("consented_on")
    choice = ListChoice(
        location=payload["location"],
        name=payload["list_name"],
        columns=payload.get("columns"),
        channels=channels or None,
        speed=payload.get("speed"),
        send_at=payload.get("send_at"),
        consent=payload.get("consent"),
        consent_text=payload.get("consent_text"),
        consented_on=date.fromisoformat(on) if on else None,
    )
    name = payload.get("file_name") or Path(str(payload["path"])).name
    return _import(ledger, actor, Upload(name, content), choice, dry_run=False)


def declared_on(choice: ListChoice, zone: str, now: datetime) -> Declaration | None:
    """What is declared for everybody's consent. Raises ImportRefused for what cannot be meant."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return checked_declaration(choice.consent, choice.consent_text, choice.consented_on, today=today)


def _import(ledger: Ledger, actor: Actor, upload: Upload, choice: ListChoice, *, dry_run: bool) -> ImportReport:
    with ledger.read() as c:
        _, place, _ = places_of(c, choice.location, actor.location_ids)
    return import_customers(
        ledger,
        upload.content,
        file_name=upload.name,
        location=choice.location,
        list_name=choice.name,
        channels=None if choice.channels is None else list(choice.channels),
        speed=choice.speed,
        send_at=choice.send_at,
        columns=choice.columns,
        declared=declared_on(choice, place.time_zone, ledger.policy_now()),
        imported_by=actor.email,
        reach=actor.location_ids,
        dry_run=dry_run,
    )


def _keep(home: Path, upload: Upload) -> str:
    """Write the file where only we read it, under a name that says nothing; where it is, under `home`."""
    ending = ".xlsx" if upload.content.startswith(b"PK") else ".csv"
    path = f"{FOLDER}/{secrets.token_hex(16)}{ending}"
    (home / FOLDER).mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(home / path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "wb") as target:
        target.write(upload.content)
        target.flush()
        os.fsync(target.fileno())
    return path


def _ask(ledger: Ledger, actor: Actor, upload: Upload, choice: ListChoice, path: str) -> None:
    """The job, and the line of who asked for what."""
    told: dict[str, object] = {
        "location": choice.location,
        "list_name": " ".join(choice.name.split()),
        "channels": None if choice.channels is None else [channel.value for channel in choice.channels],
        "speed": choice.speed,
        "send_at": choice.send_at,
        "consent": choice.consent,
        "consent_text": choice.consent_text,
        "consented_on": choice.consented_on and choice.consented_on.isoformat(),
    }
    payload = {
        **told,
        "path": path,
        "file_name": upload.name[:300],
        "content_sha256": upload.sha256,
        "columns": None if choice.columns is None else dict(choice.columns),
    }
    with ledger.write() as c:
        job = ask_for(c, account_id=actor.account_id, kind=JobKind.IMPORT, payload=payload, asked_by=actor.email)
        write_audit(c, actor, Action.IMPORT, f"job {job}", before={}, after=told)


def sweep_uploads(home: Path, *, keep: frozenset[str], older_than: datetime) -> int:
    """Remove the files of jobs that were cut off; how many. `keep`: paths that open jobs name, `older_than` a day."""
    stale = [
        file
        for file in (home / FOLDER).glob("*")
        if f"{FOLDER}/{file.name}" not in keep and file.stat().st_mtime < older_than.timestamp()
    ]
    for file in stale:
        file.unlink(missing_ok=True)
    return len(stale)
