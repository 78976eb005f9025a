"""A simulation on a terminal: days as rows with a strip of bars for the hours; who is left out, quota, cost."""

from collections.abc import Mapping
from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from invitations.prices import Cost
from invitations.simulate import ASSUMED, Simulation
from invitations.simulation_report import CHANNEL, by_channel, by_hour, differences, left_out, reason

_BARS = "▁▂▃▄▅▆▇█"
_HOURS = "0  3  6  9  12 15 18 21 "
_NONE = "·"


def print_simulation(console: Console, simulation: Simulation, zone: str) -> None:
    """All of it, for one policy."""
    _print_head(console, simulation, zone)
    if simulation.messages.is_empty():
        console.print("Nothing would go in this time. Below is why.", style="bold")
    else:
        console.print(_days(simulation, zone))
    _print_quota(console, simulation, zone)
    _print_left_out(console, simulation, zone)
    _print_cost(console, simulation.cost)
    _print_assumed(console)


def print_side_by_side(console: Console, now: Simulation, other: Simulation, zone: str, name: str) -> None:
    """What the policy in effect comes to, what the one of the file `name` does, and how they differ."""
    _print_head(console, now, zone)
    console.print(_compared(now, other, name))
    console.print(_days_of_both(now, other, zone, name))
    for title, simulation in (("The policy in effect", now), (name, other)):
        console.print(Text(title, style="bold underline"))
        _print_quota(console, simulation, zone)
        _print_left_out(console, simulation, zone)
    _print_cost(console, other.cost, of=name)
    _print_assumed(console)


def _print_head(console: Console, simulation: Simulation, zone: str) -> None:
    console.print(
        Text.assemble(
            ("Simulated ", "bold"),
            f"{_moment(simulation.since, zone)} to {_moment(simulation.until, zone)} ({zone}), ",
            f"as of {_moment(simulation.since, zone)}. Nothing was sent or written.",
        ),
        soft_wrap=True,
    )


def _days(simulation: Simulation, zone: str) -> Table:
    hours = by_hour(simulation, zone)
    channels = list(by_channel(simulation))
    table = Table(box=None, padding=(0, 2, 0, 0), title="Messages by hour", title_justify="left", title_style="italic")
    table.add_column("")
    table.add_column(_HOURS, no_wrap=True)
    for channel in channels:
        table.add_column(CHANNEL[channel], justify="right")
    table.add_column("all", justify="right")
    top = _busiest(hours)
    for day in _all_days(hours):
        of_day = hours.filter(pl.col("day") == day)
        counts = [_sum(of_day.filter(pl.col("channel") == channel.value)) for channel in channels]
        table.add_row(_day(day), _strip(of_day, top), *(_count(count) for count in counts), _count(sum(counts)))
    totals = [by_channel(simulation)[channel] for channel in channels]
    table.add_row("all days", "", *(Text(f"{total:,}", style="bold") for total in (*totals, sum(totals))))
    return table


def _days_of_both(now: Simulation, other: Simulation, zone: str, name: str) -> Table:
    frames = [by_hour(simulation, zone) for simulation in (now, other)]
    top = max(_busiest(frame) for frame in frames)
    table = Table(box=None, padding=(0, 1, 0, 0), title="Messages by hour", title_justify="left", title_style="italic")
    for heading in ("", f"in effect\n{_HOURS}", "all", f"{name}\n{_HOURS}", "all"):
        table.add_column(heading, justify="right" if heading == "all" else "left", no_wrap=True)
    for day in _all_days(pl.concat(frames)):
        cells: list[Text] = []
        for frame in frames:
            of_day = frame.filter(pl.col("day") == day)
            cells += [_strip(of_day, top), _count(_sum(of_day))]
        table.add_row(_day(day), *cells)
    return table


