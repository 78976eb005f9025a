"""`suppressions sync|show|restore`: who must not be contacted, here and at the e-mail provider."""

from typing import Annotated

import typer

from connectors import ConfigurationError
from connectors.registry import open_suppression_lists
from data.ledger.barred import is_known_at
from data.ledger.last_seen import find_people, regions
from data.ledger.store import Ledger
from data.ledger.suppressions import read_history
from data.words import AddressKind
from invitations.actor import NOT_YOURS
from invitations.contacts import clean_email, clean_phone
from invitations.restore import restore_email
from invitations.suppression_sync import sync_suppressions
from pipelines.commands.frame import AsJson, acting, console, looking, say, show, show_rows, working_ledger
from pipelines.commands.plainly import plainly

app = typer.Typer(no_args_is_help=True, help="Who must not be contacted, here and at the email provider.")
_COLUMNS = ("when", "address", "channels", "effect", "reason", "recorded_by")


def sync(as_json: AsJson = False) -> None:
    """Bring Mailgun's bounces, unsubscribes and complaints and ours together, both ways. Again at any time."""
    with working_ledger() as ledger:
        lists = open_suppression_lists()
        report = sync_suppressions(ledger, lists, now=ledger.policy_now())
    if lists or as_json:
        show("Suppressions", report.as_metadata(), as_json=as_json)
        return
    console.print(
        "Nothing to do: no provider that keeps a list of its own is configured. "
        "For Mailgun set MAILGUN_API_KEY and MAILGUN_DOMAIN.",
        markup=False, soft_wrap=True,
    )  # fmt: skip


def show_contact(
    contact: Annotated[str, typer.Argument(help="An email address or a phone number.")], as_json: AsJson = False
) -> None:
    """All that was said about contacting whoever has this address, oldest first; the newest counts."""
    with working_ledger() as ledger:
        kind, address = _address(ledger, contact)
        actor = looking(ledger)
        with ledger.read() as connection:
            rows = read_history(connection, actor.account_id, kind, address)
            if actor.location_ids is not None:
                owners = find_people(connection, kind, [address])
                if not any(is_known_at(connection, owner, actor.location_ids) for owner in owners):
                    raise ConfigurationError(NOT_YOURS)
    if not rows and not as_json:
        console.print("Nothing was said against contacting whoever has this address.", markup=False)
        return
    told = [
        (
            f"{row.occurred_at:%Y-%m-%d %H:%M} UTC", row.kind.value,
            "all" if row.channel is None else row.channel.value, row.effect.value,
            row.reason.value.replace("_", " "), row.recorded_by,
        )
        for row in rows
    ]  # fmt: skip
    show_rows("Said so far", _COLUMNS, told, as_json=as_json)


def restore(
    email: Annotated[str, typer.Argument(help="The email address that may be written to again.")],
    because: Annotated[str, typer.Option(help="Why: kept in the audit, with who did it.")],
    as_json: AsJson = False,
) -> None:
    """Allow e-mail to an address again. Texts stay off: only the person's own START gives those back."""
    with working_ledger() as ledger:
        say(
            restore_email(ledger, acting(ledger), email, because=because, now=ledger.policy_now()), as_json=as_json
        )  # fmt: skip


def _address(ledger: Ledger, contact: str) -> tuple[AddressKind, str]:
    """The contact in our spelling. Raises typer.BadParameter when it is none."""
    if "@" in contact:
        kind, found = AddressKind.EMAIL, clean_email(contact)
    else:
        with ledger.read() as connection:
            read = (clean_phone(contact, region) for region in regions(connection))
            kind, found = AddressKind.PHONE, next((number for number in read if number), None)
    if found is None:
        raise typer.BadParameter(
            "this is neither an email address nor a phone number. Write name@example.com or +13125550100.",
            param_hint="CONTACT",
        )
    return kind, found


for _name, _command in (("sync", sync), ("show", show_contact), ("restore", restore)):
    app.command(_name)(plainly(_command))
