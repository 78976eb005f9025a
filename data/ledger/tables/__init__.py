"""The ledger's tables, by what they are about. All uniqueness that exactly-once leans on is a constraint here.

`account`: who we work for and how (account, locations, users, templates, sequences, policies, quota).
`people`: who may be asked (people, their addresses, customers, lists, suppressions).
`outreach`: what is asked (invitations, requests, attempts).
`happened`: what came back (inbox, callback tokens, hook calls, events, scores, reviews).
`senders`: what messages leave from (rates, breakers, attachments).
`work`: what the system is doing (system, runs, jobs, audit, alerts, digests, notices).
"""

from data.ledger.tables.account import (
    accounts,
    channels,
    locations,
    logos,
    platforms,
    policies,
    quota_boosts,
    quota_cycles,
    quota_reservations,
    sequence_steps,
    sequences,
    templates,
    user_locations,
    users,
)
from data.ledger.tables.happened import callback_tokens, cursors, events, hook_calls, inbox, reviews, scores
from data.ledger.tables.metadata import metadata
from data.ledger.tables.outreach import attempts, invitations, requests
from data.ledger.tables.people import (
    consents,
    customers,
    lists,
    manual_asks,
    past_invitations,
    people,
    person_addresses,
    rejected_rows,
    suppressions,
)
from data.ledger.tables.senders import (
    ask_attachments,
    attachments,
    breakers,
    invitation_attachments,
    media_links,
    rates,
)
from data.ledger.tables.work import alerts, audit, digests, jobs, notices, runs, system

__all__ = [
    "accounts",
    "alerts",
    "ask_attachments",
    "attachments",
    "attempts",
    "audit",
    "breakers",
    "callback_tokens",
    "channels",
    "consents",
    "cursors",
    "customers",
    "digests",
    "events",
    "hook_calls",
    "inbox",
    "invitation_attachments",
    "invitations",
    "jobs",
    "lists",
    "locations",
    "logos",
    "manual_asks",
    "media_links",
    "metadata",
    "notices",
    "past_invitations",
    "people",
    "person_addresses",
    "platforms",
    "policies",
    "quota_boosts",
    "quota_cycles",
    "quota_reservations",
    "rates",
    "rejected_rows",
    "requests",
    "reviews",
    "runs",
    "scores",
    "sequence_steps",
    "sequences",
    "suppressions",
    "system",
    "templates",
    "user_locations",
    "users",
]
