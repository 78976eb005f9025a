"""What assets and sensors are given: the ledger, opened and checked, and the providers that the environment names."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dagster as dg

from connectors import BounceMailbox, EventSource, Messenger, SuppressionList, TemplateDesk
from connectors.alerting import Ways, open_ways
from connectors.registry import (
    open_bounces,
    open_event_sources,
    open_messengers,
    open_suppression_lists,
    open_template_desks,
)
from data.ledger.migrate import require_current
from data.ledger.runs import inside_dagster_run
from data.ledger.store import Ledger, open_ledger
from data.settings import Settings
from data.words import Channel
from pipelines.logs import configure_logs
from pipelines.problems import tell
from pipelines.safeguards import refuse_unsafe_clock


class LedgerOpener:
    """Opens the ledger of the environment; tests pass settings of their own."""

    def __init__(self, settings: Settings | None = None) -> None:
        self._settings = settings

    @contextmanager
    def opened(self, dagster_run_id: str = "") -> Iterator[Ledger]:
        """The ledger, of the right revision and with a safe clock, for as long as the block lasts.

        Whatever goes wrong in the block leaves as a Failure that holds no personal data: Dagster keeps what it gets.
        """
        configure_logs()
        ledger = open_ledger(self._settings or Settings())
        try:
            require_current(ledger)
            refuse_unsafe_clock(ledger.settings)
            with inside_dagster_run(dagster_run_id):
                yield ledger
        except Exception as problem:  # noqa: BLE001  (raised again, stripped of what it quotes)
            raise dg.Failure(tell(problem), allow_retries=False) from None
        finally:
            ledger.close()


class ProvidersOpener:
    """Opens the providers of the environment; one without settings is absent."""

    def messengers(self) -> Mapping[Channel, Messenger]:
        """Who carries each channel."""
        return open_messengers()

    def event_sources(self) -> Mapping[str, EventSource]:
        """Who can be asked what happened."""
        return open_event_sources()

    def bounces(self) -> BounceMailbox | None:
        """Where bounces of a relay's mails come to."""
        return open_bounces()

    def ways(self, *, only_loopback: bool) -> Ways:
        """How alerts and digests leave."""
        return open_ways(only_loopback=only_loopback)

    def suppression_lists(self) -> Mapping[str, SuppressionList]:
        """Who keeps a list of addresses of its own."""
        return open_suppression_lists()

    def template_desks(self) -> Mapping[str, TemplateDesk]:
        """Who hands WhatsApp templates to Meta."""
        return open_template_desks()


# What assets and sensors ask for. Not ConfigurableResource: there is nothing to configure in Dagster's pages, and it
# reads a deprecated attribute of pydantic's, which our tests take for an error.
LedgerResource = dg.ResourceParam[LedgerOpener]
ProvidersResource = dg.ResourceParam[ProvidersOpener]
