"""`import`, `do-not-contact` and `past-invitations`: who the customers are, whom never to ask, who was asked before."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from data.ledger.accounts import the_account
from data.ledger.store import Ledger
from data.permissions import Action
from data.words import Channel
from invitations.actor import Actor, Done, Refused, refuse_role
from invitations.consent_columns import Declaration, checked_declaration
from invitations.suppress_by_hand import suppress_by_hand, suppress_list
from invitations.take_in import (
    ImportRefused,
    ImportReport,
    import_customers,
    import_past_invitations,
)
from pipelines.commands.complaints import show_complaints, write_complaints
from pipelines.commands.frame import AsJson, acting, console, say, show, working_ledger

Rejected = Annotated[
    Path | None,
    typer.Option(help="Write every complaint, with its whole row, to this CSV file.", dir_okay=False),
]
_LONGEST_CONTACT = 1_000
Location = Annotated[str, typer.Option(help="The location's slug, as in the account file.")]


def import_file(  # noqa: PLR0917  (Typer passes them by name)
    file: Annotated[
        Path, typer.Argument(help="A CSV or Excel (.xlsx) file of customers.", exists=True, dir_okay=False)
    ],
    location: Location,
    list_name: Annotated[str, typer.Option("--list", help="What this list is called on the dashboard.")],
    channels: Annotated[str | None, typer.Option(help="Only these channels: sms,email")] = None,
    speed: Annotated[
        str | None, typer.Option(help='At most so many: "50/hour", "50/hour mon-fri 09:00-17:00"; else all at once.')
    ] = None,
    at: Annotated[str | None, typer.Option(help='Nothing before "2026-12-01 10:00" on the location\'s clock.')] = None,
    consent: Annotated[
        str | None, typer.Option(help="What you declare for everybody in the file: express, purchase or inquiry.")
    ] = None,
    consent_text: Annotated[str | None, typer.Option(help="What they agreed to, word for word.")] = None,
    consented_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="When; else each row's visit, else today.")
    ] = None,
    rejected: Rejected = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would happen and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take customers in from a CSV or Excel file. Bad rows are told with line and reason and never stop the good ones.

    Also read: time zone, postal code, country, visit date, consent (yes, no or a day), relationship (staff, family).
    """
    chosen = read_channels(channels)
    _refuse_unwritable(rejected, file)
    with working_ledger() as ledger:
        actor = _importing(ledger)
        report = import_customers(
            ledger,
            file.read_bytes(),
            file_name=file.name,
            location=location,
            list_name=list_name,
            channels=chosen,
            speed=speed,
            send_at=at,
            declared=_declared(ledger, consent, consent_text, consented_on),
            imported_by=actor.email,
            reach=actor.location_ids,
            dry_run=dry_run,
        )
    _tell(_title(report, dry_run=dry_run), _in_words(report), report, rejected, as_json=as_json)


def bar_contacts(
    who: Annotated[str, typer.Argument(metavar="FILE|CONTACT", help="A CSV file, an email address or a number.")],
    reason: Annotated[str | None, typer.Option(help="Why, for the audit.")] = None,
    rejected: Rejected = None,
    as_json: AsJson = False,
) -> None:
    """Never contact these people again, on any channel: everybody in a CSV file, or one person. No import undoes it."""
    file = Path(who)
    is_file = len(who) <= _LONGEST_CONTACT and file.is_file()  # a longer name some systems refuse to look at
    if is_file:
        _refuse_unwritable(rejected, file)
    elif file.suffix.lower() == ".csv":
        raise typer.BadParameter(f"there is no file {who}.", param_hint="FILE|CONTACT")
    with working_ledger() as ledger:
        actor, now, because = acting(ledger), ledger.policy_now(), reason or ""
        if not is_file:
            answer = suppress_by_hand(ledger, actor, who, because=because, now=now)
            if isinstance(answer, Refused) and not answer.is_so_already:
                raise ImportRefused(answer.reason)
            if as_json:
                show("Do not contact", {"new": int(isinstance(answer, Done))}, as_json=True)
            else:
                say(answer, as_json=False, stands=True)
            return
        report = suppress_list(ledger, actor, file.read_bytes(), file_name=file.name, because=because, now=now)
    if isinstance(report, Refused):
        raise ImportRefused(report.reason)
    words = {
        "rows in the file": report.row_count,
        "will not be contacted from now on": report.new_count,
        "were not to be contacted already": report.known_count,
        "rows turned away": report.rejected_count,
    }
    _tell("Taken in", words, report, rejected, as_json=as_json)


