"""`init` and `boost`: what the account is, from its file into the ledger, and what is bought on top of its plan."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from connectors import ConfigurationError
from data.account_file import AccountFile
from data.ledger.account_export import kept_logos
from data.ledger.accounts import apply_account, has_account
from data.ledger.migrate import current_revision, newest_revision, require_current
from data.ledger.pictures import KeptPicture
from data.ledger.store import Ledger, open_ledger
from data.permissions import Action
from data.settings import Settings
from data.words import Role
from invitations.actor import refuse_role
from invitations.by_hand import buy_more
from invitations.logo_files import load_logos
from invitations.policy import Policy
from invitations.settings_check import load_settings
from pipelines.commands.frame import AsJson, acting, console, say, working_ledger
from pipelines.logs import configure_logs
from pipelines.safeguards import bring_up, is_absent, refuse_unreadable_address


def init(
    file: Annotated[Path, typer.Argument(help="The account's TOML file.", exists=True, dir_okay=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change and write nothing.")] = False,
    undo_dashboard: Annotated[
        bool, typer.Option("--undo-dashboard", help="The file's word holds where it is older than the dashboard's.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make the ledger, or bring it up to this version, and write the account into it. Again: only what differs.

    What cannot be lived up to (hours in which nobody can be asked, a cap shorter than the sequence, a text that asks
    for stars) is refused with the reason before anything is written. So is a file that would take back what people
    changed on the dashboard since: it names each change, and --undo-dashboard takes them back all the same.
    """
    settings = Settings()
    refuse_unreadable_address(settings)
    account, policy = load_settings(file)
    logos = load_logos(file, account, drawn=_drawn(settings))
    if dry_run:
        changes = _try(settings, account, policy, logos)
    else:
        changes = _write(settings, account, policy, logos, may_undo=undo_dashboard)
    if as_json:
        typer.echo(json.dumps({"changes": changes, "dry_run": dry_run}))
        return
    if not changes:
        told = "Nothing differs."
    elif dry_run:
        told = "\n".join(["Nothing is written. These changes would be made:", *changes])
    else:
        told = "\n".join(changes)
    console.print(told, markup=False, highlight=False, soft_wrap=True)


def boost(
    invitations: Annotated[int, typer.Argument(help="How many invitations to add to the cycle that runs.")],
    as_json: AsJson = False,
) -> None:
    """Buy more invitations for the cycle that runs; what waits for quota is planned anew. Each call buys again."""
    with working_ledger() as ledger:
        say(buy_more(ledger, acting(ledger), invitations, now=ledger.policy_now()), as_json=as_json)


def _write(
    settings: Settings, account: AccountFile, policy: Policy, logos: Mapping[str, KeptPicture], *, may_undo: bool
) -> list[str]:
    configure_logs(settings.home / "logs" / "afterword.log")
    ledger = open_ledger(settings)
    try:
        bring_up(ledger)
        role = _role(ledger)
        now, rules = ledger.policy_now(), policy.document()
        return apply_account(ledger, account, rules=rules, logos=logos, now=now, may_undo=may_undo, role=role)
    finally:
        ledger.close()


def _drawn(settings: Settings) -> list[KeptPicture]:
    """The logos that the ledger has already; none of one that is not there, or has yet to be brought up."""
    if is_absent(settings):
        return []
    ledger = open_ledger(settings)
    try:
        if current_revision(ledger) != newest_revision():
            return []
        with ledger.read() as connection:
            return list(kept_logos(connection).values())
    finally:
        ledger.close()


def _role(ledger: Ledger) -> Role:
    """Of the user who acts; a new ledger has no users yet, and whoever makes it is an owner.

    Raises ConfigurationError where that user may not change settings, or not those of every location.
    """
    with ledger.read() as connection:
        if not has_account(connection):
            return Role.OWNER
    actor = acting(ledger)
    if refusal := refuse_role(actor, Action.CHANGE_SETTINGS):
        raise ConfigurationError(refusal.reason)
    if actor.location_ids is not None:
        raise ConfigurationError("The file has every location's settings, and you look after some of them only.")
    return actor.role


def _try(settings: Settings, account: AccountFile, policy: Policy, logos: Mapping[str, KeptPicture]) -> list[str]:
    """What `_write` would change. Raises WrongRevision where it would first have to bring the ledger up."""
    with _ledger_to_try(settings) as ledger:
        rules, role, now = policy.document(), _role(ledger), ledger.policy_now()
        return apply_account(ledger, account, rules=rules, logos=logos, now=now, dry_run=True, role=role)


@contextmanager
def _ledger_to_try(settings: Settings) -> Iterator[Ledger]:
    """The ledger, or where there is none yet an empty one that is thrown away."""
    if not is_absent(settings):
        ledger = open_ledger(settings)
        try:
            if current_revision(ledger) is not None:
                require_current(ledger)
                yield ledger
                return
        finally:
            ledger.close()
    with TemporaryDirectory() as folder:
        empty = open_ledger(settings.model_copy(update={"home": Path(folder), "ledger_url": None}))
        try:
            bring_up(empty)
            yield empty
        finally:
            empty.close()
