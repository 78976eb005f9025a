"""`plan`, `send`, `events`, `resolve`, `why`: the work, by hand."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from connectors.registry import open_event_sources, open_messengers
from invitations.resolve import resolve_doubt
from invitations.send import send_due
from invitations.try_out import send_test
from invitations.why import why
from pipelines import passes
from pipelines.commands.frame import AsJson, console, errors, required_messengers, show, working_ledger


def plan(
    at: Annotated[str | None, typer.Option(help="Plan as of this time (2026-11-23T18:00:00Z); else now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Decide about everyone and queue what may go."""
    moment = _moment(at)
    with working_ledger() as ledger:
        report = passes.plan_and_archive(ledger, now=moment or ledger.policy_now())
    show("Planned", report.as_metadata(), as_json=as_json)


def send(
    limit: Annotated[int | None, typer.Option(min=1, help="Send at most so many.")] = None,
    test_to: Annotated[str | None, typer.Option(help="Send one test message to this address instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send what is due, each message exactly once. Again at any time: what went out stays out."""
    with working_ledger() as ledger:
        messengers = required_messengers()
        if test_to is not None:
            outcome = send_test(ledger, messengers, test_to)
            show("Test message", {"outcome": type(outcome).__name__, **asdict(outcome)}, as_json=as_json)
            return
        with _progress() as progress:
            task = progress.add_task("Sending", total=limit, counts="")

            def on_progress(done: int, counts: Mapping[str, int]) -> None:
                progress.update(task, completed=done, counts=_in_words(counts))

            batch = send_due(ledger, messengers, now=ledger.policy_now(), limit=limit, on_progress=on_progress)
    show("Sent", batch.as_metadata(), as_json=as_json)


def events(as_json: AsJson = False) -> None:
    """Ask the providers what happened, apply it, load the warehouse, give the dashboard a new copy."""
    with working_ledger() as ledger:
        counts = passes.receive_events(ledger, open_event_sources(), now=ledger.policy_now())
        counts |= passes.load_warehouse(ledger)
        counts |= passes.publish(ledger)
    show("Events", counts, as_json=as_json)


def resolve(as_json: AsJson = False) -> None:
    """Settle attempts that were cut off: ask the provider about each in doubt. Sends nothing."""
    with working_ledger() as ledger:
        report = resolve_doubt(ledger, open_messengers(), now=ledger.policy_now())
    show("Resolved", dict(report.counts), as_json=as_json)


def why_contact(
    contact: Annotated[str, typer.Argument(help="An e-mail address or a phone number.")], as_json: AsJson = False
) -> None:
    """Why somebody was asked or not, and when they may be at the earliest."""
    with working_ledger() as ledger:
        explanations = why(ledger, contact, now=ledger.policy_now())
    if not explanations:
        errors.print("Nobody here has this address. Was the file with it imported? Check the spelling.")
        raise typer.Exit(1)
    if as_json:
        typer.echo(json.dumps([asdict(explanation) for explanation in explanations], default=str))
        return
    for explanation in explanations:
        first, *others = explanation.lines()
        console.print(first, style="bold", markup=False, highlight=False)
        for line in others:
            console.print(f"  {line}", markup=False, highlight=False)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-11-23T18:00:00Z.") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text!r} names no zone: write 2026-11-23T18:00:00Z or …T12:00:00-06:00.")
    return moment


def _progress() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} {task.fields[counts]}"),
        TimeElapsedColumn(),
        console=errors,
        transient=True,
    )


def _in_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {outcome.replace('_', ' ')}" for outcome, count in counts.items())
