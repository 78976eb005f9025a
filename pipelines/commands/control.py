"""`pause`, `halt`, `resume`, `doctor`: stopping some or everything, and finding out what is wrong."""

from collections.abc import Collection
from dataclasses import asdict
from typing import Annotated

import typer

from data.ledger.pausing import find_location
from data.ledger.store import Ledger
from data.words import Channel
from invitations.actor import Actor, Answer, Refused
from invitations.controls import halt, pause_request, resume, resume_request
from invitations.pausing import pause_channel, pause_list, resume_channel, resume_list
from pipelines.commands.frame import LARGEST_NUMBER, AsJson, acting, console, say, show_rows, working_ledger
from pipelines.doctor import examine

ByChannel = Annotated[Channel | None, typer.Option("--channel", help="Every message of this channel.")]
AtLocation = Annotated[
    str | None, typer.Option("--location", metavar="SLUG", help="Only at this location; else at all of yours.")
]
OfList = Annotated[str | None, typer.Option("--list", metavar="NAME", help="Every message to this list's customers.")]
OneRequest = Annotated[
    int | None, typer.Option("--request", metavar="ID", min=1, max=LARGEST_NUMBER, help="One queued message.")
]


def pause_sending(
    channel: ByChannel = None,
    location: AtLocation = None,
    list_name: OfList = None,
    request: OneRequest = None,
    as_json: AsJson = False,
) -> None:
    """Hold back a channel, a list or one message until it is resumed; it stays queued. Again changes nothing.

    `afterword halt` holds everything back.
    """
    _refuse_muddle(channel, list_name, request, location)
    with working_ledger() as ledger:
        actor, now = acting(ledger), ledger.policy_now()
        places = _places(ledger, actor, location)
        if channel is not None:
            _say(pause_channel(ledger, actor, channel, places, now=now), as_json=as_json)
        elif list_name is not None:
            _say(pause_list(ledger, actor, list_name, places, now=now), as_json=as_json)
        elif request is not None:
            _say(pause_request(ledger, actor, request, now=now), as_json=as_json)
        else:
            raise typer.BadParameter("say what: --channel, --list or --request. `afterword halt` stops everything.")


def resume_sending(
    channel: ByChannel = None,
    location: AtLocation = None,
    list_name: OfList = None,
    request: OneRequest = None,
    as_json: AsJson = False,
) -> None:
    """Lift the halt; with an option let go what was paused: a channel, a list, one message. Again changes nothing."""
    _refuse_muddle(channel, list_name, request, location)
    with working_ledger() as ledger:
        actor, now = acting(ledger), ledger.policy_now()
        places = _places(ledger, actor, location)
        if channel is not None:
            _say(resume_channel(ledger, actor, channel, places), as_json=as_json)
        elif list_name is not None:
            _say(resume_list(ledger, actor, list_name, places), as_json=as_json)
        elif request is not None:
            _say(resume_request(ledger, actor, request, now=now), as_json=as_json)
        else:
            _say(resume(ledger, actor, now=now), as_json=as_json)


def halt_sending(
    reason: Annotated[str, typer.Option(help="Why; the dashboard shows it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Stop handing messages over, everywhere, at once. What is queued stays queued. Again changes nothing."""
    with working_ledger() as ledger:
        _say(halt(ledger, acting(ledger), reason, now=ledger.policy_now()), as_json=as_json)


def _say(answer: Answer, *, as_json: bool) -> None:
    say(answer, as_json=as_json, stands=isinstance(answer, Refused) and answer.is_so_already)


def _refuse_muddle(channel: Channel | None, list_name: str | None, request: int | None, location: str | None) -> None:
    if sum(asked is not None for asked in (channel, list_name, request)) > 1:
        raise typer.BadParameter("--channel, --list and --request: choose one of them.")
    if location is not None and channel is None and list_name is None:
        raise typer.BadParameter("--location goes with --channel or --list.")


def _places(ledger: Ledger, actor: Actor, slug: str | None) -> Collection[int] | None:
    """The location that is meant; None for all of the actor's."""
    if slug is None:
        return None
    with ledger.read() as connection:
        found = find_location(connection, actor.account_id, actor.location_ids, slug)
    if found is None:
        raise typer.BadParameter(
            f"no location of yours has the slug {slug!r}. The account's file names them.", param_hint="--location"
        )
    return [found[0]]


def doctor(as_json: AsJson = False) -> None:
    """Look at configuration, ledger and connections; each fault comes with its mend. Sends nothing."""
    faults = examine()
    if as_json or faults:
        show_rows(
            "What is wrong", ["what", "mend"], [tuple(asdict(fault).values()) for fault in faults], as_json=as_json
        )
    else:
        console.print("Everything is in order.")
    if faults:
        raise typer.Exit(1)
