"""The command line, `afterword`. Each command calls the plain function that the Dagster asset calls."""

import sys
from collections.abc import Collection
from importlib import import_module

import typer

from pipelines.commands.plainly import plainly

# In the order in which `afterword --help` lists them: the module of `pipelines.commands`, and the function in it.
COMMANDS = {
    "demo": "running:demo",
    "up": "running:up",
    "init": "setup:init",
    "boost": "setup:boost",
    "import": "intake:import_file",
    "undo": "undo:undo",
    "do-not-contact": "intake:bar_contacts",
    "past-invitations": "intake:past_invitations",
    "plan": "planning:plan",
    "send": "sending:send",
    "events": "work:events",
    "bounces": "bounces:bounces",
    "resolve": "sending:resolve",
    "why": "work:why_contact",
    "ask": "ask:ask_by_hand",
    "pause": "control:pause_sending",
    "halt": "control:halt_sending",
    "resume": "control:resume_sending",
    "breakers": "breakers:app",
    "doctor": "control:doctor",
    "watch": "watch:watch_once",
    "revoke": "revoke:revoke",
    "suppressions": "suppressions:app",
    "template": "template:app",
}


def command_line(names: Collection[str] = tuple(COMMANDS)) -> typer.Typer:
    """The commands named, ready to be called."""
    app = typer.Typer(
        name="afterword",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        help="Asks a business's customers for a review: fairly, once, at the right moment.",
        epilog="Exit codes: 0 done, 1 the work failed, 2 wrong use or configuration.",
    )
    app.callback()(_together)
    for name in names:
        module, _, function = COMMANDS[name].partition(":")
        command = getattr(import_module(f"pipelines.commands.{module}"), function)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(plainly(command))
    return app


def _together() -> None:
    """Asks a business's customers for a review: fairly, once, at the right moment."""
    # With a callback a single command keeps its name.


def main() -> None:
    """What the `afterword` script runs.

    Only the command asked for is loaded: `send` starts each minute, and what the others need takes longer to import
    than it takes to send.
    """
    asked = sys.argv[1:2]
    command_line(asked if asked and asked[0] in COMMANDS else tuple(COMMANDS))()
