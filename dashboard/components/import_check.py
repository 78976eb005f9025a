"""What would come of an uploaded list, before anybody of it is taken in: counts, charts, and every row turned away."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
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
from invitations.foresee_list import TOO_MANY
from invitations.import_report import ImportReport
from invitations.rejected import RejectedRow
from invitations.simulation_report import by_channel, by_hour, invitations_of, left_out, reason

_MOST_REASONS = 12
_CAP = (Rule.FREQUENCY_CAP.value, Rule.ALREADY_INVITED.value)


def show_figures(report: ImportReport) -> None:
    """The cards of a dry run."""
    draw_cards(_cards(report, report.ahead))


def show_charts(report: ImportReport, desk: Desk) -> None:
    """What becomes of the rows, when messages would go, and what is to be known beside."""
    ahead = report.ahead
    left, right = st.columns(2, gap="medium")
    with left, st.container(border=True, key="aw_import_becomes"):
        st.html('<h2 class="aw-chart">What becomes of the rows</h2>')
        st.html(bars(_becomes(report, ahead), report.row_count))
    with right, st.container(border=True, key="aw_import_ahead"):
        _show_ahead(ahead, desk)
    own = set(ahead.in_words()) if ahead else {TOO_MANY}  # told by the charts, not in the terminal's words
    notes = [note for note in report.notes if note not in own]
    if report.unread_columns:
        notes.append(f"Not used: {', '.join(report.unread_columns)}.")
    if notes:
        items = Markup("").join(Markup("<li>{}</li>").format(note) for note in notes)
        st.html(Markup('<ul class="aw-reasons">{}</ul>').format(items))


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
    words = [counted(away, "row") + " turned away"] if away else []
    words += [counted(kept, "row") + " taken in without a cell, or with it put right"] if kept else []
    with st.container(key=f"aw_rejected_{name}", horizontal=True, horizontal_alignment="distribute"):
        st.html(Markup('<h2 class="aw-step">{}</h2>').format("; ".join(words).capitalize()))
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
            Column("Why", _why_away, "4fr"),
            Column("Rows", _how_many, "1.2fr"),
        ],
        lambda row: row["number"],
    )
    if len(reasons) > _MOST_REASONS:
        rest = counted(len(reasons) - _MOST_REASONS, "other reason")
        st.html(Markup('<p class="aw-faint">{} in the download.</p>').format(rest))


def _why_away(row: dict[str, Any]) -> Markup:
    """The reason over the first place where it was found."""
    first = f"{row['column']}, line {row['first'].line}: {row['first'].value[:60]}"
    return Markup('<div>{0}</div><div class="aw-faint aw-clip" title="{1}">{1}</div>').format(
        row["reason"][:1].upper() + row["reason"][1:], first
    )


def _how_many(row: dict[str, Any]) -> str:
    return f"{counted(row['count'], 'row')} {'taken in' if row['kept'] else 'turned away'}"


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


def _cards(report: ImportReport, ahead: Ahead | None) -> list[Card]:
    cards = [
        Card("Rows in the file", f"{report.row_count:,}", below=f"{report.merged_count:,} of them a person again"),
        Card(
            "New customers", f"{report.new_count:,}", below=f"{report.known_count:,} known already, brought up to date"
        ),
        Card("Turned away", f"{report.rejected_count:,}", below=f"{report.complaint_count:,} taken in without a cell"),
    ]
    if ahead is not None:
        cost = ahead.of_list.cost
        days = (ahead.whole.until - ahead.whole.since).days
        about = f"{counted(ahead.of_list.messages.height, 'message')}, about {cost.total:,.2f} {cost.currency}"
        cards.append(Card(f"Asked within {days} days", f"{invitations_of(ahead.of_list):,}", below=about))
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
            '<h2 class="aw-chart">Messages by day</h2><p class="aw-faint">If taken in now, on the clock of {}. {}</p>'
        ).format(ahead.time_zone.replace("_", " "), _by(ahead))
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
    if desk.may(Action.SEE_ACCOUNT_QUOTA):
        lines.append(Markup("<li>{} left of this cycle</li>").format(counted(ahead.quota_left, "invitation")))
    for row in left_out(ahead.of_list.asked_nothing()).to_dicts():
        first = short_moment(row["earliest_at"], ahead.time_zone, desk.now)
        when = "not asked" if row["is_for_good"] else f"only from {first} on"
        lines.append(Markup("<li>{} {}: {}</li>").format(f"{row['customers']:,}", when, reason(row)))
    for shortage in ahead.whole.shortages if desk.may(Action.SEE_ACCOUNT_QUOTA) else ():
        out, back = (short_day(_local(at, ZoneInfo(ahead.time_zone)).date(), desk.now)
                     for at in (shortage.ran_out_at, shortage.resets_at))  # fmt: skip
        lines.append(Markup("<li>The quota would be used up on {} and come back on {}</li>").format(out, back))
    return lines


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
