"""What would go, hour by hour, if the rules were left to run: `plan` itself, run forward in memory. Nothing is sent.

    build -> plan -> everything that may go within the stretch goes, at its earliest -> the state moves on -> again

A stretch is the first hour in which something can go. While no list at a set pace has anybody waiting it is longer, up
to the shortest interval between two steps of a sequence: `earliest_at` takes everybody else into account, so only a
message that follows on one of the stretch could change it, and none can within it. A stretch ends where a cycle of the
quota does.

Because deciding is the very function that the nightly run calls, a simulation and what is really sent afterwards differ
by what people do (ASSUMED says so), not by how it was worked out; tests hold both to each other.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import polars as pl

from data.ledger.candidate_sources import Sources
from data.ledger.candidates import build
from data.ledger.frames import Schema
from data.ledger.texts import Texts
from data.standing import Quota, Standing
from data.words import Rule
from invitations import moved_on, used_up
from invitations.plan import plan
from invitations.policy import Policy
from invitations.prices import Cost, Prices, cost_of
from invitations.volumes import sized, volumes_of
from invitations.windows import MOMENT

ASSUMED = (
    "Nobody answers, opts out or fails, so this is the most that can go.",
    "No new customers come, nothing is paused, changed or bought.",
    "Messages leave at the first moment at which they may.",
)
_HOUR, LONGEST_STRETCH = timedelta(hours=1), timedelta(days=1)
_SHRINKS_BELOW = 0.75  # of the people: leaving the rest out of further steps is worth the copy

_MESSAGE: Schema = {
    "at": MOMENT,
    **dict.fromkeys(("location_id", "customer_id", "person_id", "list_id", "step", "template_id"), pl.Int64),
    **dict.fromkeys(("channel", "recipient_country"), pl.String),
    "is_invitation": pl.Boolean,
}
_HELD: Schema = {
    **dict.fromkeys(("location_id", "customer_id", "list_id", "step"), pl.Int64),
    "channel": pl.String,
    "rules": pl.List(pl.String),
    "untils": pl.List(MOMENT),
    "earliest_at": MOMENT,
}


@dataclass(frozen=True, slots=True)
class Shortage:
    """A stretch in which the account's invitations are used up, with customers waiting for the next cycle."""

    ran_out_at: datetime
    resets_at: datetime
    waiting: int  # customers held back by the quota when it ran out


@dataclass(frozen=True, slots=True)
class Simulation:
    """What would go from `since` until just before `until` (policy time, UTC).

    messages  at, location_id, customer_id, person_id, list_id, step, template_id, channel, recipient_country,
              is_invitation (takes a unit of quota), category, segments; in the order of going
    held      who has a message coming that does not go within the time: location_id, customer_id, list_id, step,
              channel, rules, untils (as verdicts have them) and earliest_at (null: nobody knows)
    """

    since: datetime
    until: datetime
    messages: pl.DataFrame = field(repr=False)
    held: pl.DataFrame = field(repr=False)
    quota: Quota  # at `since`
    shortages: tuple[Shortage, ...]
    prices: Prices

    @property
    def cost(self) -> Cost:
        """What the messages cost by the price table."""
        return cost_of(volumes_of(self.messages), self.prices)

    def asked_nothing(self) -> "Simulation":
        """Only those of whom nothing goes within the time."""
        return replace(self, held=self.held.join(self.messages, on="customer_id", how="anti"))

    def at(self, location_ids: Collection[int]) -> "Simulation":
        """What it comes to at some locations. The quota stays the account's."""
        is_there = pl.col("location_id").is_in(list(location_ids))
        return replace(self, messages=self.messages.filter(is_there), held=self.held.filter(is_there))


def simulate(
    sources: Sources,
    standing: Standing,
    policy: Policy,
    now: datetime,
    *,
    until: datetime,
    prices: Prices,
    texts: Texts,
    link: str,
    longest_stretch: timedelta = LONGEST_STRETCH,
) -> Simulation:
    """Run `plan` forward from `now` (policy time, with a zone) until `until`. Pure, and the same every time.

    `texts` and `link` (one as long as the real ones, `volumes.link_like`) are for the length of text messages, which
    `prices` are about. Raises ConfigurationError when a template cannot be filled.
    """
    stretch = max(_HOUR, min(longest_stretch, _shortest_interval(sources)))
    run = _Run(sources, standing, policy, now, until, stretch)
    while (end := run.next_stretch()) is not None:
        run.step(end)
    messages = pl.concat([pl.DataFrame(schema=_MESSAGE), *run.sent])
    return Simulation(
        since=now,
        until=until,
        messages=sized(messages, texts, link),
        held=run.all_held(),
        quota=standing.quota,
        shortages=tuple(run.shortages),
        prices=prices,
    )


