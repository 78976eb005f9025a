"""The customer's panel beside the table: profile, linked review, history by day. Its link can be shared."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import streamlit as st
from markupsafe import Markup

from dashboard.components.icons import icon
from dashboard.components.marks import invitation_mark, score_mark, stars_mark
from dashboard.desk import Desk, here
from dashboard.wording import (
    CHANNEL,
    EVENT,
    EVIDENCE,
    SOURCE,
    contact,
    exact_moment,
    in_zone,
    said,
    short_day,
    short_moment,
)
from data.permissions import Action
from data.warehouse import customers
from data.words import EventKind
from invitations.policy import NoPolicy, PolicyRefused
from invitations.why import why

_PARAMETER = "customer"
_DRAWINGS = {
    "planned": "clock",
    "handed_over": "plane",
    EventKind.ACCEPTED_BY_SERVER: "check",
    EventKind.DELIVERED: "check",
    EventKind.READ: "eye",
    EventKind.OPENED: "eye",
    EventKind.CLICKED: "cursor",
    EventKind.SCORED: "gauge",
    EventKind.COMMENTED: "talk",
    EventKind.REPLIED: "talk",
    EventKind.HELP_ASKED: "talk",
    EventKind.PLATFORM_CHOSEN: "star",
    EventKind.REVIEW_LINKED: "star",
    EventKind.FAILED: "cross",
    EventKind.UNSUBSCRIBED: "slash",
    EventKind.COMPLAINED: "slash",
}


def open_panel(customer_id: int) -> None:
    """For a button's on_click: the link carries which panel is open."""
    st.query_params[_PARAMETER] = str(customer_id)


def close_panel() -> None:
    """Forget which panel is open."""
    st.query_params.pop(_PARAMETER, None)


def show_panel() -> None:
    """The panel that the link asks for, if any, beside the table."""
    wanted = st.query_params.get(_PARAMETER)
    if wanted is None or not here().may(Action.OPEN_PANEL):
        return
    st.dialog("Customer activity", position="right", width=520, on_dismiss=close_panel)(_panel)(wanted)


def _panel(wanted: str) -> None:
    desk = here()
    found = (
        customers.customer(desk.reader, desk.whole_scope, int(wanted))
        if wanted.isascii() and wanted.isdigit()
        else None
    )
    if found is None:
        st.html(
            Markup('<div class="aw-empty"><strong>{}</strong><p>{}</p></div>').format(
                "No such customer here", "They may belong to a location that is not among yours. Close this panel."
            )
        )
        return
    st.html(_profile(found, desk))
    outlook = st.empty()
    st.html(_review(customers.customer_review(desk.reader, desk.whole_scope, found["customer_id"]), found, desk))
    timeline = customers.customer_timeline(
        desk.reader, desk.whole_scope, found["customer_id"], found["location_time_zone"]
    )
    st.html(_history(timeline, found["location_time_zone"], desk))
    outlook.html(_outlook(found, desk))  # last: where quota is scarce it lays the rules over everybody


def _profile(found: dict[str, Any], desk: Desk) -> Markup:
    used = customers.customer_addresses(desk.reader, desk.whole_scope, found["customer_id"])
    zone = found["location_time_zone"]
    facts = [
        ("Email", found["email"] or "–"),
        ("Phone", contact(found["phone"]) or "–"),
        ("Location", found["location_name"]),
        ("Invited on", _moment(found["invited_at"], zone, desk) or "Not yet"),
        ("Sent to", Markup("<br>").join(f"{contact(address)} ({said(CHANNEL, channel)})" for channel, address in used)),
        ("Employee", found["employee"]),
        ("Service", found["service"]),
        ("Source", " · ".join(filter(None, [said(SOURCE, found["source"]), found["list_name"]]))),
        ("Score", score_mark(found["score"])),
        ("Stars", stars_mark(found["stars_given"])),
    ]
    items = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(*fact) for fact in facts if fact[1])
    name = " ".join(filter(None, [found["first_name"], found["last_name"]])) or "No name"
    has_left = found["invited_at"] is not None
    status = invitation_mark(found["invitation_status"], is_suppressed=bool(found["is_suppressed"]), has_left=has_left)
    return Markup('<header class="aw-who"><h2>{}</h2>{}</header><dl class="aw-facts">{}</dl>').format(
        name, status, items
    )


