-- One row per candidate of a planning pass: every rule that held it back, beside each until when (null: nobody knows);
-- key (pass_id, customer_id, step, channel). From the planning pass, not from the ledger.
create table if not exists core_verdicts (
    pass_id varchar,
    planned_at timestamptz,
    policy_id bigint,
    account_id bigint,
    location_id bigint,
    customer_id bigint,
    person_id bigint,
    invitation_id bigint,
    step bigint,
    channel varchar,
    rules varchar[],
    untils timestamptz[],
    earliest_at timestamptz,
    is_clear boolean
)
