"""`init` and `import`: what the account is, and who its customers are."""

from pathlib import Path
from typing import Annotated

import typer

from connectors.csv_file import UnreadableFile
from data.account_file import load_account_file
from data.ledger.accounts import apply_account
from data.ledger.migrate import migrate
from data.ledger.store import open_ledger
from data.settings import Settings
from data.words import Channel
from invitations.take_in import UnknownLocation, import_customers
from pipelines.commands.frame import AsJson, acting, console, show, show_rows, working_ledger
from pipelines.logs import configure_logs

_REJECTED_SHOWN = 20


def init(
    file: Annotated[Path, typer.Argument(help="The account's TOML file.", exists=True, dir_okay=False)],
) -> None:
    """Make the ledger, or bring it up to this version, and write the account into it. Again: only what differs."""
    settings = Settings()
    configure_logs(settings.home / "logs" / "afterword.log")
    account = load_account_file(file)
    ledger = open_ledger(settings)
    try:
        migrate(ledger)
        changes = apply_account(ledger, account, now=ledger.policy_now())
    finally:
        ledger.close()
    console.print("\n".join(changes) if changes else "Nothing differs.", markup=False, highlight=False, soft_wrap=True)


def import_file(  # noqa: PLR0917  (Typer passes them by name)
    file: Annotated[Path, typer.Argument(help="A CSV file of customers.", exists=True, dir_okay=False)],
    location: Annotated[str, typer.Option(help="The location's slug, as in the account file.")],
    list_name: Annotated[str, typer.Option("--list", help="What this list is called on the dashboard.")],
    channels: Annotated[str | None, typer.Option(help="Only these channels: sms,email")] = None,
    speed: Annotated[str | None, typer.Option(help="At most N/hour or N/day; else all at once.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report what would happen and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take customers in from a CSV file. Bad rows are reported with line and reason and never stop the good ones."""
    chosen = _channels(channels)
    with working_ledger() as ledger:
        try:
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
        except (UnreadableFile, UnknownLocation, ValueError) as problem:
            raise typer.BadParameter(str(problem)) from None
    show("Would be imported" if dry_run else "Imported", report.as_metadata(), as_json=as_json)
    if report.rejected and not as_json:
        rows = [(row.line, row.column_name, row.value, row.reason) for row in report.rejected[:_REJECTED_SHOWN]]
        show_rows(
            f"Rejected rows ({len(rows)} of {report.rejected_count})",
            ["line", "column", "found", "reason"], rows, as_json=False,
        )  # fmt: skip


def _channels(text: str | None) -> list[Channel] | None:
    if text is None:
        return None
    try:
        return [Channel(word.strip().lower()) for word in text.split(",")]
    except ValueError:
        known = ", ".join(Channel)
        raise typer.BadParameter(f"{text!r} is not a list of channels; those are {known}.") from None
