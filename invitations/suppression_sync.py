"""A provider's list of addresses it refuses (Mailgun's) and our suppressions, brought together, in both directions.

Its entries come without "since", so each pass compares sets: two queries here, its three lists there. By time, and a
"no" is never lost: where times are equal to the second, or the provider names none, "no" wins.

| on the provider's list | here                                    | what happens                                   |
| ---------------------- | --------------------------------------- | ---------------------------------------------- |
| bounce                 | nothing said of the address             | UNDELIVERABLE, on e-mail only                  |
| unsubscribe, complaint | nothing said, or nobody's address       | the person, every channel; open ones stop      |
| any                    | as much was said already: seen before   | nothing                                        |
| unsubscribe, complaint | no, then START before the entry         | the person, every channel again: a new "no"    |
| unsubscribe, complaint | no, then START after the entry          | nothing: e-mail is off, SMS stays on           |
| unsubscribe, complaint | not known here, something lifted since  | the person, and what was said later once more  |
| any                    | restored by hand before the entry       | said again: a new "no"                         |
| any                    | restored by hand after the entry        | taken off the list, audited                    |
| any                    | that, but e-mail is off by another word | nothing                                        |
| not for all mail       | off by their own word                   | added, since they said it                      |
| complaint              | off by their own word                   | nothing: refused there already                 |
| none, or a bounce      | off by their own word (a STOP, too)     | added to the unsubscribes, since they said it  |
| none                   | only undeliverable, or restored         | nothing                                        |

An unsubscribe from one tag counts as one from everything (the broadest reading; ours are sent without tags).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from connectors import ConfigurationError, Listed, SuppressionList, Unavailable
from data.ledger import said_about_mail as words
from data.ledger.accounts import the_account
from data.ledger.controls import record_audit
from data.ledger.runs import recorded_run
from data.ledger.said_about_mail import Said
from data.ledger.store import Ledger, again_if_undone
from data.words import AddressKind, Channel, RunKind, SuppressionEffect, SuppressionReason
from invitations.consequences import PROVIDER
from invitations.said import Book

log = structlog.get_logger(__name__)

_CHUNK = 500  # entries a transaction
_AUDITED = "unlist"
_COUNTED = ("new", "repeated", "stopped", "added", "removed")


class SyncFailed(Exception):
    """A provider's list could not be read or changed; the message names it and the kind of failure."""


@dataclass(frozen=True)
class SyncReport:
    """What bringing the lists together changed. Counts: new, repeated, stopped, added, removed."""

    run_id: int | None  # None: no provider keeps such a list, and there was nothing to do
    counts: Mapping[str, int]

    def as_metadata(self) -> dict[str, int]:
        """The counts, for whoever shows them."""
        return dict(self.counts) if self.run_id is None else {"run_id": self.run_id, **self.counts}


def sync_suppressions(ledger: Ledger, lists: Mapping[str, SuppressionList], *, now: datetime) -> SyncReport:
    """Bring every list and ours together; `now` is policy time. A second pass finds nothing to do.

    Raises ConfigurationError when an account is refused, or SyncFailed when a list was not reached; both after the
    others were done. What was done stays; the next pass does the rest.
    """
    if not lists:
        return SyncReport(None, {})
    with recorded_run(ledger, RunKind.SUPPRESSIONS, policy_now=now) as run:
        counts = Counter(dict.fromkeys(_COUNTED, 0))
        refused: list[ConfigurationError] = []
        unreached: list[str] = []
        for name, its_list in lists.items():
            try:
                _sync_one(ledger, its_list, counts, now)
            except ConfigurationError as problem:
                refused.append(problem)
            except Unavailable as problem:
                unreached.append(f"{name} ({problem})")
            finally:
                run.counts = dict(counts)
        log.info("suppressions brought together", **counts)
        if refused:
            raise refused[0]
        if unreached:
            raise SyncFailed(f"Not brought together: {', '.join(unreached)}. The next pass does what is left.")
    return SyncReport(run.run_id, run.counts)


