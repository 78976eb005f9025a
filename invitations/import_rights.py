"""Who may bring lists in, on which plans, and who looks after all of a list: every way to a list asks here."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.imports import rejected_of
from data.ledger.list_history import places_of_list
from data.ledger.tables import locations
from data.ledger.the_account import the_account
from data.permissions import Action
from data.plans import allowance, plan_name
from data.words import Plan
from invitations.actor import Actor, Refused, refuse_role
from invitations.columns import plain


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
    """Whether they look after every location that the list brought people to, or would have but for wrong rows."""
    if actor.location_ids is None:
        return True
    mine = set(actor.location_ids)
    if not places_of_list(connection, list_id) <= mine:
        return False
    return not _names_others(connection, actor.account_id, mine, list_id)


def _names_others(connection: Connection, account_id: int, mine: set[int], list_id: int) -> bool:
    """Whether a row that was turned away names somebody else's location: such a row has brought nobody there.

    Which column meant the location is not kept, so each cell is looked at. A cell that happens to hold such a name asks
    for one person more to agree, which is the harmless way to be wrong.
    """
    places = sa.select(locations.c.slug, locations.c.name).where(
        locations.c.account_id == account_id, locations.c.location_id.not_in(mine)
    )
    others = {plain(name) for place in connection.execute(places) for name in place}
    rows = (row.row for row in rejected_of(connection, list_id) if not row.is_row_kept)
    return any(plain(cell) in others for row in rows for cell in row.values() if cell)
