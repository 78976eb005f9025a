"""Why somebody is not asked now, in words for whoever reads a report: one line for each rule."""

from collections.abc import Mapping

from data.words import Rule

HELD_BACK: Mapping[str, str] = {
    Rule.STEP_NOT_DUE: "their next message is due later",
    Rule.CHANNEL_OFF: "every channel of the message is switched off at the location, or not allowed by the list",
    Rule.NO_ADDRESS: "no email address or phone number that the message could go to",
    Rule.NO_TEMPLATE: "there is no text for the channel",
    Rule.TEMPLATE_NOT_APPROVED: "the WhatsApp template is not approved",
    Rule.MARKETING_REFUSED: "WhatsApp takes no marketing messages to +1 numbers",
    Rule.NO_CONSENT: "they said no, or gave no consent that their country asks for, or it has run out",
    Rule.EXCLUDED: "staff or relatives, who are not asked",
    Rule.LIST_UNDONE: "they came only by a list that was taken back",
    Rule.PAUSED: "paused until someone resumes it",
    Rule.STOPPED: "stopped until someone restarts it",
    Rule.ANSWERED: "they have answered",
    Rule.NO_FOLLOW_UPS: "the account's plan sends the first message only",
    Rule.UNDELIVERABLE: "a message failed for good",
    Rule.SUPPRESSED: "must not be contacted",
    Rule.IN_DOUBT: "a message is on its way or in doubt",
    Rule.ALREADY_INVITED: "invited before, and not to be invited again yet",
    Rule.FREQUENCY_CAP: "asked not long ago, here or at another location",
    Rule.LIST_SPEED: "their list is sent at a set pace",
    Rule.QUIET_HOURS: "outside the hours in which messages may go",
    Rule.LOCATION_QUOTA: "the location's invitations of the cycle are used up",
    Rule.QUOTA: "the cycle's invitations are used up",
}
