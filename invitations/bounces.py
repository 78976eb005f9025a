"""Bounces and complaints that come back by mail: which of them are believed, and what they change.

Anybody can write such a mail, and nothing in it is signed. What proves it is the attempt's id, 72 random bits that
leave with the message and come back with the mail that is given back. Whoever knows them holds the message, with the
link in it that unsubscribes, so that a forged report does nothing that its forger could not do by that link. Besides:

- The attempt is one of ours, and went by the provider that such mails are about.
- A bounce, and any other word on the delivery, names the address that we wrote to. Of a mail that was forwarded the
  next address may be dead: that says nothing of ours, whose server took it, so nothing is changed.
- A complaint need not, for most of them hide the address (RFC 6590) or name the one it was forwarded to: they who got
  our mail do not want it.

What is believed is applied as a provider's event is (`received`): a message that was in doubt has certainly left, its
quota stays charged, a dead address is suppressed, and each word counts once.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

import structlog

from connectors import BounceMail, BounceMailbox, MailReport, ProviderEvent
from data.ledger.outcomes import Attempt, find_attempts
from data.ledger.polling import move_cursor, read_cursor
from data.ledger.reported import Reported, read_reported
from data.ledger.store import Ledger, again_if_undone
from data.settings import utc_now
from data.words import EventKind
from invitations.contacts import clean_email
from invitations.received import apply_events

log = structlog.get_logger(__name__)

READ_AGAIN = timedelta(minutes=10)  # a file server's clock may be behind this machine's
_CHUNK = 200  # mails a transaction

Counts = Counter[str]


def read_bounces(ledger: Ledger, box: BounceMailbox, *, now: datetime) -> Counts:
    """Read what came to the box since the last time, and apply it. `now` is policy time. Raises OSError or
    Unavailable.

    The cursor is this machine's clock, as files have it, at the moment the reading began; what comes while it goes on
    is read the next time. A first reading may take long: where the box gives its mails in the order in which they came,
    one that is ended goes on from there.
    """
    began_at = utc_now()
    with ledger.read() as connection:
        cursor = read_cursor(connection, box.name)
    counts = _no_counts()
    for chunk in _chunks(box.read(cursor - READ_AGAIN if cursor else None)):
        _take(ledger, chunk, counts, now=now)
        if (came_at := chunk[-1].came_at) is not None:
            _note_read(ledger, box.name, min(came_at, began_at))
    _note_read(ledger, box.name, began_at)
    log.info("bounces read", **counts)
    return counts


def take_mails(ledger: Ledger, mails: Iterable[BounceMail], *, now: datetime) -> Counts:
    """Apply what mails report; may be repeated with the same ones. `now` is policy time. Each mail is counted:

    `mails` in all, `no_report` (a reply, an out-of-office answer) and `unreadable`; and each report: `new`, `repeated`,
    `unmatched` (about no message of ours) and `other_address` (not the one that we wrote to).
    """
    counts = _no_counts()
    for chunk in _chunks(mails):
        _take(ledger, chunk, counts, now=now)
    log.info("bounces read", **counts)
    return counts


def _no_counts() -> Counts:
    words = ("mails", "no_report", "unreadable", "new", "repeated", "unmatched", "other_address")
    return Counter(dict.fromkeys(words, 0))


def _chunks(mails: Iterable[BounceMail]) -> Iterator[list[BounceMail]]:
    iterator = iter(mails)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _take(ledger: Ledger, mails: Sequence[BounceMail], counts: Counts, *, now: datetime) -> None:
    counts["mails"] += len(mails)
    counts["unreadable"] += sum(mail.is_unreadable for mail in mails)
    counts["no_report"] += sum(not mail.reports and not mail.is_unreadable for mail in mails)
    reports = [report for mail in mails for report in mail.reports]
    if reports:
        counts.update(_apply(ledger, reports, now=now))


@again_if_undone
def _apply(ledger: Ledger, reports: Sequence[MailReport], *, now: datetime) -> Counts:
    """Keep and apply what is believed of these reports, in one transaction."""
    counts: Counts = Counter()
    with ledger.write() as connection:
        ours = find_attempts(connection, {attempt_id for report in reports for attempt_id in report.attempt_ids})
        believed: list[tuple[MailReport, Attempt]] = []
        for report in reports:
            attempt = next((ours[one] for one in report.attempt_ids if one in ours), None)
            if attempt is None or attempt.provider != report.provider:
                counts["unmatched"] += 1
            elif not _is_about(report, attempt):
                counts["other_address"] += 1
            else:
                believed.append((report, attempt))
        known = read_reported(connection, [attempt for _, attempt in believed])
        # The inbox forgets its keys after weeks, and a mailbox may be read anew after months: events are not forgotten.
        fresh = [
            _event(report, attempt, known, now)
            for report, attempt in believed
            if (attempt.attempt_id, report.kind, report.code) not in known.told
        ]
        received = apply_events(connection, fresh, now=now)
    counts["new"] = received.new
    counts["repeated"] = len(believed) - len(fresh) + received.repeated
    return counts


def _is_about(report: MailReport, attempt: Attempt) -> bool:
    """Whether the report names whom we wrote to; a complaint need not."""
    if report.kind is EventKind.COMPLAINED:
        return True
    return any(attempt.address in (address.lower(), clean_email(address)) for address in report.recipients)


def _event(report: MailReport, attempt: Attempt, known: Reported, now: datetime) -> ProviderEvent:
    """The report as a provider's event, dated no earlier than its message and no later than now.

    A no from the future would outlast every later word, one from before its message would be overruled by older ones.
    """
    handed_at = known.handed_at.get(attempt.request_id)
    at = min(report.occurred_at or now, now)
    return ProviderEvent(
        provider=report.provider,
        key=f"{attempt.attempt_id}:{report.kind.value}:{report.code or ''}",
        kind=report.kind,
        occurred_at=max(at, handed_at) if handed_at else at,
        attempt_id=attempt.attempt_id,
        code=report.code,
        reason=report.reason,
        scope=report.scope,
        raw=report.raw,
    )


@again_if_undone
def _note_read(ledger: Ledger, name: str, read_until: datetime) -> None:
    with ledger.write() as connection:
        move_cursor(connection, name, read_until)
