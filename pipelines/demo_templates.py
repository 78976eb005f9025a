"""The demo's WhatsApp text: submitted as its owner would, and asked about once before the first customer comes in."""

from pydantic import SecretStr

from connectors import ConfigurationError, TemplateDesk
from connectors.twilio.content import TwilioContent
from connectors.twilio.settings import TwilioSettings
from data.ledger.access import access_of, known_users
from data.ledger.store import Ledger
from invitations.actor import Actor, Refused
from invitations.approval import poll_templates, submit_templates
from pipelines.demo_state import DemoState


def desk_of(state: DemoState) -> TemplateDesk:
    """The sandbox's Content API, whatever accounts the person at the terminal has."""
    return TwilioContent(
        TwilioSettings(
            account_sid=state.account_sid,
            auth_token=SecretStr(state.auth_token),
            url=state.ports.url(state.ports.sandbox),
            public_url=state.ports.url(state.ports.web),
        )
    )


def submit(ledger: Ledger, desk: TemplateDesk) -> None:
    """Hand the sample's text in; going on with a demo, it is there already and nothing is made.

    Raises ConfigurationError when the sandbox does not take it.
    """
    with ledger.read() as connection:
        email, _, role = known_users(connection)[0]
        access = access_of(connection, email)
    if access is None:
        raise ConfigurationError("The sample account has no user who could submit a template.")
    answer = submit_templates(ledger, desk, Actor(access.email, role, access.account_id))
    if isinstance(answer, Refused):
        raise ConfigurationError(answer.reason)


def ask(ledger: Ledger, desk: TemplateDesk) -> None:
    """By now the sandbox has decided; if not, Dagster asks again soon."""
    poll_templates(ledger, {desk.name: desk})
