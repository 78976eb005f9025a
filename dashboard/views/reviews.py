"""My Reviews: what customers wrote on the platforms, whom of them we asked, and the replies that are drafted."""

from functools import partial
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.cards import Card, draw_cards
from dashboard.components.marks import mark, score_mark, stars_mark
from dashboard.components.page import EVERY, PAGE_SIZE, back_to_first_page, empty, pager, search_box, tabs, title
from dashboard.components.panel import open_panel, show_panel
from dashboard.components.replying import is_reply_open, open_reply, show_reply
from dashboard.components.rows import Button, Column, draw_rows, moment_cell, person_cell, place_cell
from dashboard.desk import Desk, here
from dashboard.exporting import export_buttons
from dashboard.wording import counted, day_and_time, share
from data.ledger.reply_drafts import drafted
from data.permissions import Action
from data.warehouse import reviews
from data.warehouse.pages import Page
from data.warehouse.reviews import ReviewFilter, ReviewOrder
from data.words import ReplyState

_STATES = {
    ReplyState.OPEN: ("To answer", "talk", "queued"),
    ReplyState.DRAFTED: ("Draft", "pause", "note"),
    ReplyState.ANSWERED: ("Answered", "check", "delivered"),
}
_ORDERS = {
    "Newest first": ReviewOrder.NEWEST,
    "Oldest first": ReviewOrder.OLDEST,
    "Lowest rating": ReviewOrder.WORST,
    "Highest rating": ReviewOrder.BEST,
}
_EVERY_PLATFORM, _EVERY_RATING = "All platforms", "All ratings"
_RATINGS = {_EVERY_RATING: None} | {counted(stars, "star"): stars for stars in range(5, 0, -1)}


def _columns(desk: Desk, with_draft: set[int]) -> list[Column]:
    places = {place.location_id: place for place in desk.access.places}

    def when(row: dict[str, Any]) -> object:
        return moment_cell(*day_and_time(row["reviewed_at"], places[row["location_id"]].time_zone, desk.now))

    return [
        Column("Reviewer", _reviewer, "1.3fr"),
        Column("Review", _review, "3fr"),
        Column("Date", when, "0.8fr"),
        Column("Location", lambda row: place_cell(places[row["location_id"]].name), "1.1fr", on_phone=False),
        Column("NPS", lambda row: score_mark(row["score"]), "0.4fr", on_phone=False),
        Column("Reply", lambda row: _state(row, with_draft), "0.9fr"),
    ]


def _reviewer(row: dict[str, Any]) -> Markup:
    known = f"Customer: {row['customer_name'] or 'no name'}" if row["customer_id"] is not None else "Not linked"
    return person_cell(row["reviewer_name"] or "Anonymous", known)


def _review(row: dict[str, Any]) -> Markup:
    sentiment = Markup(' <span class="aw-tag">{}</span>').format(row["sentiment"]) if row["sentiment"] else ""
    return Markup('<div>{} <span class="aw-faint">{}</span>{}</div><div class="aw-about" title="{}">{}</div>').format(
        stars_mark(row["stars"]), row["platform"].title(), sentiment, row["body"],
        row["body"] or "No text, only a rating.",
    )  # fmt: skip


def _state(row: dict[str, Any], with_draft: set[int]) -> Markup:
    is_drafted = row["review_id"] in with_draft
    state = ReplyState.ANSWERED if row["reply"] else ReplyState.DRAFTED if is_drafted else ReplyState.OPEN
    word, drawing, tone = _STATES[state]
    return mark(drawing, tone, word)


def _buttons(row: dict[str, Any], desk: Desk) -> list[Button]:
    buttons = [Button("Reply" if desk.may(Action.DRAFT_REPLY) else "Read", ":material/reply:", "reply", open_reply)]
    if row["customer_id"] is not None and desk.may(Action.OPEN_PANEL):
        customer_id = row["customer_id"]
        buttons.append(Button("Activity", ":material/history:", "activity", lambda _: open_panel(customer_id)))
    return buttons


def _cards(desk: Desk) -> list[Card]:
    total = reviews.reviews_total(desk.reader, desk.scope)
    average = f"{total['average']:.1f}" if total["rated"] else "–"
    return [
        Card("Reviews", f"{total['reviews']:,}", below=desk.period.capitalize()),
        Card("Average rating", average, of="/ 5", below=f"Of {counted(total['rated'], 'rating')}"),
        Card("Answered", share(total["answered"], total["reviews"]), below=f"{total['answered']:,} with a reply"),
        Card(
            "After an invitation", share(total["linked"], total["reviews"]), below=f"{total['linked']:,} linked to one"
        ),
    ]


def _choose(desk: Desk, with_draft: list[int]) -> tuple[ReviewFilter, ReviewOrder, int]:
    known = {name.title(): name for name in reviews.platforms(desk.reader, desk.scope)}
    with st.container(key="aw_filters_reviews", horizontal=True, vertical_alignment="center"):
        with st.container(width=320):
            search = search_box("reviews", "Words, reviewer or customer")
        platform = _pick("Platform", [_EVERY_PLATFORM, *known], 160)
        rating = _pick("Rating", list(_RATINGS), 140)
        order = _pick("Order", list(_ORDERS), 170)
    chosen = partial(
        ReviewFilter, drafted=with_draft, platform=known.get(platform), stars=_RATINGS.get(rating), search=search
    )
    found = reviews.reviews_by_reply(desk.reader, desk.scope, chosen())
    whole = sum(found.values())
    words = {EVERY: f"All {whole:,}"} | {
        state.value: f"{word} {found.get(state, 0):,}" for state, (word, _, _) in _STATES.items()
    }
    only = tabs("reviews", "Reply", words)
    state = None if only is None else ReplyState(only)
    total = whole if state is None else found.get(state, 0)
    return chosen(reply_state=state), _ORDERS.get(order, ReviewOrder.NEWEST), total


def _pick(label: str, options: list[str], width: int) -> str:
    with st.container(width=width):
        return st.selectbox(
            label, options, key=f"reviews_{label.lower()}", bind="query-params", label_visibility="collapsed",
            on_change=back_to_first_page, args=("reviews",),
        )  # fmt: skip


def show() -> None:
    desk = here()
    title("My Reviews", "What customers wrote on the platforms. Replies are drafted here and published there.")
    draw_cards(_cards(desk))
    account_id, chosen_places = desk.access.account_id, desk.scope.location_ids
    with desk.ledger.read() as c:
        with_draft = drafted(c, account_id, chosen_places)
    chosen, order, total = _choose(desk, with_draft)
    if total:
        table = st.container()
        number = pager("reviews", total, "review", "reviews")
        rows = reviews.reviews_page(desk.reader, desk.scope, chosen, order, Page(number, PAGE_SIZE)).to_dicts()
        with table:
            draw_rows(
                "reviews", rows, _columns(desk, set(with_draft)), lambda row: row["review_id"],
                lambda row: _buttons(row, desk),
            )  # fmt: skip
        names = {place.location_id: place.name for place in desk.access.places}
        export_buttons("reviews", partial(reviews.whole_list, desk.reader, desk.scope, chosen, order, names))
    elif chosen != ReviewFilter(drafted=with_draft):
        empty("No review matches", "Clear the search, or choose another platform, rating or period.", name="reviews")
    else:
        empty(
            "No reviews in this period",
            "Choose a longer period, or drop a platform's export into the inbox folder, under reviews.",
            name="reviews",
        )
    if is_reply_open():
        show_reply(open_panel)
    else:
        show_panel()


show()
