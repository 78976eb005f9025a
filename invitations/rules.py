"""Every rule that can hold a message back: a name, when it holds, when it ends, and how to say so.

Each is an expression over the candidate's columns (`invitations.plan` lists them), `now`, and, for the rules that
depend on other people, on hours or on the order of things, columns that the plan works out on the way. None of them
reads what a customer thinks; a test looks, and tries to smuggle one in.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from data import words
from data.words import InvitationStatus, StopCondition
from invitations import consent
from invitations.policy import Policy
from invitations.windows import MOMENT

NO_KNOWN_END = pl.lit(None, MOMENT)

_EVIDENCE_COLUMN = {
    StopCondition.SCORED: "has_scored",
    StopCondition.PLATFORM_CHOSEN: "has_chosen_platform",
    StopCondition.REVIEW_LINKED: "has_linked_review",
    StopCondition.CLICKED: "has_clicked",
}
# The rules about other messages are about first ones only: an invitation that holds a unit has been let go already.
_IS_FIRST = ~pl.col("has_unit") & ~pl.col("is_cap_overridden")


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason to wait. `until` is null where nobody knows the end.

    `says` is the reason in plain words, made to be followed by " until ..." where the end is known; it reads only
    columns that verdicts have.
    """

    name: words.Rule
    holds: pl.Expr
    until: pl.Expr
    says: pl.Expr


def step_not_due(policy: Policy) -> Rule:
    """A step waits for its delay, and for its time of day ("at 10:00 local") if it has one."""
    return Rule(
        words.Rule.STEP_NOT_DUE,
        holds=_is_coming("step_ends_at"),
        until=pl.col("step_ends_at"),
        says=pl.when(pl.col("step") == 0).then(pl.lit("the first message waits")).otherwise(
            pl.format("follow-up {} waits", pl.col("step"))
        ),
    )  # fmt: skip


def channel_off(policy: Policy) -> Rule:
    """The location has the channel switched off, or the list does not allow it."""
    return _endless(
        words.Rule.CHANNEL_OFF,
        pl.col("is_channel_off"),
        "a channel of this message is switched off for the location, or not allowed by the list",
    )


def no_address(policy: Policy) -> Rule:
    """Nothing to send to: no e-mail address for e-mail, no phone number for SMS and WhatsApp."""
    return _endless(
        words.Rule.NO_ADDRESS,
        pl.col("is_address_missing"),
        "an email address or phone number that this message could go to is missing",
    )


def no_template(policy: Policy) -> Rule:
    """The step has no text for the channel, in the customer's language or in English."""
    return _endless(words.Rule.NO_TEMPLATE, pl.col("is_template_missing"), "a text for this message is missing")


def template_not_approved(policy: Policy) -> Rule:
    """WhatsApp messages go only by templates that Meta has approved and not paused or disabled since."""
    return _endless(
        words.Rule.TEMPLATE_NOT_APPROVED,
        pl.col("is_template_unapproved"),
        "Meta has not approved the WhatsApp text, or not at present",
    )


def marketing_refused(policy: Policy) -> Rule:
    """Meta takes no WhatsApp template of the category marketing to +1 numbers since 1 April 2025."""
    return _endless(
        words.Rule.MARKETING_REFUSED,
        pl.col("is_marketing_refused"),
        "WhatsApp takes no marketing messages to numbers in the United States and Canada",
    )


def no_consent(policy: Policy) -> Rule:
    """The policy asks for a basis where the recipient lives, and none stands at the moment the message may go.

    A consent that will come some day is none: there is no known end.
    """
    return Rule(
        words.Rule.NO_CONSENT,
        holds=pl.col("is_consent_missing") | (pl.col("consent_ends_at") <= pl.col("can_go_at")).fill_null(value=False),
        until=NO_KNOWN_END,
        says=consent.says(policy),
    )


def excluded(policy: Policy) -> Rule:
    """Staff and relatives are not asked (16 CFR 465.5)."""
    return _endless(
        words.Rule.EXCLUDED, pl.col("is_excluded"), "they work here, or are related to somebody who does: not asked"
    )


