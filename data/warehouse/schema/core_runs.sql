-- Runs and batches with their counts (JSON text); key run_id.
create table if not exists core_runs (
    run_id bigint,
    kind varchar,
    status varchar,
    started_at timestamptz,
    ended_at timestamptz,
    policy_now timestamptz,
    process varchar,
    dagster_run_id varchar,
    done bigint,
    total bigint,
    counts varchar,
    problem varchar,
    changed_at timestamptz
)