def past_invitations(
    file: Annotated[Path, typer.Argument(help="A CSV file: email or phone, and when.", exists=True, dir_okay=False)],
    location: Location,
    rejected: Rejected = None,
    as_json: AsJson = False,
) -> None:
    """Take in whom the system before this one asked, and when, so that nobody is asked again too soon."""
    _refuse_unwritable(rejected, file)
    with working_ledger() as ledger:
        actor = _importing(ledger)
        report = import_past_invitations(
            ledger,
            file.read_bytes(),
            file_name=file.name,
            location=location,
            imported_by=actor.email,
            reach=actor.location_ids,
            now=ledger.policy_now(),
        )
    words = {
        "rows in the file": report.row_count,
        "new": report.new_count,
        "known already": report.known_count,
        "rows turned away": report.rejected_count,
    }
    _tell("Taken in", words, report, rejected, as_json=as_json)


def _tell(
    title: str, words: Mapping[str, int | str], report: ImportReport, rejected: Path | None, *, as_json: bool
) -> None:
    if rejected is not None:
        write_complaints(rejected, report.rejected)
    if as_json:
        show(title, report.as_metadata(), as_json=True)
        return
    unread = {"columns not used": ", ".join(report.unread_columns)} if report.unread_columns else {}
    show(title, {**words, **unread}, as_json=False)
    how = ("A whole list's consent is declared with --consent and --consent-text.",) if report.no_consent else ()
    for note in (*report.notes, *how):
        console.print(note, markup=False, highlight=False, soft_wrap=True)
    show_complaints(report.rejected, written_to=rejected)


def _title(report: ImportReport, *, dry_run: bool) -> str:
    if report.is_repeat:
        return "This file was taken in before under this name, so nobody comes in again. It was then"
    return "Nothing is written. This would be taken in" if dry_run else "Taken in"


def _in_words(report: ImportReport) -> dict[str, int | str]:
    """rows = new + known + the same person again + turned away."""
    words: dict[str, int | str] = {
        "rows in the file": report.row_count,
        "new customers": report.new_count,
        "known already, brought up to date": report.known_count,
        "the same person again in this file": report.merged_count,
        "rows turned away": report.rejected_count,
        "rows taken in with a complaint": report.complaint_count,
    }
    if not report.is_repeat:
        words |= {
            "people invited before": report.invited_count,
            "people not to be contacted": report.suppressed_count,
            "staff and relatives, never asked": report.excluded_count,
        }
    return words


def _importing(ledger: Ledger) -> Actor:
    actor = acting(ledger)
    if refusal := refuse_role(actor, Action.IMPORT):
        raise ImportRefused(refusal.reason)
    return actor


def _declared(ledger: Ledger, basis: str | None, text: str | None, day: datetime | None) -> Declaration | None:
    with ledger.read() as connection:
        zone = ZoneInfo(the_account(connection).time_zone)
    today = ledger.policy_now().astimezone(zone).date()
    return checked_declaration(basis, text, day.date() if day else None, today=today)


def _refuse_unwritable(rejected: Path | None, file: Path) -> None:
    """Before the import, not after it."""
    if rejected is None:
        return
    if rejected.resolve() == file.resolve():
        raise typer.BadParameter("this is the file that is imported; name another.", param_hint="--rejected")
    if not rejected.resolve().parent.is_dir():
        raise typer.BadParameter("its folder does not exist.", param_hint="--rejected")


def read_channels(text: str | None) -> list[Channel] | None:
    """`--channels sms,email`; None where nothing is said. Raises BadParameter with the channels there are."""
    if text is None:
        return None
    try:
        return [Channel(word.strip().lower()) for word in text.split(",")]
    except ValueError:
        known = ", ".join(Channel)
        raise typer.BadParameter(
            f"{text!r} is not a list of channels; those are {known}.", param_hint="--channels"
        ) from None
