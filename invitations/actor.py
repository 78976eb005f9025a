"""Who acts, what they are answered, and the line that is kept of it: shared by everything that people do here."""

from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from data.ledger.controls import record_audit
from data.permissions import Action, may
from data.words import Role

NOT_YOURS = "This is not among the locations you look after."
_VERBS = {
    Action.VIEW: "look at the account",
    Action.PAUSE: "pause messages",
    Action.RESUME: "resume messages",
    Action.STOP: "stop messages",
    Action.RESTART: "restart messages",
    Action.SEND: "decide about messages",
    Action.CORRECT_CONTACT: "correct contacts",
    Action.IMPORT: "import lists",
    Action.UNDO_IMPORT: "take an imported list back",
    Action.CHANGE_SETTINGS: "change settings",
    Action.MANAGE_USERS: "change users and roles",
    Action.DO_NOT_CONTACT: "add people to the do-not-contact list",
    Action.DRAFT_REPLY: "draft replies",
    Action.SEE_AUDIT: "see the audit",
    Action.SEE_ACCOUNT_QUOTA: "see the account's quota",
    Action.HALT: "halt all sending",
    Action.LIFT_HALT: "resume all sending",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts, and how far they reach (`location_ids` None: every location of the account)."""

    email: str
    role: Role
    account_id: int
    location_ids: frozenset[int] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """It happened; `message` says what, for the screen."""

    message: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing changed; `reason` says why and what would help, for the screen."""

    reason: str
    is_so_already: bool = field(default=False, compare=False)  # what was asked for stands: no fault, for a script


Answer = Done | Refused


def refuse_role(actor: Actor, action: Action) -> Refused | None:
    """Why this role may not do it; None when it may."""
    if may(actor.role, action):
        return None
    role = actor.role.value.replace("_", " ").title()
    return Refused(f"The {role} role cannot {_VERBS[action]}. Ask an owner or admin of the account.")


def write_audit(
    c: Connection, actor: Actor, action: Action, subject: str, *, before: dict[str, object], after: dict[str, object]
) -> None:
    """One line of who did what, in the transaction that does it."""
    record_audit(
        c, actor.account_id, actor=actor.email, action=action.value, subject=subject, before=before, after=after
    )
