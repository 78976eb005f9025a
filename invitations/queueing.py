"""One planning pass: read everybody, lay the rules over them, queue what is coming up. Runs nightly, or at any time.

Running it again writes nothing more; two at once neither crash nor queue anybody twice. Nothing is sent from here, and
quota is not reserved: the claim does both, and checks everything again.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import Any, TypeVar

import polars as pl
import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection

from data.ledger import queueing as writes
from data.ledger.candidates import UNUSABLE, read_candidates
from data.ledger.frames import at_moment
from data.ledger.pictures import carry_over
from data.ledger.standing import read_standing
from data.ledger.store import Ledger
from data.ledger.tables import accounts
from data.words import Channel, InvitationStatus, RequestStatus, Rule
from invitations.plan import plan
from invitations.policy import policy_ends_at, read_policy
from invitations.windows import MOMENT

log = structlog.get_logger(__name__)

HORIZON = timedelta(hours=36)  # a nightly pass reaches beyond the next one, so that a late night loses nobody
CHUNK = 500  # people in one write transaction: well under a second on both databases
DEADLOCK_TRIES = 5
TOKEN_BYTES = 12  # 96 random bits, 16 characters

_ENDING = (Rule.ANSWERED, Rule.UNDELIVERABLE)
# What a claim does not look at again, or never lets go of: the message leaves the queue, and comes back if it may.
_CANCELING = (
    *(Rule.SUPPRESSED, Rule.EXCLUDED, Rule.NO_CONSENT, Rule.NO_ADDRESS, Rule.MARKETING_REFUSED),
    Rule.NO_FOLLOW_UPS,
)
# Likewise where they have no known end, for then there is no window to move the message to.
_CANCELING_WITHOUT_END = (Rule.ALREADY_INVITED, Rule.QUIET_HOURS)

VERDICT_SCHEMA: dict[str, Any] = {
    "pass_id": pl.String,
    "planned_at": MOMENT,
    "policy_id": pl.Int64,
    **dict.fromkeys(("account_id", "location_id", "customer_id", "person_id", "invitation_id"), pl.Int64),
    "step": pl.Int64,
    "channel": pl.String,
    "rules": pl.List(pl.String),
    "untils": pl.List(MOMENT),
    "earliest_at": MOMENT,
    "is_clear": pl.Boolean,
}

Row = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class PlanReport:
    """What a pass did. `verdicts`: one row per candidate, for the archive (VERDICT_SCHEMA: no name, no address)."""

    pass_id: str
    counts: dict[str, int]
    verdicts: pl.DataFrame

    def as_metadata(self) -> dict[str, int]:
        """The counts: candidates, clear, invited, queued, refreshed, canceled, answered, finished, held_<rule>."""
        return dict(self.counts)


@dataclass(frozen=True, slots=True)
class _Pass:
    account_id: int
    policy_id: int
    now: datetime
    until: datetime  # what may go by then is queued


def plan_and_queue(ledger: Ledger, *, now: datetime, horizon: timedelta = HORIZON) -> PlanReport:
    """Plan for every account at `now` (policy time) and queue what may go before `now + horizon`.

    Raises NoPolicy or PolicyRefused (`invitations.policy`) before anything of that account is written.
    """
    pass_id = secrets.token_hex(8)
    counts: Counter[str] = Counter()
    archive = [pl.DataFrame(schema=VERDICT_SCHEMA)]
    with ledger.read() as connection:
        account_ids = connection.scalars(sa.select(accounts.c.account_id).order_by(accounts.c.account_id)).all()
    for account_id in account_ids:
        with ledger.read() as connection:
            policy_id, policy = read_policy(connection, account_id, now)
            candidates = read_candidates(connection, account_id, at=now)
            standing = read_standing(connection, account_id, now)
            changes_at = policy_ends_at(connection, account_id, now)
        verdicts = plan(candidates, policy, now, standing)
        if changes_at:  # by then what is queued must have gone; the rest is for the next policy to say
            verdicts = verdicts.with_columns(pl.col("not_after").clip(upper_bound=changes_at))
        counts.update(_count(verdicts))
        until = now + horizon
        this = _Pass(account_id, policy_id, now, min(until, changes_at) if changes_at else until)
        counts.update(_write(ledger, this, candidates=candidates, verdicts=verdicts))
        archive.append(_for_archive(verdicts, pass_id, policy_id, now))
    counts_in_order = {name: counts[name] for name in sorted(counts)}
    log.info("planned", pass_id=pass_id, **counts_in_order)
    return PlanReport(pass_id, counts_in_order, pl.concat(archive))


def _count(verdicts: pl.DataFrame) -> Counter[str]:
    held = verdicts["rules"].explode().drop_nulls().value_counts()
    counts = Counter({f"held_{name}": int(number) for name, number in held.iter_rows()})
    counts["candidates"] = verdicts.height
    counts["clear"] = int(verdicts["is_clear"].sum())
    return counts


def _for_archive(verdicts: pl.DataFrame, pass_id: str, policy_id: int, now: datetime) -> pl.DataFrame:
    return verdicts.with_columns(
        pass_id=pl.lit(pass_id), planned_at=at_moment(now), policy_id=pl.lit(policy_id, pl.Int64)
    ).select(*VERDICT_SCHEMA)


def _write(ledger: Ledger, this: _Pass, *, candidates: pl.DataFrame, verdicts: pl.DataFrame) -> Counter[str]:
    """Ends what is answered, cancels, moves windows, queues, ends what is finished: in short transactions."""
    counts = Counter(dict.fromkeys(("invited", "queued", "refreshed", "canceled", "answered", "finished"), 0))
    for ids in _chunks(_to_end(verdicts)):
        counts["answered"] += _write_once(ledger, partial(writes.end_answered, invitation_ids=ids, at=this.now))
    with ledger.read() as c:
        ended = writes.queued_for_ended(c, this.account_id)
    for ids in _chunks(sorted({*ended, *_to_cancel(candidates, verdicts)})):
        counts["canceled"] += _write_once(ledger, partial(writes.cancel_requests, request_ids=ids))
    for rows in _chunks(_to_refresh(verdicts, this)):
        counts["refreshed"] += _write_once(ledger, partial(writes.refresh_requests, rows=rows))
    for people in _chunks(_to_queue(verdicts, this)):
        rows = [row for person in people for row in person]
        counts.update(_write_once(ledger, partial(_queue, rows=rows, this=this)))
    with ledger.read() as c:
        over = writes.with_nothing_left(c, this.account_id)
    still_coming = set(verdicts["invitation_id"])  # by another channel of the last step, though held back now
    for ids in _chunks([one for one in over if one not in still_coming]):
        counts["finished"] += _write_once(ledger, partial(writes.end_finished, invitation_ids=ids, at=this.now))
    for ids in _chunks(_to_end_at_the_first(verdicts)):
        counts["finished"] += _write_once(ledger, partial(writes.end_at_the_first, invitation_ids=ids, at=this.now))
    return counts


def _write_once(ledger: Ledger, work: Callable[[Connection], T]) -> T:
    """Do `work` in a write transaction; again if the database undid it for the sake of another."""
    for _ in range(DEADLOCK_TRIES - 1):
        try:
            with ledger.write() as c:
                return work(c)
        except sa.exc.OperationalError as error:
            if not writes.is_deadlock(error):
                raise
    with ledger.write() as c:
        return work(c)


def _to_end(verdicts: pl.DataFrame) -> list[int]:
    """Active invitations whose stop condition is met: an answer, or a failure where the policy stops at one."""
    met = verdicts.filter(_is_held_by(_ENDING), pl.col("invitation_status") == InvitationStatus.ACTIVE.value)
    return met["invitation_id"].unique().sort().to_list()


def _to_end_at_the_first(verdicts: pl.DataFrame) -> list[int]:
    """Invitations whose follow-up would be due now if the plan had any: until then a better plan lets it go."""
    due = verdicts.filter(_is_held_by([Rule.NO_FOLLOW_UPS]), ~_is_held_by([Rule.STEP_NOT_DUE]))
    return due["invitation_id"].drop_nulls().unique().sort().to_list()


def _to_cancel(candidates: pl.DataFrame, verdicts: pl.DataFrame) -> list[int]:
    """Queued requests that must not go, or of a step that another channel carries now. They may be revived."""
    is_queued = pl.col("request_status") == RequestStatus.QUEUED.value
    queued = candidates.filter(is_queued)
    if queued.is_empty():
        return []
    carried = verdicts.filter(~pl.any_horizontal(UNUSABLE))
    replaced = queued.join(carried, on=["customer_id", "step"], how="semi").join(
        verdicts.select("request_id").drop_nulls(), on="request_id", how="anti"
    )
    refused = verdicts.filter(is_queued, _is_held_by(_CANCELING))
    held = verdicts.filter(is_queued, pl.col("earliest_at").is_null()).select("request_id", "rules", "untils")
    never = held.explode("rules", "untils").filter(
        pl.col("rules").is_in([rule.value for rule in _CANCELING_WITHOUT_END]), pl.col("untils").is_null()
    )
    ids = [frame["request_id"] for frame in (queued.filter("is_suppressed"), replaced, refused, never)]
    return pl.concat(ids).unique().sort().to_list()


def _is_held_by(rules: Sequence[Rule]) -> pl.Expr:
    return pl.any_horizontal(pl.col("rules").list.contains(rule.value) for rule in rules)


def _to_refresh(verdicts: pl.DataFrame, this: _Pass) -> list[Row]:
    """Queued requests whose window, address or text is no longer what the plan says. An open window stays so."""
    is_other_window = (
        (pl.col("queued_not_after") != pl.col("not_after"))
        | (pl.col("queued_not_before") > pl.col("not_before"))
        | ((pl.col("queued_not_before") < pl.col("not_before")) & (pl.col("not_before") > at_moment(this.now)))
    )
    is_other = (
        is_other_window
        | (pl.col("queued_address") != pl.col("address"))
        | (pl.col("queued_template_id") != pl.col("template_id"))
    )
    return (
        verdicts.filter(
            pl.col("request_status") == RequestStatus.QUEUED.value, pl.col("earliest_at").is_not_null(), is_other
        )
        .select(*("request_id", "not_before", "not_after", "address", "template_id"), policy_id=pl.lit(this.policy_id))
        .to_dicts()
    )


def _to_queue(verdicts: pl.DataFrame, this: _Pass) -> list[list[Row]]:
    """What may go by `this.until` and is not queued yet (or was canceled), person by person."""
    is_canceled = pl.col("request_status") == RequestStatus.CANCELED.value
    rows = verdicts.filter(
        pl.col("earliest_at") <= at_moment(this.until), pl.col("request_status").is_null() | is_canceled
    ).to_dicts()
    return [list(group) for _, group in groupby(rows, key=lambda row: row["customer_id"])]


def _queue(c: Connection, rows: list[Row], this: _Pass) -> Counter[str]:
    """Queues the rows of some people in one transaction, after looking once more at what others did meanwhile."""
    writes.lock_people(c, sorted({row["person_id"] for row in rows}))
    new = {row["customer_id"]: row for row in rows if row["invitation_id"] is None}
    started = writes.start_invitations(c, [_invitation(row, this) for row in new.values()])
    carry_over(c, started)
    found = writes.still_open_steps(c, sorted({row["invitation_id"] for row in rows} - {None}))
    fresh, again = [], []
    for row in rows:
        invitation_id = row["invitation_id"] or started.get(row["customer_id"])
        if invitation_id is None:
            continue  # somebody else started one meanwhile
        if row["invitation_id"] is not None and not _is_still_wanted(row, found):
            continue
        if row["request_id"] is None:
            fresh.append(_request(row, invitation_id, this))
        else:
            again.append({"request_id": row["request_id"], **_planned(row, this)})
    queued = writes.queue_requests(c, fresh) + writes.revive_requests(c, again)
    return Counter({"invited": len(started), "queued": queued})


def _is_still_wanted(row: Row, found: Mapping[tuple[int, int], set[str]]) -> bool:
    """Whether the invitation is still active, and no other message carries the step already."""
    if (row["invitation_id"], -1) not in found:
        return False
    carriers = found.get((row["invitation_id"], row["step"]), set())
    return row["channel"] not in carriers and (row["is_all_channels"] or not carriers)


def _invitation(row: Row, this: _Pass) -> Row:
    whose = ("account_id", "location_id", "customer_id", "person_id", "list_id", "sequence_id")
    return {
        **{name: row[name] for name in (*whose, "sent_by", "override_reason")},
        **{name: row[f"ask_{name}"] for name in ("channels", "template_slug", "send_at")},
        "policy_id": this.policy_id,
        "status": InvitationStatus.ACTIVE,
        "started_at": this.now,
    }


def _request(row: Row, invitation_id: int, this: _Pass) -> Row:
    return {
        **{name: row[name] for name in ("account_id", "location_id", "step")},
        "invitation_id": invitation_id,
        "channel": Channel(row["channel"]),
        "status": RequestStatus.QUEUED,
        "link_token": secrets.token_urlsafe(TOKEN_BYTES),
        "unsubscribe_token": secrets.token_urlsafe(TOKEN_BYTES),
        **_planned(row, this),
    }


def _planned(row: Row, this: _Pass) -> Row:
    return {name: row[name] for name in ("address", "template_id", "not_before", "not_after")} | {
        "policy_id": this.policy_id
    }


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