def list_undone(policy: Policy) -> Rule:
    """Whoever came only by an import that was taken back is not asked, unless they come again or somebody asks."""
    return _endless(
        words.Rule.LIST_UNDONE, pl.col("is_list_undone"), "they came only by a list that was taken back: not asked"
    )


def paused(policy: Policy) -> Rule:
    """A person paused the message or its list, or the channel is paused at the location."""
    return _endless(words.Rule.PAUSED, pl.col("is_paused"), "paused until someone resumes it")


def stopped(policy: Policy) -> Rule:
    """A person stopped the invitation; it waits until somebody restarts it."""
    return _endless(
        words.Rule.STOPPED,
        (pl.col("invitation_status") == InvitationStatus.STOPPED.value).fill_null(value=False),
        "the invitation was stopped; it goes on when someone restarts it",
    )


def answered(policy: Policy) -> Rule:
    """A stop condition of the policy is met: the fact of an answer ends an invitation, never what it says."""
    met = [pl.col(_EVIDENCE_COLUMN[kind]) for kind in policy.stop_when if kind in _EVIDENCE_COLUMN]
    is_over = (pl.col("invitation_status") == InvitationStatus.ANSWERED.value).fill_null(value=False)
    return _endless(
        words.Rule.ANSWERED, pl.any_horizontal(is_over, *met), "they have answered, so nothing more is sent"
    )


def no_follow_ups(policy: Policy) -> Rule:
    """The account's plan (data/plans.toml) sends the first message of a sequence and no more."""
    return _endless(words.Rule.NO_FOLLOW_UPS, pl.col("is_beyond_plan"), "the plan sends the first message only")


def undeliverable(policy: Policy) -> Rule:
    """A message of the invitation failed for good, and the policy stops there instead of going on to the next step."""
    return _endless(
        words.Rule.UNDELIVERABLE,
        pl.col("has_failed") if StopCondition.PERMANENT_FAILURE in policy.stop_when else pl.lit(value=False),
        "a message to them could not be delivered, so nothing more is sent",
    )


def suppressed(policy: Policy) -> Rule:
    """The person, or this address on this channel, must not be contacted: stronger than anything else."""
    return _endless(
        words.Rule.SUPPRESSED,
        pl.col("is_suppressed"),
        "they must not be contacted: they opted out, are on a do-not-contact list, or the address accepts no messages",
    )


def in_doubt(policy: Policy) -> Rule:
    """A message of the invitation is on its way or nobody knows whether it left: nothing follows until settled."""
    return _endless(
        words.Rule.IN_DOUBT,
        pl.col("is_in_flight"),
        "a message to them is on its way or in doubt; nothing follows until that is settled",
    )


def already_invited(policy: Policy) -> Rule:
    """This customer was invited before and came again; `invite_again_after_days` says when again, 0: never."""
    days = policy.invite_again_after_days
    until = pl.col("invited_at") + pl.lit(timedelta(days=days), pl.Duration("us")) if days else NO_KNOWN_END
    return Rule(
        words.Rule.ALREADY_INVITED,
        holds=_IS_FIRST
        & (pl.col("invited_at").is_not_null() if not days else (until > pl.col("now")).fill_null(value=False)),
        until=until,
        says=pl.format("invited {}; not invited again", _days_ago("invited_at")),
    )


def frequency_cap(policy: Policy) -> Rule:
    """A person is asked at most once in `policy.cap`, over all addresses and locations, from ask to ask exactly.

    Counted from their last ask, or from the one that goes first in this pass.
    """
    was_asked = (pl.col("asked_at") + _cap(policy) > pl.col("now")).fill_null(value=False)
    return Rule(
        words.Rule.FREQUENCY_CAP,
        holds=_is_coming("cap_ends_at"),
        until=pl.col("cap_ends_at"),
        says=pl.when(was_asked).then(pl.format("asked {}; not asked again", _days_ago("asked_at"))).otherwise(
            pl.lit("they are asked for another visit first; not asked again")
        ),
    )  # fmt: skip


