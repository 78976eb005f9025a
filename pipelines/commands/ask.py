"""`ask`: an invitation of one customer, asked for by hand."""

from pathlib import Path
from typing import Annotated

import typer

from connectors import ConfigurationError
from data.ledger.manual_asks import customers_at, location_slugs
from invitations.by_hand import ask
from invitations.controls import Done
from invitations.picture_files import LARGEST_FILE
from invitations.why import why
from pipelines.commands.frame import AsJson, acting, console, errors, say, working_ledger


def ask_by_hand(
    contact: Annotated[str, typer.Argument(help="An e-mail address or a phone number.")],
    location: Annotated[str, typer.Option(help="The location that asks, by its slug.")],
    override: Annotated[
        str | None, typer.Option(help='Why the frequency cap and "invite again" do not hold this time.')
    ] = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A picture to go along with the first SMS or e-mail; up to five times."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Ask one customer for a review by hand. The rules hold, and nothing is sent before planning finds it a time."""
    attached = [(path.name, _read(path)) for path in attach or []]
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
        answer = ask(ledger, actor, here[0], override_reason=override, attached=attached, now=now)
        say(answer, as_json=as_json)
        if isinstance(answer, Done) and not as_json:
            for explanation in why(ledger, contact, now=now):
                if explanation.customer_id == here[0]:
                    for line in explanation.lines():
                        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def _read(path: Path) -> bytes:
    """A file's bytes, one more at most than are ever taken. Exits 1 for what cannot be read."""
    try:
        if not path.is_file():  # a folder; or a pipe, which may never end
            raise FileNotFoundError(path)
        with path.open("rb") as opened:
            return opened.read(LARGEST_FILE + 1)
    except OSError as problem:
        why_not = "is not there" if isinstance(problem, FileNotFoundError) else "can't be read"
        errors.print(
            f"{path} {why_not}. Check the name after --attach; nothing was asked for.", markup=False, soft_wrap=True
        )
        raise typer.Exit(1) from None
