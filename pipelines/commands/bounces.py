"""`bounces`: what came back by mail, read now; or one mail as a mail server hands it over."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from connectors import BounceMail, BounceMailbox, ConfigurationError
from connectors.bounce_mailbox import BounceBox, BoxBusy, read_stream
from connectors.registry import open_bounces
from invitations.bounces import read_bounces, take_mails
from invitations.events import PollFailed
from pipelines.commands.frame import AsJson, show, working_ledger
from pipelines.commands.plainly import plainly

_STREAM = "-"


def bounces(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[PATH|-]", help="A Maildir, an mbox, a folder of .eml files, one mail; - is standard input."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read bounces and complaints that came by mail. Without a path: what is new in the mailbox of AFTERWORD_BOUNCES.

    With one, everything in it; again changes nothing. From standard input one mail, as a mail server or a filter hands
    it over; then any failure is 75, with which a server keeps the mail and tries again.
    """
    if source == _STREAM:
        _take_one(as_json=as_json)
        return
    box = _box(source)
    with working_ledger() as ledger:
        try:
            if source is None:
                counts = read_bounces(ledger, box, now=ledger.policy_now())
            else:
                counts = take_mails(ledger, box.read(None), now=ledger.policy_now())
        except BoxBusy:
            raise PollFailed("The mbox file is being written just now, so nothing was read. Run this again.") from None
        except OSError as problem:
            raise PollFailed(
                f"The mailbox cannot be read ({problem.strerror}). `afterword doctor` looks closer."
            ) from None
    show("Bounces", counts, as_json=as_json)


def _box(source: str | None) -> BounceMailbox:
    """The box that is meant. Raises ConfigurationError or BadParameter."""
    if source is not None:
        if not Path(source).exists():
            raise typer.BadParameter(f"there is nothing at {source}.", param_hint="PATH")
        return BounceBox(Path(source))
    box = open_bounces()
    if box is None:
        raise ConfigurationError(
            "AFTERWORD_BOUNCES names no mailbox. Set it, or name a path: afterword bounces /var/mail/bounces."
        )
    return box


def _take_one(*, as_json: bool) -> None:
    """Servers take 1 and 2 for "never": they would throw the bounce away."""

    def take() -> None:
        mails: Iterable[BounceMail] = [read_stream(sys.stdin.buffer)]
        with working_ledger() as ledger:
            counts = take_mails(ledger, mails, now=ledger.policy_now())
        show("Bounces", counts, as_json=as_json)

    try:
        plainly(take)()
    except typer.Exit as ended:
        raise typer.Exit(os.EX_TEMPFAIL if ended.exit_code else 0) from None
