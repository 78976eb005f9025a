"""`ask`: an invitation of one customer, asked for by hand."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from connectors import ConfigurationError
from data.ledger.manual_asks import customers_at, location_zones
from data.ledger.store import Ledger
from invitations.by_hand import ask
from invitations.controls import Actor, Done, Refused
from invitations.foresee_ask import ForeseenAsk, foresee_ask
from invitations.list_speed_text import read_send_at
from invitations.picture_files import LARGEST_FILE
from invitations.why import why
from pipelines.commands.frame import AsJson, acting, console, errors, say, working_ledger
from pipelines.commands.intake import read_channels


def ask_by_hand(  # noqa: PLR0917  (Typer passes them by name)
    contact: Annotated[str, typer.Argument(help="An email address or a phone number.")],
    location: Annotated[str, typer.Option(help="The location that asks, by its slug.")],
    channels: Annotated[
        str | None, typer.Option(help="The first message goes by each of them: sms,email; else as the sequence says.")
    ] = None,
    template: Annotated[str | None, typer.Option(help="The text of the first message, by its slug.")] = None,
    at: Annotated[str | None, typer.Option(help='Nothing before "2026-12-01 10:00" on the location\'s clock.')] = None,
    override: Annotated[
        str | None, typer.Option(help='Why the frequency cap and "invite again" do not hold this time.')
    ] = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A picture to go along with the first SMS or email; up to five times."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would come of it and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask one customer for a review by hand. The rules hold, and nothing is sent before planning finds it a time."""
    chosen = read_channels(channels)
    attached = [(path.name, _read(path)) for path in attach or []]
    with working_ledger() as ledger:
        actor, now = acting(ledger), ledger.policy_now()
        customer_id, zone = _find(ledger, actor, contact, location, now)
        wanted: dict[str, Any] = {
            "channels": chosen,
            "template_slug": template,
            "send_at": None if at is None else read_send_at(at, ZoneInfo(zone), now),
            "override_reason": override,
        }
        if dry_run:
            _foretell(foresee_ask(ledger, actor, customer_id, **wanted, now=now), as_json=as_json)
            return
        answer = ask(ledger, actor, customer_id, **wanted, attached=attached, now=now)
        say(answer, as_json=as_json)
        if isinstance(answer, Done) and not as_json:
            for explanation in why(ledger, contact, now=now, reach=actor.location_ids):
                if explanation.customer_id == customer_id:
                    _print(explanation.lines())


def _find(ledger: Ledger, actor: Actor, contact: str, location: str, now: datetime) -> tuple[int, str]:
    """The customer at the location, and the location's time zone. Exits 1 when nobody there has the address."""
    known = [explanation.customer_id for explanation in why(ledger, contact, now=now, reach=actor.location_ids)]
    with ledger.read() as connection:
        zones = location_zones(connection, actor.account_id)
        here = customers_at(connection, actor.account_id, location, known)
    if location not in zones:
        raise ConfigurationError(f"There is no location {location!r}. There are: {', '.join(zones)}.")
    if not here:
        errors.print(
            f"Nobody at {location} has this address. Was the file with it imported there? Check the spelling.",
            soft_wrap=True,
        )
        raise typer.Exit(1)
    return here[0], zones[location]


def _foretell(foreseen: ForeseenAsk | Refused, *, as_json: bool) -> None:
    if isinstance(foreseen, Refused):
        say(foreseen, as_json=as_json)
        return
    if as_json:
        typer.echo(
            json.dumps({
                "earliest_at": foreseen.earliest_at and foreseen.earliest_at.isoformat(),
                "channels": [message.channel.value for message in foreseen.messages],
                "lines": foreseen.lines(),
            })
        )  # fmt: skip
        return
    console.print("Nothing was asked for. If it were:", markup=False)
    _print(foreseen.lines())


def _print(lines: Sequence[str]) -> None:
    for line in lines:
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