def _outlook(found: dict[str, Any], desk: Desk) -> Markup:
    """What comes next and what holds it back, from the rules as they are now."""
    try:
        told = why(desk.ledger, found["email"] or found["phone"], now=desk.now)
    except (NoPolicy, PolicyRefused):
        return Markup("")
    one = next((explanation for explanation in told if explanation.customer_id == found["customer_id"]), None)
    if one is None:
        return Markup("")
    reasons = Markup("").join(Markup("<li>{}</li>").format(_sentence(reason)) for reason in one.reasons)
    return Markup(
        '<h3 class="aw-section">What comes next</h3><p class="aw-outlook">{}</p><ul class="aw-reasons">{}</ul>'
    ).format(_sentence(one.standing), reasons)


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _review(review: dict[str, Any] | None, found: dict[str, Any], desk: Desk) -> Markup:
    if review is None:
        return Markup(
            '<h3 class="aw-section">Review</h3><p class="aw-faint">No review linked to an invitation yet.</p>'
        )
    zone = found["location_time_zone"]
    sentiment = Markup('<span class="aw-tag">{}</span>').format(review["sentiment"]) if review["sentiment"] else ""
    nps = (
        Markup('<span class="aw-tag">NPS {}</span>').format(score_mark(found["score"]))
        if found["score"] is not None
        else ""
    )
    return Markup(
        '<h3 class="aw-section">Review</h3><blockquote class="aw-review"><div>{} {} {} {}</div><p>{}</p>'
        '<footer class="aw-faint">{} · {}</footer></blockquote>'
    ).format(
        stars_mark(review["stars"]),
        review["platform"].title(),
        nps,
        sentiment,
        review["body"] or "No text, only a rating.",
        review["reviewer_name"] or "Anonymous",
        _moment(review["reviewed_at"], zone, desk),
    )


def _history(timeline: pl.DataFrame, zone: str, desk: Desk) -> Markup:
    heading = Markup('<h3 class="aw-section">Invitation history</h3>')
    if timeline.is_empty():
        return heading + Markup(
            '<p class="aw-faint">Nothing has happened yet. What does will be listed here by day.</p>'
        )
    today = in_zone(desk.now, zone).date()
    comments = set(timeline.filter(pl.col("kind") == EventKind.COMMENTED)["detail"])
    days = Markup("").join(
        Markup('<h4 class="aw-day">{}</h4><ol class="aw-events">{}</ol>').format(
            _day(day, today), Markup("").join(_happened(row, zone, comments) for row in rows.iter_rows(named=True))
        )
        for (day,), rows in timeline.group_by("day", maintain_order=True)
    )
    return heading + days


def _happened(row: dict[str, Any], zone: str, comments: set[str]) -> Markup:
    extra = [said(CHANNEL, row["channel"]), said(EVIDENCE, row["evidence"]), row["platform_name"], row["detail"]]
    if row["kind"] == EventKind.REVIEW_LINKED:  # found on a platform: no message brought the news
        extra = [(row["detail"] or "").title()]
    elif row["kind"] == EventKind.SCORED and row["detail"] in comments:
        extra.pop()  # the comment has a line of its own
    if row["score"] is not None:
        extra.insert(0, f"{row['score']} of 10")
    if row["stars"] is not None:
        extra.insert(0, f"{row['stars']} of 5 stars")
    local = in_zone(row["occurred_at"], zone)
    return Markup(
        '<li>{}<div><span>{}</span> <span class="aw-faint">{}</span></div><time title="{}">{:%H:%M}</time></li>'
    ).format(
        icon(_DRAWINGS.get(row["kind"], "dot")),
        said(EVENT, row["kind"]),
        " · ".join(part for part in extra if part),
        exact_moment(row["occurred_at"], zone),
        local,
    )


def _day(day: date, today: date) -> str:
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    year = f" {day.year}" if day.year != today.year else ""
    return f"{day:%A}, {short_day(day)}{year}"


def _moment(moment: Any, zone: str, desk: Desk) -> Markup | str:
    if moment is None:
        return ""
    return Markup('<span title="{}">{}</span>').format(exact_moment(moment, zone), short_moment(moment, zone, desk.now))
