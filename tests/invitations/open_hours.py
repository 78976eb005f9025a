"""Open hours as tests ask for them: a policy of a few words, and when it lets a message out somewhere."""

from datetime import datetime, timedelta
from typing import Any

from data.words import Channel
from invitations.clocks import as_datetime
from invitations.policy import Policy
from invitations.windows import windows_at

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CHICAGO, NEW_YORK = "America/Chicago", "America/New_York"
PLAIN: dict[str, Any] = {"stricter_hours": [], "consent": []}


def policy(opens: str = "08:00", closes: str = "21:00", **more: Any) -> Policy:
    """Those hours and no stricter ones, unless `stricter_hours` says so."""
    hours = {name: more.pop(name) for name in ("weekdays", "skip_holidays") if name in more}
    return Policy.load({**PLAIN, "quiet_hours": {"opens": opens, "closes": closes, **hours}, **more})


def windows(
    rules: Policy, since: datetime, until: datetime, *, zones: str = CHICAGO, regions: str = "", country: str = "US",
    channel: Channel = Channel.SMS,
) -> list[tuple[datetime, datetime]]:  # fmt: skip
    found = windows_at((zones, regions, country, channel.value), rules, since, until)
    return [(as_datetime(opens), as_datetime(closes)) for opens, closes in found]
