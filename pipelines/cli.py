"""The command line, `afterword`. Each command calls the plain function that the Dagster asset calls."""

from collections.abc import Callable

import typer

from pipelines.commands import ask, control, intake, planning, running, setup, suppressions, work
from pipelines.commands.plainly import plainly

app = typer.Typer(
    name="afterword",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Asks a business's customers for a review: fairly, once, at the right moment.",
    epilog="Exit codes: 0 done, 1 the work failed, 2 wrong use or configuration.",
)
COMMANDS: dict[str, Callable[..., None]] = {
    "demo": running.demo,
    "up": running.up,
    "init": setup.init,
    "boost": setup.boost,
    "import": intake.import_file,
    "do-not-contact": intake.bar_contacts,
    "past-invitations": intake.past_invitations,
    "plan": planning.plan,
    "send": work.send,
    "events": work.events,
    "resolve": work.resolve,
    "why": work.why_contact,
    "ask": ask.ask_by_hand,
    "halt": control.halt_sending,
    "resume": control.resume_sending,
    "doctor": control.doctor,
}
for name, command in COMMANDS.items():
    app.command(name)(plainly(command))
app.add_typer(suppressions.app, name="suppressions")


def main() -> None:
    """What the `afterword` script runs."""
    app()
