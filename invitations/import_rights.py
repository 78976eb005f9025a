"""Who may bring lists in, on which plans, and who looks after all of a list: every way to a list asks here."""

from sqlalchemy.engine import Connection

from data.ledger.list_history import places_of_list
from data.ledger.the_account import the_account
from data.permissions import Action
from data.plans import allowance, plan_name
from data.words import Plan
from invitations.actor import Actor, Refused, refuse_role


def refuse_plan(plan: Plan) -> str | None:
    """Why the account's plan has no imports, and what would help; None where it has."""
    if allowance(plan).imports:
        return None
    name = plan_name(plan)
    return f"Bulk Import is not part of the {name} plan. Every paid plan has it; the account's owner can upgrade."


def refuse_import(connection: Connection, actor: Actor, action: Action = Action.IMPORT) -> Refused | None:
    """Why this person may not bring a list in (or take one back); None when they may."""
    if refusal := refuse_role(actor, action):
        return refusal
    reason = refuse_plan(the_account(connection).plan)
    return Refused(reason) if reason and action is Action.IMPORT else None


def is_all_theirs(connection: Connection, actor: Actor, list_id: int) -> bool:
    """Whether they look after every location that the list brought people to."""
    return actor.location_ids is None or places_of_list(connection, list_id) <= set(actor.location_ids)
