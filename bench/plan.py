"""Seconds and memory of one planning pass, beside a plain Polars scan and sort of the same frame.

    .venv/bin/python -m bench.plan [--sizes 10000,100000,1000000] [--rounds 5] [--plenty]

Each size runs in a process of its own, plan and sort in turn, after one pass that is not timed. `ratio` is the
median of the rounds' ratios; `memory` what the first pass adds to the resident memory that the frame is in already, at
its peak (Linux), `with the frame` what both add to that of the imports. `growth` is the exponent between two sizes: 1
is linear. The frame: recipients in 40 zones and states, a third of the steps with a second channel, a tenth of the
people on 20 paced lists, a twentieth "at 10:00", some held by each rule; units for some of those who need one, so that
the rest wait for 24 cycles (`--plenty`: for all).
"""

import argparse
import gc
import json
import math
import resource
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import polars as pl

from data.standing import Pace, Quota, Standing
from data.words import Channel, RequestStatus
from invitations.plan import plan
from invitations.policy import Policy
from invitations.windows import MOMENT

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PLACES = [
    (zone, region, country)
    for zone, country, regions in (
        ("America/New_York", "US", ["US-NY", "US-NJ", "US-CT", "US-MD", "US-RI", "US-MA", "US-PA", "US-OH", "US-GA"]),
        ("America/Chicago", "US", ["US-IL", "US-TX", "US-MS", "US-OK", "US-WI", "US-MN", "US-MO", "US-IA"]),
        ("America/Chicago|America/New_York", "US", ["US-FL", "US-TN", "US-IN", "US-KY"]),
        ("America/Denver", "US", ["US-CO", "US-UT", "US-MT", "US-NM"]),
        ("America/Los_Angeles", "US", ["US-CA", "US-WA", "US-NV", "US-OR"]),
        ("America/Phoenix", "US", ["US-AZ"]),
        ("America/Toronto", "CA", ["CA-ON", "CA-QC"]),
        ("America/Vancouver", "CA", ["CA-BC"]),
        ("Europe/Berlin", "DE", [""]),
        ("Europe/London", "GB", [""]),
        ("Europe/Paris", "FR", [""]),
        ("Australia/Sydney", "AU", ["", "AU-NSW"]),
        ("Asia/Kolkata", "IN", [""]),
    )
    for region in regions
]
LISTS, LOCATIONS = 20, 60


def make_frame(people: int) -> pl.DataFrame:
    """About `people` rows: three in four are people with one channel, the rest with two."""
    customers = people * 3 // 4
    base = pl.select(customer_id=pl.int_range(customers, dtype=pl.Int64)).with_columns(
        place=_pick("place", len(PLACES)), is_follow_up=_chance("follow_up", 30)
    )
    places = pl.DataFrame(PLACES, schema=["zones", "regions", "recipient_country"], orient="row").with_row_index(
        "place"
    )
    base = base.join(places.with_columns(pl.col("place").cast(pl.UInt64)), on="place", maintain_order="left")
    second = base.filter(pl.col("customer_id") % 3 == 0).with_columns(preference=pl.lit(1))
    rows = pl.concat([base.with_columns(preference=pl.lit(0)), second]).sort("customer_id", "preference")
    first = ~pl.col("is_follow_up")
    return rows.select(
        account_id=pl.lit(1),
        location_id=_pick("location", LOCATIONS).cast(pl.Int64),
        customer_id="customer_id",
        person_id=pl.when(pl.col("customer_id") % 50 == 0).then(pl.col("customer_id") + 1).otherwise("customer_id"),
        invitation_id=pl.when(~first | (pl.col("customer_id") % 10 == 1)).then("customer_id"),
        invitation_status=pl.when(_chance("stopped", 1)).then(pl.lit("stopped")).when(~first).then(pl.lit("active")),
        sequence_id=pl.lit(1),
        list_id=pl.when(_chance("listed", 10)).then(_pick("list", LISTS).cast(pl.Int64)),
        step=pl.when(first).then(0).otherwise(1).cast(pl.Int64),
        channel=pl.when(pl.col("preference") == 1).then(pl.lit(Channel.EMAIL.value)).otherwise(
            pl.when(_chance("whatsapp", 5)).then(pl.lit(Channel.WHATSAPP.value)).otherwise(pl.lit(Channel.SMS.value))
        ),
        preference=pl.col("preference").cast(pl.Int64),
        is_all_channels=pl.col("customer_id") % 30 == 0,
        ordered_at=_ago("ordered", 40),
        due_at=pl.when(~first).then(_ago("due", 10) + 5 * DAY),
        at_minute=pl.when(_chance("daily", 5)).then(pl.lit(600, pl.Int64)),
        zones="zones",
        regions="regions",
        recipient_country="recipient_country",
        is_channel_off=_chance("off", 2, each=True),
        is_address_missing=_chance("address", 4, each=True),
        is_template_missing=_chance("template", 1, each=True),
        is_template_unapproved=_chance("approved", 1, each=True),
        is_marketing_refused=_chance("marketing", 1, each=True),
        is_suppressed=_chance("suppressed", 2, each=True),
        is_excluded=_chance("staff", 1),
        is_list_undone=pl.lit(value=False),
        is_paused=_chance("paused", 1),
        is_in_flight=_chance("doubt", 1),
        is_beyond_plan=pl.lit(value=False),
        has_scored=~first & _chance("scored", 10),
        has_chosen_platform=~first & _chance("platform", 8),
        has_linked_review=~first & _chance("review", 5),
        has_clicked=~first & _chance("clicked", 20),
        has_failed=~first & _chance("failed", 2),
        is_consent_withdrawn=_chance("no", 1),
        express_at=pl.when(_chance("express", 85)).then(_ago("express_at", 800)),
        purchase_at=_ago("purchase_at", 800),
        inquiry_at=pl.when(_chance("inquiry", 20)).then(_ago("inquiry_at", 300)),
        asked_at=pl.when(~first | _chance("asked", 15)).then(_ago("asked_at", 120)),
        invited_at=pl.when(first & _chance("invited", 3)).then(_ago("invited_at", 400)),
        is_cap_overridden=_chance("override", 1),
        has_unit=~first,
        request_id=pl.when(_chance("queued", 20)).then("customer_id"),
        request_status=pl.when(_chance("queued", 20)).then(pl.lit(RequestStatus.QUEUED.value)),
        template_id=pl.lit(1),
        address=pl.format("+1312{}", 5_550_000 + pl.col("customer_id")),
        queued_not_before=pl.when(_chance("queued", 20)).then(_ago("not_before", 1)),
        queued_not_after=pl.when(_chance("queued", 20)).then(_ago("not_before", 1) + DAY),
        queued_address=pl.when(_chance("queued", 20)).then(pl.format("+1312{}", 5_550_000 + pl.col("customer_id"))),
    )  # fmt: skip


