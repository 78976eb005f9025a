"""`halt`, `resume`, `doctor`: stopping everything, and finding out what is wrong."""

from dataclasses import asdict
from typing import Annotated

import typer

from data.permissions import Action, may
from invitations.controls import halt, resume
from pipelines.commands.frame import AsJson, acting, console, is_halted, say, show_rows, working_ledger
from pipelines.doctor import examine


def halt_sending(
    reason: Annotated[str, typer.Option(help="Why; the dashboard shows it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Stop handing messages over, everywhere, at once. What is queued stays queued. Again changes nothing."""
    with working_ledger() as ledger:
        actor = acting(ledger)
        answer = halt(ledger, actor, reason, now=ledger.policy_now())
        say(answer, as_json=as_json, stands=may(actor.role, Action.HALT) and is_halted(ledger))


def resume_sending(as_json: AsJson = False) -> None:
    """Lift the halt. Again changes nothing."""
    with working_ledger() as ledger:
        actor = acting(ledger)
        answer = resume(ledger, actor, now=ledger.policy_now())
        say(answer, as_json=as_json, stands=may(actor.role, Action.LIFT_HALT) and not is_halted(ledger))


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