def list_speed(policy: Policy) -> Rule:
    """First messages of a list wait for its time and hours, and for their place: N in any hour or day, never N + 1."""
    return Rule(
        words.Rule.LIST_SPEED,
        holds=pl.col("is_slowed"),
        until=pl.col("list_ends_at"),
        says=pl.lit("their list goes out at its own time and speed; waits"),
    )


def quiet_hours(policy: Policy) -> Rule:
    """Outside the hours on the wall where the recipient may be (by default the TCPA's 08:00 to 21:00; states' own)."""
    return Rule(
        words.Rule.QUIET_HOURS,
        holds=(pl.col("opens_at") > pl.col("now")).fill_null(value=True),
        until=pl.col("opens_at"),
        says=pl.lit("quiet"),
    )


def location_quota(policy: Policy) -> Rule:
    """The location has a limit of its own, and those of the cycle are spoken for by others, who come first."""
    return Rule(
        words.Rule.LOCATION_QUOTA, holds=pl.col("is_over_location"), until=pl.col("location_ends_at"),
        says=pl.lit("this location's invitations of the cycle are used up; waits"),
    )  # fmt: skip


def quota(policy: Policy) -> Rule:
    """The account's invitations of the cycle are spoken for by others, who come first."""
    return Rule(
        words.Rule.QUOTA, holds=pl.col("is_over_quota"), until=pl.col("quota_ends_at"),
        says=pl.lit("this cycle's invitations are used up; waits"),
    )  # fmt: skip


def asked_until(policy: Policy) -> pl.Expr:
    """When a first message's person may be asked again, by their asks so far; null where the cap holds nobody."""
    return pl.when(_IS_FIRST).then(pl.col("asked_at") + _cap(policy)) if policy.cap else NO_KNOWN_END


def invited_until(policy: Policy) -> pl.Expr:
    """When a customer may be invited again, where that has a known end."""
    return pl.when(_IS_FIRST).then(already_invited(policy).until)


def _endless(name: words.Rule, holds: pl.Expr, says: str) -> Rule:
    return Rule(name, holds, NO_KNOWN_END, pl.lit(says))


def _is_coming(moment: str) -> pl.Expr:
    return (pl.col(moment) > pl.col("now")).fill_null(value=False)


def _cap(policy: Policy) -> pl.Expr:
    return pl.lit(policy.cap or timedelta(), pl.Duration("us"))


def _days_ago(moment: str) -> pl.Expr:
    """In days of 24 hours, as the cap counts: whether that was yesterday depends on whose clock one asks."""
    days = (pl.col("now") - pl.col(moment)).dt.total_days()
    return (
        pl.when(days < 1).then(pl.lit("less than a day ago")).when(days == 1).then(pl.lit("a day ago"))
        .otherwise(pl.format("{} days ago", days))
    )  # fmt: skip


Make = Callable[[Policy], Rule]

# Reasons for which a channel cannot carry a step, so that the next one of the step is tried: rule -> its column.
UNUSABLE: dict[Make, str] = {
    channel_off: "is_channel_off",
    no_address: "is_address_missing",
    no_template: "is_template_missing",
    template_not_approved: "is_template_unapproved",
    marketing_refused: "is_marketing_refused",
    no_consent: "is_consent_missing",
    suppressed: "is_suppressed",
}
# In the order in which verdicts list them.
ALL: tuple[Make, ...] = (
    *(step_not_due, channel_off, no_address, no_template, template_not_approved, marketing_refused, no_consent),
    *(excluded, list_undone, paused, stopped, answered, no_follow_ups, undeliverable, suppressed, in_doubt),
    *(already_invited, frequency_cap, list_speed, quiet_hours, location_quota, quota),
)
# Those that hold for no known end whatever the hour and whoever else is asked: their columns are there at the start.
ENDLESS: tuple[Make, ...] = (
    *(channel_off, no_address, no_template, template_not_approved, marketing_refused),
    *(excluded, list_undone, paused, stopped, answered, no_follow_ups, undeliverable, suppressed, in_doubt),
)
