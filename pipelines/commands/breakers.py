"""`breakers`: the senders that are held back, why, and what would let each go on."""

from typing import Annotated

import typer

from data.ledger.breakers import OpenBreaker, read_open
from data.ledger.store import Ledger
from invitations.actor import Refused
from invitations.controls import close_breaker
from pipelines.commands.frame import LARGEST_NUMBER, AsJson, acting, console, looking, say, show_rows, working_ledger
from pipelines.commands.plainly import plainly

app = typer.Typer(help="The senders that are held back: a provider refuses them, or too many called their mails spam.")
_COLUMNS = ("id", "channel", "sender", "to", "since", "code", "reason", "goes_on")


@app.callback(invoke_without_command=True)
@plainly
def show_open(context: typer.Context, as_json: AsJson = False) -> None:
    """The senders that are held back: a provider refuses them, or too many called their mails spam."""
    if context.invoked_subcommand is not None:
        return
    with working_ledger() as ledger:
        looking(ledger)
        rows = _rows(ledger)
    if rows or as_json:
        show_rows("Held back", _COLUMNS, rows, as_json=as_json)
    else:
        console.print("No sender is held back.")


def close(
    breaker_id: Annotated[
        int,
        typer.Argument(metavar="ID", min=1, max=LARGEST_NUMBER, help="The number in the first column of `breakers`."),
    ],
    as_json: AsJson = False,
) -> None:
    """Say that what holds the sender is mended, and let it go on. Again changes nothing."""
    with working_ledger() as ledger:
        answer = close_breaker(ledger, acting(ledger), breaker_id)
    say(answer, as_json=as_json, stands=isinstance(answer, Refused) and answer.is_so_already)


def _rows(ledger: Ledger) -> list[tuple[object, ...]]:
    with ledger.read() as connection:
        return [
            (
                found.breaker_id, found.channel.value, found.sender, _to(found),
                f"{found.opened_at:%Y-%m-%d %H:%M} UTC", found.code, found.reason, _goes_on(found),
            )
            for found in read_open(connection)
        ]  # fmt: skip


def _to(found: OpenBreaker) -> str:
    return f"{found.prefix}…" if found.prefix else "everybody"


def _goes_on(found: OpenBreaker) -> str:
    if found.probe_at is None:
        return f"when mended: afterword breakers close {found.breaker_id}"
    return f"by itself, if the message that tries about {found.probe_at:%H:%M} UTC is taken"


app.command("close")(plainly(close))
