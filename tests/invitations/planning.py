"""Made-up candidates for the tests of planning: somebody new in Chicago whom nothing holds back, but for what a test
says."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from data.standing import Pace, Quota, Standing
from invitations.plan import plan
from invitations.policy import Policy
from invitations.windows import MOMENT

NOON = datetime(2026, 11, 23, 18, tzinfo=UTC)  # Monday noon in Chicago
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RESETS = tuple(NOON + (8 + 30 * number) * DAY for number in range(6))
NO_CONSENT_NEEDED: list[dict[str, Any]] = []

COLUMNS: dict[str, Any] = {
    **dict.fromkeys(("account_id", "location_id", "customer_id", "person_id", "invitation_id"), pl.Int64),
    "invitation_status": pl.String,
    **dict.fromkeys(("sequence_id", "list_id", "step"), pl.Int64),
    "channel": pl.String,
    "preference": pl.Int64,
    "is_all_channels": pl.Boolean,
    **dict.fromkeys(("ordered_at", "due_at"), MOMENT),
    "at_minute": pl.Int64,
    **dict.fromkeys(("zones", "regions", "recipient_country"), pl.String),
    **dict.fromkeys(
        (
            *("is_channel_off", "is_address_missing", "is_template_missing", "is_template_unapproved"),
            *("is_marketing_refused", "is_suppressed", "is_excluded", "is_list_undone", "is_paused", "is_in_flight"),
            *("has_scored", "has_chosen_platform", "has_linked_review", "has_clicked", "has_failed"),
            *("is_beyond_plan", "is_consent_withdrawn"),
        ),
        pl.Boolean,
    ),
    **dict.fromkeys(("express_at", "purchase_at", "inquiry_at", "asked_at", "invited_at"), MOMENT),
    **dict.fromkeys(("is_cap_overridden", "has_unit"), pl.Boolean),
    "request_id": pl.Int64,
    "request_status": pl.String,
    **dict.fromkeys(("queued_not_before", "queued_not_after"), MOMENT),
    "queued_address": pl.String,
    "address": pl.String,
    "template_id": pl.Int64,
}


def policy(**document: Any) -> Policy:
    """Texts from 08:00 to 21:00, at most one ask in 90 days, no consent needed; but for `document`."""
    return Policy.load({"consent": NO_CONSENT_NEEDED, "stricter_hours": []} | document)


POLICY = policy()


def candidate(**values: Any) -> dict[str, Any]:
    """One row; `customer_id` (1) is the person's number too unless said otherwise."""
    plain = {name: False if kind is pl.Boolean else None for name, kind in COLUMNS.items()}
    customer = values.get("customer_id", 1)
    return plain | {
        "account_id": 1, "location_id": 1, "customer_id": customer, "person_id": customer, "sequence_id": 1, "step": 0,
        "channel": "sms", "preference": 0, "ordered_at": NOON - DAY, "zones": "America/Chicago", "regions": "US-IL",
        "recipient_country": "US", "address": f"+1312555{customer:04}",
    } | values  # fmt: skip


def standing(left: int = 100, *, paces: dict[int, Pace] | None = None, **quota: Any) -> Standing:
    """A quota with `left` units until the reset in eight days, and 100 in each cycle after, unless said otherwise."""
    values: dict[str, Any] = {"per_cycle": 100, "resets": RESETS} | quota
    return Standing(Quota(left=left, **values), paces or {})


def frame(*candidates: dict[str, Any]) -> pl.DataFrame:
    """The candidates as `plan` takes them."""
    return pl.DataFrame(candidates, schema=COLUMNS, orient="row")


def verdicts(
    *candidates: dict[str, Any], policy: Policy = POLICY, now: datetime = NOON, standing: Standing | None = None
) -> list[dict[str, Any]]:
    """Planned together."""
    return plan(frame(*candidates), policy, now, standing or Standing(Quota(100, 100, RESETS))).to_dicts()


def verdict(**values: Any) -> dict[str, Any]:
    """The verdict on one candidate, alone; `policy`, `now` and `standing` are for `verdicts`, the rest is the row's."""
    given = {name: values.pop(name) for name in ("policy", "now", "standing") if name in values}
    [only] = verdicts(candidate(**values), **given)
    return only
