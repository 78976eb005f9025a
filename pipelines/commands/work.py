"""`events` and `why`: what came back, and what holds somebody back."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from connectors.registry import open_bounces, open_event_sources
from invitations.why import why
from pipelines import passes
from pipelines.commands.frame import AsJson, console, errors, looking, show, working_ledger


def events(as_json: AsJson = False) -> None:
    """Ask the providers what happened, read bounces, apply it, load the warehouse, give the dashboard a new copy."""
    with working_ledger() as ledger:
        counts = passes.receive_events(ledger, open_event_sources(), open_bounces(), now=ledger.policy_now())
        counts |= passes.load_warehouse(ledger)
        counts |= passes.publish(ledger)
    show("Events", counts, as_json=as_json)


def why_contact(
    contact: Annotated[str, typer.Argument(help="An email address or a phone number.")], as_json: AsJson = False
) -> None:
    """Why somebody was asked or not, and when they may be at the earliest."""
    with working_ledger() as ledger:
        explanations = why(ledger, contact, now=ledger.policy_now(), reach=looking(ledger).location_ids)
    if not explanations:
        if as_json:
            typer.echo("[]")
        errors.print("Nobody here has this address. Was the file with it imported? Check the spelling.", soft_wrap=True)
        raise typer.Exit(1)
    if as_json:
        typer.echo(json.dumps([asdict(explanation) for explanation in explanations], default=str))
        return
    for explanation in explanations:
        first, *others = explanation.lines()
        console.print(first, style="bold", markup=False, highlight=False, soft_wrap=True)
        for line in others:
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
