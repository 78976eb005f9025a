"""`halt`, `resume`, `doctor`: stopping everything, and finding out what is wrong."""

from dataclasses import asdict
from typing import Annotated

import typer

from invitations.controls import Answer, Refused, halt, resume
from pipelines.commands.frame import AsJson, acting, console, errors, show_rows, working_ledger
from pipelines.doctor import examine


def halt_sending(
    reason: Annotated[str, typer.Option(help="Why; the dashboard shows it.")] = "",
) -> None:
    """Stop handing messages over, everywhere, at once. What is queued stays queued."""
    with working_ledger() as ledger:
        _say(halt(ledger, acting(ledger), reason, now=ledger.policy_now()))


def resume_sending() -> None:
    """Lift the halt."""
    with working_ledger() as ledger:
        _say(resume(ledger, acting(ledger), now=ledger.policy_now()))


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


def _say(answer: Answer) -> None:
    if isinstance(answer, Refused):
        errors.print(answer.reason, style="red", markup=False, soft_wrap=True)
        raise typer.Exit(1)
    console.print(answer.message, markup=False, soft_wrap=True)
