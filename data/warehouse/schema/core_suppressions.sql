-- Every suppression and restoration, append-only as in the ledger; key suppression_id. The newest of an address and
-- channel counts.
create table if not exists core_suppressions (
    suppression_id bigint,
    account_id bigint,
    kind varchar,
    address varchar,
    channel varchar,
    effect varchar,
    reason varchar,
    recorded_by varchar,
    event_id bigint,
    occurred_at timestamptz,
    created_at timestamptz
)
