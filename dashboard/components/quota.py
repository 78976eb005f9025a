"""The two quota cards. What they promise comes from the ledger, never from the published copy."""

from dashboard.components.cards import Card
from dashboard.desk import Desk
from dashboard.wording import long_day
from data.ledger.quota import standing
from data.permissions import Action


def quota_cards(desk: Desk) -> list[Card]:
    """Total Invited Customers (not for an Agency Client) and Invited This Cycle for the chosen locations."""
    with desk.ledger.read() as c:
        whole = standing(c, desk.access.account_id, desk.now)
        here = sum(
            standing(c, desk.access.account_id, desk.now, place.location_id).location_used or 0 for place in desk.places
        )
    resets = f"Resets {long_day(whole.resets_date)}"
    cards = []
    if desk.may(Action.SEE_ACCOUNT_QUOTA):
        cards.append(
            Card(
                "Total Invited Customers",
                f"{whole.used:,}",
                of=f"/ {whole.allowance:,}",
                below=resets,
                filled=whole.used / whole.allowance if whole.allowance else 1.0,
            )
        )
    name = desk.places[0].name if len(desk.places) == 1 else "all your locations"
    cards.append(Card("Invited This Cycle", f"{here:,}", of=name, below=resets))
    return cards
