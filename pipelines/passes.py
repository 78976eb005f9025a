"""One pass over each part of the work: what an asset and a command both call, so that they cannot differ.

Nothing here decides anything; each puts two or three plain functions of `invitations` and `data` in a row. Every pass
may be repeated at any time: the ledger's constraints and the warehouse's keys make the second one a no-op.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from connectors import BounceMailbox, EventSource, SuppressionList
from connectors.alerting import Ways
from data.ledger.demo_clock import is_demo
from data.ledger.runs import recorded_run
from data.ledger.store import Ledger
from data.settings import utc_now
from data.warehouse import Warehouse
from data.warehouse.archive import archive_inbox, archive_verdicts
from data.warehouse.load import load_from_ledger
from data.warehouse.store import PUBLISH_EVERY
from data.words import RunKind
from invitations.digest import write_due_digests
from invitations.events import poll_providers
from invitations.queueing import PlanReport, plan_and_queue
from invitations.suppression_sync import SyncFailed, sync_suppressions
from invitations.take_in import pick_up_inbox
from invitations.watch import Watched, watch
from pipelines.inbox_reviews import pick_up_reviews

Counts = dict[str, int]

DEMO_PUBLISHES_EVERY = timedelta(seconds=10)  # or first answers would be two minutes old when charts show them


def warehouse_of(ledger: Ledger) -> Warehouse:
    """The warehouse that belongs to a ledger's home."""
    return Warehouse(ledger.settings.warehouse_folder)


def take_in(ledger: Ledger) -> Counts:
    """Import every file of customers waiting in the inbox folder."""
    with recorded_run(ledger, RunKind.IMPORT) as run:
        reports = pick_up_inbox(ledger, ledger.settings.inbox_folder)
        run.counts = {
            "files": len(reports),
            "rows": sum(report.row_count for report in reports),
            "new": sum(report.new_count for report in reports),
            "known": sum(report.known_count for report in reports),
            "rejected": sum(report.rejected_count for report in reports),
            "unreadable_files": sum(report.problem is not None for report in reports),
        }
    return run.counts


def take_in_reviews(ledger: Ledger) -> Counts:
    """Import every file of reviews in the inbox folder."""
    return pick_up_reviews(ledger, ledger.settings.inbox_folder)


def bring_suppressions_together(ledger: Ledger, lists: Mapping[str, SuppressionList], *, now: datetime) -> Counts:
    """Providers' lists of addresses and ours, both ways. One not reached waits for the next night: the run says so.

    A refused account goes on as an error: then nobody can tell who said no there, and nothing may be planned.
    """
    try:
        return {"lists": len(lists), **sync_suppressions(ledger, lists, now=now).as_metadata()}
    except SyncFailed:
        return {"lists": len(lists), "not_reached": 1}


def plan_and_archive(ledger: Ledger, *, now: datetime) -> PlanReport:
    """Decide about every candidate, queue what may go, and keep the verdicts for whoever asks why not."""
    with recorded_run(ledger, RunKind.PLAN, policy_now=now) as run:
        report = plan_and_queue(ledger, now=now)
        run.counts = report.as_metadata()
    archive_verdicts(report.verdicts, ledger.settings.archive_folder, warehouse_of(ledger), now=now)
    return report


def receive_events(
    ledger: Ledger, sources: Mapping[str, EventSource], bounces: BounceMailbox | None, *, now: datetime
) -> Counts:
    """Ask every provider what happened, read what came back by mail, and apply it."""
    return dict(poll_providers(ledger, sources, now=now, bounces=bounces).counts)


def load_warehouse(ledger: Ledger) -> Counts:
    """Put raw payloads to rest as Parquet, and bring the warehouse up to the ledger."""
    archived = archive_inbox(ledger, ledger.settings.archive_folder, now=utc_now())
    loaded = load_from_ledger(ledger, warehouse_of(ledger))
    return {**{f"archived_{name}": count for name, count in archived.items()}, **loaded}


def publish(ledger: Ledger) -> Counts:
    """Give the dashboard a new copy, at most once a minute (a demo: ten seconds) and only when something changed."""
    every = DEMO_PUBLISHES_EVERY if is_demo(ledger) else PUBLISH_EVERY
    return {"copies": int(warehouse_of(ledger).publish(every=every) is not None)}


def write_digests(ledger: Ledger, ways: Ways) -> Counts:
    """Write the morning digests that are due; the watch tells them."""
    written = write_due_digests(ledger, [carrier.way for carrier in ways.carriers], now=ledger.policy_now())
    return {"digests": written}


def watch_over(ledger: Ledger, ways: Ways) -> Watched:
    """Look for what is wrong, and tell it."""
    return watch(ledger, ways.carriers, now=ledger.policy_now())
