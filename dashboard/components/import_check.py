"""What would come of an uploaded list, before anybody of it is taken in: counts, charts, and every row turned away."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st
from markupsafe import Markup

from dashboard import charts
from dashboard.components.cards import Card, draw_cards
from dashboard.components.rows import Column, draw_rows
from dashboard.desk import Desk
from dashboard.exporting import export_buttons
from dashboard.wording import CHANNEL, counted, short_day, short_moment
from data.permissions import Action
from data.words import Rule
from invitations.ahead import Ahead
from invitations.import_report import ImportReport
from invitations.rejected import RejectedRow
from invitations.simulation_report import by_channel, by_hour, invitations_of, left_out, reason

_MOST_REASONS = 12
_CAP = (Rule.FREQUENCY_CAP.value, Rule.ALREADY_INVITED.value)


def show_check(report: ImportReport, desk: Desk) -> None:
    """All of a dry run."""
    ahead = report.ahead
    draw_cards(_cards(report, ahead, desk))
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, key="aw_import_becomes"):
        st.html('<h2 class="aw-chart">What becomes of the rows</h2>')
        st.html(bars(_becomes(report, ahead), report.row_count))
    with right, st.container(border=True, key="aw_import_ahead"):
        _show_ahead(ahead, desk)
    own = set(ahead.in_words()) if ahead else set()
    for note in (note for note in report.notes if note not in own):
        st.html(Markup('<p class="aw-faint">{}</p>').format(note))
    if report.unread_columns:
        st.html(Markup('<p class="aw-faint">Not used: {}.</p>').format(", ".join(report.unread_columns)))
    if report.rejected:
        show_rejected(report.rejected, name="rows_to_mend")


def bars(rows: Sequence[tuple[str, int]], whole: int) -> Markup:
    """A bar for each count, with its words and its number: a list to a screen reader."""
    lines = [
        Markup('<li><span>{}</span><b>{:,}</b><span class="aw-bar"><i style="width:{:.1f}%"></i></span></li>').format(
            words, count, 100 * min(1.0, count / whole) if whole else 0
        )
        for words, count in rows
    ]
    return Markup('<ul class="aw-bars">{}</ul>').format(Markup("").join(lines))


def show_rejected(rejected: Sequence[RejectedRow], *, name: str) -> None:
    """Why rows were turned away or came in without a cell, the most frequent reasons first; all of them to download."""
    away = len({row.line for row in rejected if not row.is_row_kept})
    kept = len({row.line for row in rejected if row.is_row_kept})
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        words = [counted(away, "row") + " turned away"] if away else []
        words += [counted(kept, "row") + " taken in without a cell, or with it put right"] if kept else []
        st.html(Markup('<h2 class="aw-section">{}</h2>').format("; ".join(words).capitalize()))
        export_buttons(name, lambda: rejected_frame(rejected))
    reasons = Counter((row.is_row_kept, row.column_name, row.reason) for row in rejected)
    firsts = {(row.is_row_kept, row.column_name, row.reason): row for row in reversed(rejected)}
    rows = [
        {"number": number, "kept": key[0], "column": key[1], "reason": key[2], "count": count, "first": firsts[key]}
        for number, (key, count) in enumerate(reasons.most_common(_MOST_REASONS))
    ]
    draw_rows(
        name,
        rows,
        [
            Column("Why", lambda row: row["reason"][:1].upper() + row["reason"][1:], "3fr"),
            Column("Column", lambda row: row["column"], "1fr"),
            Column("Rows", lambda row: f"{row['count']:,}", "0.5fr", is_number=True),
            Column("Row is", lambda row: "taken in" if row["kept"] else "turned away", "0.8fr"),
            Column("First one", lambda row: f"Line {row['first'].line}: {row['first'].value[:60]}", "1.6fr"),
        ],
        lambda row: row["number"],
    )
    if len(reasons) > _MOST_REASONS:
        rest = counted(len(reasons) - _MOST_REASONS, "other reason")
        st.html(Markup('<p class="aw-faint">{} in the download.</p>').format(rest))


def rejected_frame(rejected: Sequence[RejectedRow]) -> pl.DataFrame:
    """Every complaint with every cell of its row: mended, the file can be imported again."""
    originals = list(dict.fromkeys(name for row in rejected for name in row.row))
    ours = {
        "Row is": ["taken in" if row.is_row_kept else "turned away" for row in rejected],
        "Line": [str(row.line) for row in rejected],
        "Wrong column": [row.column_name for row in rejected],
        "Found": [row.value for row in rejected],
        "Why": [row.reason for row in rejected],
    }
    theirs = {
        name if name not in ours else f"{name} (yours)": [r.row.get(name, "") for r in rejected] for name in originals
    }
    return pl.DataFrame(ours | theirs, schema=dict.fromkeys([*ours, *theirs], pl.String))


def _cards(report: ImportReport, ahead: Ahead | None, desk: Desk) -> list[Card]:
    cards = [
        Card("Rows in the file", f"{report.row_count:,}", below=f"{report.merged_count:,} of them a person again"),
        Card(
            "New customers", f"{report.new_count:,}", below=f"{report.known_count:,} known already, brought up to date"
        ),
        Card("Turned away", f"{report.rejected_count:,}", below=f"{report.complaint_count:,} taken in without a cell"),
    ]
    if ahead is not None:
        cost = ahead.of_list.cost
        begun = invitations_of(ahead.of_list)
        days = (ahead.whole.until - ahead.whole.since).days
        left = (
            f"{ahead.quota_left:,} invitations left this cycle"
            if desk.may(Action.SEE_ACCOUNT_QUOTA)
            else "First messages"
        )
        cards += [
            Card(f"Asked within {days} days", f"{begun:,}", below=left),
            Card("Cost", f"{cost.total:,.2f}", of=cost.currency, below=_by(ahead)),
        ]
    return cards


def _by(ahead: Ahead) -> str:
    by = by_channel(ahead.of_list)
    return ", ".join(f"{count:,} {CHANNEL[channel]}" for channel, count in by.items()) or "No messages"


def _becomes(report: ImportReport, ahead: Ahead | None) -> list[tuple[str, int]]:
    """The chart's rows: new, known, invited before, barred, over the cap, turned away; others where there are any."""
    rows = [
        ("New customers", report.new_count),
        ("Known already", report.known_count),
        ("Invited before", report.invited_count),
        ("Must not be contacted", report.suppressed_count),
    ]
    if ahead is not None:
        capped = left_out(ahead.of_list.asked_nothing()).filter(pl.col("rule").is_in(_CAP), ~pl.col("is_reminder"))
        rows.append(("Over the cap: asked not long ago", int(capped["customers"].sum())))
    rows += [(f"No consent for {CHANNEL[channel]}", count) for channel, count in report.no_consent.items() if count]
    rows += [("Staff and relatives", report.excluded_count)] if report.excluded_count else []
    rows += [("The same person again", report.merged_count)] if report.merged_count else []
    return [*rows, ("Turned away", report.rejected_count)]


