"""One list in a panel beside the history: how it came, what came of it, what it turned away. Its link can be shared."""

from typing import Any

import streamlit as st
from markupsafe import Markup

from dashboard.comparing import score
from dashboard.components.import_check import bars, show_rejected
from dashboard.components.page import say_outdated
from dashboard.desk import Desk, here
from dashboard.wording import CHANNEL, counted, exact_moment, said, short_moment
from data.ledger import list_history
from data.ledger.imports import rejected_of
from data.warehouse.lists import list_results
from invitations import import_rights
from invitations.policy_parts import WEEKDAYS
from invitations.rejected import RejectedRow

_PARAMETER = "list"
_LONGEST_NUMBER = 19  # digits: more would not fit the key
FEWEST_ANSWERS = 5  # for a score: with fewer it would be noise
_OTHERS_TOO = (
    "This list names locations that you do not look after. The rows that were wrong are shown to whoever "
    "looks after all of them."
)
_STEPS = (
    ("invited", "Invited"),
    ("opened", "Opened"),
    ("clicked", "Clicked"),
    ("scored", "Gave a score"),
    ("platform_chosen", "Chose a platform"),
    ("reviewed", "Left a review"),
)


def open_list(list_id: int) -> None:
    """For a button's on_click: the link carries which list is open."""
    st.query_params[_PARAMETER] = str(list_id)


def show_list() -> None:
    """The list that the link asks for, if any."""
    wanted = st.query_params.get(_PARAMETER)
    if wanted is not None:
        st.dialog("Imported list", position="right", width=520, on_dismiss=_close)(_panel)(wanted)


def _close() -> None:
    st.query_params.pop(_PARAMETER, None)


def _panel(wanted: str) -> None:
    desk = here()
    row, rejected, is_all_theirs = None, [], False
    if wanted.isascii() and wanted.isdigit() and len(wanted) < _LONGEST_NUMBER:
        with desk.ledger.read() as c:
            row = list_history.one_list(c, desk.access.account_id, desk.actor.location_ids, int(wanted))
            if row is not None:
                is_all_theirs = import_rights.is_all_theirs(c, desk.actor, row["list_id"])
                rejected = [_as_told(one) for one in rejected_of(c, row["list_id"])]
    if row is None:
        st.html("<p>There is no such list among your locations.</p>")
        return
    st.html(Markup('<div class="aw-who"><h2>{}</h2></div>').format(row["name"]))
    st.html(_facts(row, desk))
    _results(row, desk)
    if rejected and not is_all_theirs:
        st.html(f'<p class="aw-faint">{_OTHERS_TOO}</p>')
    elif rejected:
        show_rejected(rejected, name=f"list_{row['list_id']}_rows")


def _as_told(row: Any) -> RejectedRow:
    return RejectedRow(row.line, row.column_name, row.value, row.reason, row.row, row.is_row_kept)


def _facts(row: dict[str, Any], desk: Desk) -> Markup:
    zone = row["location_time_zone"]
    made = desk.on_policy_clock(row["created_at"])
    rows = (
        f"{row['row_count']:,}: {row['new_count']:,} new, {row['known_count']:,} known, "
        f"{row['merged_count']:,} a person again, {row['rejected_count']:,} turned away"
    )
    facts = [
        ("Location", row["location_name"]),
        ("File", row["file_name"] or "–"),
        ("Imported", f"{short_moment(made, zone, desk.now)} by {row['imported_by']}"),
        ("Channels", ", ".join(said(CHANNEL, channel) for channel in row["channels"] or ()) or "All the location has"),
        ("Send speed", _speed(row, zone, desk)),
        ("Rows", rows),
    ]
    if row["undone_at"] is not None:
        facts.append(("Taken back", f"{short_moment(row['undone_at'], zone, desk.now)} by {row['undone_by']}"))
    lines = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(name, value) for name, value in facts)
    return Markup('<dl class="aw-facts" title="{}">{}</dl>').format(exact_moment(made, zone), lines)


def _speed(row: dict[str, Any], zone: str, desk: Desk) -> str:
    """ "50 an hour, Mon Tue, 09:00 to 17:00; from 1 Dec, 10:00 CT on"."""
    parts = []
    if row["speed"]:
        count, _, period = row["speed"].partition("/")
        parts.append(f"{int(count):,} {'an' if period == 'hour' else 'a'} {period}")
    if row["speed_days"] is not None:
        parts.append(" ".join(WEEKDAYS[day].capitalize() for day in row["speed_days"]))
    if row["speed_opens"] is not None:
        parts.append(f"{_clock(row['speed_opens'])} to {_clock(row['speed_closes'])}")
    words = ", ".join(parts) or "All at once"
    return f"{words}; from {short_moment(row['send_at'], zone, desk.now)} on" if row["send_at"] else words


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _results(row: dict[str, Any], desk: Desk) -> None:
    found = list_results(desk.reader, desk.whole_scope, row["list_id"])
    st.html('<h3 class="aw-section">What came of it</h3>')
    if desk.reader.is_outdated:
        say_outdated()
        return
    invited, waiting = found.get("invited", 0), found.get("waiting", 0)
    if not invited:
        words = f"Nobody has been asked yet; messages are queued for {counted(waiting, 'person', 'people')}."
        st.html(Markup('<p class="aw-faint">{}</p>').format(words))
        return
    st.html(bars([(words, found.get(step, 0)) for step, words in _STEPS], invited))
    st.html(Markup('<p class="aw-faint">{}.</p>').format(in_words(found)))


def in_words(found: dict[str, int]) -> str:
    """What the bars do not say: the score, who waits, and who was reached by no message. All counts are people."""
    waiting, answers = found["waiting"], found["promoters"] + found["passives"] + found["detractors"]
    nps = (
        f"NPS {score(100 * (found['promoters'] - found['detractors']) / answers)} from {answers:,} answers"
        if answers >= FEWEST_ANSWERS
        else f"NPS is shown from {FEWEST_ANSWERS} answers on; so far {answers:,}"
    )
    more = [
        nps,
        f"{counted(waiting, 'person', 'people')} still to be asked" if waiting else "",
        f"{counted(found['failed'], 'person', 'people')} reached by no message" if found["failed"] else "",
    ]
    return "; ".join(filter(None, more))
