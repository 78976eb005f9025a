"""Whether a policy's hours leave anybody a time to be asked: looked at through `invitations.windows`, as planning does.

In a zone whose clocks are never changed, over one week and without holidays: what is closed there is always closed.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import polars as pl

from data.account_file import AccountFile
from data.account_texts import SequencePart
from data.words import Channel
from invitations.policy import Policy
from invitations.policy_parts import QuietHours, StricterHours
from invitations.windows import open_windows

_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
_WEEK = timedelta(days=7)


def closed_regions(file: AccountFile, policy: Policy) -> Iterator[str]:
    """Regions of the account's own countries, with the channels by which nobody there could ever be asked.

    Only own countries: a French clinic is not kept from its evening hours by Connecticut's.
    """
    for region in dict.fromkeys(row.region for row in policy.stricter_hours):
        used = {channel for place in file.locations if place.region == region[:2] for channel in place.channels}
        closed = [channel.value for channel in Channel if channel in used and not _windows(policy, region, channel)]
        if closed:
            yield (
                f"[policy]: quiet_hours and the stricter hours of {region} for {', '.join(closed)} have no minute in "
                "common, so nobody there could ever be asked: let quiet_hours (or their weekdays) reach into those"
            )


def impossible_times(sequence: SequencePart, policy: Policy) -> Iterator[str]:
    """Steps whose time of day is outside the general hours on every day of the week."""
    general = policy.model_copy(update={"stricter_hours": ()})
    for number, step in enumerate(sequence.steps, 1):
        if step.at_minute is None:
            continue
        moments = [_MONDAY + timedelta(days=day, minutes=step.at_minute) for day in range(8)]
        windows = _windows(general, "", step.channels[0])
        if not any(opens_at <= moment < closes_at for opens_at, closes_at in windows for moment in moments):
            yield (
                f'[[sequences.steps]] no. {number} of "{sequence.slug}", key at: found "{step.at}", but no message '
                "goes at that time on any day ([policy.quiet_hours]): name a time within those hours, or widen them"
            )


def _windows(policy: Policy, region: str, channel: Channel) -> tuple[tuple[datetime, datetime], ...]:
    """The open stretches of a week in a region ("US-CT", or a country), () when it never opens."""
    return _windows_of(policy.quiet_hours, policy.stricter_hours, region, channel)


@lru_cache(1000)
def _windows_of(
    quiet_hours: QuietHours, stricter_hours: tuple[StricterHours, ...], region: str, channel: Channel
) -> tuple[tuple[datetime, datetime], ...]:
    """Remembered: most settings that are changed leave the hours as they are."""
    policy = Policy.load({}).model_copy(
        update={
            "quiet_hours": quiet_hours.model_copy(update={"skip_holidays": False}),
            "stricter_hours": stricter_hours,
        }
    )
    place = {
        "zones": ["UTC"],
        "regions": [region if "-" in region else ""],
        "recipient_country": [region[:2]],
        "channel": [channel.value],
    }
    windows = open_windows(pl.DataFrame(place), policy, _MONDAY, _MONDAY + _WEEK)
    return tuple(windows.select("opens_at", "closes_at").rows())
