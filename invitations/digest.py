"""The morning digest: what was sent, failed and answered yesterday in the account's zone, what waits and why. Once.

Written from eight in the morning on, by whoever looks first: Dagster's schedule, or the watch of web/. Counts only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from data.ledger import digests, notices
from data.ledger.digests import Figures
from data.ledger.runs import has_any_run
from data.ledger.store import Ledger, again_if_undone
from data.ledger.tables import accounts
from data.words import Channel, FailureScope, NoticeWay
from invitations.held_back import HELD_BACK

log = structlog.get_logger(__name__)

HOUR = 8  # on the account's wall clock
_MOST_LINES = 8  # of failures, and of reasons: a digest is read over coffee
_CHANNEL = {Channel.SMS: "SMS", Channel.EMAIL: "email", Channel.WHATSAPP: "WhatsApp"}
_SCOPE = {
    FailureScope.ADDRESS: "the address does not work",
    FailureScope.OPT_OUT: "the person had opted out at the provider",
    FailureScope.MESSAGE: "the message was refused",
    FailureScope.ROUTE: "our sender may not send there",
    FailureScope.SENDER: "the provider refuses our sender",
    None: "for a reason that the provider did not say",
}


@dataclass(frozen=True, slots=True)
class _Due:
    account_id: int
    account: str  # its name
    zone: ZoneInfo
    day: date


def write_due_digests(ledger: Ledger, ways: Sequence[NoticeWay], *, now: datetime) -> int:
    """Write yesterday's digest of each account where it is eight by now and there is none; how many. `now` is policy
    time. A ledger on which nothing ever ran has nothing to tell.
    """
    with ledger.read() as connection:
        if not has_any_run(connection):
            return 0
        due = [
            _Due(account_id, name, ZoneInfo(zone), day)
            for account_id, name, zone in connection.execute(
                sa.select(accounts.c.account_id, accounts.c.name, accounts.c.time_zone)
            )
            if (day := day_due(now, ZoneInfo(zone))) and not digests.is_written(connection, account_id, day)
        ]
    return sum(_write(ledger, ways, digest, now) for digest in due)


def day_due(now: datetime, zone: ZoneInfo) -> date | None:
    """The day to tell of: yesterday, once it is eight in the morning; before that none."""
    local = now.astimezone(zone)
    return local.date() - timedelta(days=1) if local.hour >= HOUR else None


def _write(ledger: Ledger, ways: Sequence[NoticeWay], due: _Due, now: datetime) -> bool:
    start, end = (datetime.combine(day, time.min, due.zone) for day in (due.day, due.day + timedelta(days=1)))
    with ledger.read() as connection:
        figures = digests.read_figures(connection, due.account_id, start, end, now)
    is_new = _keep(ledger, ways, due, figures)
    if is_new:
        log.info(
            "digest",
            account_id=due.account_id,
            day=due.day.isoformat(),
            sent=sum(figures.asks.values()) + sum(figures.reminders.values()),
            failed=sum(failure.count for failure in figures.failures),
            answered=_how_many_answered(figures),
            reviews=sum(count for count, _ in figures.reviews.values()),
            waiting=sum(figures.waiting.values()),
        )
    return is_new


@again_if_undone
def _keep(ledger: Ledger, ways: Sequence[NoticeWay], due: _Due, figures: Figures) -> bool:
    """Digest and notices in one transaction; False when somebody else just wrote it."""
    subject, text = f"{due.account}: {_headline(figures)} ({due.day:%A, %d %B})", text_of(figures, due.day, due.zone)
    with ledger.write() as connection:
        if not digests.write(connection, due.account_id, due.day, subject=subject, text=text):
            return False
        topic = f"digest {due.account_id} {due.day.isoformat()}"
        notices.write(connection, ways, topic=topic, subject=subject, text=text)
        return True


def text_of(figures: Figures, day: date, zone: ZoneInfo) -> str:
    """The whole digest."""
    parts = [
        f"{day:%A, %d %B %Y}, midnight to midnight in {zone.key}.",
        _part("Sent", _sent(figures)),
        _part("Failed", _failed(figures)),
        _part("Answered", _answered(figures)),
        _part("Waiting now", _counted(figures.waiting)),
        _part("Not asked, by the last planning", _counted({HELD_BACK.get(k, k): n for k, n in figures.held.items()})),
    ]
    return "\n\n".join(parts) + "\n"


def _headline(figures: Figures) -> str:
    sent = sum(figures.asks.values()) + sum(figures.reminders.values())
    return f"{sent:,} sent, {_how_many_answered(figures):,} answered"


def _how_many_answered(figures: Figures) -> int:
    return sum(figures.scores.values()) + sum(figures.stars.values())


def _part(title: str, lines: Sequence[str]) -> str:
    return f"{title}:\n" + "\n".join(f"  {line}" for line in lines or ["nothing"])


def _sent(figures: Figures) -> list[str]:
    lines = []
    for what, counts in (("first message", figures.asks), ("reminder", figures.reminders)):
        by = ", ".join(f"{counts[channel]:,} by {_CHANNEL[channel]}" for channel in Channel if channel in counts)
        if by:
            lines.append(f"{_many(sum(counts.values()), what)}: {by}")
    return lines


def _failed(figures: Figures) -> list[str]:
    """By reason, with the provider's code; its own words stay in the ledger, they may quote an address."""
    lines = [
        f"{failure.count:,} by {_CHANNEL[failure.channel]}: {_SCOPE[failure.scope]} ({failure.code})"
        for failure in figures.failures[:_MOST_LINES]
    ]
    rest = sum(failure.count for failure in figures.failures[_MOST_LINES:])
    return [*lines, f"{rest:,} for other reasons"] if rest else lines


def _answered(figures: Figures) -> list[str]:
    lines = []
    given = sum(figures.scores.values())
    if given:
        promoters = sum(count for score, count in figures.scores.items() if score >= 9)
        detractors = sum(count for score, count in figures.scores.items() if score <= 6)
        average = sum(score * count for score, count in figures.scores.items()) / given
        nps = round(100 * (promoters - detractors) / given)
        lines.append(f"{_many(given, 'score')}, {average:.1f} of 10 on average, NPS {nps:+d}")
    if rated := sum(figures.stars.values()):
        average = sum(stars * count for stars, count in figures.stars.items()) / rated
        lines.append(f"{_many(rated, 'answer')} in stars, {average:.1f} of 5 on average")
    if figures.comments:
        lines.append(f"{_many(figures.comments, 'answer')} with a comment")
    for platform, (count, stars) in figures.reviews.items():
        on_average = "" if stars is None else f", {stars:.1f} stars on average"
        lines.append(f"{_many(count, 'review')} on {platform}{on_average}")
    if figures.unsubscribed:
        lines.append(f"{figures.unsubscribed:,} asked not to be contacted any more")
    if figures.complained:
        lines.append(f"{figures.complained:,} called a message spam")
    return lines


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _counted(counts: Mapping[str, int]) -> list[str]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"{count:,}: {reason}" for reason, count in ordered[:_MOST_LINES]]
    rest = sum(count for _, count in ordered[_MOST_LINES:])
    return [*lines, f"{rest:,}: other reasons"] if rest else lines
