"""Every rule that can hold a message back: a name, when it holds, when it ends, and how to say so.

Each is an expression over the candidate's columns (`invitations.plan` lists them) and two that the plan adds: `now`,
and the open windows' answers. None of them reads what a customer thinks; a test looks.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from data import words
from data.words import InvitationStatus, StopCondition
from invitations.policy import Policy
from invitations.windows import MOMENT

NO_KNOWN_END = pl.lit(None, MOMENT)

_EVIDENCE_COLUMN = {
    StopCondition.SCORED: "has_scored",
    StopCondition.PLATFORM_CHOSEN: "has_chosen_platform",
    StopCondition.REVIEW_LINKED: "has_linked_review",
    StopCondition.CLICKED: "has_clicked",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason to wait. `until` is null where nobody knows the end; `says` is the reason in plain words."""

    name: words.Rule
    holds: pl.Expr
    until: pl.Expr
    says: pl.Expr


def step_not_due(policy: Policy) -> Rule:
    """A step waits for its delay; a candidate without `due_at` is due at once."""
    return Rule(
        words.Rule.STEP_NOT_DUE,
        holds=(pl.col("due_at") > pl.col("now")).fill_null(False),
        until=pl.col("due_at"),
        says=pl.when(pl.col("step") == 0).then(pl.lit("the first message waits")).otherwise(
            pl.format("follow-up {} waits", pl.col("step"))
        ),
    )  # fmt: skip


def channel_off(policy: Policy) -> Rule:
    """The location has the channel switched off, the list does not allow it, or the step has no text for it."""
    return Rule(
        words.Rule.CHANNEL_OFF,
        holds=pl.col("is_channel_off"),
        until=NO_KNOWN_END,
        says=pl.lit("every channel of this message is switched off for the location, or not allowed by the list"),
    )


def no_address(policy: Policy) -> Rule:
    """Nothing to send to: no e-mail address for e-mail, no phone number for SMS and WhatsApp."""
    return Rule(
        words.Rule.NO_ADDRESS,
        holds=pl.col("is_address_missing"),
        until=NO_KNOWN_END,
        says=pl.lit("there is no e-mail address or phone number that this message could go to"),
    )


def paused(policy: Policy) -> Rule:
    """A person paused the message or its list, or the channel is paused at the location."""
    return Rule(
        words.Rule.PAUSED,
        holds=pl.col("is_paused"),
        until=NO_KNOWN_END,
        says=pl.lit("paused until someone resumes it"),
    )


def stopped(policy: Policy) -> Rule:
    """A person stopped the invitation; it waits until somebody restarts it."""
    return Rule(
        words.Rule.STOPPED,
        holds=(pl.col("invitation_status") == InvitationStatus.STOPPED.value).fill_null(False),
        until=NO_KNOWN_END,
        says=pl.lit("the invitation was stopped; it goes on when someone restarts it"),
    )


def answered(policy: Policy) -> Rule:
    """A stop condition of the policy is met: the fact of an answer ends an invitation, never what it says."""
    met = [pl.col(_EVIDENCE_COLUMN[kind]) for kind in policy.stop_when if kind in _EVIDENCE_COLUMN]
    is_over = (pl.col("invitation_status") == InvitationStatus.ANSWERED.value).fill_null(False)
    return Rule(
        words.Rule.ANSWERED,
        holds=pl.any_horizontal(is_over, *met),
        until=NO_KNOWN_END,
        says=pl.lit("they have answered, so nothing more is sent"),
    )


def suppressed(policy: Policy) -> Rule:
    """The person, or this address on this channel, must not be contacted: stronger than anything else."""
    return Rule(
        words.Rule.SUPPRESSED,
        holds=pl.col("is_suppressed"),
        until=NO_KNOWN_END,
        says=pl.lit("they must not be contacted: they opted out, or the address does not accept messages"),
    )


def in_doubt(policy: Policy) -> Rule:
    """A message of the invitation is on its way or nobody knows whether it left: nothing follows until settled."""
    return Rule(
        words.Rule.IN_DOUBT,
        holds=pl.col("is_in_flight"),
        until=NO_KNOWN_END,
        says=pl.lit("a message to them is on its way or in doubt; nothing follows until that is settled"),
    )


def quiet_hours(policy: Policy) -> Rule:
    """Outside the policy's hours by the wall clock in the location's zone (by default the TCPA's 08:00 to 21:00)."""
    return Rule(
        words.Rule.QUIET_HOURS,
        holds=pl.col("opens_at") > pl.col("now"),
        until=pl.col("opens_at"),
        says=pl.lit("quiet"),
    )


def quota(policy: Policy) -> Rule:
    """The account's invitations of this cycle are spoken for by others who come first."""
    return Rule(
        words.Rule.QUOTA,
        holds=~pl.col("is_within_quota"),
        until=pl.col("quota_resets_at"),
        says=pl.lit("this cycle's invitations are used up; waits"),
    )


# In the order in which verdicts list them. `quiet_hours` and `quota` need columns that the plan works out on the way.
CHANNEL_RULES: tuple[Callable[[Policy], Rule], ...] = (channel_off, no_address, suppressed)
ALL: tuple[Callable[[Policy], Rule], ...] = (
    step_not_due,
    channel_off,
    no_address,
    paused,
    stopped,
    answered,
    suppressed,
    in_doubt,
    quiet_hours,
    quota,
)