def _sync_one(ledger: Ledger, its_list: SuppressionList, counts: Counter[str], now: datetime) -> None:
    listed = [(entry.address.strip().lower(), entry) for entry in its_list.read()]
    with ledger.read() as c:
        account_id = the_account(c).account_id
        book = Book(words.read_said(c, account_id))
    new = [(address, entry) for address, entry in listed if book.is_new(address, entry, now)]
    counts["repeated"] += len(listed) - len(new)
    for start in range(0, len(new), _CHUNK):
        counts.update(_record(ledger, account_id, new[start : start + _CHUNK], now))
    with ledger.read() as c:
        book = Book(words.read_said(c, account_id))
    counts["added"] += its_list.add(_missing(book, listed))
    for address, entry in listed:
        if (restore := book.restored_after(address, entry)) is not None:
            its_list.remove(entry)
            _audit_removal(ledger, account_id, its_list.name, entry, restore)
            counts["removed"] += 1


def _missing(book: Book, listed: Sequence[tuple[str, Listed]]) -> list[tuple[str, datetime]]:
    """The addresses that the provider would still write to, though their owners said no, each with when."""
    refused_there = {
        address
        for address, entry in listed
        if entry.reason is not SuppressionReason.UNDELIVERABLE and entry.is_for_all_mail
    }
    since = {address: book.refused_since(address) for address in book.addresses() if address not in refused_there}
    return [(address, moment) for address, moment in since.items() if moment is not None]


@again_if_undone
def _record(ledger: Ledger, account_id: int, entries: Sequence[tuple[str, Listed]], now: datetime) -> Counter[str]:
    """Record entries in one transaction, each judged again under its person's lock: a START may have come since."""
    emails = [address for address, _ in entries]
    with ledger.write() as c:
        words.lock_people(c, set(words.read_said(c, account_id, emails).owners.values()))
        book = Book(words.read_said(c, account_id, emails))
        new = [(a, e) for a, e in entries if book.is_new(a, e, now)]
        persons = {person for a, _ in new if (person := book.owner(a)) is not None}
        owned = words.addresses_of(c, persons)
        rows: list[dict[str, Any]] = []
        stopping: set[int] = set()
        for address, entry in sorted(new, key=lambda each: (each[1].listed_at or now, each[0])):
            person = book.owner(address)
            is_bounce = entry.reason is SuppressionReason.UNDELIVERABLE
            mine = [(AddressKind.EMAIL, address)]
            later = [] if is_bounce else book.said_after(address, entry)
            rows += [
                {
                    "kind": kind, "address": its_address, "channel": Channel.EMAIL if is_bounce else None,
                    "effect": SuppressionEffect.SUPPRESS, "reason": entry.reason, "recorded_by": PROVIDER,
                    "occurred_at": entry.listed_at or now,
                }
                for kind, its_address in (mine if is_bounce or person is None else owned[person])
            ]  # fmt: skip
            rows += [_again(said) for said in later]
            if person is not None and not is_bounce and not later:
                stopping.add(person)
        words.append(c, account_id, rows)
        stopped = words.stop_open_invitations_of(c, stopping, by=PROVIDER, at=now)
    return Counter(new=len(new), repeated=len(entries) - len(new), stopped=stopped)


def _again(said: Said) -> dict[str, Any]:
    """The same word once more: the newest row counts, and this was said later than the one just written."""
    return {
        "kind": said.kind, "address": said.address, "channel": said.channel, "effect": said.effect,
        "reason": said.reason, "recorded_by": said.recorded_by, "occurred_at": said.occurred_at,
    }  # fmt: skip


@again_if_undone
def _audit_removal(ledger: Ledger, account_id: int, provider: str, entry: Listed, restore: Said) -> None:
    """Who lifted it here, and what that took off the provider's list; the address is the suppression's."""
    since = entry.listed_at.isoformat() if entry.listed_at else None
    with ledger.write() as c:
        record_audit(
            c, account_id, actor=restore.recorded_by, action=_AUDITED, subject=f"suppression {restore.suppression_id}",
            before={"provider": provider, "listed_as": entry.reason.value, "listed_at": since}, after=None,
        )  # fmt: skip