def make_standing(people: int, *, is_plenty: bool) -> Standing:
    """Lists at 5,000 a day to 200 an hour, and units as the module says; every sixth location has a limit."""
    units = people if is_plenty else people // 5
    quota = Quota(
        left=units,
        per_cycle=people if is_plenty else max(1, people // 60),
        resets=tuple(NOW + (8 + 30 * number) * DAY for number in range(24)),
        location_left={} if is_plenty else dict.fromkeys(range(0, LOCATIONS, 6), units // 80),
        location_per_cycle={} if is_plenty else {place: max(1, people // 5000) for place in range(0, LOCATIONS, 6)},
    )
    paces = {
        number: Pace("America/New_York", 200 * (number + 1), HOUR, opens=9 * 60, closes=18 * 60, days=(0, 1, 2, 3, 4))
        if number % 2
        else Pace("America/Chicago", 5_000, DAY, send_at=NOW + number * HOUR)
        for number in range(LISTS)
    }
    return Standing(quota, paces)


def measure(people: int, rounds: int, *, is_plenty: bool) -> dict[str, float]:
    """One size, in this process."""
    policy = Policy.load({"stop_when": ["scored", "platform_chosen", "permanent_failure"]})
    at_start = _resident()
    frame = make_frame(people)
    standing = make_standing(people, is_plenty=is_plenty)
    gc.collect()
    with_frame = _resident()
    _forget_peak()
    found = plan(frame, policy, NOW, standing)  # the first time: what is freed later stays resident
    peak = _peak()
    assert found["customer_id"].n_unique() == frame["customer_id"].n_unique()
    plans, sorts = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        plan(frame, policy, NOW, standing)
        plans.append(time.perf_counter() - started)
        started = time.perf_counter()
        frame.lazy().filter(~pl.col("is_suppressed")).sort("ordered_at", "customer_id").collect()
        sorts.append(time.perf_counter() - started)
    held = found["rules"].explode().drop_nulls().n_unique()
    return {
        "rows": frame.height,
        "seconds": statistics.median(plans),
        "sort": statistics.median(sorts),
        "ratio": statistics.median(mine / other for mine, other in zip(plans, sorts, strict=True)),
        "memory": peak - with_frame,
        "with_frame": peak - at_start,
        "clear": float(found["is_clear"].cast(int).sum()),
        "rules": held,
    }


def _pick(name: str, of: int, *, each: bool = False) -> pl.Expr:
    """A number below `of`, the same for a customer (`each`: for a row) in every run."""
    key = pl.struct("customer_id", "preference") if each else pl.col("customer_id")
    return key.hash(sum(ord(letter) * 31**place for place, letter in enumerate(name)) % 2**32) % of


def _chance(name: str, percent: int, *, each: bool = False) -> pl.Expr:
    return _pick(name, 100, each=each) < percent


def _ago(name: str, days: int) -> pl.Expr:
    return (pl.lit(NOW, MOMENT) - pl.duration(seconds=_pick(name, days * 86_400))).cast(MOMENT)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sizes", default="10000,100000,1000000")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plenty", action="store_true")
    parser.add_argument("--one", type=int, help="measure one size in this process and print it as JSON")
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure(asked.one, asked.rounds, is_plenty=asked.plenty)))
        return
    results = []
    for size in asked.sizes.split(","):
        command = [sys.executable, "-m", "bench.plan", "--one", size, "--rounds", str(asked.rounds)]
        output = subprocess.run(
            command + ["--plenty"] * asked.plenty, check=True, capture_output=True, text=True
        ).stdout
        found = json.loads(output)
        results.append(found)
        print(
            f"{found['rows']:>9,.0f} rows  plan {found['seconds']:7.3f} s  sort {found['sort']:7.3f} s  "
            f"ratio {found['ratio']:5.2f}  memory {found['memory'] / 2**20:6.0f} MiB "
            f"(with the frame {found['with_frame'] / 2**20:6.0f})  clear {found['clear']:,.0f}  "
            f"rules that hold {found['rules']:.0f}"
        )
    for less, more in pairwise(results):
        growth = math.log(more["seconds"] / less["seconds"]) / math.log(more["rows"] / less["rows"])
        print(f"growth {less['rows']:,.0f} -> {more['rows']:,.0f}: {growth:.2f}")


if __name__ == "__main__":
    main()
