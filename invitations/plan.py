"""Who is asked, when, and why not: `plan(candidates, policy, now, standing)`, pure, over one Polars frame. Nobody is
dropped.

A candidate is a customer's next step on one channel that the step names; `data.ledger.candidates` reads them. Columns:

    account_id, location_id, customer_id, person_id  Int64
    invitation_id            Int64    null: not invited, or a new invitation after one that ended
    invitation_status        String   InvitationStatus; null: none is under way
    sequence_id, list_id, step        Int64  step 0 is the first ask
    channel                  String   Channel
    preference               Int64    the channel's place in the step; -1 where a message is queued on it already
    is_all_channels          Boolean  every usable channel carries the step; else the first one that can
    ordered_at               Datetime who comes first: invitation's start, else the customer's making
    due_at                   Datetime when the step's delay has passed; null: at once
    at_minute                Int64    the step goes at so many minutes after midnight, local; null: at any time
    zones, regions, recipient_country  String  where the recipient may be (`data.recipients`)
    is_channel_off, is_address_missing, is_template_missing, is_template_unapproved, is_marketing_refused,
    is_suppressed            Boolean  why this channel cannot be used
    is_excluded              Boolean  staff and relatives
    is_list_undone           Boolean  they came only by a list that was taken back, and nothing is under way
    is_paused                Boolean  the message, its list, or the channel at the location
    is_in_flight             Boolean  a message of the invitation is being sent or in doubt
    has_scored, has_chosen_platform, has_linked_review, has_clicked, has_failed  Boolean  facts, never values
    is_beyond_plan           Boolean  a follow-up, and the account's plan has none
    is_consent_withdrawn     Boolean  they said no to being asked, and gave no basis since
    express_at, purchase_at, inquiry_at  Datetime  the newest consent of each basis not withdrawn since; null: none
    asked_at                 Datetime the person's latest ask at any location and address; null: never
    invited_at               Datetime this customer's latest invitation at this location; null: never
    is_cap_overridden        Boolean  a person asked by hand in spite of the two above
    has_unit                 Boolean  the invitation holds a unit of quota
    request_status, queued_not_before, queued_not_after  of the message queued for this row, if any
    request_id, address, template_id, queued_address, sent_by, override_reason, ask_channels, ask_template_slug,
    ask_send_at              carried through for `queueing`

Datetimes are microseconds, UTC. The verdicts are those columns and:

    now           Datetime        the moment planned for
    rules         List(String)    names (words.Rule) of ALL rules that hold the candidate back now
    untils        List(Datetime)  beside each, when it lets go; null: nobody knows
    earliest_at   Datetime        the exact moment at which all have let go; null: one of them has no known end
    not_before, not_after  Datetime  the window for dispatch: earliest_at until hours close or consent runs out
    is_clear      Boolean         may go now
"""

from datetime import datetime
from functools import cache, lru_cache

import polars as pl

from data.ledger.frames import at_moment
from data.standing import Standing
from data.words import RequestStatus
from invitations import consent, rules, sharing
from invitations.calendars import Calendars, kinds_of
from invitations.choosing import choose_channels
from invitations.clocks import as_moment
from invitations.pacing import Places
from invitations.policy import KEPT, Policy
from invitations.verdicts import lay_rules
from invitations.windows import MOMENT, PLACE

_READ = (
    *("customer_id", "person_id", "location_id", "invitation_id", "invitation_status", "list_id", "step"),
    *("preference", "is_all_channels", "ordered_at", "due_at", "at_minute", *PLACE),
    *("is_channel_off", "is_address_missing", "is_template_missing", "is_template_unapproved"),
    *("is_marketing_refused", "is_suppressed", "is_excluded", "is_list_undone", "is_paused", "is_in_flight"),
    *("has_scored", "has_chosen_platform", "has_linked_review", "has_clicked", "has_failed"),
    *("is_beyond_plan", "asked_at", "invited_at", "is_cap_overridden", "has_unit"),
    *("request_status", "queued_not_before", "queued_not_after"),
)
# What waiting for others changes, and what that is worked out from.
_UNITS = ("is_over_location", "is_over_quota", "location_ends_at", "quota_ends_at")
_TIMED = (
    *("row_number", "customer_id", "cal", "pace_id", "can_go_at", "opens_at", "closes_at"),
    *("is_slowed", "list_ends_at", "cap_ends_at"),
    *_UNITS,
)


