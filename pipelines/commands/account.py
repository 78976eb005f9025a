"""`import`: who the account's customers are."""

from pathlib import Path
from typing import Annotated

import typer

from data.words import Channel
from invitations.take_in import ImportReport, import_customers
from pipelines.commands.complaints import show_complaints, write_complaints
from pipelines.commands.frame import AsJson, acting, show, working_ledger


def import_file(  # noqa: PLR0917  (Typer passes them by name)
    file: Annotated[Path, typer.Argument(help="A CSV file of customers.", exists=True, dir_okay=False)],
    location: Annotated[str, typer.Option(help="The location's slug, as in the account file.")],
    list_name: Annotated[str, typer.Option("--list", help="What this list is called on the dashboard.")],
    channels: Annotated[str | None, typer.Option(help="Only these channels: sms,email")] = None,
    speed: Annotated[str | None, typer.Option(help="At most N/hour or N/day; else all at once.")] = None,
    rejected: Annotated[
        Path | None,
        typer.Option(help="Write every complaint, with its whole row, to this CSV file.", dir_okay=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would happen and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take customers in from a CSV file. Bad rows are reported with line and reason and never stop the good ones."""
    chosen = _channels(channels)
    _refuse_unwritable(rejected, file)
    with working_ledger() as ledger:
        report = import_customers(
            ledger,
            file.read_bytes(),
            file_name=file.name,
            location=location,
            list_name=list_name,
            channels=chosen,
            speed=speed,
            imported_by=acting(ledger).email,
            dry_run=dry_run,
        )
    if rejected is not None:
        write_complaints(rejected, report.rejected)
    if as_json:
        show("Imported", report.as_metadata(), as_json=True)
        return
    show(_title(report, dry_run=dry_run), _in_words(report), as_json=False)
    show_complaints(report.rejected, written_to=rejected)


def _title(report: ImportReport, *, dry_run: bool) -> str:
    if report.is_repeat:
        return "This file was taken in before under this name, so nothing was changed. It was then"
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
    if report.unread_columns:
        words["columns not used"] = ", ".join(report.unread_columns)
    return words


def _refuse_unwritable(rejected: Path | None, file: Path) -> None:
    """Before the import, not after it."""
    if rejected is None:
        return
    if rejected.resolve() == file.resolve():
        raise typer.BadParameter("this is the file that is imported; name another.", param_hint="--rejected")
    if not rejected.resolve().parent.is_dir():
        raise typer.BadParameter("its folder does not exist.", param_hint="--rejected")


def _channels(text: str | None) -> list[Channel] | None:
    if text is None:
        return None
    try:
        return [Channel(word.strip().lower()) for word in text.split(",")]
    except ValueError:
        known = ", ".join(Channel)
        raise typer.BadParameter(
            f"{text!r} is not a list of channels; those are {known}.", param_hint="--channels"
        ) from None
