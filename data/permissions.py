"""Who may do what: the role × action table of permissions.toml, read once and checked to be complete.

Asked inside every action (`invitations.controls`), so that hiding a button is a courtesy and never the lock.
"""

import tomllib
from enum import StrEnum
from functools import cache
from importlib import resources

from data.words import Role


class Action(StrEnum):
    """What a person can do; each has one line in permissions.toml."""

    VIEW = "view"
    OPEN_PANEL = "open_panel"
    SEE_ACCOUNT_QUOTA = "see_account_quota"
    STOP = "stop"
    RESTART = "restart"
    PAUSE = "pause"
    RESUME = "resume"
    SEND = "send"
    IMPORT = "import"
    UNDO_IMPORT = "undo_import"  # take back what a list has not sent yet
    CORRECT_CONTACT = "correct_contact"
    DO_NOT_CONTACT = "do_not_contact"
    DRAFT_REPLY = "draft_reply"
    EXPORT = "export"
    HALT = "halt"
    LIFT_HALT = "lift_halt"
    BUY_MORE = "buy_more"
    CHANGE_SETTINGS = "change_settings"
    MANAGE_USERS = "manage_users"
    SEE_AUDIT = "see_audit"


def may(role: Role, action: Action) -> bool:
    """Whether a user of this role may take this action (within the locations assigned to that user)."""
    return role in rights()[action]


@cache
def rights() -> dict[Action, frozenset[Role]]:
    """The whole table. Raises ValueError when the file misses an action or names an unknown action or role."""
    table = tomllib.loads(resources.files("data").joinpath("permissions.toml").read_text(encoding="utf-8"))
    missing = [action.value for action in Action if action not in table]
    if missing:
        raise ValueError(f"permissions.toml does not say who may: {', '.join(missing)}")
    return {Action(action): frozenset(Role(role) for role in roles) for action, roles in table.items()}