def plan(candidates: pl.DataFrame, policy: Policy, now: datetime, standing: Standing) -> pl.DataFrame:
    """One verdict for each candidate that a step comes down to, in the candidates' order.

    Of a step's channels the first usable one stays (every usable one if `is_all_channels`); if none is usable, one
    row stays and carries the reasons of all. `now` is policy time, with a zone; `standing` the account's at `now`.
    """
    rows = _prepared(candidates, policy, now, standing)
    kinds, plain_cals, rows = kinds_of(rows, standing.paces)
    calendars = Calendars(dict(enumerate(kinds)), policy, standing.paces, now)
    rows = _with_hours(rows, plain_cals, calendars, now)
    rows = _with_others(rows, calendars, policy, standing)
    return lay_rules(candidates, rows, policy)


def _prepared(candidates: pl.DataFrame, policy: Policy, now: datetime, standing: Standing) -> pl.DataFrame:
    """The candidates that stay, slim, with `starts_at`: when everything of their own that can end has."""
    rows = candidates.with_row_index("row_number").select(
        "row_number", *_READ, now=at_moment(now), consent_ends_at=consent.ends_at(policy)
    )
    is_first, send_at = ~pl.col("has_unit"), {n: pace.send_at for n, pace in standing.paces.items() if pace.send_at}
    sent_from = pl.col("list_id").replace_strict(send_at, default=None, return_dtype=MOMENT) if send_at else None
    asked_until, invited_until = _own_ends(policy)
    rows = rows.with_columns(
        cap_ends_at=asked_until,
        pace_id=pl.when(is_first & pl.col("list_id").is_in(list(standing.paces))).then("list_id"),
        sent_from=pl.lit(None, MOMENT) if sent_from is None else pl.when(is_first).then(sent_from),
    ).with_columns(
        starts_at=pl.max_horizontal("now", "due_at", "cap_ends_at", invited_until, "sent_from"),
    )
    is_consent_missing = pl.col("consent_ends_at").is_null() | (pl.col("consent_ends_at") <= pl.col("starts_at"))
    rows = choose_channels(rows.with_columns(is_consent_missing=is_consent_missing))
    return rows.with_columns(is_endless=_is_endless(policy), at_minute=pl.when(~_is_late()).then("at_minute"))


@lru_cache(maxsize=KEPT)
def _own_ends(policy: Policy) -> tuple[pl.Expr, pl.Expr]:
    return rules.asked_until(policy), rules.invited_until(policy)


@lru_cache(maxsize=KEPT)
def _is_endless(policy: Policy) -> pl.Expr:
    """Whether something holds for no known end that is known from the start."""
    unending = [make(policy).holds for make in rules.ENDLESS]
    invited = rules.already_invited(policy)
    return pl.any_horizontal("is_consent_missing", invited.holds & invited.until.is_null(), *unending)


@cache
def _is_late() -> pl.Expr:
    """Whether a message queued for a time of day has come to it and is waiting to be sent: its turn is not over.

    It keeps the window it was queued with, also where dispatch put it off for a while (`due_at`).
    """
    wanted = pl.max_horizontal("due_at", "cap_ends_at", "sent_from")
    was_its_time = (pl.col("queued_not_before") >= wanted).fill_null(value=True)
    has_come = (pl.col("queued_not_before") <= pl.col("now")) | (pl.col("queued_not_before") == pl.col("due_at"))
    is_queued = pl.col("request_status") == RequestStatus.QUEUED.value
    return (is_queued & was_its_time & has_come & (pl.col("queued_not_after") > pl.col("now"))).fill_null(value=False)


def _with_hours(rows: pl.DataFrame, plain_cals: pl.Series, calendars: Calendars, now: datetime) -> pl.DataFrame:
    """Adds `can_go_at` and `closes_at`, the moment by everything but other people, and what rules say of hours now."""
    at_once = pl.Series([as_moment(now)] * len(plain_cals), dtype=pl.Int64).cast(MOMENT)
    opens_at, _ = calendars.settle(plain_cals, at_once)
    can_go_at, closes_at = calendars.settle(rows["cal"], rows["starts_at"])
    rows = rows.with_columns(opens_at=opens_at.gather(rows["cal"]), can_go_at=can_go_at, closes_at=closes_at)
    step_ends_at = rows["due_at"].clone()
    daily = rows["at_minute"].is_not_null()
    if daily.any():
        wanted = rows.select("cal", since=pl.max_horizontal("now", "due_at")).filter(daily)
        step_ends_at = step_ends_at.scatter(daily.arg_true(), calendars.settle(wanted["cal"], wanted["since"])[0])
    rows = rows.with_columns(step_ends_at=step_ends_at)
    paced = pl.col("pace_id").is_not_null()
    opened = calendars.list_opens_at()
    list_ends_at = pl.col("pace_id").replace_strict(opened, default=None, return_dtype=MOMENT) if opened else None
    rows = rows.with_columns(list_ends_at=pl.lit(None, MOMENT) if list_ends_at is None else list_ends_at)
    # The list's hours and the recipient's may never meet.
    never = paced & (
        pl.col("list_ends_at").is_null() | (pl.col("can_go_at").is_null() & pl.col("opens_at").is_not_null())
    )
    return rows.with_columns(
        is_slowed=never | (paced & (pl.col("list_ends_at") > pl.col("now"))).fill_null(value=False),
        list_ends_at=pl.when(~never).then("list_ends_at"),
    )


