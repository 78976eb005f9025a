"""`afterword doctor`: everything that can be wrong before the first message, each with how to mend it."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pydantic
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from connectors import Checkable, ConfigurationError, Fault
from connectors.alerting import open_ways
from connectors.csv_file import UnreadableFile
from connectors.registry import bounce_faults, is_known_code, missing_settings, open_messengers
from data.ledger import notices, soundness
from data.ledger.access import access_of
from data.ledger.accounts import the_account
from data.ledger.breakers import read_open
from data.ledger.happened import count_codes
from data.ledger.migrate import WrongRevision, require_current
from data.ledger.store import open_ledger
from data.ledger.tables import system
from data.ledger.tables.metadata import database_now
from data.pace import Pace
from data.settings import Settings
from data.web_settings import WebSettings
from data.words import Channel
from invitations.take_in import ImportRefused, UnknownLocation, import_customers, waiting_files
from pipelines.doctor_whatsapp import of_whatsapp
from pipelines.problems import DAMAGED, tell, tell_of_database
from pipelines.safeguards import UNKNOWN_USER, refuse_absent_ledger, refuse_unreadable_address, refuse_unsafe_clock
from pipelines.sign_in import sign_in_of
from pipelines.ticks import Ticks

_LEAST_FREE_BYTES = 2_000_000_000
_MEND_FILE = "Mend the file or its folder's name (a location's slug); it is then taken in by itself. Or take it away."
_CODES_OF = timedelta(days=7)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def examine() -> list[Fault]:
    """Every fault found, in the order in which they want mending. Sends nothing and changes nothing."""
    try:
        settings = Settings()
        Ticks()
        Pace()
        WebSettings()
    except pydantic.ValidationError as problem:
        return [Fault(tell(problem), "Correct the variable; .env.example explains each.")]
    looks: list[Callable[[], Iterable[Fault]]] = [
        partial(_of_the_machine, settings), partial(_of_the_ledger, settings), partial(_of_the_inbox, settings),
        partial(_of_the_clock, settings), missing_settings, _of_the_ways, bounce_faults, _of_the_messengers,
    ]  # fmt: skip
    return list(dict.fromkeys(fault for look in looks for fault in _looked_at(look)))


def _looked_at(look: Callable[[], Iterable[Fault]]) -> Iterator[Fault]:
    """What it finds; a setting that it cannot use is one fault more, and what others find is told all the same."""
    try:
        yield from look()
    except ConfigurationError as problem:
        yield _with_its_mend(str(problem))


def _of_the_machine(settings: Settings) -> Iterator[Fault]:
    home = settings.home
    nearest = _nearest(home)
    if not os.access(nearest, os.R_OK | os.W_OK | os.X_OK):
        yield Fault(
            f"{home} cannot be read and written to.",
            "Give this user the right to do both there, or name another AFTERWORD_HOME.",
        )
    if shutil.disk_usage(nearest).free < _LEAST_FREE_BYTES:
        yield Fault(f"Less than 2 GB are free for {home}.", "Make room: the warehouse keeps three copies of itself.")
    try:
        address = urlsplit(settings.public_url)
    except ValueError:
        yield Fault("AFTERWORD_PUBLIC_URL cannot be read.", "Its form is https://reviews.example.com.")
    else:
        if address.scheme != "https" and address.hostname not in _LOOPBACK:
            yield Fault(
                "AFTERWORD_PUBLIC_URL is not https: links in messages would be sent in the open.",
                "Put web/ behind a server with a certificate and name its https address.",
            )
    try:
        sign_in_of(settings)
    except ConfigurationError as problem:
        yield _with_its_mend(str(problem))


def _nearest(home: Path) -> Path:
    """The folder itself, or the first above it that is there."""
    return next(folder for folder in (home, *home.resolve().parents) if folder.exists())


def _of_the_ledger(settings: Settings) -> Iterator[Fault]:
    try:
        refuse_unreadable_address(settings)
        refuse_absent_ledger(settings)
    except (ConfigurationError, WrongRevision) as problem:
        yield _with_its_mend(str(problem))
        return
    except PermissionError:
        return  # told above
    ledger = open_ledger(settings)
    try:
        require_current(ledger)
        with ledger.read() as connection:
            if soundness.is_damaged(connection):
                yield _with_its_mend(DAMAGED)
            the_account(connection)
            if settings.local_user is not None and access_of(connection, settings.local_user) is None:
                yield _with_its_mend(UNKNOWN_USER)
            yield from _out_of_order(connection)
        yield from of_whatsapp(ledger, has_sender=Channel.WHATSAPP in open_messengers())
    except (WrongRevision, LookupError) as problem:
        yield _with_its_mend(str(problem.args[0] if problem.args else problem))
    except sa.exc.DatabaseError as problem:
        foreseen = tell_of_database(problem)
        yield (
            _with_its_mend(foreseen)
            if foreseen
            else Fault(
                f"The ledger's database does not answer ({type(problem.orig).__name__}).",
                "Start it, or correct AFTERWORD_LEDGER_URL.",
            )
        )
    finally:
        ledger.close()


def _with_its_mend(words: str) -> Fault:
    """Our own refusals say what is wrong in the first sentence and what to do in the rest."""
    what, _, mend = words.partition(". ")
    return Fault(f"{what.rstrip('.')}.", mend or "See docs/operations.md.")


def _of_the_inbox(settings: Settings) -> Iterator[Fault]:
    """Files that lie in the inbox folder and cannot be taken in. They are named here only: people write their names."""
    try:
        waiting = waiting_files(settings.inbox_folder)
    except PermissionError as problem:
        yield Fault(f"{problem.filename} cannot be looked into.", "Give this user the right to read it.")
        return
    if not waiting:
        return
    try:
        refuse_absent_ledger(settings)
        ledger = open_ledger(settings)
    except WrongRevision:
        return  # told above
    try:
        for path, _ in waiting:
            try:
                import_customers(
                    ledger, path.read_bytes(), file_name=path.name, location=path.parent.name, list_name=path.stem,
                    channels=None, speed=None, imported_by="doctor", dry_run=True, looks_ahead=False,
                )  # fmt: skip
            except (UnreadableFile, UnknownLocation, ImportRefused, OSError) as problem:
                told = "It cannot be opened." if isinstance(problem, OSError) else str(problem)
                yield Fault(
                    f"{path.parent.name}/{path.name} in the inbox folder cannot be taken in. {told}", _MEND_FILE
                )
    except (LookupError, sa.exc.SQLAlchemyError):
        return  # no account, no database: told above
    finally:
        ledger.close()


def _out_of_order(connection: Connection) -> Iterator[Fault]:
    halted = connection.execute(sa.select(system.c.halt_reason).where(system.c.halted_at.is_not(None))).one_or_none()
    if halted is not None:
        why = (halted.halt_reason or "no reason given").rstrip(".")
        yield Fault(f"Sending is halted: {why}.", "`afterword resume` lifts it.")
    for held in read_open(connection):
        close = f"then `afterword breakers close {held.breaker_id}`."
        if held.is_ours:
            held_back = f"Our sender on {held.channel.value} is held back: {held.reason}."
            yield Fault(held_back, f"Find the list they came from and pause it, {close}")
            continue
        refused = f"A provider refuses our sender on {held.channel.value}: {held.reason} ({held.code})."
        yield Fault(refused, f"Mend it at the provider, {close}")
    checks: list[tuple[Callable[[Connection], int], str, str]] = [
        (
            notices.count_given_up,
            "alerts or digests reached nobody in 30 tries",
            "See docs/operations.md, …an alert came, or none may be missed.",
        ),
        (soundness.count_attempts_past_their_lease, "attempts are past their lease", "Run `afterword resolve`."),
        (soundness.count_events_without_request, "events belong to no request", "See docs/operations.md, Checks."),
        (soundness.count_cycles_out_of_balance, "quota cycles do not add up", "See docs/operations.md, Checks."),
        (
            soundness.count_invitations_sent_without_quota,
            "invitations hold no quota",
            "See docs/operations.md, Checks.",
        ),
    ]
    for count, what, mend in checks:
        if found := count(connection):
            yield Fault(f"{found} {what}.", mend)
    yield from _of_unknown_codes(connection)


def _of_unknown_codes(connection: Connection) -> Iterator[Fault]:
    """What providers said in the last days that no table here has a treatment for, each code once."""
    since = connection.execute(sa.select(database_now())).scalar_one() - _CODES_OF
    for found in count_codes(connection, since):
        if found.is_known_word and is_known_code(found.provider, found.code):
            continue
        yield Fault(
            f"{found.provider} said {found.code!r}, which is not known here ({found.count} in {_CODES_OF.days} days).",
            "It was kept and treated by its status: what failed is not tried again. Look it up in the provider's "
            "documentation; docs/connectors.md says where codes get a treatment of their own.",
        )


def _of_the_clock(settings: Settings) -> Iterator[Fault]:
    try:
        refuse_unsafe_clock(settings)
    except ConfigurationError as problem:
        yield Fault(str(problem), "Unset the variable.")


def _of_the_ways() -> Iterable[Fault]:
    return open_ways(only_loopback=False).faults


def _of_the_messengers() -> Iterator[Fault]:
    seen: set[str] = set()
    for messenger in open_messengers().values():
        if messenger.name in seen or not isinstance(messenger, Checkable):
            continue
        seen.add(messenger.name)
        yield from messenger.check()
