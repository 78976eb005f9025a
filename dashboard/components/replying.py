"""The reply to one review, beside the table: what was written, the draft, and how it gets onto the platform.

Nothing is published from here, and the dialog says so: a draft is saved, copied, published where the review is, and
then marked. Its link can be shared; a customer's panel leads here.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.components.confirm import remember
from dashboard.components.marks import score_mark, stars_mark
from dashboard.desk import Desk, here
from dashboard.wording import exact_moment, short_moment
from data.ledger.reply_drafts import Reply, replies
from data.permissions import Action
from data.warehouse import reviews
from invitations import reply_drafts
from invitations.actor import Answer

PARAMETER = "review"  # of the link to one review: /reviews?review=12
_SEEN = "seen_draft_{}"
_TYPED = "typed_reply_{}"


def open_reply(review_id: int) -> None:
    """For a button's on_click on My Reviews: the link carries which review is open."""
    st.query_params.pop("customer", None)
    st.query_params[PARAMETER] = str(review_id)


def show_review(review_id: int) -> None:
    """Leave for My Reviews with this review open: from a panel on another page, while it is drawn."""
    st.switch_page("views/reviews.py", query_params={PARAMETER: str(review_id)})


def is_reply_open() -> bool:
    """Whether the link asks for a review: there is room for one dialog only."""
    return PARAMETER in st.query_params


def show_reply(open_customer: Callable[[int], None]) -> None:
    """The dialog that the link asks for, if any; `open_customer` shows whom the review is from."""
    wanted = st.query_params.get(PARAMETER)
    if wanted is not None:
        st.dialog("Review", position="right", width=520, on_dismiss=_close)(_dialog)(wanted, open_customer)


def _close() -> None:
    wanted = st.query_params.pop(PARAMETER, None)
    st.session_state.pop(_SEEN.format(wanted), None)


def _dialog(wanted: str, open_customer: Callable[[int], None]) -> None:
    desk = here()
    is_number = wanted.isascii() and wanted.isdigit() and len(wanted) < 19
    found = reviews.review(desk.reader, desk.whole_scope, int(wanted)) if is_number else None
    if found is None:
        st.html(
            Markup('<div class="aw-empty"><strong>{}</strong><p>{}</p></div>').format(
                "No such review here", "It may belong to a location that is not among yours. Close this and look below."
            )
        )
        return
    st.html(_told(found, desk))
    is_known = found["customer_id"] is not None and desk.may(Action.OPEN_PANEL)
    if is_known and st.button(
        "Activity of this customer", key="review_customer", icon=":material/history:", type="tertiary"
    ):
        _close()
        open_customer(found["customer_id"])
        st.rerun()
    with desk.ledger.read() as c:
        reply = replies(c, desk.access.account_id, [found["review_id"]]).get(found["review_id"])
    if reply is None:
        return
    with st.container(key="aw_reply"):
        _reply(reply, found["platform"].title(), desk)


def _told(found: dict[str, Any], desk: Desk) -> Markup:
    place = next(place for place in desk.access.places if place.location_id == found["location_id"])
    sentiment = Markup('<span class="aw-tag">{}</span>').format(found["sentiment"]) if found["sentiment"] else ""
    nps = ""
    if found["score"] is not None:
        nps = Markup('<span class="aw-tag">NPS {}</span>').format(score_mark(found["score"]))
    when = Markup('<span title="{}">{}</span>').format(
        exact_moment(found["reviewed_at"], place.time_zone),
        short_moment(found["reviewed_at"], place.time_zone, desk.now),
    )
    return Markup(
        '<div><header class="aw-who"><h2>{}</h2></header><blockquote class="aw-review"><div>{} {} {} {}</div>'
        '<p class="aw-said">{}</p><footer class="aw-faint">{} · {}</footer></blockquote>{}</div>'
    ).format(
        found["reviewer_name"] or "Anonymous", stars_mark(found["stars"]), found["platform"].title(), nps, sentiment,
        found["body"] or "No text, only a rating.", place.name, when,
        "" if found["customer_id"] is not None else Markup('<p class="aw-faint">{}</p>').format(
            "It is not known which customer wrote this: the review carries no link of an invitation."
        ),
    )  # fmt: skip


def _reply(reply: Reply, platform: str, desk: Desk) -> None:
    may_draft = desk.may(Action.DRAFT_REPLY)
    if reply.reply:
        st.html(Markup('<h3 class="aw-section">Reply, published on {}</h3>').format(platform))
        st.html(Markup('<p class="aw-said">{}</p>').format(reply.reply))
        if may_draft and st.button("Not published after all", key="unpublish"):
            _act(desk, reply_drafts.take_back_published, reply.review_id)
    elif may_draft:
        _draft(reply, platform, desk)
    else:
        st.html(Markup('<h3 class="aw-section">Reply</h3><p class="aw-said">{}</p>').format(
            f"A draft, not published yet: {reply.draft}" if reply.draft else "Nobody has replied yet."
        ))  # fmt: skip


def _draft(reply: Reply, platform: str, desk: Desk) -> None:
    seen: str | None = st.session_state.setdefault(_SEEN.format(reply.review_id), reply.draft)
    st.html(Markup('<h3 class="aw-section">Your reply</h3><p class="aw-faint">{}</p>').format(
        f"Write it here, copy it, and publish it on {platform}. Nothing is sent from here."
    ))  # fmt: skip
    text = st.text_area(
        "Your reply", value=reply.draft or "", key=_TYPED.format(reply.review_id), height=170,
        max_chars=reply_drafts.LONGEST_REPLY, label_visibility="collapsed",
        placeholder="Thank them, answer what they say, leave out anything private.",
    )  # fmt: skip
    if st.button("Save draft", key="save_draft", type="primary", icon=":material/save:"):
        _act(desk, partial(reply_drafts.draft_reply, text=text or "", seen=seen), reply.review_id)
    if not reply.draft:
        return
    st.html(Markup('<h3 class="aw-section">Saved draft</h3><p class="aw-faint">{}</p>').format(
        f"By {reply.drafted_by}. Copy it with the button in its corner."
    ))  # fmt: skip
    st.code(reply.draft, language=None, wrap_lines=True)
    if st.button(f"It is published on {platform}", key="published", icon=":material/check:"):
        _act(desk, partial(reply_drafts.mark_published, seen=seen), reply.review_id)


def _act(desk: Desk, control: Callable[..., Answer], review_id: int) -> None:
    """Do it, and begin anew with the draft as it is by then; the whole page, whose table tells of drafts too."""
    answer = control(desk.ledger, desk.actor, review_id=review_id)
    st.session_state.pop(_SEEN.format(review_id), None)
    remember(answer)
    st.rerun()