def _show_ahead(ahead: Ahead | None, desk: Desk) -> None:
    if ahead is None:
        st.html('<h2 class="aw-chart">When they would be asked</h2><p class="aw-faint">Looking ahead is left out for a '
                "list as long as this. Once it is in, the Simulate page shows it.</p>")  # fmt: skip
        return
    of_list = ahead.of_list
    zone = ZoneInfo(ahead.time_zone)
    st.html(
        Markup(
            '<h2 class="aw-chart">Messages by day</h2><p class="aw-faint">If taken in now, on the clock of {}.</p>'
        ).format(ahead.time_zone.replace("_", " "))
    )
    if of_list.messages.is_empty():
        st.html('<p class="aw-strong">Nobody of this list would be asked within two weeks.</p>')
    else:
        counts = (
            by_hour(of_list, ahead.time_zone)
            .group_by("channel", at=pl.col("day").cast(pl.Datetime("us")))
            .agg(pl.col("messages").sum())
            .sort("at", "channel")
        )
        top = counts.group_by("at").agg(pl.col("messages").sum())["messages"].max()
        st.plotly_chart(
            charts.messages_ahead(
                counts,
                channels={channel.value: CHANNEL[channel] for channel in by_channel(of_list)},
                span=(_local(of_list.since, zone), _local(of_list.until, zone)),
                step=timedelta(days=1),
                turns=(),
                top=top if isinstance(top, int) else 0,
            ),
            config=charts.CONFIG, height=220, key="import_bars",
            alt=f"{of_list.messages.height} messages by day, stacked by channel",
        )  # fmt: skip
    if lines := _why_not(ahead, desk):
        st.html(Markup('<ul class="aw-reasons">{}</ul>').format(Markup("").join(lines)))


def _why_not(ahead: Ahead, desk: Desk) -> list[Markup]:
    """Who would not be asked or only later, and why, a line each."""
    lines = []
    for row in left_out(ahead.of_list.asked_nothing()).to_dicts():
        until = "" if row["is_for_good"] else f", from {short_moment(row['earliest_at'], ahead.time_zone, desk.now)} on"
        lines.append(Markup("<li>{} not asked: {}{}</li>").format(f"{row['customers']:,}", reason(row), until))
    for shortage in ahead.whole.shortages if desk.may(Action.SEE_ACCOUNT_QUOTA) else ():
        out, back = (short_day(_local(at, ZoneInfo(ahead.time_zone)).date(), desk.now)
                     for at in (shortage.ran_out_at, shortage.resets_at))  # fmt: skip
        lines.append(Markup("<li>The quota would be used up on {} and come back on {}</li>").format(out, back))
    return lines


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