class _Run:
    """A simulation under way: the state as it moves on, and what has gone so far."""

    def __init__(  # noqa: PLR0917  (made in one place)
        self,
        sources: Sources,
        standing: Standing,
        policy: Policy,
        now: datetime,
        until: datetime,
        stretch: timedelta,
    ) -> None:
        self.sources, self.standing, self.policy = sources, standing, policy
        self.now, self.until, self.stretch = now, until, stretch
        self.sent: list[pl.DataFrame] = []
        self.held: list[pl.DataFrame] = []
        self.shortages: list[Shortage] = []
        self.ran_out_at: datetime | None = now if standing.quota.left <= 0 else None
        self.resets = standing.quota.resets
        self._decide()

    def next_stretch(self) -> datetime | None:
        """The end of the next stretch in which something can go; None: nothing more can within the time."""
        first = self.verdicts["earliest_at"].min()
        if not isinstance(first, datetime) or first >= self.until:
            return None
        resets = [moment for moment in self.standing.quota.resets if moment > first]
        stretch = _HOUR if self._is_pacing() else self.stretch
        return min(_hour_of(first) + stretch, self.until, *resets[:1])

    def _is_pacing(self) -> bool:
        paced = [number for number, pace in self.standing.paces.items() if pace.count is not None]
        waits = pl.col("list_id").is_in(paced) & ~pl.col("has_unit") & pl.col("earliest_at").is_not_null()
        return bool(paced) and bool(self.verdicts.select(waits.any()).item())

    def step(self, end: datetime) -> None:
        """Hand over everything that may go by `end`, and decide anew."""
        going = self.verdicts.filter(pl.col("earliest_at") < end).sort("earliest_at", "customer_id", "step", "channel")
        is_first = pl.col("customer_id").is_first_distinct() & ~pl.col("has_unit")
        self.sent.append(going.select(*_columns(_MESSAGE, at="earliest_at"), is_invitation=is_first))
        beside = self.verdicts.filter(pl.col("earliest_at") >= end).join(going, on=["customer_id", "step"], how="semi")
        self.sources = moved_on.after(self.sources, going, beside)
        self.standing = used_up.after(self.standing, moved_on.first_messages(going), end)
        self.now = end
        self._note_quota(going.filter(is_first)["earliest_at"].max())
        self._decide()

    def all_held(self) -> pl.DataFrame:
        """What waits when the time is over."""
        self.now = self.until
        self.standing = used_up.turned_to(self.standing, self.until)
        self._decide()
        return pl.concat([pl.DataFrame(schema=_HELD), *self.held, self.verdicts.select(*_HELD)]).sort(
            "customer_id", "step", "channel"
        )

    def _decide(self) -> None:
        """Plan at `now`, and let go of those of whom nothing more can go within the time."""
        verdicts = plan(build(self.sources, self.now), self.policy, self.now, self.standing)
        self._note_shortage(verdicts)
        # Who holds a unit takes nothing from others; who does not may be ahead of them in the quota's order.
        matters = pl.col("earliest_at").is_not_null() & (
            (pl.col("earliest_at") < self.until) | ~pl.col("has_unit")
        )  # fmt: skip
        going_on = verdicts.filter(matters)["customer_id"].unique()
        if len(going_on) < _SHRINKS_BELOW * self.sources.people.height:
            is_in = pl.col("customer_id").is_in(going_on.implode())
            self.held.append(verdicts.filter(~is_in).select(*_HELD))
            self.sources, verdicts = moved_on.only(self.sources, going_on), verdicts.filter(is_in)
        self.verdicts = verdicts

    def _note_quota(self, last: object) -> None:
        """When the account's units ran out, if they did in this step."""
        if self.standing.quota.left > 0 or self.standing.quota.resets != self.resets:
            self.ran_out_at, self.resets = None, self.standing.quota.resets
        if self.standing.quota.left > 0:
            return
        if self.ran_out_at is None and isinstance(last, datetime):
            self.ran_out_at = last

    def _note_shortage(self, verdicts: pl.DataFrame) -> None:
        """The first time that somebody waits after the units ran out."""
        if self.ran_out_at is None or not self.standing.quota.resets:
            return
        resets_at = self.standing.quota.resets[0]
        if self.shortages and self.shortages[-1].resets_at == resets_at:
            return
        waiting = verdicts.filter(pl.col("rules").list.contains(Rule.QUOTA.value))["customer_id"].n_unique()
        if waiting:
            self.shortages.append(Shortage(self.ran_out_at, resets_at, waiting))


def _shortest_interval(sources: Sources) -> timedelta:
    """Between two steps of any sequence; the longest stretch where no sequence has a second step."""
    delays = sources.steps.select("sequence_id", "step", "delay_minutes").unique().sort("sequence_id", "step")
    shortest = delays.select(pl.col("delay_minutes").diff().over("sequence_id").min()).item()
    return LONGEST_STRETCH if shortest is None else timedelta(minutes=int(shortest))


def _hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _columns(schema: Schema, **renamed: str) -> list[pl.Expr]:
    return [pl.col(renamed.get(name, name)).alias(name) for name in schema if name != "is_invitation"]