def _strip(of_day: pl.DataFrame, top: int) -> Text:
    """A character for each hour, higher the more messages there are; `top` is the fullest hour of all."""
    counts: Mapping[int, int] = dict(of_day.group_by("hour").agg(pl.col("messages").sum()).iter_rows())
    strip = Text()
    for hour in range(24):
        count = counts.get(hour, 0)
        if count:
            strip.append(_BARS[min(len(_BARS) - 1, (count * len(_BARS) - 1) // top)], style="cyan")
        else:
            strip.append(_NONE, style="dim")
    return strip


def _print_quota(console: Console, simulation: Simulation, zone: str) -> None:
    quota = simulation.quota
    used = int(simulation.messages["is_invitation"].sum())
    console.print(f"Invitations: {used:,} would begin; {quota.left:,} left of this cycle.", highlight=False)
    for shortage in simulation.shortages:
        who = "customer" if shortage.waiting == 1 else "customers"
        console.print(
            f"The quota runs out on {_moment(shortage.ran_out_at, zone)}, with {shortage.waiting:,} {who} waiting; "
            f"it comes back on {_moment(shortage.resets_at, zone)}.",
            style="yellow",
            highlight=False,
            soft_wrap=True,
        )
    if not simulation.shortages:
        console.print("The quota is enough for everybody in this time.", highlight=False)


def _print_left_out(console: Console, simulation: Simulation, zone: str) -> None:
    rows = left_out(simulation)
    if rows.is_empty():
        console.print("Nobody is left out.")
        return
    table = Table(box=None, padding=(0, 2, 0, 0), title="Left out or later", title_justify="left",
                  title_style="italic", show_header=False)  # fmt: skip
    table.add_column("", justify="right", style="bold")
    for row in rows.iter_rows(named=True):
        until = "no end known" if row["is_for_good"] else f"from {_moment(row['earliest_at'], zone)} on"
        table.add_row(f"{row['customers']:,}", f"{reason(row)} ({until})")
    console.print(table)


def _print_cost(console: Console, cost: Cost, of: str = "") -> None:
    title = f"Cost, {of}" if of else "Cost"
    table = Table(box=None, padding=(0, 2, 0, 0), title=title, title_justify="left", title_style="italic")
    for heading in ("", "to", "messages", "segments", cost.currency):
        table.add_column(heading, justify="left" if heading in ("", "to") else "right")
    for charge in cost.charges:
        volume = charge.volume
        name = CHANNEL[volume.channel] + (f" ({volume.category})" if volume.category else "")
        amount = "no price" if charge.amount is None else f"{charge.amount:,.2f}"
        segments = f"{volume.segments:,}" if volume.segments else ""
        table.add_row(name, volume.country or "unknown", f"{volume.messages:,}", segments, amount)
    table.add_row("in all", "", "", "", Text(f"{cost.total:,.2f}", style="bold"))
    console.print(table)
    if cost.unpriced_messages:
        console.print(
            f"{cost.unpriced_messages:,} messages are to countries that the price table does not have; "
            "they are not in the sum. Bring your own table with --prices FILE.",
            style="yellow",
            soft_wrap=True,
        )


def _compared(now: Simulation, other: Simulation, name: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), title="Compared", title_justify="left", title_style="italic")
    for heading in ("", "in effect", name, "difference"):
        table.add_column(heading, justify="left" if not heading else "right")
    for what, one, two in differences(now, other):
        change = float(two) - float(one)
        number = f"{change:+,.2f}" if isinstance(one, str) else f"{change:+,.0f}"
        table.add_row(what, _shown(one), _shown(two), Text(number if change else "–", style="bold" if change else ""))
    return table


def _print_assumed(console: Console) -> None:
    console.print("Assumed: " + " ".join(ASSUMED), style="dim", highlight=False)


def _all_days(hours: pl.DataFrame) -> list[date]:
    return list(hours["day"].unique().sort())


def _busiest(hours: pl.DataFrame) -> int:
    most = hours.group_by("day", "hour").agg(pl.col("messages").sum())["messages"].max()
    return most if isinstance(most, int) else 1


def _sum(hours: pl.DataFrame) -> int:
    return int(hours["messages"].sum())


def _count(number: int) -> Text:
    return Text(f"{number:,}") if number else Text(_NONE, style="dim")


def _shown(value: str | int) -> str:
    return f"{value:,}" if isinstance(value, int) else value


def _day(day: date) -> str:
    return f"{day:%a} {day.day:>2} {day:%b}"


def _moment(at: datetime, zone: str) -> str:
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"
