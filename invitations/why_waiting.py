"""Who on a page has not been asked yet, and why: the planning rules, laid over just those customers."""

from collections.abc import Collection
from datetime import datetime

from data.ledger import last_seen
from data.ledger.store import Ledger
from data.pace import Pace
from invitations.held_senders import read_holds
from invitations.why import Explanation, explain, plan_for


def why_waiting(
    ledger: Ledger, account_id: int, person_ids: Collection[int], *, now: datetime, pace: Pace | None = None
) -> dict[int, Explanation]:
    """How each customer of these people stands, by customer id, at `now` (policy time).

    Others who wait for the last units of quota are left out of the reckoning: one person's panel weighs them.
    Raises NoPolicy or PolicyRefused as planning does.
    """
    if not person_ids:
        return {}
    with ledger.read() as c:
        verdicts, policy = plan_for(c, account_id, sorted(person_ids), now, is_brief=True)
        holds = read_holds(c, pace or Pace(), clock=ledger.now(c), now=now)
        return {
            row.customer_id: explain(c, row, verdicts, policy, holds=holds, now=now)
            for row in last_seen.customers_of(c, person_ids)
            if row.account_id == account_id
        }
