"""What a simulation shows: messages by hour of the day, who is left out and why, units left; as frames and as JSON.

Customers are counted, never named: nothing here holds an id, a name or an address.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from data.standing import Quota
from data.words import Channel, Rule
from invitations.held_back import HELD_BACK
from invitations.prices import Charge
from invitations.simulate import ASSUMED, Simulation
from invitations.windows import MOMENT

RIGHT_AFTER = "right_after"  # no rule: their message may go at the very end of the time

CHANNEL = {Channel.SMS: "SMS", Channel.EMAIL: "email", Channel.WHATSAPP: "WhatsApp"}
REASONS: Mapping[str, str] = {
    **HELD_BACK,
    RIGHT_AFTER: "their message goes right after this period",
}


def by_hour(simulation: Simulation, zone: str) -> pl.DataFrame:
    """`day` (Date), `hour` (0..23), `channel`, `messages`: by the clock on the wall in `zone`; only hours with some."""
    local = pl.col("at").dt.convert_time_zone(zone)
    return (
        simulation.messages.group_by(day=local.dt.date(), hour=local.dt.hour().cast(pl.Int64), channel="channel")
        .agg(messages=pl.len().cast(pl.Int64))
        .sort("day", "hour", "channel")
    )


def by_channel(simulation: Simulation) -> dict[Channel, int]:
    """Messages of each channel that has some."""
    counts = dict(simulation.messages.group_by("channel").len().iter_rows())
    return {channel: int(counts[channel.value]) for channel in Channel if channel.value in counts}


def invitations_of(simulation: Simulation) -> int:
    """How many invitations begin: units of quota used."""
    return int(simulation.messages["is_invitation"].sum())


def left_out(simulation: Simulation) -> pl.DataFrame:
    """`rule`, `is_for_good`, `is_reminder`, `customers`, `earliest_at`: whose coming message does not go, by the rule
    that decides. `is_reminder`: their first message went, or goes within the time.

    Without a known end (`is_for_good`): every such rule counts, so a customer may be in several rows. Else the one
    rule that lasts longest; `earliest_at` is when the first of them may go. First messages first, most customers first.
    """
    rows = simulation.held.with_row_index("number").explode("rules", "untils", empty_as_null=True, keep_nulls=True)
    rows = rows.with_columns(is_for_good=pl.col("earliest_at").is_null())
    endless = rows.filter(pl.col("is_for_good") & pl.col("untils").is_null())
    # Of two rules with the same end the later of the verdict's order: the weightier (quota, not quiet hours).
    lasting = rows.filter(~pl.col("is_for_good")).sort("number", "untils", nulls_last=False, maintain_order=True)
    binding = lasting.unique("number", keep="last", maintain_order=True)
    return (
        pl.concat([endless, binding])
        .with_columns(rule=pl.col("rules").fill_null(RIGHT_AFTER), is_reminder=pl.col("step") > 0)
        .group_by("rule", "is_for_good", "is_reminder")
        .agg(customers=pl.col("customer_id").n_unique().cast(pl.Int64), earliest_at=pl.col("earliest_at").min())
        .sort("is_reminder", "is_for_good", "customers", "rule", descending=[False, True, True, False])
    )


def reason(row: Mapping[str, Any]) -> str:
    """A row of `left_out` in words."""
    is_told_apart = row["is_reminder"] and row["rule"] != Rule.STEP_NOT_DUE  # that one speaks of it by itself
    return ("a reminder: " if is_told_apart else "") + REASONS[row["rule"]]


def units_left(simulation: Simulation) -> pl.DataFrame:
    """`at`, `left`: the account's invitations left, at the beginning, after each hour that used some, at each reset."""
    quota, begun = simulation.quota, simulation.messages.filter("is_invitation")["at"]
    points: list[tuple[datetime, int]] = [(simulation.since, quota.left)]
    used = begun.dt.truncate("1h").value_counts().sort("at")
    for hour, count in used.iter_rows():
        points.extend(_resets(simulation, quota, points[-1][0], hour))
        points.append((max(hour, simulation.since), points[-1][1] - int(count)))
    points.extend(_resets(simulation, quota, points[-1][0], simulation.until))
    return pl.DataFrame(points, schema={"at": MOMENT, "left": pl.Int64}, orient="row")


def _resets(simulation: Simulation, quota: Quota, after: datetime, until: datetime) -> list[tuple[datetime, int]]:
    return [
        (moment, quota.per_cycle)
        for moment in quota.resets
        if after < moment <= until and simulation.since < moment < simulation.until
    ]


def as_json(simulation: Simulation, zone: str) -> dict[str, Any]:
    """Everything as plain values, for programs. Amounts are texts, exact."""
    cost = simulation.cost
    return {
        "since": simulation.since.isoformat(),
        "until": simulation.until.isoformat(),
        "time_zone": zone,
        "assumed": list(ASSUMED),
        "messages": simulation.messages.height,
        "messages_by_channel": {channel.value: count for channel, count in by_channel(simulation).items()},
        "hours": [{**row, "day": row["day"].isoformat()} for row in by_hour(simulation, zone).iter_rows(named=True)],
        "invitations": invitations_of(simulation),
        "quota": {
            "left": simulation.quota.left,
            "per_cycle": simulation.quota.per_cycle,
            "runs_out": [
                {
                    "at": shortage.ran_out_at.isoformat(),
                    "resets_at": shortage.resets_at.isoformat(),
                    "waiting": shortage.waiting,
                }
                for shortage in simulation.shortages
            ],
        },
        "left_out": [
            {
                "rule": row["rule"],
                "reason": reason(row),
                "is_for_good": row["is_for_good"],
                "is_reminder": row["is_reminder"],
                "customers": row["customers"],
                "earliest_at": row["earliest_at"].isoformat() if row["earliest_at"] else None,
            }
            for row in left_out(simulation).iter_rows(named=True)
        ],
        "cost": {
            "currency": cost.currency,
            "total": str(cost.total),
            "unpriced_messages": cost.unpriced_messages,
            "charges": [_charge(charge) for charge in cost.charges],
        },
    }


def _charge(charge: Charge) -> dict[str, Any]:
    volume = charge.volume
    return {
        "channel": volume.channel.value,
        "country": volume.country,
        "category": volume.category,
        "messages": volume.messages,
        "segments": volume.segments,
        "amount": None if charge.amount is None else str(charge.amount),
    }


def differences(one: Simulation, other: Simulation) -> list[tuple[str, str | int, str | int]]:
    """What two simulations of the same people come to: what it is, in the one, in the other; equal rows too."""
    rows: list[tuple[str, str | int, str | int]] = [("messages", one.messages.height, other.messages.height)]
    first, second = by_channel(one), by_channel(other)
    rows += [
        (f"messages by {CHANNEL[channel]}", first.get(channel, 0), second.get(channel, 0))
        for channel in Channel
        if channel in first or channel in second
    ]
    rows.append(("invitations", invitations_of(one), invitations_of(other)))
    rows.append(("left out, no end known", _for_good(one), _for_good(other)))
    rows.append(("later than this period", _later(one), _later(other)))
    rows.append((f"cost ({one.cost.currency})", f"{one.cost.total:.2f}", f"{other.cost.total:.2f}"))
    return rows


def _for_good(simulation: Simulation) -> int:
    return simulation.held.filter(pl.col("earliest_at").is_null())["customer_id"].n_unique()


def _later(simulation: Simulation) -> int:
    return simulation.held.filter(pl.col("earliest_at").is_not_null())["customer_id"].n_unique()
