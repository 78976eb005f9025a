"""Why messages wait that nothing about their customers holds back: a held sender, a sender's day that is used up."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.engine import Connection

from data.ledger.breakers import OpenBreaker, read_open
from data.ledger.rates import has_used_up_its_day, read_shut
from data.pace import Pace
from data.words import Channel
from invitations.consent import CHANNEL_NAMES


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason why nothing leaves on a channel, in words; `until` (policy time) where it ends by itself."""

    channel: Channel
    prefix: str  # only to addresses that begin so; "" = to all
    says: str
    until: datetime | None = None


def read_holds(connection: Connection, pace: Pace, *, clock: datetime, now: datetime) -> list[Hold]:
    """What holds senders back at present. `clock` is the database's, on which it is kept; `now` is policy time."""
    shift = now - clock
    holds = [_refused(found, shift) for found in read_open(connection)]
    holds += [
        Hold(channel, "", f"the provider of {CHANNEL_NAMES[channel]} asked us to pause; others wait too", until + shift)
        for channel, until in read_shut(connection).items()
    ]
    zone = pace.sending_day_zone
    town = zone.rsplit("/", 1)[-1].replace("_", " ")
    return holds + [
        Hold(
            channel, "",
            f"the sender has sent as many by {CHANNEL_NAMES[channel]} today as it may ({_a_day(channel, pace)}); "
            f"others wait until midnight {town} time",
        )
        for channel in Channel
        if has_used_up_its_day(connection, channel, per_day=pace.per_day(channel), day_zone=zone)
    ]  # fmt: skip


def _a_day(channel: Channel, pace: Pace) -> str:
    return f"{pace.per_day(channel):,}{' segments' if channel is Channel.SMS else ''}"


def _refused(found: OpenBreaker, shift: timedelta) -> Hold:
    to = f" to numbers beginning {found.prefix}" if found.prefix else ""
    why = (
        f"too many called our mails spam ({found.reason})"
        if found.is_ours
        else f"the provider refuses our sender ({found.reason}, {found.code})"
    )
    says = f"no {CHANNEL_NAMES[found.channel]} leaves{to}: {why}"
    if found.probe_at is None:
        return Hold(found.channel, found.prefix, f"{says}, until someone closes the breaker")
    return Hold(found.channel, found.prefix, f"{says}; one message tries next", found.probe_at + shift)
