"""`undo`: an imported list is taken back, so that nothing of it goes that has not gone yet."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from data.ledger.store import Ledger
from data.ledger.undoing import Imported, Unsent, lists_called
from data.permissions import Action
from invitations.actor import Actor, Refused, refuse_role
from invitations.undo_import import foresee_undo, undo_import
from pipelines.commands.frame import AsJson, acting, say, show, working_ledger


def undo(
    which: Annotated[str, typer.Argument(metavar="LIST", help="The name of an imported list, or its number.")],
    location: Annotated[
        str | None, typer.Option(metavar="SLUG", help="Where several lists have the name: the one of this location.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would end and write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take an imported list back: what has not been sent never goes, and nobody is asked because of it.

    What has gone stays, with its history and answers. This cannot be undone; again changes nothing.
    """
    with working_ledger() as ledger:
        actor = acting(ledger)
        if refusal := refuse_role(actor, Action.UNDO_IMPORT):
            say(refusal, as_json=as_json)
        list_id = _find(ledger, actor, which, location)
        if dry_run:
            _foretell(foresee_undo(ledger, actor, list_id), as_json=as_json)
            return
        answer = undo_import(ledger, actor, list_id, now=ledger.policy_now())
    say(answer, as_json=as_json, stands=isinstance(answer, Refused) and answer.is_so_already)


def _find(ledger: Ledger, actor: Actor, which: str, location: str | None) -> int:
    """The list that is meant. Raises typer.BadParameter where it is none of theirs, or one of several."""
    with ledger.read() as connection:
        found = lists_called(connection, actor.account_id, actor.location_ids, which, location)
    if not found:
        raise typer.BadParameter(
            f"no list of yours is called {which!r} or has that number. Bulk import on the dashboard shows the lists.",
            param_hint="LIST",
        )
    going = [one for one in found if one.undone_at is None] or found[:1]  # all back already: the newest says so
    if len(going) > 1:
        several = "; ".join(map(_told, going))
        raise typer.BadParameter(
            f"{len(going)} lists are called {which!r}: name one by its number. {several}", param_hint="LIST"
        )
    return going[0].list_id


def _told(one: Imported) -> str:
    return f"{one.list_id}: {one.location}, imported on {one.created_at:%Y-%m-%d}"


def _foretell(found: Unsent | Refused, *, as_json: bool) -> None:
    if isinstance(found, Refused):
        say(found, as_json=as_json)
    elif as_json:
        typer.echo(json.dumps(asdict(found)))
    else:
        words = {
            "queued messages that would not be sent": found.messages,
            "people of it who would not be asked": found.waiting,
            "people of it who were asked, and stay as they are": found.asked,
        }
        show("Nothing is written. If it were taken back", words, as_json=False)
