"""`plan`: decide about everyone and queue, or with --simulate only look ahead."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from data.account_file import AccountFileError
from data.ledger.store import Ledger
from data.permissions import Action
from invitations.actor import Actor, refuse_role
from invitations.foresee import SpanRefused, foresee, policy_from, read_present, read_span
from invitations.policy import Policy, PolicyRefused
from invitations.prices import PricesRefused, load_prices
from invitations.simulate import Simulation
from invitations.simulation_report import as_json as as_plain_values
from invitations.simulation_report import differences
from pipelines import passes
from pipelines.commands.frame import AsJson, acting, console, looking, say, show, working_ledger
from pipelines.commands.simulation_tables import print_side_by_side, print_simulation

_FIRST_YEAR, _LAST_YEAR = 1990, 2199  # another is a slip of the finger


def plan(
    at: Annotated[str | None, typer.Option(help="Plan as of this time (2026-11-23T18:00:00Z); else now.")] = None,
    simulate: Annotated[
        str | None, typer.Option(metavar="TIME", help="Send and write nothing: show what would go in 14d, 36h or 2w.")
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="With --simulate: also under the policy in this file, side by side."
        ),
    ] = None,
    prices: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="With --simulate: your prices (form: data/rules/prices.toml)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Decide about everyone and queue what may go. With --simulate: only look ahead."""
    moment = _moment(at)
    if simulate is None:
        if policy or prices:
            raise typer.BadParameter("--policy and --prices are for --simulate: add --simulate 14d.")
        with working_ledger() as ledger:
            if refusal := refuse_role(acting(ledger), Action.SEND):
                say(refusal, as_json=as_json)
            report = passes.plan_and_archive(ledger, now=moment or ledger.policy_now())
        show("Planned", report.as_metadata(), as_json=as_json)
        return
    with working_ledger() as ledger:
        _look_ahead(ledger, moment or ledger.policy_now(), simulate, policy, prices, as_json=as_json)


def _look_ahead(
    ledger: Ledger, now: datetime, time: str, policy_file: Path | None, prices_file: Path | None, *, as_json: bool
) -> None:
    try:
        span = read_span(time)
    except SpanRefused as problem:
        raise typer.BadParameter(str(problem), param_hint="--simulate") from None
    try:
        prices = load_prices(prices_file)
    except PricesRefused as problem:
        raise typer.BadParameter(str(problem), param_hint="--prices") from None
    other_policy = _policy(policy_file)
    actor = looking(ledger)
    if refusal := refuse_role(actor, Action.SEE_ACCOUNT_QUOTA):  # which a simulation tells
        say(refusal, as_json=as_json)
    present = read_present(ledger, now)
    simulation = _at_theirs(foresee(present, span, prices), actor)
    if policy_file is None or other_policy is None:
        if as_json:
            typer.echo(json.dumps(as_plain_values(simulation, present.time_zone)))
        else:
            print_simulation(console, simulation, present.time_zone)
        return
    other = _at_theirs(foresee(present, span, prices, other_policy), actor)
    if as_json:
        both = {
            "in_effect": as_plain_values(simulation, present.time_zone),
            "other": as_plain_values(other, present.time_zone),
            "differences": [
                {"what": what, "in_effect": one, "other": two} for what, one, two in differences(simulation, other)
            ],
        }
        typer.echo(json.dumps(both))
    else:
        print_side_by_side(console, simulation, other, present.time_zone, policy_file.name)


def _at_theirs(simulation: Simulation, actor: Actor) -> Simulation:
    return simulation if actor.location_ids is None else simulation.at(actor.location_ids)


def _policy(file: Path | None) -> Policy | None:
    if file is None:
        return None
    try:
        return policy_from(file)
    except (PolicyRefused, AccountFileError) as problem:
        raise typer.BadParameter(str(problem), param_hint="--policy") from None


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a time such as 2026-11-23T18:00:00Z.", param_hint="--at") from None
    if moment.tzinfo is None:
        raise typer.BadParameter(
            f"{text!r} names no zone: write 2026-11-23T18:00:00Z or …T12:00:00-06:00.", param_hint="--at"
        )
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise typer.BadParameter(f"{text!r} is not a time that anybody plans for.", param_hint="--at")
    return moment
