"""One simulation on the page: its cards, its chart, who is left out and why, and what it costs."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st
from markupsafe import Markup

from dashboard import charts
from dashboard.components.cards import Card, draw_cards
from dashboard.components.page import empty
from dashboard.components.rows import Column, Row, draw_rows
from dashboard.desk import Desk
from dashboard.wording import CHANNEL, counted, long_day, short_day, short_moment
from data.permissions import Action
from invitations.simulate import Simulation
from invitations.simulation_report import by_channel, by_hour, invitations_of, left_out, reason

_BY_HOUR_UP_TO = 3  # days: beyond that the bars of hours are too thin to read


def show_simulation(
    simulation: Simulation, desk: Desk, *, top: int, key: str, beside: Simulation | None = None
) -> None:
    """All of it. `top` is the highest bar on the page (`highest_bar`), `key` part of the widgets' keys.

    The figures of one that stands `beside` another say by how much they differ from it.
    """
    draw_cards(_cards(simulation, desk, beside), key)
    _chart(simulation, desk, top, key)
    _left_out(simulation, desk, key)
    _cost(simulation, key)


def _cards(simulation: Simulation, desk: Desk, beside: Simulation | None) -> list[Card]:
    cost, begun = simulation.cost, invitations_of(simulation)
    by = ", ".join(f"{count:,} {CHANNEL[channel]}" for channel, count in by_channel(simulation).items())
    messages, invitations, money = "", "", ""
    if beside is not None:
        messages = _difference(simulation.messages.height - beside.messages.height)
        invitations = _difference(begun - invitations_of(beside))
        money = f", {cost.total - beside.cost.total:+,.2f}" if cost.total != beside.cost.total else ", the same"
    cards = [
        Card("Messages", f"{simulation.messages.height:,}", of=messages, below=by or "None in this time"),
        Card("Invitations begun", f"{begun:,}", of=invitations, below="Each counts once, reminders included"),
    ]
    if desk.may(Action.SEE_ACCOUNT_QUOTA):
        cards.append(_quota_card(simulation, desk))
    unpriced = f", without {counted(cost.unpriced_messages, 'message')} that have no price"
    cards.append(
        Card(
            "Cost",
            f"{cost.total:,.2f}",
            of=cost.currency + money,
            below="List prices" + (unpriced if cost.unpriced_messages else ", before taxes and discounts"),
        )
    )
    return cards


def _difference(number: int) -> str:
    return f"{number:+,}" if number else "the same"


def _quota_card(simulation: Simulation, desk: Desk) -> Card:
    left = f"{simulation.quota.left:,} left of this cycle"
    if not simulation.shortages:
        return Card("Quota", "Enough", below=left)
    first = simulation.shortages[0]
    out, back = (_local(moment, desk).date() for moment in (first.ran_out_at, first.resets_at))
    return Card("Quota", f"Out {short_day(out, desk.now)}", below=f"{left}; back on {long_day(back)}")


def _chart(simulation: Simulation, desk: Desk, top: int, key: str) -> None:
    step = _step(simulation)
    each = "hour" if step < timedelta(days=1) else "day"
    with st.container(border=True, key=f"simulate_chart_{key}"):
        st.html(Markup('<h2 class="aw-chart">Messages by {}</h2><p class="aw-faint">{}</p>').format(
            each, f"On the clock of {desk.access.account_time_zone.replace('_', ' ')}."
        ))  # fmt: skip
        if simulation.messages.is_empty():
            empty("Nothing would go in this time", "The table below says why.", name=f"simulate_{key}")
            return
        st.plotly_chart(
            charts.messages_ahead(
                _counts(simulation, desk),
                channels={channel.value: CHANNEL[channel] for channel in by_channel(simulation)},
                span=(_local(simulation.since, desk), _local(simulation.until, desk)),
                step=step,
                turns=_turns(simulation, desk) if desk.may(Action.SEE_ACCOUNT_QUOTA) else (),
                top=top,
            ),
            config=charts.CONFIG, height=charts.HEIGHT, key=f"simulate_bars_{key}",
            alt=f"{simulation.messages.height} messages by {each}, stacked by channel",
        )  # fmt: skip
        with st.expander("Show the numbers"):
            st.dataframe(_numbers(simulation, desk), hide_index=True, key=f"simulate_numbers_{key}")


def _left_out(simulation: Simulation, desk: Desk, key: str) -> None:
    rows = left_out(simulation).to_dicts()
    st.html('<h2 class="aw-section">Left out or later, and why</h2>')
    if not rows:
        st.html('<p class="aw-faint">Nobody is left out.</p>')
        return
    zone = desk.access.account_time_zone
    draw_rows(
        f"left_out_{key}",
        rows,
        [
            Column("Why", lambda row: _sentence(reason(row)), "3fr"),
            Column("The first may go", lambda row: _until(row, zone, desk.now), "1.2fr"),
            Column("Customers", lambda row: f"{row['customers']:,}", "1.3fr", is_number=True),
        ],
        lambda row: f"{row['rule']}_{row['is_for_good']}_{row['is_reminder']}",
    )
    if sum(row["customers"] for row in rows) > simulation.held["customer_id"].n_unique():
        st.html('<p class="aw-faint">A customer held back for several reasons is counted under each.</p>')


def _cost(simulation: Simulation, key: str) -> None:
    cost = simulation.cost
    st.html('<h2 class="aw-section">Cost</h2>')
    rows: list[Row] = [
        {
            "what": CHANNEL[charge.volume.channel],
            "country": charge.volume.country or "Unknown",
            "messages": charge.volume.messages,
            "segments": charge.volume.segments,
            "amount": "No price" if charge.amount is None else f"{charge.amount:,.2f} {cost.currency}",
        }
        for charge in cost.charges
    ]
    if not rows:
        st.html('<p class="aw-faint">Nothing goes, so it costs nothing.</p>')
        return
    draw_rows(
        f"cost_{key}",
        rows,
        [
            Column("Channel", lambda row: row["what"], "0.9fr"),
            Column("To", lambda row: row["country"], "0.5fr"),
            Column("Messages", lambda row: f"{row['messages']:,}", "1.4fr", is_number=True),
            Column("Billed as", lambda row: _billed_as(row["segments"]), "1.3fr", is_number=True),
            Column("Cost", lambda row: row["amount"], "1.1fr", is_number=True),
        ],
        lambda row: f"{row['what']}_{row['country']}_{row['messages']}",
    )


def _billed_as(segments: int) -> str:
    return counted(segments, "segment") if segments else ""


def _step(simulation: Simulation) -> timedelta:
    is_short = simulation.until - simulation.since <= timedelta(days=_BY_HOUR_UP_TO)
    return timedelta(hours=1) if is_short else timedelta(days=1)


def _counts(simulation: Simulation, desk: Desk) -> pl.DataFrame:
    """`at`, `channel`, `messages`: by day or hour, on the wall of the account's zone."""
    hours = by_hour(simulation, desk.access.account_time_zone)
    at = pl.col("day").cast(pl.Datetime("us"))
    if _step(simulation) < timedelta(days=1):
        at = at + pl.duration(hours=pl.col("hour"))
    return hours.group_by("channel", at=at).agg(pl.col("messages").sum()).sort("at", "channel")


