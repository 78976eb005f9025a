"""Where bounces and complaints lie: a Maildir, an mbox file, a folder of .eml files, one mail, standard input.

Nothing here is ever written, moved or deleted: whoever fetches the mails owns the box. What was read before is told by
time: a file by when it last changed (its ctime, which no program can set back), a mail of an mbox by the date of
delivery on its "From " line.
"""

import fcntl
import hashlib
import mailbox
import os
from calendar import timegm
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate
from pathlib import Path
from time import mktime
from typing import BinaryIO

import structlog

from connectors import BounceMail, ConfigurationError, Fault, Unavailable
from connectors.bounces import read_mail
from connectors.smtp_settings import SmtpSettings

log = structlog.get_logger(__name__)

# The report stands before the mail that it gives back, and of that mail the headers are enough.
MOST_BYTES = 256 * 1024
_MBOX_BEGINS = b"From "
_DRAINED_AT_ONCE = 1024 * 1024
_MEND = (
    "Name a Maildir, an mbox file or a folder of .eml files in AFTERWORD_BOUNCES, and give this user the right to read "
    'it. docs/operations.md, "bounces", says how mail gets there.'
)


class BoxBusy(Unavailable):
    """Somebody writes the mbox file just now. Nothing was read; the next pass reads it."""


class BounceBox:
    """A box of mails at a path, whatever kind it is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # Another path is another box, to be read from its beginning.
        self.name = f"bounces:{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:24]}"

    def read(self, since: datetime | None) -> Iterator[BounceMail]:
        """Each mail that came `since` then (None: ever). Raises OSError or BoxBusy where the box itself is not read."""
        if self._path.is_dir():
            yield from self._of_folder(since.timestamp() if since else 0.0)
        elif _is_mbox(self._path):
            yield from self._of_mbox(since.timestamp() if since else 0.0)
        else:
            yield _read_file(str(self._path))

    def check(self) -> Sequence[Fault]:
        """What keeps it from being read."""
        try:
            if self._path.is_dir():
                for folder in _folders(self._path):
                    with os.scandir(folder) as entries:
                        next(entries, None)
            else:
                _is_mbox(self._path)
        except FileNotFoundError:
            return [Fault("There is nothing at the path that AFTERWORD_BOUNCES names, so no bounces are read.", _MEND)]
        except OSError as problem:
            return [
                Fault(f"The mailbox that AFTERWORD_BOUNCES names cannot be read ({type(problem).__name__}).", _MEND)
            ]
        return []

    def _of_folder(self, since: float) -> Iterator[BounceMail]:
        """By hand: mailbox.Maildir opens each mail before it tells how old it is. Links are not followed."""
        folders = _folders(self._path)
        wanted = []
        for folder in folders:
            with os.scandir(folder) as entries:
                wanted += [
                    (entry.stat(follow_symlinks=False).st_ctime, entry.path)
                    for entry in entries
                    if not entry.name.startswith(".")
                    and (len(folders) > 1 or entry.name.lower().endswith(".eml"))
                    and entry.is_file(follow_symlinks=False)
                ]
        for changed_at, path in sorted(wanted):
            if changed_at >= since:
                yield replace(_read_file(path), came_at=datetime.fromtimestamp(changed_at, UTC))

    def _of_mbox(self, since: float) -> Iterator[BounceMail]:
        """Where each mail lies is found out under a lock, so that none is cut where a server is just writing it."""
        if self._path.stat().st_ctime < since:
            return
        with _held(self._path):
            box = mailbox.mbox(self._path, create=False)
            keys = box.keys()  # the whole file is gone through here
        try:
            for key in keys:
                with box.get_file(key, from_=True) as file:
                    if _delivered_at(file.readline()) >= since:
                        yield _read_bytes(file.read(MOST_BYTES))
        finally:
            box.close()


def open_box(settings: SmtpSettings) -> BounceBox | None:
    """The box of the environment; None where none is named. Raises ConfigurationError."""
    if settings.bounces is None:
        return None
    if not settings.bounces.is_absolute():  # `up` starts its processes in folders of their own
        raise ConfigurationError("AFTERWORD_BOUNCES is no whole path. Begin it with a slash, as /var/mail/bounces.")
    return BounceBox(settings.bounces)


def check_box(settings: SmtpSettings, *, is_used: bool) -> Sequence[Fault]:
    """What is wrong with how bounces are read. `is_used`: a relay carries our e-mail."""
    try:
        box = open_box(settings)
    except ConfigurationError as problem:
        return [Fault(str(problem), _MEND)]
    if box is not None:
        return box.check()
    if not is_used:
        return []
    return [
        Fault(
            "Bounces of the mail relay are not read: dead addresses, and who complained, are asked again.",
            _MEND,
        )
    ]


def read_stream(stream: BinaryIO) -> BounceMail:
    """The one mail that a server hands over; the rest of a huge one is taken in and forgotten, or the server fails."""
    content = stream.read(MOST_BYTES)
    while stream.read(_DRAINED_AT_ONCE):
        continue
    return _read_bytes(content)


def _folders(path: Path) -> Sequence[Path]:
    """Of a Maildir both of its folders; `tmp` holds what has not wholly arrived."""
    folders = [path / name for name in ("new", "cur") if (path / name).is_dir()]
    return folders if len(folders) > 1 else [path]


def _is_mbox(path: Path) -> bool:
    """Whether a file begins as an mbox does; an empty one is a box without mails."""
    with path.open("rb") as file:
        return file.read(len(_MBOX_BEGINS)) in (_MBOX_BEGINS, b"")


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """A lock for reading, which servers that deliver to the file respect. Raises BoxBusy."""
    with path.open("rb") as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BoxBusy from None
        yield


def _delivered_at(line: bytes) -> float:
    """When a mail came to an mbox, by its first line; some write UTC there, most the local time: the later counts."""
    told = parsedate(line.decode("ascii", "replace").partition(" ")[2].strip().partition(" ")[2])
    if told is None:
        return datetime.now(UTC).timestamp()  # unknown: read it again
    try:
        return max(float(timegm(told)), mktime(told))
    except (ValueError, OverflowError):
        return datetime.now(UTC).timestamp()


def _read_file(path: str) -> BounceMail:
    """One mail; whatever is wrong with it stops no other."""
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES)
    except FileNotFoundError:  # moved on or taken away meanwhile: a mail program is at work
        return BounceMail()
    except OSError as problem:
        log.warning(
            "mail not read", file=_short(path.encode("utf-8", "surrogateescape")), reason=type(problem).__name__
        )
        return BounceMail(is_unreadable=True)
    return _read_bytes(content)


def _read_bytes(content: bytes) -> BounceMail:
    try:
        return BounceMail(read_mail(content))
    except Exception as problem:  # noqa: BLE001  (anybody may send anything: it is counted, and the others are read)
        log.warning("mail not read", mail=_short(content), reason=type(problem).__name__)
        return BounceMail(is_unreadable=True)


def _short(content: bytes) -> str:
    """A name for the log that tells nobody whose mail it is."""
    return hashlib.sha256(content).hexdigest()[:12]
