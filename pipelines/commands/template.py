"""`template submit|status`: WhatsApp texts handed to Meta, and how they stand there."""

import json
from typing import Annotated

import typer

from connectors import TemplateDesk
from connectors.registry import open_template_desks
from invitations.approval import poll_templates, standings, submit_templates
from pipelines.commands.frame import AsJson, acting, console, errors, looking, say, show_rows, working_ledger
from pipelines.commands.plainly import plainly

app = typer.Typer(no_args_is_help=True, help="WhatsApp texts: handed to Meta, and how they stand there.")
_COLUMNS = ("template", "language", "version", "category", "approval", "why", "what_to_do")
_NOBODY = (
    "No provider that takes WhatsApp templates is configured. For Twilio set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN."
)


def submit(
    slug: Annotated[str | None, typer.Argument(help="One template's slug; without it every WhatsApp text.")] = None,
    language: Annotated[str | None, typer.Option(help="One language of it, such as en.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hand WhatsApp texts to Meta for approval. Again at any time: what is there already is not made twice."""
    with working_ledger() as ledger:
        say(submit_templates(ledger, _desk(), acting(ledger), slug=slug, language=language), as_json=as_json)


def status(as_json: AsJson = False) -> None:
    """Ask how every WhatsApp text stands with Meta, and show it. Messages go only by what is approved."""
    with working_ledger() as ledger:
        account_id = looking(ledger).account_id
        counts = poll_templates(ledger, open_template_desks())
        found = standings(ledger, account_id)
    rows = [
        (
            one.slug, one.language, one.version, one.category.value if one.category else None, one.approval.value,
            one.reason, one.mend,
        )
        for one in found
    ]  # fmt: skip
    if as_json:
        typer.echo(json.dumps([dict(zip(_COLUMNS, row, strict=True)) for row in rows]))
    elif rows:
        show_rows("WhatsApp texts", _COLUMNS, rows, as_json=False)
    else:
        console.print("The account has no WhatsApp text. docs/operations.md says how to add one.", soft_wrap=True)
    if counts["not_reached"]:
        errors.print("The provider could not be asked just now: this is what was known before.", soft_wrap=True)
        raise typer.Exit(1)


def _desk() -> TemplateDesk:
    desk = next(iter(open_template_desks().values()), None)
    if desk is None:
        errors.print(_NOBODY, soft_wrap=True)
        raise typer.Exit(2)
    return desk


for _name, _command in (("submit", submit), ("status", status)):
    app.command(_name)(plainly(_command))