def highest_bar(simulation: Simulation, desk: Desk) -> int:
    """The most messages of one day or hour, whichever the chart shows."""
    most = _counts(simulation, desk).group_by("at").agg(pl.col("messages").sum())["messages"].max()
    return most if isinstance(most, int) else 0


def _numbers(simulation: Simulation, desk: Desk) -> pl.DataFrame:
    return by_hour(simulation, desk.access.account_time_zone).select(
        pl.col("day").alias("Day"),
        pl.format("{}:00", pl.col("hour").cast(pl.String).str.zfill(2)).alias("Hour"),
        pl.col("channel").replace_strict({str(channel): name for channel, name in CHANNEL.items()}).alias("Channel"),
        pl.col("messages").alias("Messages"),
    )


def _turns(simulation: Simulation, desk: Desk) -> Sequence[tuple[datetime, str]]:
    """When the quota runs out and comes back, on the wall."""
    turns = []
    for shortage in simulation.shortages:
        turns.append((_local(shortage.ran_out_at, desk), "Quota used up"))
        if shortage.resets_at < simulation.until:
            turns.append((_local(shortage.resets_at, desk), "Quota comes back"))
    return turns


def _until(row: Row, zone: str, now: datetime) -> str:
    return "No end known" if row["is_for_good"] else short_moment(row["earliest_at"], zone, now)


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _local(moment: datetime, desk: Desk) -> datetime:
    """On the wall of the account's zone, without it."""
    return moment.astimezone(ZoneInfo(desk.access.account_time_zone)).replace(tzinfo=None)
