-- The businesses we work for, as the ledger has them; key account_id.
create table if not exists core_accounts (
    account_id bigint,
    slug varchar,
    name varchar,
    plan varchar,
    time_zone varchar,
    cycle_anchor_day bigint,
    invitations_per_cycle bigint,
    created_at timestamptz,
    changed_at timestamptz
)
