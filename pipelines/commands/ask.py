"""`ask`: an invitation of one customer, asked for by hand."""

from typing import Annotated

import typer

from connectors import ConfigurationError
from data.ledger.manual_asks import customers_at, location_slugs
from invitations.by_hand import ask
from invitations.controls import Done
from invitations.why import why
from pipelines.commands.frame import AsJson, acting, console, errors, say, working_ledger


def ask_by_hand(
    contact: Annotated[str, typer.Argument(help="An e-mail address or a phone number.")],
    location: Annotated[str, typer.Option(help="The location that asks, by its slug.")],
    override: Annotated[
        str | None, typer.Option(help='Why the frequency cap and "invite again" do not hold this time.')
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask one customer for a review by hand. The rules hold, and nothing is sent before planning finds it a time."""
    with working_ledger() as ledger:
        actor, now = acting(ledger), ledger.policy_now()
        known = [explanation.customer_id for explanation in why(ledger, contact, now=now)]
        with ledger.read() as connection:
            slugs = location_slugs(connection, actor.account_id)
            here = customers_at(connection, actor.account_id, location, known)
        if location not in slugs:
            raise ConfigurationError(f"There is no location {location!r}. There are: {', '.join(slugs)}.")
        if not here:
            errors.print(
                f"Nobody at {location} has this address. Was the file with it imported there? Check the spelling.",
                soft_wrap=True,
            )
            raise typer.Exit(1)
        answer = ask(ledger, actor, here[0], override_reason=override, now=now)
        say(answer, as_json=as_json)
        if isinstance(answer, Done) and not as_json:
            for explanation in why(ledger, contact, now=now):
                if explanation.customer_id == here[0]:
                    for line in explanation.lines():
                        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
