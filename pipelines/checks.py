"""Checks that mean something: counts of the ledger that must be zero. Each is also asked by `afterword doctor`."""

from collections.abc import Callable

import dagster as dg
from sqlalchemy.engine import Connection

from data.ledger.soundness import (
    count_attempts_past_their_lease,
    count_cycles_out_of_balance,
    count_events_without_request,
    count_invitations_sent_without_quota,
)
from pipelines.assets import core_attempts_resolved, core_requests_sent, raw_events
from pipelines.resources import LedgerResource


def _must_be_zero(
    name: str, asset: dg.AssetsDefinition, count: Callable[[Connection], int], meaning: str
) -> dg.AssetChecksDefinition:
    @dg.asset_check(name=name, asset=asset, description=meaning)
    def check(ledger: LedgerResource) -> dg.AssetCheckResult:
        with ledger.opened() as opened, opened.read() as connection:
            found = count(connection)
        return dg.AssetCheckResult(passed=found == 0, metadata={"found": found})

    return check


ALL = [
    _must_be_zero(
        "no_event_without_request", raw_events, count_events_without_request,
        "Every event that names an attempt of ours belongs to a request.",
    ),
    _must_be_zero(
        "quota_adds_up", core_requests_sent, count_cycles_out_of_balance,
        "Each cycle's used units are exactly the reservations it holds.",
    ),
    _must_be_zero(
        "every_invitation_sent_holds_a_unit", core_requests_sent, count_invitations_sent_without_quota,
        "An invitation with a message handed over holds one unit of the quota.",
    ),
    _must_be_zero(
        "no_attempt_past_its_lease", core_attempts_resolved, count_attempts_past_their_lease,
        "No unfinished attempt is older than its lease and the quarter of an hour that resolve has.",
    ),
]  # fmt: skip
