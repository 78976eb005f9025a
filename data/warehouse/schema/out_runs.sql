-- Runs page: every column of the ledger's runs; counts is JSON text.
create table if not exists out_runs (
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