def _with_others(rows: pl.DataFrame, calendars: Calendars, policy: Policy, standing: Standing) -> pl.DataFrame:
    """Puts off those who have to wait for others: another ask of the same person, a list's places, units."""
    is_ask = ~pl.col("has_unit") & ~pl.col("is_endless") & (pl.col("can_go_at") < pl.col("consent_ends_at"))
    rows = rows.with_columns(
        is_over_location=pl.lit(value=False), is_over_quota=pl.lit(value=False),
        location_ends_at=pl.lit(None, MOMENT), quota_ends_at=pl.lit(None, MOMENT),
    )  # fmt: skip
    timed = rows.select(*_TIMED, is_ask=is_ask.fill_null(value=False))
    asks = _asks(rows, timed["is_ask"], standing)
    scarce = sharing.is_scarce(asks, standing.quota)
    if not scarce:
        is_met = pl.col("person_id").is_duplicated() if policy.cap else pl.lit(value=False)
        asks = asks.filter(pl.col("list_id").is_not_null() | is_met)
    if asks.is_empty():
        return rows
    ahead = calendars.only(asks.filter(pl.col("list_id").is_not_null())["cal"].unique().to_list())
    places = Places(standing.paces, ahead)
    shared = sharing.share(asks, standing.quota if scarce else None, policy.cap, calendars, places)
    is_concerned = pl.col("is_ask") & pl.col("customer_id").is_in(shared["customer_id"].implode())
    concerned = timed.filter(is_concerned).join(shared, on="customer_id", how="left", suffix="_by_others")
    concerned = concerned.with_columns(
        starts_at=pl.when(pl.col("at").is_not_null()).then(pl.max_horizontal("can_go_at", "at")),
        is_slowed=pl.any_horizontal("is_slowed", "is_slowed_by_others"),
        list_ends_at=pl.when("is_slowed_by_others").then("list_ends_at_by_others").otherwise("list_ends_at"),
        cap_ends_at=pl.max_horizontal("cap_ends_at", "other_ends_at"),
        **{name: pl.col(f"{name}_by_others") for name in _UNITS},
    )
    can_go_at, closes_at = calendars.settle(concerned["cal"], concerned["starts_at"])
    concerned = _shut_for_good(concerned.with_columns(can_go_at=can_go_at, closes_at=closes_at))
    timed = pl.concat([timed.filter(~is_concerned), concerned.select(timed.columns)]).sort("row_number")
    return rows.with_columns(*timed.select(_TIMED))


def _shut_for_good(rows: pl.DataFrame) -> pl.DataFrame:
    """Names the hours as the reason where nothing is open any more from the moment on that others leave free."""
    ends = {"is_over_quota": "quota_ends_at", "is_over_location": "location_ends_at", "is_slowed": "list_ends_at"}
    has_reason = pl.any_horizontal(pl.col(flag) & pl.col(end).is_null() for flag, end in ends.items())
    is_shut = pl.col("can_go_at").is_null() & ~has_reason
    by_list = is_shut & pl.col("pace_id").is_not_null()
    return rows.with_columns(
        is_slowed=pl.col("is_slowed") | by_list,
        list_ends_at=pl.when(~by_list).then("list_ends_at"),
        opens_at=pl.when(~is_shut | by_list).then("opens_at"),
    )


def _asks(rows: pl.DataFrame, is_ask: pl.Series, standing: Standing) -> pl.DataFrame:
    """One row for each invitation that has yet to take its unit: its first message to go."""
    counted = [number for number, pace in standing.paces.items() if pace.count is not None]
    asks = rows.select(
        "customer_id", "person_id", "location_id", "cal", "ordered_at", "consent_ends_at",
        at="can_go_at",
        list_id=pl.when(pl.col("pace_id").is_in(counted)).then("pace_id"),
        is_new=pl.col("invitation_id").is_null(),
        is_not_overridden=~pl.col("is_cap_overridden"),
    ).filter(is_ask)  # fmt: skip
    if asks["customer_id"].n_unique() == asks.height:
        return asks
    last = pl.col("consent_ends_at").max().over("customer_id")
    return asks.with_columns(consent_ends_at=last).sort("customer_id", "at", "cal").unique("customer_id", keep="first")
