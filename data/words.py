"""The words of the house, one spelling each, told in docs/words.md; no other module spells a status as a string."""

from enum import StrEnum


class Channel(StrEnum):
    """How a message travels."""

    SMS = "sms"
    EMAIL = "email"
    WHATSAPP = "whatsapp"


class AddressKind(StrEnum):
    """What identifies a person: an e-mail address or a phone number (E.164)."""

    EMAIL = "email"
    PHONE = "phone"


def address_kind(channel: Channel) -> AddressKind:
    """The kind of address that `channel` needs."""
    return AddressKind.EMAIL if channel is Channel.EMAIL else AddressKind.PHONE


class InvitationStatus(StrEnum):
    """One run of the sequence for one customer. Only `active` is open: one per person and location."""

    ACTIVE = "active"
    STOPPED = "stopped"  # a person stopped it; it can be restarted
    ANSWERED = "answered"  # a stop condition was met
    FINISHED = "finished"  # every step went out, nothing more will


class RequestStatus(StrEnum):
    """One message of an invitation. Written by dispatch and by the event state machine, never by people."""

    QUEUED = "queued"
    SENDING = "sending"  # claimed by an attempt that still holds its lease
    IN_DOUBT = "in_doubt"  # handed over, and nobody knows whether the provider took it
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELED = "canceled"  # will never go: its invitation ended first


class ScreenStatus(StrEnum):
    """What a request is called on screen (product/requests-page.txt)."""

    QUEUED = "Queued"
    SENT = "Sent"
    DELIVERED = "Delivered"
    FAILED = "Failed"
    CANCELED = "Canceled"


class AttemptOutcome(StrEnum):
    """How one try to hand a request to a provider ended."""

    ACCEPTED = "accepted"
    TEMPORARY_FAILURE = "temporary_failure"  # certainly not sent; the request is queued again
    PERMANENT_FAILURE = "permanent_failure"  # never again
    LAPSED = "lapsed"  # its lease ran out before anything left
    WITHDRAWN = "withdrawn"  # stopped, paused or suppressed between claim and hand-over
    IN_DOUBT = "in_doubt"
    PROVED_ABSENT = "proved_absent"  # was in doubt; three complete reads showed that it never arrived


class FailureScope(StrEnum):
    """What a permanent failure is about, and so what else must not be tried."""

    ADDRESS = "address"  # this address on this channel, for good
    OPT_OUT = "opt_out"  # the person said no at the provider: suppress
    MESSAGE = "message"  # this message only
    ROUTE = "route"  # this country from our sender, not the contact
    SENDER = "sender"  # our sender or account, wherever the message goes


class EventKind(StrEnum):
    """Something that happened. Append-only."""

    ACCEPTED_BY_PROVIDER = "accepted_by_provider"  # Twilio: queued/sending; Mailgun: accepted
    SENT = "sent"  # Twilio: handed to the carrier
    ACCEPTED_BY_SERVER = "accepted_by_server"  # Mailgun's `delivered`: the recipient's server took it
    DELIVERED = "delivered"  # Twilio: the handset confirmed
    READ = "read"
    DELAYED = "delayed"  # a temporary failure after acceptance; the provider goes on trying
    FAILED = "failed"
    OPENED = "opened"
    CLICKED = "clicked"
    SCORED = "scored"
    COMMENTED = "commented"
    PLATFORM_CHOSEN = "platform_chosen"
    REVIEW_LINKED = "review_linked"
    REPLIED = "replied"  # an inbound text that asks for nothing of this
    HELP_ASKED = "help_asked"  # HELP, INFO
    UNSUBSCRIBED = "unsubscribed"  # STOP, the unsubscribe page, the provider's own list
    RESUBSCRIBED = "resubscribed"  # START: restores SMS only
    COMPLAINED = "complained"
    UNKNOWN = "unknown"  # a code we do not know; kept raw


class Evidence(StrEnum):
    """Who opened or clicked: a machine's click never stops a sequence."""

    HUMAN = "human"
    MACHINE = "machine"
    UNKNOWN = "unknown"


class SuppressionEffect(StrEnum):
    """Suppressions are append-only: the newest row for an address and channel counts."""

    SUPPRESS = "suppress"
    RESTORE = "restore"


class SuppressionReason(StrEnum):
    """Why an address must not be contacted (or may be again)."""

    STOP_KEYWORD = "stop_keyword"
    START_KEYWORD = "start_keyword"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    UNDELIVERABLE = "undeliverable"
    PROVIDER_OPT_OUT = "provider_opt_out"
    ASKED_BY_PERSON = "asked_by_person"  # told the business: "do not contact me"
    DO_NOT_CONTACT_LIST = "do_not_contact_list"  # imported


