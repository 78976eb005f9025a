"""`revoke`: the review links that somebody got lead nowhere any more."""

from typing import Annotated

import typer

from invitations.actor import Refused
from invitations.revoke import revoke_links
from pipelines.commands.frame import AsJson, acting, say, working_ledger


def revoke(
    contact: Annotated[str, typer.Argument(help="An email address or a phone number.")], as_json: AsJson = False
) -> None:
    """End every review link sent to whoever has this address. Unsubscribing goes on working. Again changes nothing."""
    with working_ledger() as ledger:
        answer = revoke_links(ledger, acting(ledger), contact)
        say(answer, as_json=as_json, stands=isinstance(answer, Refused) and answer.is_so_already)
