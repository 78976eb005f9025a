"""Everything that Dagster knows, put together; nothing else happens here."""

import dagster as dg

from pipelines import approvals, assets, automation, checks
from pipelines.resources import LedgerOpener, ProvidersOpener

defs = dg.Definitions(
    assets=[*assets.ALL, approvals.core_template_approvals],
    asset_checks=checks.ALL,
    jobs=[*automation.JOBS, approvals.templates],
    schedules=automation.SCHEDULES,
    sensors=[*automation.SENSORS, approvals.templates_to_ask_about],
    resources={"ledger": LedgerOpener(), "providers": ProvidersOpener()},
    # Steps of one run beside each other would meet at the warehouse's lock, and a process a step takes 3 s to start.
    executor=dg.in_process_executor,
)
