"""What a run counted, in words an analyst reads."""

from collections.abc import Mapping

from dashboard.wording import CHANNEL, RUN_COUNT
from data.words import Rule, RunKind

_HELD = {
    Rule.STEP_NOT_DUE: "later, by its step",
    Rule.CHANNEL_OFF: "channel switched off",
    Rule.NO_ADDRESS: "no address for it",
    Rule.NO_TEMPLATE: "no text for the channel",
    Rule.TEMPLATE_NOT_APPROVED: "text not approved by Meta",
    Rule.MARKETING_REFUSED: "marketing that Meta refuses",
    Rule.NO_CONSENT: "no consent",
    Rule.EXCLUDED: "staff and relatives",
    Rule.LIST_UNDONE: "list taken back",
    Rule.PAUSED: "paused",
    Rule.STOPPED: "stopped",
    Rule.ANSWERED: "answered",
    Rule.NO_FOLLOW_UPS: "no follow-ups on this plan",
    Rule.UNDELIVERABLE: "could not be delivered",
    Rule.SUPPRESSED: "must not be contacted",
    Rule.IN_DOUBT: "the message before is in doubt",
    Rule.ALREADY_INVITED: "invited before",
    Rule.FREQUENCY_CAP: "asked not long ago",
    Rule.LIST_SPEED: "waits for its list's speed",
    Rule.QUIET_HOURS: "quiet hours",
    Rule.LOCATION_QUOTA: "location's limit reached",
    Rule.QUOTA: "quota used up",
}
_OF_ATTEMPTS: Mapping[str, str] = {str(outcome): words for outcome, words in RUN_COUNT.items()}
_OF_KIND: Mapping[str, Mapping[str, str]] = {
    RunKind.IMPORT: {
        "new": "new customers",
        "known": "known already",
        "merged": "the same person again",
        "rejected": "turned away",
        "mended": "taken in without a cell",
        "repeat": "imported before",
        "invited": "invited before",
        "suppressed": "must not be contacted",
        "excluded": "staff and relatives",
        "unreadable_files": "files that cannot be read",
        **{f"no_consent_{channel}": f"without consent for {name}" for channel, name in CHANNEL.items()},
    },
    RunKind.PLAN: {
        "candidates": "messages looked at",
        "clear": "may go",
        "invited": "invitations begun",
        "queued": "queued",
        "refreshed": "planned anew",
        "canceled": "canceled",
        "answered": "invitations answered",
        "finished": "invitations finished",
        **{f"held_{rule}": f"held: {words}" for rule, words in _HELD.items()},
    },
    RunKind.EVENTS: {
        "new": "new",
        "repeated": "known already",
        "unmatched": "about no message of ours",
        "settled": "clicks that ended an invitation",
        "mails": "mails read in the mailbox for bounces",
        "busy": "mailbox for bounces being written: read next time",
        "no_report": "mails that are no report",
        "unreadable": "mails that cannot be read",
        "other_address": "bounces of another address than ours",
    },
    RunKind.SUPPRESSIONS: {
        "new": "new here",
        "repeated": "known already",
        "stopped": "invitations stopped",
        "added": "told the provider",
        "removed": "taken off the provider's list",
    },
    RunKind.RESOLVE: {
        "found": "had arrived",
        "still_in_doubt": "still in doubt",
        "needs_a_person": "left to a person",
        "could_not_ask": "provider could not be asked",
        "settled_meanwhile": "settled meanwhile",
    },
    RunKind.TEMPLATES: {
        "given": "approved",
        "taken_away": "approval taken away",
        "not_reached": "provider not reached",
    },
}


def count_words(kind: str, name: str) -> str:
    """What a run of this kind calls a count; an unknown one as it is, readable."""
    return _OF_KIND.get(kind, {}).get(name) or _OF_ATTEMPTS.get(name) or name.replace("_", " ")
