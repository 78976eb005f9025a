"""WhatsApp templates in Dagster: the asset that asks how they stand with Meta, its job, and the sensor that says when.

Meta tells nobody when it approves a template or takes an approval away (there is no webhook), so it is asked.
"""

import dagster as dg

from data.ledger.templates import is_to_be_asked_about
from invitations.approval import poll_templates
from pipelines.automation import TICK_SECONDS, Tick, is_under_way
from pipelines.resources import LedgerResource, ProvidersResource


@dg.asset(group_name="outreach", pool="templates", kinds={"twilio", "sqlalchemy"})
def core_template_approvals(
    context: dg.AssetExecutionContext, ledger: LedgerResource, providers: ProvidersResource
) -> dg.MaterializeResult[None]:
    """One row per WhatsApp text: whether Meta approves of it now. Only by those do messages go."""
    with ledger.opened(context.run.run_id) as opened:
        return dg.MaterializeResult(metadata=poll_templates(opened, providers.template_desks()))


templates = dg.define_asset_job(
    "templates", [core_template_approvals], description="Ask how WhatsApp texts stand with Meta. Sends nothing."
)


@dg.sensor(
    job=templates, minimum_interval_seconds=min(30, 2 * TICK_SECONDS), default_status=dg.DefaultSensorStatus.RUNNING
)
def templates_to_ask_about(context: dg.SensorEvaluationContext, ledger: LedgerResource) -> Tick:
    """Soon for what Meta has yet to decide, else every ten minutes; never where nothing was submitted."""
    if is_under_way(context.instance, templates.name):
        return dg.SkipReason("Meta is being asked.")
    with ledger.opened() as opened, opened.read() as connection:
        is_due = is_to_be_asked_about(connection)
    return dg.RunRequest() if is_due else dg.SkipReason("Nothing is to be asked about.")
