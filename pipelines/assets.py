"""The assets: each opens, calls one function, returns counts. Materialising any of them again sends nothing more.

The pools keep one at a time of what must not run beside itself; they limit ops, so a run elsewhere waits its turn.
No asset has a RetryPolicy: with one, Ctrl-C executes a step again (tried), and sending is never repeated blindly.
"""

import dagster as dg

from data.ledger.demo_clock import is_demo
from data.ledger.runs import Progress
from invitations.approval import ask_before_batch
from invitations.resolve import resolve_doubt
from invitations.send import send_due
from pipelines.asked import carry_out_jobs
from pipelines.passes import (
    bring_suppressions_together,
    load_warehouse,
    plan_and_archive,
    publish,
    receive_events,
    take_in,
    take_in_reviews,
    write_digests,
)
from pipelines.resources import LedgerResource, ProvidersResource
from pipelines.story import facts, told_story

# Events are kept by the day they were received (UTC). The first day of the first ledger; later ones have no rows there.
DAYS = dg.DailyPartitionsDefinition(start_date="2026-11-01", end_offset=1)
Result = dg.MaterializeResult[None]


@dg.asset(group_name="people", pool="intake", kinds={"csv", "sqlalchemy"})
def core_customers(context: dg.AssetExecutionContext, ledger: LedgerResource) -> Result:
    """One row per person at a location: whatever waits in the inbox folder is taken in, each file once."""
    with ledger.opened(context.run.run_id) as opened:
        return Result(metadata=take_in(opened))


@dg.asset(deps=["core_requests_sent"], group_name="answers", pool="intake", kinds={"csv", "sqlalchemy"})
def core_reviews(context: dg.AssetExecutionContext, ledger: LedgerResource) -> Result:
    """One row per public review: the exports in the inbox folder, each review once by its site's own id."""
    with ledger.opened(context.run.run_id) as opened:
        return Result(metadata=take_in_reviews(opened))


# Each night before planning, and not with the events of each minute: what happens to mails comes as events at once,
# ours is refused here whatever stands there, and the lists can only be read whole.
@dg.asset(deps=[core_customers], group_name="people", pool="suppressions", kinds={"mailgun", "sqlalchemy"})
def core_suppressions(
    context: dg.AssetExecutionContext, ledger: LedgerResource, providers: ProvidersResource
) -> Result:
    """One row per "do not contact": the e-mail provider's list and ours, brought together both ways."""
    with ledger.opened(context.run.run_id) as opened:
        lists = providers.suppression_lists()
        return Result(metadata=bring_suppressions_together(opened, lists, now=opened.policy_now()))


@dg.multi_asset(
    specs=[
        dg.AssetSpec("core_verdicts", deps=[core_customers, core_suppressions], group_name="outreach",
                     kinds={"polars", "parquet"},
                     description="One row per candidate: every rule that held it back, and until when."),
        dg.AssetSpec("core_requests_queued", deps=["core_verdicts"], group_name="outreach", kinds={"sqlalchemy"},
                     description="One row per message that may go, with the window it may go in."),
    ],
    pool="plan",
)  # fmt: skip
def planned(context: dg.AssetExecutionContext, ledger: LedgerResource) -> tuple[Result, Result]:
    """Decide about everyone, queue what may go. One function: what is queued is exactly what the verdicts let go."""
    with ledger.opened(context.run.run_id) as opened:
        report = plan_and_archive(opened, now=opened.policy_now())
        counts = report.as_metadata()
    return Result(asset_key="core_verdicts", metadata=counts), Result(asset_key="core_requests_queued", metadata=counts)


@dg.asset(deps=["core_requests_queued"], group_name="outreach", pool="dispatch", kinds={"twilio", "mailgun"})
def core_requests_sent(
    context: dg.AssetExecutionContext, ledger: LedgerResource, providers: ProvidersResource
) -> Result:
    """One row per message handed to a provider: invitations/send.py, the main job."""
    with ledger.opened(context.run.run_id) as opened:
        ask_before_batch(opened, providers.template_desks)
        with told_story(now_and_then=lambda progress: observe(context, progress)) as story:
            batch = send_due(opened, providers.messengers(), now=opened.policy_now(), on_progress=story.tell)
        return Result(metadata={"run_id": batch.run_id, **facts(story.last)})


def observe(context: dg.AssetExecutionContext, progress: Progress) -> None:
    """On the run's page while it works: how far, how fast, how long still, by outcome."""
    context.log_event(dg.AssetObservation("core_requests_sent", description=progress.tell(), metadata=facts(progress)))


@dg.asset(deps=[core_requests_sent], group_name="outreach", pool="resolve", kinds={"twilio", "mailgun"})
def core_attempts_resolved(
    context: dg.AssetExecutionContext, ledger: LedgerResource, providers: ProvidersResource
) -> Result:
    """Attempts whose lease ran out or whose end nobody knows: the provider is asked, nothing is sent."""
    with ledger.opened(context.run.run_id) as opened:
        report = resolve_doubt(opened, providers.messengers(), now=opened.policy_now())
        return Result(metadata=dict(report.counts))


@dg.asset(deps=[core_requests_sent], group_name="answers", pool="events", kinds={"twilio", "mailgun"})
def raw_events(context: dg.AssetExecutionContext, ledger: LedgerResource, providers: ProvidersResource) -> Result:
    """One row per thing a provider told us, word for word, and applied; what web/ was told is here already."""
    with ledger.opened(context.run.run_id) as opened:
        counts = receive_events(opened, providers.event_sources(), providers.bounces(), now=opened.policy_now())
        return Result(metadata=counts)


@dg.asset(
    deps=[raw_events], partitions_def=DAYS, group_name="answers", pool="warehouse", kinds={"parquet", "duckdb"}
)  # fmt: skip
def core_events(context: dg.AssetExecutionContext, ledger: LedgerResource) -> Result:
    """The history, by the day it was received: payloads archived, the warehouse brought up. Twice is once."""
    with ledger.opened(context.run.run_id) as opened:
        return Result(metadata=load_warehouse(opened))


@dg.asset(deps=[core_events], group_name="dashboard", pool="warehouse", kinds={"duckdb", "streamlit"})
def out_dashboard(context: dg.AssetExecutionContext, ledger: LedgerResource) -> Result:
    """The copy of the warehouse that every page reads."""
    with ledger.opened(context.run.run_id) as opened:
        return Result(metadata=publish(opened))


@dg.asset(deps=[core_requests_sent], group_name="answers", pool="digest", kinds={"sqlalchemy"})
def out_digests(context: dg.AssetExecutionContext, ledger: LedgerResource, providers: ProvidersResource) -> Result:
    """One row per morning: what was sent, failed and answered yesterday, and what waits. The watch tells it."""
    with ledger.opened(context.run.run_id) as opened:
        return Result(metadata=write_digests(opened, providers.ways(only_loopback=is_demo(opened))))


@dg.asset(group_name="people", pool="intake", kinds={"sqlalchemy"})
def core_jobs_done(context: dg.AssetExecutionContext, ledger: LedgerResource, providers: ProvidersResource) -> Result:
    """One row per thing a person asked for on the dashboard, carried out."""
    with ledger.opened(context.run.run_id) as opened:
        return Result(metadata=carry_out_jobs(opened, providers.messengers(), providers.template_desks()))


ALL = [
    core_customers,
    core_reviews,
    core_suppressions,
    planned,
    core_requests_sent,
    core_attempts_resolved,
    raw_events,
    core_events,
    out_dashboard,
    out_digests,
    core_jobs_done,
]
