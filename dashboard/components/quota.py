"""The two quota cards, each leading to the people behind it, and buying more.

What they promise comes from the ledger, never from the published copy.
"""

from functools import partial

import streamlit as st
from markupsafe import Markup

from dashboard.components.cards import Card, Lead
from dashboard.components.confirm import remember
from dashboard.components.invited import ACCOUNT, HERE, put_invited
from dashboard.desk import Desk, here
from dashboard.wording import counted, long_day
from data.ledger.quota import QuotaStanding, standing
from data.permissions import Action
from data.plans import allowance
from invitations.by_hand import LARGEST_BOOST, buy_more

_USUAL_BOOST = 100
_ASKED = "asked_to_buy_more"
_PANEL = "customer"  # the link's parameter that keeps a panel open: there is room for one dialog


def quota_cards(desk: Desk) -> list[Card]:
    """Total Invited Customers (not for an Agency Client) and Invited This Cycle for the chosen locations.

    Whoever pressed Buy More is asked how many.
    """
    with desk.ledger.read() as c:
        whole = standing(c, desk.access.account_id, desk.now, [place.location_id for place in desk.places])
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
                leads=(*_who(ACCOUNT, "Total Invited Customers", whole, whole.used), *(buying := _buy_more(desk))),
            )
        )
        if buying and st.session_state.get(_ASKED):
            st.dialog("Buy more invitations", on_dismiss=_forget)(_question)()
    name = desk.places[0].name if len(desk.places) == 1 else "all your locations"
    used = whole.location_used or 0
    leads = _who(HERE, "Invited This Cycle", whole, used)
    cards.append(Card("Invited This Cycle", f"{used:,}", of=name, below=resets, leads=leads))
    return cards


def _who(whose: str, card: str, whole: QuotaStanding, count: int) -> tuple[Lead, ...]:
    """The way to the people behind a card's figure."""
    then = partial(put_invited, whose, whole.start_date)
    return (Lead("See who", f"who_invited_{whose}", then, f"Who is behind {card}"),) if count else ()


def _buy_more(desk: Desk) -> tuple[Lead, ...]:
    if desk.may(Action.BUY_MORE) and allowance(desk.access.plan).boosts:
        return (Lead("Buy More", "buy_more", _ask, "Add invitations to this cycle"),)
    return ()


def _ask() -> None:
    st.query_params.pop(_PANEL, None)
    st.session_state[_ASKED] = True


def _forget() -> None:
    st.session_state.pop(_ASKED, None)


def _question() -> None:
    desk = here()
    with desk.ledger.read() as c:
        now = standing(c, desk.access.account_id, desk.now)
    with st.container(key="aw_confirm_buy"):
        number = st.number_input(
            "Invitations to add", 1, LARGEST_BOOST, _USUAL_BOOST, step=50, key="buy_more_number", required=True
        )
        st.html(_words(number, now))
        with st.container(horizontal=True, horizontal_alignment="right"):
            is_canceled = st.button("Cancel", key="buy_more_no")
            is_confirmed = st.button(f"Buy {counted(number, 'invitation')}", key="buy_more_yes", type="primary")
    if is_confirmed:
        remember(buy_more(desk.ledger, desk.actor, number, now=desk.ledger.policy_now()))
    if is_confirmed or is_canceled:
        _forget()
        st.rerun()


def _words(number: int, now: QuotaStanding) -> Markup:
    """What buying does, and what it does not."""
    return Markup("<p>{}</p><p class='aw-faint'>{}</p>").format(
        f"Until {long_day(now.resets_date)} your allowance will be {now.allowance + number:,} instead of "
        f"{now.allowance:,}: {now.left + number:,} left to invite. Who waits for the quota is planned at once.",
        f"What is not used by {long_day(now.resets_date)} is not carried over. The audit keeps that you bought them.",
    )
