"""`watch`: look for what is wrong and tell it, once, for cron and for people."""

import typer

from connectors.alerting import open_ways
from data.ledger.demo_clock import is_demo
from pipelines.commands.frame import AsJson, console, errors, show_rows, working_ledger
from pipelines.passes import watch_over

_COLUMNS = ["what", "which", "since", "told", "text"]


def watch_once(as_json: AsJson = False) -> None:
    """Look for what is wrong and tell it, each thing once. web/ and Dagster do so each minute; this is for cron.

    1 when somebody could not be told, else 0, whatever is wrong.
    """
    with working_ledger() as ledger:
        ways = open_ways(only_loopback=is_demo(ledger))
        report = watch_over(ledger, ways)
    rows = [
        (
            alert.kind.value,
            alert.subject,
            f"{alert.raised_at:%Y-%m-%d %H:%M} UTC",
            None if alert.told_at is None else f"{alert.told_at:%Y-%m-%d %H:%M} UTC",
            alert.text,
        )
        for alert in report.open
    ]
    if rows or as_json:
        show_rows("What is wrong", _COLUMNS, rows, as_json=as_json)
    else:
        console.print("Nothing is wrong.")
    for fault in ways.faults:
        errors.print(f"{fault.what} {fault.mend}", style="red", markup=False, soft_wrap=True)
    if report.failed:
        errors.print("Somebody could not be told. The next watch tries again.", style="red")
    if ways.faults or report.failed:
        raise typer.Exit(1)