class Rule(StrEnum):
    """Every rule that can hold a candidate back, by the name it has in verdicts."""

    STEP_NOT_DUE = "step_not_due"
    CHANNEL_OFF = "channel_off"
    NO_ADDRESS = "no_address"
    NO_TEMPLATE = "no_template"  # the step has no text for the channel
    TEMPLATE_NOT_APPROVED = "template_not_approved"  # WhatsApp: Meta has not approved it, or not now
    MARKETING_REFUSED = "marketing_refused"  # WhatsApp: marketing templates to +1 numbers
    NO_CONSENT = "no_consent"
    EXCLUDED = "excluded"  # staff and relatives
    LIST_UNDONE = "list_undone"  # they came only by an import that was taken back
    PAUSED = "paused"
    STOPPED = "stopped"
    ANSWERED = "answered"
    NO_FOLLOW_UPS = "no_follow_ups"  # the account's plan sends first messages only
    UNDELIVERABLE = "undeliverable"  # a message failed for good, and the policy stops there
    SUPPRESSED = "suppressed"
    IN_DOUBT = "in_doubt"  # the step before is in doubt: nothing follows until it is settled
    ALREADY_INVITED = "already_invited"  # this customer: "invite again after N days"
    FREQUENCY_CAP = "frequency_cap"  # this person, over all addresses and locations
    LIST_SPEED = "list_speed"
    QUIET_HOURS = "quiet_hours"
    LOCATION_QUOTA = "location_quota"
    QUOTA = "quota"


class StopCondition(StrEnum):
    """What ends an invitation, each on or off; an opt-out always does."""

    SCORED = "scored"
    PLATFORM_CHOSEN = "platform_chosen"
    REVIEW_LINKED = "review_linked"
    CLICKED = "clicked"  # by a human
    PERMANENT_FAILURE = "permanent_failure"


class ConsentBasis(StrEnum):
    """Why a customer may be written to. The newest withdrawal overrules every earlier basis."""

    EXPRESS = "express"  # said yes
    PURCHASE = "purchase"  # bought something or came: an existing business relationship
    INQUIRY = "inquiry"  # asked for something
    WITHDRAWN = "withdrawn"  # said no to being asked; softer than a suppression, which nothing overrules


class Relationship(StrEnum):
    """What somebody is to the business. Only customers are asked (16 CFR 465.5)."""

    CUSTOMER = "customer"
    STAFF = "staff"
    RELATIVE = "relative"  # of somebody who works there


class TemplateApproval(StrEnum):
    """How a WhatsApp template stands with Meta; messages go only while it is approved."""

    UNSUBMITTED = "unsubmitted"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    PAUSED = "paused"
    DISABLED = "disabled"


class TemplateCategory(StrEnum):
    """What Meta takes a WhatsApp template for."""

    MARKETING = "marketing"
    UTILITY = "utility"
    AUTHENTICATION = "authentication"


class Role(StrEnum):
    """What a user of the dashboard is."""

    OWNER = "owner"
    ADMIN = "admin"
    MANAGER = "manager"
    VIEWER = "viewer"
    AGENCY_CLIENT = "agency_client"


class Plan(StrEnum):
    """What the account pays for."""

    FREE = "free"
    FREE_TRIAL = "free_trial"
    STARTER = "starter"
    GROWTH = "growth"
    SCALE = "scale"


class PageMode(StrEnum):
    """What a location's customers see first; the platforms are the same for everybody in each of them."""

    SCORE = "score"  # 0 to 10, then the platforms
    STARS = "stars"  # 1 to 5, then the platforms
    PLATFORMS = "platforms"  # the platforms at once
    DIRECT = "direct"  # straight on to one platform


class Source(StrEnum):
    """Where a customer came from."""

    MANUAL = "manual"
    CSV = "csv"
    HUBSPOT = "hubspot"
    SALESFORCE = "salesforce"
    WEBHOOK = "webhook"


class RunKind(StrEnum):
    """What a run did. A run of kind `send` is a batch."""

    IMPORT = "import"
    PLAN = "plan"
    SEND = "send"
    EVENTS = "events"
    RESOLVE = "resolve"
    SUPPRESSIONS = "suppressions"  # Mailgun's list and ours, brought together
    TEMPLATES = "templates"  # WhatsApp templates: how they stand with Meta
    PUBLISH = "publish"


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    HALTED = "halted"  # the kill switch, or a fault of the account at the provider
    DIED = "died"  # its process vanished; found by the reaper


class JobKind(StrEnum):
    """What a person asked for on the dashboard and a sensor carries out."""

    IMPORT = "import"
    SEND_TEST = "send_test"
    PLAN = "plan"
    SUBMIT_TEMPLATE = "submit_template"  # WhatsApp: hand a template to Meta


class ReplyState(StrEnum):
    """How far the reply to a review is."""

    OPEN = "open"  # nobody has written one
    DRAFTED = "drafted"  # written here, not published on the platform yet
    ANSWERED = "answered"  # published


class AlertKind(StrEnum):
    """What somebody must be told about, wherever they are."""

    RUN_FAILED = "run_failed"
    HALTED = "halted"  # the kill switch was thrown
    BREAKER_OPEN = "breaker_open"  # a provider refuses a sender
    PROVIDER_AWAY = "provider_away"  # it cannot be reached, or takes nothing, and messages run out of time
    COMPLAINT_RATE = "complaint_rate"
    NO_RUN = "no_run"  # nothing has finished for more than a day
    DOUBT_WAITS = "doubt_waits"  # only a person can settle it


class NoticeWay(StrEnum):
    """How an alert or a digest reaches whoever runs this."""

    WEBHOOK = "webhook"
    EMAIL = "email"
